"""From results to pages and files: HTML, JUnit, Markdown, summary.

Everything is made from a run's `result.jsonl` and the register alone, so it can be made again at any time, and the
same run gives the same octets.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from harness.errors import RunFailed
from harness.results.store import read_run
from harness.spec.load import load_register
from reports import html, junit, markdown, summary
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

    Raises:
        UsageError: There is no run to be read.
        RunFailed: A file cannot be written. Those before it are whole.
    """
    run = read_run(run_dir)
    seen = overview(run, load_register())
    for name, render in _FILES.items():
        _write(run.path / name, render(seen))


def write_reports(
    run_dir: Path, html: Path | None = None, junit: Path | None = None, markdown: Path | None = None
) -> None:
    """Write those of a run's pages that have a path. Raises as `write_all` does."""
    seen = overview(read_run(run_dir), load_register())
    for path, name in ((html, "report.html"), (junit, "junit.xml"), (markdown, "summary.md")):
        if path is not None:
            _write(path, _FILES[name](seen))


def _write(path: Path, text: str) -> None:
    """A reader finds the old file or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(text, "utf-8", newline="\n")
        draft.replace(path)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise RunFailed(
            f"{path}: cannot be written ({exc.strerror}); the results are kept, `mailproof report` writes it again"
        ) from exc
