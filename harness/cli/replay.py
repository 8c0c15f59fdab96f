"""`mailproof replay`: send a counterexample again."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import TargetFlags, open_target
from harness.cli.running import run_plugin
from harness.clients.live import LiveTarget
from harness.errors import UsageError
from harness.results import Run, Seen, read_run
from suites.choices import ChoiceLog
from suites.cleanup import clean_up
from suites.plugin import PROFILES, CheckPlugin

__all__ = ["replay"]


def replay(
    run: Annotated[Path, typer.Argument(help="The directory of a run.")],
    check: Annotated[
        str, typer.Argument(metavar="CHECK-ID", help="A check of that run, as the report names it.")
    ],
    target: Annotated[
        Path | None, typer.Option(metavar="TARGET.toml", help="The target; default: the embedded server.")
    ] = None,
    authorized: Annotated[bool, typer.Option(help="The owner of a target on another host agrees.")] = False,
) -> None:
    """Send a check's counterexample again and say FIXED, STILL BROKEN or UNCLEAR.

    Exit codes: 0 fixed, 1 still broken, 2 usage, 3 unclear.
    """
    recorded = read_run(run)
    choices, seed = _counterexample(recorded, check)
    with open_target(target, TargetFlags(), verify_tls=True, authorized=authorized) as opened:
        live = LiveTarget(opened)
        log = ChoiceLog(choices)
        PROFILES.get(recorded.header.profile, PROFILES["quick"]).activate(log, replay=bool(choices))
        plugin = CheckPlugin(live, select=lambda found: found.id == check, seed=seed, choices=log)
        try:
            run_plugin(plugin, [check.partition(".")[0]])
        finally:
            clean_up(live)
    if not plugin.watched:
        raise UsageError(f"{check}: this version of mailproof has no such check")
    watched = plugin.watched[0]
    for transcript in live.transcripts:
        typer.echo(str(transcript))
    seen = {finding.seen: finding.reason for finding in watched.result.findings}
    if Seen.BROKEN in seen:
        typer.echo(f"STILL BROKEN: {seen[Seen.BROKEN]}")
        raise typer.Exit(1)
    if set(seen) == {Seen.KEPT}:
        typer.echo("FIXED: the same input no longer breaks it")
        return
    typer.echo(f"UNCLEAR: {next(reason for status, reason in seen.items() if status is not Seen.KEPT)}")
    raise typer.Exit(3)


def _counterexample(run: Run, check: str) -> tuple[list[bytes], int]:
    """The choices to replay (empty for a check without generated input) and the run's seed."""
    found = next((result for result in run.checks if result.check == check), None)
    if found is None:
        broken = [r.check for r in run.checks if r.counterexample]
        raise UsageError(f"{run.path} has no check {check}; broken there: {', '.join(broken) or 'none'}")
    if found.counterexample is None:
        raise UsageError(f"{check} was not broken in {run.path}: there is no counterexample to send")
    return found.counterexample.choices, run.header.seed
