"""`mailproof selfcheck`: the proof that each check can go red."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Annotated

import typer
from rich.console import Console

from harness.cli.options import embedded_server
from harness.cli.running import run_plugin
from harness.cli.selection import areas_of, selector
from harness.clients.live import LiveTarget
from harness.target import Target
from suites.choices import ChoiceLog
from suites.plugin import PROFILES
from suites.selfcheck import KillMatrix, Row

__all__ = ["selfcheck"]


def selfcheck(
    only: Annotated[
        list[str] | None, typer.Option(metavar="SEL", help="Requirement prefix, area or check. Repeatable.")
    ] = None,
    whole_area: Annotated[
        bool,
        typer.Option("--whole-area", help="Neighbours that must stay green: the area, not only the module."),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say for every check what it saw.")] = False,
) -> None:
    """Switch on each deliberate fault of the reference server and see exactly its checks go red.

    Exit codes: 0 every fault kills exactly its checks; 1 one does not.
    """
    console = Console(highlight=False)

    def told(row: Row) -> None:
        console.print(
            f"{'killed ' if row.exact else 'WRONG  '} {row.fault}: {', '.join(row.killed) or 'nothing'}",
            markup=False,
            soft_wrap=True,
        )
        for words, checks in (("stayed green", row.missed), ("red without cause", row.strays)):
            for check in checks:
                console.print(
                    f"        {words}: {check}: {matrix.reasons[row.fault, check]}",
                    markup=False,
                    soft_wrap=True,
                )
        if verbose:
            for (fault, check), reason in matrix.reasons.items():
                if fault == row.fault:
                    console.print(f"        {check}: {reason}", markup=False, soft_wrap=True)

    def serve(faults: Iterable[str]) -> AbstractContextManager[Target]:
        return embedded_server(faults=faults)

    choices = ChoiceLog()
    PROFILES["quick"].activate(choices)
    with embedded_server() as target:
        matrix = KillMatrix(
            LiveTarget(target),
            select=selector(only or [], intrusive=True),
            choices=choices,
            serve=serve,
            neighbours="area" if whole_area else "module",
            told=told,
        )
        run_plugin(matrix, areas_of(only or []))
    exact = sum(row.exact for row in matrix.rows)
    console.print(
        f"{exact} of {len(matrix.rows)} faults kill exactly their checks; {len(matrix.items)} checks."
    )
    if exact < len(matrix.rows) or not matrix.rows:
        raise typer.Exit(1)
