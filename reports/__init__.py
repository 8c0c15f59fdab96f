"""From results to pages and files: HTML, JUnit, Markdown, summary.

Everything is made from a run's `result.jsonl` and the register alone, a load run's page from its three files, so it
can be made again at any time, and the same run gives the same octets.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from harness.errors import RunFailed, UsageError
from harness.results.files import replace_file
from harness.results.load_store import is_load_run
from harness.results.store import read_run
from harness.spec.load import load_register
from reports import html, junit, markdown, summary
from reports.load import write_load_page
from reports.overview import Overview, overview

__all__ = ["write_all", "write_reports"]

_FILES: Final[Mapping[str, Callable[[Overview], str]]] = {
    "summary.json": summary.render,
    "report.html": html.render,
    "junit.xml": junit.render,
    "summary.md": markdown.render,
}


def write_all(run_dir: Path) -> None:
    """Write `summary.json`, `report.html`, `junit.xml` and `summary.md` beside a run's `result.jsonl`.

    A load run has its page only.

    Raises:
        UsageError: There is no run to be read.
        RunFailed: A file cannot be written. Those before it are whole.
    """
    if is_load_run(run_dir):
        write_load_page(run_dir)
        return
    run = read_run(run_dir)
    seen = overview(run, load_register())
    for name, render in _FILES.items():
        _write(run.path / name, render(seen))


def write_reports(
    run_dir: Path, html: Path | None = None, junit: Path | None = None, markdown: Path | None = None
) -> None:
    """Write those of a run's pages that have a path. Raises as `write_all` does, and for what a load run has not."""
    if is_load_run(run_dir):
        if junit or markdown:
            raise UsageError(
                f"{run_dir}: is a load run, which has a page (--html) and no JUnit XML or Markdown"
            )
        write_load_page(run_dir, html)
        return
    seen = overview(read_run(run_dir), load_register())
    for path, name in ((html, "report.html"), (junit, "junit.xml"), (markdown, "summary.md")):
        if path is not None:
            _write(path, _FILES[name](seen))


def _write(path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode())
    except OSError as exc:
        raise RunFailed(
            f"{path}: cannot be written ({exc.strerror}); the results are kept, `mailproof report` writes it again"
        ) from exc
