"""`mailproof report`: write a run's pages and files again."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.results.load_store import is_load_run
from reports import write_all, write_reports
from reports.load import write_load_page

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="The directory of a run, or its result.jsonl or summary.json.")],
    html: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown here.")] = None,
) -> None:
    """Write the report of a run; without options, all files beside its results. A load run has a page and no more."""
    if is_load_run(run):
        if junit or markdown:
            raise UsageError(
                f"{run}: is a load run, which has a page (--html) and neither JUnit XML nor Markdown"
            )
        write_load_page(run, html)
    elif html or junit or markdown:
        write_reports(run, html=html, junit=junit, markdown=markdown)
    else:
        write_all(run if run.is_dir() else run.parent)
