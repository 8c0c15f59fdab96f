"""Limits as a reader meets them: each rule once, with what every round made of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.results.load import Judged, LoadSummary
from reports.load.units import limit_value

__all__ = ["Bound", "Limit", "Rule", "Standing", "limits", "shown_value", "standing"]

# A rule may be a sentence of the generator's own: "sessions begun >= 98% of those asked for".
_BOUND: Final = re.compile(r"(?:[<>=]|\bthan)\s*(?P<bound>\d+(?:\.\d+)?)\s*(?P<unit>us\b|ms\b|s\b|min\b|%|)")
_LATENCY: Final = re.compile(r"\s*(?P<operation>\S+)\s+(?P<measure>p\d+(?:\.\d+)?|max)\s*[<>=]")
_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "min": 60_000.0}


class Standing(StrEnum):
    """How a limit came out; `NOT_MEASURED` is neither."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit on a latency, as a chart draws it: of which operation, which measure (``p95``, ``max``), how long."""

    operation: str
    measure: str
    ms: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it was written, and its unit: ``""`` where it has none, or a form that is not known here."""

    text: str
    unit: str
    bound: Bound | None


@dataclass(frozen=True, slots=True)
class Limit:
    """One rule, what each round made of it, and the gravest of that."""

    rule: Rule
    judged: tuple[Judged, ...]
    standing: Standing


def standing(kept: bool | None) -> Standing:
    """A judgement in a word."""
    return {True: Standing.KEPT, False: Standing.BROKEN, None: Standing.NOT_MEASURED}[kept]


def limits(summary: LoadSummary) -> list[Limit]:
    """The run's limits in the order of its rules."""
    by_rule: dict[str, list[Judged]] = {}
    for judged in summary.slo:
        by_rule.setdefault(judged.rule, []).append(judged)
    return [Limit(_rule(text), tuple(judged), _gravest(judged)) for text, judged in by_rule.items()]


def shown_value(judged: Judged) -> str:
    """What was measured, with the rule's unit; ``""`` where nothing was."""
    return "" if judged.value is None else limit_value(judged.value, _rule(judged.rule).unit)


def _rule(text: str) -> Rule:
    read, latency = _BOUND.search(text), _LATENCY.match(text)
    if read is None:
        return Rule(text, "", None)
    unit = read["unit"]
    if latency is None or unit not in _MS:
        return Rule(text, unit, None)
    return Rule(text, unit, Bound(latency["operation"], latency["measure"], float(read["bound"]) * _MS[unit]))


def _gravest(judged: Sequence[Judged]) -> Standing:
    seen = {standing(one.kept) for one in judged}
    return next(
        one for one in (Standing.BROKEN, Standing.NOT_MEASURED, Standing.KEPT) if one in seen or not seen
    )
