"""A load run as a page, in the terminal, and compared with another."""

from reports.load.page import render

__all__ = ["render"]
