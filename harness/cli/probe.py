"""`mailproof probe`: what a target offers in each state."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.options import TargetFlags, TargetPath, open_target
from harness.clients.live import LiveTarget
from harness.errors import RunFailed
from harness.tls.words import described

__all__ = ["probe"]


def probe(
    target: TargetPath = None,
    authorized: Annotated[bool, typer.Option(help="The owner of a target on another host agrees.")] = False,
) -> None:
    """Print what a target offers in each state, after the greeting, inside TLS, logged in; and its certificates."""
    with open_target(target, TargetFlags(), verify_tls=True, authorized=authorized) as opened:
        abilities = LiveTarget(opened).abilities
    table = Table(title=f"What {opened.name} offers", title_justify="left")
    table.add_column("state", no_wrap=True)
    table.add_column("offers")
    for state, offered in abilities.offered.items():
        table.add_row(
            state, Text(", ".join(f"{name} {value}".strip() for name, value in sorted(offered.items())))
        )
    for state, problem in abilities.problems.items():
        table.add_row(state, Text(f"could not be asked: {problem}"))
    console = Console(highlight=False)
    console.print(table)
    for protocol, facts in abilities.tls.items():
        console.print(f"{protocol}: {described(facts)}", markup=False, soft_wrap=True)
    for protocol, product in abilities.products.items():
        console.print(f"{protocol}: {product}", markup=False)
    if not abilities.offered:
        raise RunFailed(f"{opened.name}: nothing answered; is it running?")
