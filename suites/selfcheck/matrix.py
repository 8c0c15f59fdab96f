"""The kill matrix: which checks go red under which fault."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import pytest

from harness.clients.live import LiveTarget
from harness.results import CheckResult, Seen
from harness.target import Limits, Target
from suites.covers import Check
from suites.needs import needs_of
from suites.plugin import CheckPlugin, Profile
from suites.watch import watch

__all__ = ["KillMatrix", "Row"]

Serve = Callable[[Iterable[str]], AbstractContextManager[Target]]

# A fault may leave a check waiting for a reply that never comes.
_LIMITS: Final = Limits(timeout_s=2.0, quiet_s=0.2, delivery_s=2.0)

# A fault's own checks get a whole quick profile to find it; neighbours need only show that they stay green.
_OWN: Final = Profile(examples=10, steps=20, shrink_s=0.0)
_NEIGHBOUR: Final = Profile(examples=2, steps=6, shrink_s=0.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: `missed` are its checks that stayed green, `strays` others that went red."""

    fault: str
    killed: tuple[str, ...]
    missed: tuple[str, ...]
    strays: tuple[str, ...]

    @property
    def exact(self) -> bool:
        return bool(self.killed) and not self.missed and not self.strays


@dataclass(eq=False)
class KillMatrix(CheckPlugin):
    """Runs in place of the test loop; `rows` has the outcome.

    Attributes:
        serve: Starts a fresh embedded server with these faults.
        neighbours: Which others are run too, and must stay green: those of the same module, or of the whole area.
        told: Called with each row as it is done.
    """

    serve: Serve | None = None
    neighbours: Literal["module", "area"] = "module"
    told: Callable[[Row], object] = id
    rows: list[Row] = field(default_factory=list)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """One row for each fault that a selected check names as its own."""
        if self.failure is None:
            for fault in dict.fromkeys(check.fault for _, check in self.items):
                row = self._row(fault)
                self.rows.append(row)
                self.told(row)
        return True

    def _row(self, fault: str) -> Row:
        expected = {check.id for _, check in self.items if fault in check.faults}
        near = {self._place(item) for item, check in self.items if check.id in expected}
        chosen = [(item, check) for item, check in self.items if self._place(item) in near]
        if self.serve is None:
            raise LookupError("a kill matrix needs a way to start the server")
        with self.serve([fault]) as declared, closing(LiveTarget(replace(declared, limits=_LIMITS))) as live:
            red = {
                check.id
                for item, check in chosen
                if self._red(live, fault, item, check, own=check.id in expected)
            }
        return Row(
            fault, tuple(sorted(red & expected)), tuple(sorted(expected - red)), tuple(sorted(red - expected))
        )

    def _place(self, item: pytest.Function) -> str:
        """The module, or the area's package."""
        name: str = item.module.__name__
        return name if self.neighbours == "module" else name.rpartition(".")[0]

    def _red(self, live: LiveTarget, fault: str, item: pytest.Function, check: Check, *, own: bool) -> bool:
        (_OWN if own else _NEIGHBOUR).activate(self.choices)

        def ready() -> None:
            for need in needs_of(item.function):
                need(live)

        result = watch(item, check, live, self.register, self.choices, ready).result
        self.reasons[fault, check.id] = _reason(result)
        return any(finding.seen is Seen.BROKEN for finding in result.findings)


def _reason(result: CheckResult) -> str:
    return next((f"{f.seen}: {f.reason}" for f in result.findings if f.seen is not Seen.KEPT), "kept")
