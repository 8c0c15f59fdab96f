"""Two check runs side by side: which findings changed their verdict, and which violations are new."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.results.model import CheckResult, Finding, Verdict
from harness.results.store import Run
from reports.overview import DECIDED
from reports.text import one_line, plural

__all__ = ["Change", "CheckDiff", "Kind", "check_diff", "print_check_diff", "render_check_diff"]

# Raised when a reader of the older file could misread the newer; a field more is no reason.
SCHEMA: Final = 1

_NOT_RUN: Final = "not run"


class Kind(StrEnum):
    """What a change amounts to, gravest first."""

    NEW_VIOLATION = "new violation"
    FIXED = "fixed"
    NO_LONGER_SEEN = "no longer seen"  # it was violated, and this run could not tell
    CHANGED = "changed"


_STYLES: Final = {Kind.NEW_VIOLATION: "bold red", Kind.FIXED: "green", Kind.NO_LONGER_SEEN: "yellow"}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One finding that is not what it was; `old` and `new` are verdicts, or ``not run``."""

    kind: Kind
    requirement: str
    check: str
    title: str
    old: str
    new: str
    reason: str


class _Side(msgspec.Struct, frozen=True, kw_only=True):
    """Which run."""

    path: str
    target: str
    started: str
    checks: int


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """The diff as JSON."""

    schema: int = SCHEMA
    kind: str = "check-diff"
    old: _Side
    new: _Side
    new_violations: int
    same: int
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class CheckDiff:
    """`changes` come gravest first; `same` findings have the verdict they had."""

    old: Run
    new: Run
    changes: tuple[Change, ...]
    same: int

    @property
    def new_violations(self) -> Sequence[Change]:
        return [change for change in self.changes if change.kind is Kind.NEW_VIOLATION]

    @property
    def worse(self) -> bool:
        return bool(self.new_violations)


def check_diff(old: Run, new: Run) -> CheckDiff:
    """What changed from one run to another, finding by finding."""
    before, after = _findings(old.checks), _findings(new.checks)
    changes = []
    for key in {**before, **after}:
        was, now = before.get(key), after.get(key)
        if was is None or now is None or was[1].verdict is not now[1].verdict:
            changes.append(_change(was, now))
    kinds = list(Kind)
    changes.sort(key=lambda change: (kinds.index(change.kind), change.requirement, change.check))
    return CheckDiff(old, new, tuple(changes), len({**before, **after}) - len(changes))


_Found = tuple[CheckResult, Finding]


def _findings(checks: Iterable[CheckResult]) -> dict[tuple[str, str], _Found]:
    return {
        (finding.requirement, check.check): (check, finding) for check in checks for finding in check.findings
    }


def _change(was: _Found | None, now: _Found | None) -> Change:
    check, finding = next(found for found in (now, was) if found is not None)
    return Change(
        kind=_kind(was and was[1].verdict, now and now[1].verdict),
        requirement=finding.requirement,
        check=check.check,
        title=one_line(check.title),
        old=was[1].verdict.value if was else _NOT_RUN,
        new=now[1].verdict.value if now else _NOT_RUN,
        reason=one_line(now[1].reason) if now else "",
    )


def _kind(was: Verdict | None, now: Verdict | None) -> Kind:
    if now is Verdict.VIOLATES:
        return Kind.NEW_VIOLATION
    if was is Verdict.VIOLATES:
        return Kind.FIXED if now in DECIDED else Kind.NO_LONGER_SEEN
    return Kind.CHANGED


def render_check_diff(diff: CheckDiff) -> str:
    """The diff as JSON, for programs."""
    document = _Document(
        old=_side(diff.old),
        new=_side(diff.new),
        new_violations=len(diff.new_violations),
        same=diff.same,
        changes=list(diff.changes),
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _side(run: Run) -> _Side:
    return _Side(
        path=str(run.path),
        target=one_line(run.header.target.name),
        started=run.header.started,
        checks=len(run.checks),
    )


def print_check_diff(diff: CheckDiff, console: Console | None = None) -> None:
    """Print the answer in one sentence, and every change with its reason."""
    console = console or Console(highlight=False)
    for word, run in (("OLD", diff.old), ("NEW", diff.new)):
        side = _side(run)
        console.print(
            f"{word}  {side.path}: {side.target}, {side.started}, {plural(side.checks, 'check')}",
            markup=False,
            soft_wrap=True,
        )
    new = len(diff.new_violations)
    sentence = plural(new, "new violation") if new else "No new violation"
    console.print(
        Text(f"{sentence}; {plural(len(diff.changes), 'change')}, {diff.same:,} as before.", style="bold")
    )
    if not diff.changes:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("", "requirement", "old", "new", "check"):
        table.add_column(column, no_wrap=column != "check")
    for change in diff.changes:
        style = _STYLES.get(change.kind, "")
        said = change.title + (f": {change.reason}" if change.kind is Kind.NEW_VIOLATION else "")
        table.add_row(
            Text(change.kind.value, style=style), Text(change.requirement), change.old, change.new, Text(said)
        )
    console.print(table)
