"""The `mailproof` command, one file per verb."""

from harness.cli.app import main

__all__ = ["main"]
