"""The life of one message, for people: in the terminal, and as one HTML page with a sequence diagram."""

from reports.life.page import render
from reports.life.terminal import print_life

__all__ = ["print_life", "render"]
