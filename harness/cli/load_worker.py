"""A worker of a master elsewhere: the schedule is the master's, the target file its own."""

import tempfile
from pathlib import Path

import typer

from harness.cli.load_child import last_words
from harness.cli.load_generator import Generator, generator_command
from harness.cli.load_out import LOG_FILE, PLAN_FILE, write_plan
from harness.cli.load_preflight import chosen_endpoints, greetings_of
from harness.cli.load_run import LoadRequest, patience_s
from harness.cli.load_safety import check_owner_agrees
from harness.cli.load_screen import live_screen
from harness.errors import RunFailed, UsageError
from loadtests.plan import Plan
from reports.text import one_line

__all__ = ["run_worker"]


def run_worker(request: LoadRequest) -> int:
    """Work until the master says that the run is over, or does not answer any more.

    Raises:
        UsageError: There is no target file, or something in it is wrong.
        UnreachableTarget, TransportError: The target cannot be reached from here.
        RunFailed: The generator failed.
    """
    if request.target.embedded:
        raise UsageError("--worker: give the target file, as it is seen from this machine")
    with (
        tempfile.TemporaryDirectory(prefix="mailproof-load-") as private,
        request.target.opened(Path(private), 0) as place,
    ):
        check_owner_agrees(place.target, authorized=request.target.authorized)
        settings = request.settings
        greetings_of(place.target, chosen_endpoints(place.target, settings.needs), tls=settings.traffic.tls)
        plan, log = Path(private) / PLAN_FILE, Path(private) / LOG_FILE
        # All but the target is the master's to say.
        write_plan(
            plan,
            Plan(
                scenario=request.scenario.name,
                run="0" * 8,
                seed=0,
                target=str(place.file),
                out=private,
                settings=settings,
            ),
        )
        typer.echo(
            f"{request.scenario.name} against {place.target.name}, for the master at {request.role.meeting}"
        )
        command = generator_command(request.scenario.file, request.shape, request.role)
        with live_screen() as screen:
            ended = Generator(command, plan, log, patience_s(settings)).run(screen)
        words = one_line(last_words(log))
    if ended.code == UsageError.exit_code:
        raise UsageError(words)
    if ended.interrupted:
        raise RunFailed("stopped before the master said that the run is over")
    if ended.code:
        raise RunFailed(f"the worker ended with code {ended.code}: {words}")
    return 0
