"""`mailproof diff`: what changed between two runs."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import RunFailed, UsageError
from harness.results import RESULT_FILE, read_run
from harness.results.files import replace_file
from harness.results.load_store import is_load_run, read_load_run
from reports.check_diff import check_diff, print_check_diff, render_check_diff
from reports.load import compare, print_diff, render_diff, render_diff_page

__all__ = ["diff"]


def diff(
    old: Annotated[Path, typer.Argument(help="The directory of a run.")],
    new: Annotated[Path, typer.Argument(help="The directory of a later run, of the same kind.")],
    json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page, of two load runs.")] = None,
) -> None:
    """Compare two load runs of one scenario, or two check runs.

    Exit codes: 0 nothing is worse; 1 a limit that was kept is broken, more mail is lost, or a violation is new; 2 the
    two cannot be compared.
    """
    kinds = {path: _is_load(path) for path in (old, new)}
    if kinds[old] != kinds[new]:
        words = {True: "a load run", False: "a check run"}
        raise UsageError(
            f"{old} is {words[kinds[old]]} and {new} {words[kinds[new]]}: they cannot be compared"
        )
    worse = (
        _load_runs(old, new, json=json, html=html)
        if kinds[old]
        else _check_runs(old, new, json=json, html=html)
    )
    if worse:
        raise typer.Exit(1)


def _is_load(path: Path) -> bool:
    """Raises `UsageError` where there is no run of any kind."""
    if is_load_run(path):
        return True
    if not (path / RESULT_FILE if path.is_dir() else path).is_file():
        raise UsageError(f"{path}: there is no run; give the directory of a load run or of a check run")
    return False


def _load_runs(old: Path, new: Path, *, json: bool, html: Path | None) -> bool:
    found = compare(read_load_run(old), read_load_run(new))
    if html is not None:
        try:
            replace_file(html, render_diff_page(found).encode())
        except OSError as exc:
            raise RunFailed(f"{html}: cannot be written ({exc.strerror}); choose another --html") from exc
    if json:
        typer.echo(render_diff(found), nl=False)
    else:
        print_diff(found)
    return bool(found.worse)


def _check_runs(old: Path, new: Path, *, json: bool, html: Path | None) -> bool:
    if html is not None:
        raise UsageError("--html: only two load runs have a page together")
    found = check_diff(read_run(old), read_run(new))
    if json:
        typer.echo(render_check_diff(found), nl=False)
    else:
        print_check_diff(found)
    return found.worse
