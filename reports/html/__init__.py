"""The report as one HTML page."""

from reports.html.page import render

__all__ = ["render"]
