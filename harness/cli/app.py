"""The command's frame: verbs, one line per error, exit codes."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from harness.cli import check, explain, probe, replay, report, selfcheck, serve
from harness.errors import MailproofError

__all__ = ["app", "main"]

app = typer.Typer(
    name="mailproof",
    help="Proves mail systems: what the RFCs ask, held against a running server, with the octets as evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for verb in (
    check.check,
    report.report,
    replay.replay,
    explain.explain,
    probe.probe,
    serve.serve,
    selfcheck.selfcheck,
):
    app.command()(verb)


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
