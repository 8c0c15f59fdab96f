"""Latency against rate: each round that was judged by itself, the limit, and where it was met."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

from markupsafe import Markup

from harness.results.load import Latency, Round
from reports.load.charts import WIDTH, Chart, Key, Point, Rule, Shape, Table, data_block, joined
from reports.load.overview import PERCENTILES, Overview
from reports.load.scales import Linear, Log, counts, latencies
from reports.load.units import ms, per_s, round_figure, round_ms
from reports.text import number, one_line

__all__ = ["against_rate", "outcome"]

_LINES: Final = ("p99", "p95", "p50")
# A limit this much above the longest latency would squeeze what was measured.
_NEAR: Final = 20.0


def outcome(part: Round) -> str:
    """How a round came out: ``kept``, however busy the generator was, ``saturated`` where that was it, ``broken``."""
    return "kept" if part.kept else "saturated" if part.saturated else "broken"


def against_rate(overview: Overview) -> Chart | None:
    """The main operation's latency in each round; None where there are no two rates to be compared."""
    main, summary = overview.main, overview.summary
    if main is None:
        return None
    timed = [
        (part, part.latency_ms[main.name])
        for part in sorted(summary.rounds, key=lambda part: part.arrivals.asked_per_s)
        if main.name in part.latency_ms and part.latency_ms[main.name].count
    ]
    rates = sorted({part.arrivals.asked_per_s for part, _ in timed})
    if len(rates) < 2:
        return None
    bound = next((bound for bound in overview.bounds if bound.operation == main.name), None)
    field = next((field for field, name in PERCENTILES.items() if bound and name == bound.measure), "p95")
    longest = max(max(getattr(latency, line) for line in (*_LINES, field)) for _, latency in timed)
    near = bound if bound and bound.ms <= longest * _NEAR else None
    x = counts(rates[-1], round_figure, 6)
    y = latencies(min(latency.p50 for _, latency in timed), max(longest, near.ms if near else 0.0))
    height, lines = 280, tuple(dict.fromkeys([*_LINES, field]))
    return Chart(
        key="against-rate",
        title=f"{one_line(main.name)}: latency against rate",
        says=f"{PERCENTILES[field]} of each round against the sessions asked for per second.",
        height=height,
        x=x,
        y=y,
        x_title="sessions asked for per second",
        y_title="latency, by ratio",
        shapes=tuple(
            Shape(f"line {line}{' chief' if line == field else ''}", _curve(timed, line, x, y, height))
            for line in lines
        ),
        legend=(
            *(Key(f"line {line}{' chief' if line == field else ''}", PERCENTILES[line]) for line in lines),
            *(Key(form, form) for form in dict.fromkeys(outcome(part) for part, _ in timed)),
        ),
        rules=(
            *(
                [Rule("limit", "across", y.place(near.ms), f"limit {near.measure} {round_ms(near.ms)}")]
                if near
                else []
            ),
            *_upright(x, "capacity", summary.capacity_per_s, rates[-1]),
            *_upright(x, "knee", summary.knee_per_s, rates[-1]),
        ),
        points=tuple(
            Point(
                outcome(part),
                x.place(part.arrivals.asked_per_s),
                y.place(getattr(latency, field)),
                f"{one_line(part.label)}: {round_figure(part.arrivals.asked_per_s)}/s, "
                f"{PERCENTILES[field]} {ms(getattr(latency, field))}, {outcome(part)}",
            )
            for part, latency in timed
        ),
        table=Table(
            ("round", "asked for", "made", "done", *(PERCENTILES[line] for line in lines[::-1]), "came out"),
            tuple(
                (
                    one_line(part.label),
                    f"{round_figure(part.arrivals.asked_per_s)}/s",
                    f"{per_s(part.arrivals.made_per_s)}/s",
                    number(latency.count),
                    *(ms(getattr(latency, line)) for line in lines[::-1]),
                    outcome(part),
                )
                for part, latency in timed
            ),
            "Rounds by their rate. Where a rate was tried more than once, the lines go through the highest.",
        ),
        data=_nearest(timed, x, lines[::-1]),
    )


Timed = Sequence[tuple[Round, Latency]]


def _highest(timed: Timed, value: Callable[[Latency], float]) -> dict[float, float]:
    """By rate, in order, the highest value of its rounds."""
    highest: dict[float, float] = {}
    for part, latency in timed:
        rate = part.arrivals.asked_per_s
        highest[rate] = max(highest.get(rate, 0.0), value(latency))
    return highest


def _curve(timed: Timed, line: str, x: Linear, y: Log, height: int) -> str:
    curve = _highest(timed, attrgetter(line))
    return joined([(x.place(rate), y.place(value)) for rate, value in curve.items()], height)


def _upright(x: Linear, name: str, rate: float | None, highest: float) -> Iterable[Rule]:
    if rate is not None and rate <= highest:
        yield Rule(name, "up", x.place(rate), f"{name} {per_s(rate)}/s")


def _nearest(timed: Timed, x: Linear, lines: Sequence[str]) -> Markup:
    """What a pointer reads out: of the rate next to it."""
    by_line = {line: _highest(timed, attrgetter(line)) for line in lines}
    rates = list(by_line[lines[0]])
    between = [(low + high) / 2 for low, high in pairwise(rates)]
    edges = [0.0, *between, x.high]
    rows = [[PERCENTILES[line], "ms", list(curve.values())] for line, curve in by_line.items()]
    return data_block(
        {
            "edges": [round(WIDTH * x.place(edge), 1) for edge in edges],
            "at": [round(WIDTH * x.place(rate), 1) for rate in rates],
            "labels": [f"{round_figure(rate)}/s" for rate in rates],
            "rows": rows,
        }
    )
