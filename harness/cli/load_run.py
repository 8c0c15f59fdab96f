"""One load run, from its flags to its exit code; what does the work lives in the modules beside this one."""

import secrets
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import typer

from harness.cli.load_generator import Generator, generator_command
from harness.cli.load_out import LOG_FILE, PLAN_FILE, conclude, prepare, write_plan
from harness.cli.load_preflight import endpoints_of, greetings_of
from harness.cli.load_roles import Role
from harness.cli.load_safety import check_allowed, plan_in_words
from harness.cli.load_scenarios import Scenario
from harness.cli.load_schedule import Shape
from harness.cli.load_screen import live_screen
from harness.cli.load_target import Place, TargetRequest
from harness.errors import UsageError
from loadtests.plan import Plan, Settings

__all__ = ["LoadRequest", "patience_s", "run_load"]

_SEED_BITS: Final = 32
_RUN_OCTETS: Final = 4
# Ours: mailboxes of the embedded server, where the scenario does not ask for more.
_EMBEDDED_ACCOUNTS: Final = 100
# Ours: reading the mailboxes takes a while beyond the waiting for what may still come.
_READING_S: Final = 300.0
_WRITING_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What was asked for; `settings` and `shape` have the flags in them."""

    scenario: Scenario
    target: TargetRequest
    settings: Settings
    shape: Shape
    role: Role
    seed: int | None
    out: Path
    pids: Sequence[int]
    max_rate: float | None


def run_load(request: LoadRequest) -> int:
    """Run it, show what came of it, and return the exit code.

    Raises:
        UsageError: Something that was given is wrong; nothing was done to the target.
        UnreachableTarget, TransportError: The target cannot be loaded.
        RunFailed: The run ended without a result.
    """
    _check_pids(request.pids)
    prepare(request.out)
    accounts = max(_EMBEDDED_ACCOUNTS, request.settings.office.users)
    with (
        tempfile.TemporaryDirectory(prefix="mailproof-load-") as private,
        request.target.opened(Path(private), accounts) as place,
    ):
        plan = _planned(request, place)
        path = request.out / PLAN_FILE
        write_plan(path, plan)
        generator = Generator(
            command=generator_command(request.scenario.file, request.shape, request.role),
            plan=path.absolute(),
            log=request.out / LOG_FILE,
            patience_s=patience_s(request.settings),
        )
        if request.role.web is not None:
            typer.echo(f"Locust's page while it runs: http://{request.role.web}/", err=True)
        with live_screen() as screen:
            ended = generator.run(screen)
    return conclude(request.out, ended)


def _planned(request: LoadRequest, place: Place) -> Plan:
    """The plan, once it is sure that the run may be and that everybody is there."""
    target, settings, shape = place.target, request.settings, request.shape
    check_allowed(target, shape, authorized=request.target.authorized, max_rate=request.max_rate)
    run = secrets.token_hex(_RUN_OCTETS)
    typer.echo(plan_in_words(request.scenario.name, target, shape, settings, run), err=True)
    endpoints = endpoints_of(target, settings)
    seed = secrets.randbits(_SEED_BITS) if request.seed is None else request.seed
    return Plan(
        scenario=request.scenario.name,
        run=run,
        seed=seed,
        target=str(place.file),
        out=str(request.out.absolute()),
        settings=settings,
        mode=shape.mode,
        phases=shape.phases,
        search=shape.search,
        users=shape.users,
        think_s=shape.think_s,
        duration_s=shape.duration_s,
        workers=request.role.workers,
        pids=(*place.pids, *request.pids),
        software=greetings_of(target, endpoints, tls=settings.traffic.tls),
        command=_again(seed if request.seed is None else None),
    )


def _again(seed: int | None) -> str:
    """The command that does the same again."""
    return shlex.join(["mailproof", *sys.argv[1:], *([] if seed is None else ["--seed", str(seed)])])


def patience_s(settings: Settings) -> float:
    """How long after Ctrl-C sessions are drained, mailboxes are read and results are written."""
    audit_s = settings.audit.wait_s + _READING_S if settings.audit.enabled else 0.0
    return settings.timeout_s + settings.drain_s + audit_s + _WRITING_S


def _check_pids(pids: Sequence[int]) -> None:
    for pid in pids:
        if not psutil.pid_exists(pid):
            raise UsageError(f"--pid: there is no process {pid} on this host")
