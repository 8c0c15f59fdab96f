"""The command's frame: verbs, one line per error, exit codes."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from harness.errors import MailproofError

__all__ = ["app", "main"]

# In the order of the help; each is a function of its own name in a module of its own name.
_VERBS: Final = (
    "check",
    "load",
    "report",
    "diff",
    "replay",
    "explain",
    "probe",
    "serve",
    "send",
    "inbox",
    "webmail",
    "queue",
    "trace",
    "selfcheck",
)


class Verbs(TyperGroup):
    """Loads the verb that is asked for and no other: `serve` starts without what `check` needs."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (click's signature; its types are not typer's own)
        return list(_VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (as above)
        if cmd_name not in _VERBS:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(cmd_name)(getattr(import_module(f"harness.cli.{cmd_name}"), cmd_name))
        return typer.main.get_command(alone)


app = typer.Typer(
    name="mailproof",
    cls=Verbs,
    help="Proves mail systems: what the RFCs ask, held against a running server, with the octets as evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mailproof {version('mailproof')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before the verb."""
    context.obj = debug


def main() -> None:
    """Run the command; every error of ours is one line on stderr and its exit code."""
    debug = "--debug" in sys.argv
    try:
        app()
    except MailproofError as exc:
        if debug:
            raise
        typer.echo(f"mailproof: {exc}", err=True)
        sys.exit(exc.exit_code)
