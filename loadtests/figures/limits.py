"""Limits of a run: rules such as ``smtp.message p95 < 5 s``, and what the figures say of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.results.load import Audit, Judged
from loadtests.figures.figures import Totals

__all__ = ["Limit", "judge", "parse_limits", "read_limits"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One rule.

    Attributes:
        rule: As it was written.
        of_audit: It is about the audit, which the whole run has, and no phase by itself.
    """

    rule: str
    of_audit: bool = False

    @classmethod
    def parse(cls, rule: str) -> Self:
        """
        Raises:
            UsageError: Where the rule is wrong, what stands there and what may.
        """
        return cls(rule)


def parse_limits(rules: Iterable[str], where: str = "") -> tuple[Limit, ...]:
    """Each rule; `where` they stand begins the message of a `UsageError`."""
    return tuple(Limit.parse(rule) for rule in rules)


def read_limits(path: Path) -> tuple[Limit, ...]:
    """The rules of a file, one on a line; ``#`` begins a comment.

    Raises:
        UsageError: The file cannot be read, or a rule is wrong; which line, and where in it.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return parse_limits(line for raw in lines if (line := raw.partition("#")[0].strip()))


def judge(limit: Limit, totals: Totals, audit: Audit | None = None, *, label: str = "") -> Judged:
    """What the figures say of a limit: kept, broken, or None where nothing was measured.

    Args:
        totals: Of the phase that is judged, or of the run.
        audit: The run's, where it was made.
        label: The phase's, for `Judged.round`.
    """
    return Judged(rule=limit.rule, value=None, kept=None, round=label)
