"""Two load runs of one scenario side by side: what changed, by how much, and what of that the samples can tell."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from harness.errors import UsageError
from harness.results.load import Histograms, Latency, LoadSummary
from harness.results.load_store import LoadRun
from reports.load.hdr import Bucket, decode
from reports.load.limits import Standing, limits
from reports.load.noise import FEW, above, interval_ms, overlap
from reports.load.overview import AUDIT, PERCENTILES, Overview
from reports.load.units import change, ms, round_figure
from reports.text import one_line, plural

__all__ = [
    "CountChange",
    "LatencyChange",
    "LimitChange",
    "LoadDiff",
    "SettingChange",
    "Side",
    "compare",
    "render_diff",
]

# Raised when a reader of the older file could misread the newer; a field more is no reason.
DIFF_SCHEMA: Final = 1

READABLE: Final = "accepted to readable"

# Ours: what a sentence holds.
_NAMED: Final = 3


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Which run, and its answer."""

    path: str
    run: str
    target: str
    started_at: str
    verdict: str
    sentence: str


class LatencyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One percentile of one operation, in milliseconds; None where it was not measured.

    Attributes:
        percent: From old to new; None where there are not both, or nothing to divide by.
        note: What speaks against taking the difference for one of the target; empty where nothing is known to.
    """

    operation: str
    measure: str
    old_ms: float | None
    new_ms: float | None
    old_count: int
    new_count: int
    percent: float | None
    note: str = ""


class CountChange(msgspec.Struct, frozen=True, kw_only=True):
    """A count or a rate of the whole run; None where there is none."""

    name: str
    old: float | None
    new: float | None


class LimitChange(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: how it came out in each run, the gravest of its rounds; None where a run did not have it."""

    rule: str
    old: str | None
    new: str | None


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that differs."""

    key: str
    old: str | None
    new: str | None


class LoadDiff(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison, and its JSON.

    Attributes:
        worse: In words, what held in the old run and does not in the new: limits, and mail.
        remarks: What makes the two hard to compare.
    """

    schema: int = DIFF_SCHEMA
    kind: str = "load-diff"
    scenario: str
    old: Side
    new: Side
    sentence: str
    worse: list[str]
    remarks: list[str]
    figures: list[CountChange]
    latency: list[LatencyChange]
    errors: list[CountChange]
    audit: list[CountChange]
    limits: list[LimitChange]
    settings: list[SettingChange]


def compare(old: LoadRun, new: LoadRun) -> LoadDiff:
    """What changed from one run to another.

    Raises:
        UsageError: They are not runs of one scenario, or a histogram is damaged.
    """
    before, after = old.summary, new.summary
    if before.scenario != after.scenario:
        raise UsageError(
            f"{old.path} is a run of {one_line(before.scenario)}, {new.path} of {one_line(after.scenario)}: "
            "only runs of one scenario can be compared"
        )
    judged = _limits(before, after)
    audited = _audit(before, after)
    worse = _worse(judged, audited)
    latency = list(_latency(_Measured(old), _Measured(new)))
    return LoadDiff(
        scenario=before.scenario,
        old=_side(old),
        new=_side(new),
        sentence=_sentence(worse, latency, Overview(after).main_name),
        worse=worse,
        remarks=[*_remarks(before, after), *_unmeasured(judged)],
        figures=list(_figures(before, after)),
        latency=latency,
        errors=_counts(before.errors, after.errors),
        audit=audited,
        limits=judged,
        settings=_settings(before.settings, after.settings),
    )


def render_diff(diff: LoadDiff) -> str:
    """The comparison as JSON, for programs."""
    return msgspec.json.format(msgspec.json.encode(diff), indent=2).decode() + "\n"


@dataclass
class _Measured:
    """A run's latencies with the histograms behind them."""

    run: LoadRun

    @property
    def latencies(self) -> dict[str, Latency]:
        readable = self.run.summary.audit.readable_after_ms
        return {**self.run.summary.latency_ms, **({READABLE: readable} if readable.count else {})}

    def buckets(self, name: str) -> list[Bucket]:
        histograms: Histograms | None = self.run.histograms
        text = histograms.operations.get(name) if histograms else None
        return decode(text) if text else []


def _latency(old: _Measured, new: _Measured) -> Iterator[LatencyChange]:
    nothing = Latency(count=0)
    before, after = old.latencies, new.latencies
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name, nothing), after.get(name, nothing)
        buckets = (old.buckets(name), new.buckets(name))
        for measure in PERCENTILES:
            one, other = (getattr(latency, measure) if latency.count else None for latency in (was, now))
            yield LatencyChange(
                operation=name,
                measure=PERCENTILES[measure],
                old_ms=one,
                new_ms=other,
                old_count=was.count,
                new_count=now.count,
                percent=100 * (other - one) / one if one and other is not None else None,
                note=_note(measure, was, now, buckets) if one is not None and other is not None else "",
            )


def _note(measure: str, was: Latency, now: Latency, buckets: tuple[list[Bucket], list[Bucket]]) -> str:
    """Only what can be shown: the intervals of both meet, or hardly a sample stands behind one of them."""
    if getattr(was, measure) == getattr(now, measure):
        return ""
    if overlap(*(interval_ms(each, measure) for each in buckets)):
        return "within noise"
    fewest = min(above(was.count, measure), above(now.count, measure))
    return f"rests on {plural(fewest, 'sample')}" if fewest < FEW else ""


def _figures(old: LoadSummary, new: LoadSummary) -> Iterator[CountChange]:
    yield CountChange(name="sessions/s asked for", old=old.arrivals.asked_per_s, new=new.arrivals.asked_per_s)
    yield CountChange(name="sessions/s made", old=old.arrivals.made_per_s, new=new.arrivals.made_per_s)
    yield CountChange(name="sessions completed", old=old.completed, new=new.completed)
    yield CountChange(name="errors", old=sum(old.errors.values()), new=sum(new.errors.values()))
    if old.capacity_per_s is not None or new.capacity_per_s is not None:
        yield CountChange(name="capacity, sessions/s", old=old.capacity_per_s, new=new.capacity_per_s)
    if old.target.processes or new.target.processes:
        cpu_s = (sum(process.cpu_s for process in each.target.processes) for each in (old, new))
        yield CountChange(name="CPU of the target, s", **dict(zip(("old", "new"), cpu_s, strict=True)))


def _counts(old: Mapping[str, int], new: Mapping[str, int]) -> list[CountChange]:
    return [
        CountChange(name=name, old=old.get(name, 0), new=new.get(name, 0))
        for name in dict.fromkeys([*old, *new])
    ]


def _audit(old: LoadSummary, new: LoadSummary) -> list[CountChange]:
    if not (old.audit.done or new.audit.done):
        return []
    return [
        CountChange(
            name=words.name,
            old=getattr(old.audit, field) if old.audit.done else None,
            new=getattr(new.audit, field) if new.audit.done else None,
        )
        for field, words in AUDIT.items()
    ]


def _limits(old: LoadSummary, new: LoadSummary) -> list[LimitChange]:
    before, after = (
        {limit.rule.text: limit.standing.value for limit in limits(summary)} for summary in (old, new)
    )
    return [
        LimitChange(rule=rule, old=before.get(rule), new=after.get(rule))
        for rule in dict.fromkeys([*before, *after])
    ]


def _settings(old: Mapping[str, str], new: Mapping[str, str]) -> list[SettingChange]:
    return [
        SettingChange(key=key, old=old.get(key), new=new.get(key))
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def _worse(judged: list[LimitChange], audited: list[CountChange]) -> list[str]:
    """Limits that are newly broken, and more of what no target may do with mail, each said once."""
    broken = [one.rule for one in judged if one.new == Standing.BROKEN and one.old != Standing.BROKEN]
    grave = {words.name for words in AUDIT.values() if words.form == "broken"}
    subjects = {rule.split()[0] for rule in broken if rule.split()}
    more = [one for one in audited if one.name in grave - subjects and (one.new or 0) > (one.old or 0)]
    return [
        *(f"{one_line(rule)} is broken now" for rule in broken),
        *(f"{round_figure(one.new or 0)} {one.name}, {round_figure(one.old or 0)} before" for one in more),
    ]


def _unmeasured(judged: list[LimitChange]) -> Iterator[str]:
    gone = [one for one in judged if one.old == Standing.KEPT and one.new == Standing.NOT_MEASURED]
    if gone:
        yield f"Nothing was measured for {plural(len(gone), 'limit')} that held."


def _remarks(old: LoadSummary, new: LoadSummary) -> Iterator[str]:
    for word, summary in (("old", old), ("new", new)):
        if summary.generator.saturated or summary.verdict == "generator saturated":
            yield f"The generator of the {word} run was saturated: its figures are not the target's."
        if summary.verdict == "unfinished":
            yield f"The {word} run was not finished."
        if not summary.audit.done:
            yield f"The {word} run was not audited."
    asked = [summary.arrivals.asked_per_s for summary in (old, new)]
    if old.arrivals.mode != new.arrivals.mode:
        yield f"One load is {old.arrivals.mode}, the other {new.arrivals.mode}: latencies differ in meaning."
    elif asked[0] and abs(asked[1] / asked[0] - 1) > 0.05:
        yield (
            f"The load differs: {round_figure(asked[0])} sessions/s were asked for, {round_figure(asked[1])} now."
        )
    if old.target.name != new.target.name:
        yield f"The targets differ: {one_line(old.target.name)}, {one_line(new.target.name)} now."


def _sentence(worse: list[str], latency: list[LatencyChange], main: str) -> str:
    """The answer: what got worse, and how long the main operation takes now."""
    named = worse if len(worse) <= _NAMED else [*worse[: _NAMED - 1], f"and {len(worse) - _NAMED + 1} more"]
    said = f"{'; '.join(named)}." if worse else "Nothing that held is broken now."
    p95 = next((row for row in latency if row.operation == main and row.measure == "p95"), None)
    if p95 is None or p95.old_ms is None or p95.new_ms is None:
        return said
    by = f" ({change(p95.old_ms, p95.new_ms)})" if p95.old_ms else ""
    noise = f", {p95.note}" if p95.note else ""
    return f"{said} {one_line(main)} p95 went from {ms(p95.old_ms)} to {ms(p95.new_ms)}{by}{noise}."


def _side(run: LoadRun) -> Side:
    summary = run.summary
    return Side(
        path=str(run.path),
        run=summary.run,
        target=summary.target.name,
        started_at=summary.started_at,
        verdict=summary.verdict,
        sentence=summary.sentence,
    )
