"""The page beside a load run's files."""

from pathlib import Path
from typing import Final

from harness.errors import RunFailed
from harness.results.files import replace_file
from harness.results.load_store import LoadRun, read_load_run
from reports.load.page import render

__all__ = ["LOAD_PAGE", "write_load_page"]

LOAD_PAGE: Final = "report.html"


def write_load_page(run_dir: Path, html: Path | None = None) -> LoadRun:
    """Write a load run's page, and return the run that it shows.

    Args:
        run_dir: The run's directory, or its `summary.json`.
        html: Where to; beside the run's files if None.

    Raises:
        UsageError: There is no load run to be read.
        RunFailed: The page cannot be written.
    """
    run = read_load_run(run_dir)
    path = html or run.path / LOAD_PAGE
    try:
        replace_file(path, render(run).encode())
    except OSError as exc:
        raise RunFailed(
            f"{path}: cannot be written ({exc.strerror}); the results are kept, `mailproof report` writes it again"
        ) from exc
    return run
