"""`mailproof report`: write a run's pages and files again."""

from pathlib import Path
from typing import Annotated

import typer

from reports import write_all, write_reports

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="The directory of a run, or its result.jsonl.")],
    html: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown here.")] = None,
) -> None:
    """Write the report of a run; without options, all files beside its result.jsonl."""
    if html or junit or markdown:
        write_reports(run, html=html, junit=junit, markdown=markdown)
    else:
        write_all(run if run.is_dir() else run.parent)
