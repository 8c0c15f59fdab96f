"""One run of the suites in this process, from a target to a directory of results."""

import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

import suites
from harness.clients.live import LiveTarget
from harness.errors import MailproofError, RunFailed
from harness.results import CheckResult, RunEnd, RunHeader, RunWriter, TargetFacts
from harness.target import Target
from suites.choices import ChoiceLog
from suites.cleanup import clean_up
from suites.covers import Check
from suites.plugin import CheckPlugin, Listener, Profile, everything

__all__ = ["RunPlan", "collect_checks", "run_plugin", "run_suites"]

SUITES_DIRECTORY = Path(suites.__file__).parent

# The suites bring their own way of reporting and keep no state beside the run's own directory. Every assertion there
# says what was sent and what came, so pytest need not rewrite them, which would cost seconds.
PYTEST_ARGUMENTS = [
    *("-p", "no:terminal"),
    *("-p", "no:cacheprovider"),
    *("-p", "no:unraisableexception"),  # collects garbage after every check
    *("-c", os.devnull),
    f"--rootdir={SUITES_DIRECTORY.parent}",
    "--import-mode=importlib",
    "--assert=plain",
    "--capture=no",  # the progress bar draws while checks run
]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to run.

    Attributes:
        selection: The words of ``--only``, as given; `areas` are those they can be found in, empty for all.
        select: Keeps the checks it says True to.
    """

    target: Target
    profile_name: str
    profile: Profile
    seed: int
    selection: list[str]
    select: Callable[[Check], bool]
    areas: list[str]
    directory: Path


@dataclass(frozen=True, slots=True)
class _Writer:
    """Puts every result into the run's file as it comes."""

    writer: RunWriter

    def starting(self, checks: int) -> None:
        """Nothing to write before the first result."""

    def running(self, check: Check) -> None:
        """Only what is done is written."""

    def done(self, result: CheckResult) -> None:
        self.writer.write(result)


def run_plugin(plugin: CheckPlugin, areas: Sequence[str] = ()) -> str:
    """Run pytest with this plugin on the suites of these areas; on all where none is named.

    Returns:
        ``""`` when every selected check ran, else why not.

    Raises:
        MailproofError: The suites are not whole, or a result could not be written.
    """
    paths = [str(SUITES_DIRECTORY / area) for area in areas] or [str(SUITES_DIRECTORY)]
    code = pytest.main([*paths, *PYTEST_ARGUMENTS], plugins=[plugin])
    if plugin.failure is not None:
        raise plugin.failure
    match code:
        case pytest.ExitCode.OK | pytest.ExitCode.TESTS_FAILED | pytest.ExitCode.NO_TESTS_COLLECTED:
            return ""
        case pytest.ExitCode.INTERRUPTED:
            return "interrupted"
        case _:
            raise RunFailed(
                f"pytest ended with {code!r}; run with --debug and report this as a fault of mailproof"
            )


def collect_checks() -> list[Check]:
    """Every check of the suites, intrusive ones too; nothing is run and nobody is connected to.

    Raises:
        MailproofError: The suites are not whole.
    """
    nobody = Target(name="nobody", domain="example.test", endpoints={})
    plugin = CheckPlugin(LiveTarget(nobody), select=everything, collect_only=True)
    run_plugin(plugin)
    return [check for _, check in plugin.items]


def run_suites(plan: RunPlan, listeners: Sequence[Listener]) -> tuple[CheckPlugin, RunEnd]:
    """Run the suites against a target, write ``result.jsonl`` as it goes, and clean up the target's mailboxes.

    Raises:
        RunFailed: The directory cannot be written; what was written before stays.
    """
    started = time.monotonic()
    live = LiveTarget(plan.target)
    choices = ChoiceLog()
    plan.profile.activate(choices)
    with RunWriter(plan.directory, _header(plan, live)) as writer:
        plugin = CheckPlugin(
            live, [*listeners, _Writer(writer)], select=plan.select, seed=plan.seed, choices=choices
        )
        reason = ""
        try:
            reason = run_plugin(plugin, plan.areas)
        except MailproofError as exc:
            reason = str(exc)
            raise
        finally:
            if left := clean_up(live):
                reason = "; ".join(filter(None, [reason, left]))
            end = RunEnd(
                wall_s=round(time.monotonic() - started, 3),
                finished=not reason,
                reason=reason,
                gates=plugin.gates,
            )
            if plugin.failure is None:
                writer.write(end)
    return plugin, end


def _header(plan: RunPlan, live: LiveTarget) -> RunHeader:
    target = plan.target
    return RunHeader(
        mailproof_version=version("mailproof"),
        started=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        seed=plan.seed,
        profile=plan.profile_name,
        selection=plan.selection,
        target=TargetFacts(
            name=target.name,
            domain=target.domain,
            endpoints={str(p): e.address for p, e in target.endpoints.items()},
            products=live.products(),
        ),
    )
