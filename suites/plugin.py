"""The pytest plugin: from a collected check to a record in the run.

It calls the check itself (`pytest_pyfunc_call`), weighs what it saw, hands the record on, and tells pytest the
outcome in pytest's words: broken fails, unclear and not offered skip.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import engine

from harness.clients.live import LiveTarget
from harness.errors import MailproofError, RunFailed
from harness.results import CheckResult, GateRecord, Seen
from harness.spec import Register, load_register
from suites.choices import ChoiceLog
from suites.covers import Check, check_of
from suites.gates import GATES, Gates
from suites.needs import needs_of
from suites.watch import Watched, watch

__all__ = ["PROFILES", "CheckPlugin", "Listener", "Profile", "everything"]

# Ours: so many checks in a row without an answer, and the area's gate is tried again.
_TROUBLE: Final = 3


@dataclass(frozen=True, slots=True)
class Profile:
    """How much a run tries: inputs a check, commands a dialogue, seconds spent on making one failure small."""

    examples: int
    steps: int
    shrink_s: float

    def activate(self, choices: ChoiceLog, *, replay: bool = False) -> None:
        """Make this the settings of every check collected from now on."""
        # Without the reuse phase Hypothesis saves no choices; explain would re-run a red check many times.
        kept = (Phase.explicit, Phase.reuse)
        phases = kept if replay else (*kept, Phase.generate, *([Phase.shrink] if self.shrink_s else []))
        name = f"mailproof-{self.examples}-{self.shrink_s}-{replay}"
        settings.register_profile(
            name,
            max_examples=self.examples,
            stateful_step_count=self.steps,
            deadline=None,  # a server may take its time
            database=choices,
            phases=phases,
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile(name)
        # No setting exists for it; a check that shrinks for five minutes would hold up the run.
        engine.MAX_SHRINKING_SECONDS = self.shrink_s  # type: ignore[assignment]  # an int by inference only


PROFILES: Final = {
    "quick": Profile(examples=4, steps=10, shrink_s=4.0),
    "standard": Profile(examples=15, steps=25, shrink_s=15.0),
    "deep": Profile(examples=400, steps=50, shrink_s=120.0),
}


class Listener(Protocol):
    """Who is told how the run goes: the command line's progress, the writer of results."""

    def starting(self, checks: int) -> None: ...
    def running(self, check: Check) -> None: ...
    def done(self, result: CheckResult) -> None: ...


@dataclass(eq=False)
class CheckPlugin:
    """One run.

    Attributes:
        select: Keeps the checks it says True to.
        watched: What became of every check, in order.
        failure: What ended the run before its end.
    """

    target: LiveTarget
    listeners: Sequence[Listener] = ()
    select: Callable[[Check], bool] = lambda check: not check.intrusive
    seed: int = 0
    choices: ChoiceLog = field(default_factory=ChoiceLog)
    register: Register = field(default_factory=load_register)
    watched: list[Watched] = field(default_factory=list)
    collect_only: bool = False
    items: list[tuple[pytest.Function, Check]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._gates = Gates(self.target)
        self._trouble = 0
        self.failure: MailproofError | None = None

    @property
    def gates(self) -> list[GateRecord]:
        return self._gates.records()

    @property
    def closed_areas(self) -> list[str]:
        return self._gates.closed()

    @pytest.fixture(scope="session", name="target")
    def target_fixture(self) -> LiveTarget:
        """The target under test."""
        return self.target

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A suite that cannot be imported ends the run: its checks would be missing without a word."""
        if report.failed:
            self.failure = RunFailed(f"a suite could not be loaded: {report.longreprtext}")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the selected checks, area by area."""
        found: dict[str, tuple[pytest.Function, Check]] = {}
        for item in items:
            check = check_of(item.function) if isinstance(item, pytest.Function) else None
            if check is None or not isinstance(item, pytest.Function):
                self.failure = RunFailed(f"{item.nodeid} is not a check: it lacks @covers")
                continue
            if self.select(check):
                if problem := self._misdeclared(check, found):
                    self.failure = RunFailed(problem)
                found[check.id] = (item, check)
        areas = list(GATES)
        self.items = sorted(found.values(), key=lambda pair: areas.index(pair[1].area))
        items[:] = [item for item, _ in self.items]
        for listener in self.listeners:
            listener.starting(len(items))

    def _misdeclared(self, check: Check, found: Container[str]) -> str:
        """What is wrong with a declaration, ``""`` where nothing is."""
        if check.id in found:
            return f"two checks are named {check.id}"
        unknown = [r for r in check.requirements if r not in self.register]
        return f"{check.id} covers {unknown[0]}, which the register does not have" if unknown else ""

    def pytest_runtestloop(self) -> bool | None:
        """Stop before the first check with `collect_only`, or where the suites are not whole."""
        return True if self.collect_only or self.failure else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Run one check in place of pytest's own call."""
        check = check_of(pyfuncitem.function)
        if check is None:
            raise LookupError(f"{pyfuncitem.nodeid} is not a check: it lacks @covers")
        for listener in self.listeners:
            listener.running(check)
        watched = self.run(pyfuncitem, check)
        self.watched.append(watched)
        try:
            for listener in self.listeners:
                listener.done(watched.result)
        except MailproofError as exc:
            self.failure = exc
            pyfuncitem.session.shouldstop = str(exc)
        _tell_pytest(watched)
        return True

    def run(self, item: pytest.Function, check: Check) -> Watched:
        """Watch one check, its gate and its needs first."""

        def ready() -> None:
            self._gates.pass_through(check.area)
            for need in needs_of(item.function):
                need(self.target)

        watched = watch(item, check, self.target, self.register, self.choices, ready, seed=self.seed)
        self._trouble = self._trouble + 1 if watched.transport_trouble else 0
        if self._trouble >= _TROUBLE:
            self._trouble = 0
            self._gates.try_again(check.area)
        return watched


def _tell_pytest(watched: Watched) -> None:
    statuses = {finding.seen: finding.reason for finding in watched.result.findings}
    if watched.exception is not None and (Seen.BROKEN in statuses or Seen.FAILED in statuses):
        raise watched.exception
    for status in (Seen.UNCLEAR, Seen.NOT_OFFERED):
        if status in statuses:
            pytest.skip(f"{status}: {statuses[status]}")


def everything(_check: Check) -> bool:
    """Selects every check, intrusive ones too."""
    return True
