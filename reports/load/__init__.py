"""A load run as a page, in the terminal, and compared with another."""

from reports.load.diff import LoadDiff, compare, render_diff
from reports.load.diff_page import render_diff_page
from reports.load.diff_terminal import print_diff
from reports.load.files import LOAD_PAGE, write_load_page
from reports.load.page import render
from reports.load.terminal import print_load_summary

__all__ = [
    "LOAD_PAGE",
    "LoadDiff",
    "compare",
    "print_diff",
    "print_load_summary",
    "render",
    "render_diff",
    "render_diff_page",
    "write_load_page",
]
