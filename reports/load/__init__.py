"""A load run as a page, in the terminal, and compared with another."""

from reports.load.files import LOAD_PAGE, write_load_page
from reports.load.page import render
from reports.load.terminal import print_load_summary

__all__ = ["LOAD_PAGE", "print_load_summary", "render", "write_load_page"]
