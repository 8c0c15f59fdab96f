"""The run over time: arrivals against completions, sessions going on, errors by class, latency as bands."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from harness.results.load import Interval, OperationInterval, Series
from reports.load.charts import (
    WIDTH,
    Chart,
    Key,
    Rule,
    Shape,
    Table,
    area,
    data_block,
    stacked,
    steps,
)
from reports.load.limits import Bound
from reports.load.pooling import BANDS, pooled
from reports.load.scales import counts, latencies, seconds
from reports.load.units import ms, round_figure, round_ms
from reports.text import number, one_line, plural

__all__ = ["Curves"]

# Ours: a screen shows no more points side by side, and a page carries no more of them for all its operations.
_POINTS: Final = 1000
_ALL_POINTS: Final = 15_000
# Ours: rows of the table behind a chart; the file beside the page has all.
_ROWS: Final = 40
# Ours: error classes with a colour of their own.
_CLASSES: Final = 6
# A limit this much above the longest latency would squeeze what was measured.
_NEAR: Final = 20.0


class Curves:
    """What can be drawn of a series; all its charts share one time axis.

    Args:
        operations: How many of them will be drawn.
    """

    def __init__(self, series: Series, operations: int) -> None:
        most = min(_POINTS, _ALL_POINTS // max(operations, 1))
        self._series: Final = pooled(series, most)
        self._behind: Final = pooled(series, _ROWS)
        self._pooled = -(-len(series.intervals) // most)
        self._interval_s = series.interval_s
        starts = [interval.at_s for interval in self._series.intervals]
        self._ends = [*starts[1:], starts[-1] + self._series.interval_s] if starts else []
        self._x: Final = seconds(starts[0], self._ends[-1]) if starts else seconds(0, 1)
        self._edges: Final = [WIDTH * self._x.place(at) for at in [*starts[:1], *self._ends]] or [0.0]

    def __bool__(self) -> bool:
        """Whether there is anything to be drawn."""
        return bool(self._series.intervals)

    @property
    def times(self) -> Markup:
        """The time axis of all charts for a pointer: edges in units of the plot, and what each stretch is called."""
        labels = [_stamp(interval.at_s) for interval in self._series.intervals]
        return data_block({"edges": [round(edge, 1) for edge in self._edges], "labels": labels})

    def arrivals(self, marks: Iterable[tuple[float, str]] = ()) -> Chart:
        """Sessions asked for, begun, completed and failed.

        Args:
            marks: Moments to be marked, seconds into the run, with their words.
        """
        rows: list[tuple[str, str, Callable[[Interval], int]]] = [
            ("due", "asked for", lambda interval: interval.due),
            ("begun", "begun", lambda interval: interval.begun),
            ("completed", "completed", lambda interval: interval.completed),
            ("failed", "failed", lambda interval: interval.failed),
        ]
        values = {form: self._rates(count) for form, _, count in rows}
        y, height = counts(max(map(max, values.values())), round_figure), 220
        draw = {"due": area, "failed": area}
        return Chart(
            key="arrivals",
            title="Arrivals against completions",
            says="Sessions asked for by the schedule, begun, completed and failed, over the run.",
            height=height,
            x=self._x,
            y=y,
            x_title="into the run",
            y_title="sessions per second",
            shapes=tuple(
                Shape(form, draw.get(form, steps)(values[form], self._edges, y, height))
                for form in ("due", "failed", "begun", "completed")
            ),
            legend=tuple(Key(form, name) for form, name, _ in rows),
            rules=tuple(Rule("event", "up", self._x.place(at), one_line(words)) for at, words in marks),
            table=self._table(
                ("asked for", "begun", "completed", "failed"),
                lambda interval: [number(count(interval)) for _, _, count in rows],
                "Sessions in each stretch of the run.",
            ),
            data=data_block({"rows": [[name, "per_s", values[form]] for form, name, _ in rows]}),
        )

    def active(self) -> Chart:
        """Sessions that went on at the end of each interval."""
        values = [interval.active for interval in self._series.intervals]
        y, height = counts(max(values), round_figure, 2, least_step=1), 80
        return Chart(
            key="active",
            title="Sessions going on",
            says="How many sessions went on at once, over the run.",
            height=height,
            x=self._x,
            y=y,
            x_title="into the run",
            y_title="sessions at once",
            shapes=(
                Shape("due", area(values, self._edges, y, height)),
                Shape("begun", steps(values, self._edges, y, height)),
            ),
            table=self._table(
                ("going on",),
                lambda interval: [number(interval.active)],
                "The most at the end of an interval.",
            ),
            data=data_block({"rows": [["going on", "n", values]]}),
        )

    def errors(self, totals: Mapping[str, int]) -> Chart | None:
        """Errors by class, one upon the other; None where there were none.

        Args:
            totals: Of the whole run, by class.
        """
        seen = Counter[str]()
        for interval in self._series.intervals:
            seen.update(interval.errors)
        named = [name for name, count in seen.most_common(_CLASSES) if count]
        if not named:
            return None
        rest = [name for name, count in seen.items() if count and name not in named]
        groups = [(f"e{place}", one_line(name), [name]) for place, name in enumerate(named)]
        if rest:
            groups.append(("rest", plural(len(rest), "other class", "other classes"), rest))
        layers = [self._rates(_errors_of(classes)) for _, _, classes in groups]
        y, height = counts(max(map(sum, zip(*layers, strict=True))), round_figure, 3), 150
        paths = stacked(layers, self._edges, y, height)
        forms = [form for form, _, _ in groups]
        return Chart(
            key="errors-over-time",
            title="Errors over time",
            says="Errors by class, one upon the other, over the run.",
            height=height,
            x=self._x,
            y=y,
            x_title="into the run",
            y_title="errors per second",
            shapes=tuple(Shape(form, path) for form, path in zip(forms[::-1], paths[::-1], strict=True)),
            legend=tuple(
                Key(form, name, number(sum(totals.get(one, 0) for one in classes)))
                for form, name, classes in groups
            ),
            table=self._table(
                tuple(name for _, name, _ in groups),
                lambda interval: [number(_errors_of(classes)(interval)) for _, _, classes in groups],
                "Errors in each stretch of the run.",
            ),
            data=data_block(
                {"rows": [[group[1], "per_s", layer] for group, layer in zip(groups, layers, strict=True)]}
            ),
        )

    def latency(self, name: str, key: str, bounds: Sequence[Bound] = ()) -> Chart | None:
        """One operation's percentiles as bands; None where it never succeeded."""
        seen = [interval.operations.get(name) for interval in self._series.intervals]
        timed = [one if one and one.count else None for one in seen]
        there = [one for one in timed if one]
        if not there:
            return None
        longest = max(one.max for one in there)
        drawn = [bound for bound in bounds if bound.ms <= longest * _NEAR]
        y = latencies(min(one.p50 for one in there), max([longest, *(bound.ms for bound in drawn)]))
        height = 240
        values = {band: [getattr(one, band) if one else None for one in timed] for band in BANDS}
        bands = [Shape(f"band {band}", area(values[band], self._edges, y, height)) for band in BANDS]
        return Chart(
            key=key,
            title="Latency over time",
            says=f"Percentiles of {one_line(name)} over the run.",
            height=height,
            x=self._x,
            y=y,
            x_title="into the run",
            y_title="latency, by ratio",
            shapes=(*bands, Shape("median", steps(values["p50"], self._edges, y, height))),
            legend=(
                Key("median", "p50"),
                *(Key(f"band {band}", f"to {band}") for band in ("p90", "p95", "p99", "max")),
            ),
            rules=tuple(
                Rule("limit", "across", y.place(bound.ms), f"limit {bound.measure} {round_ms(bound.ms)}")
                for bound in drawn
            ),
            table=self._table(
                ("done", "failed", *BANDS[::-1]),
                lambda interval: _row(interval.operations.get(name)),
                "Counts of each stretch of the run, and the highest of each percentile in it.",
            ),
            data=data_block(
                {
                    "rows": [
                        *([band, "ms", values[band]] for band in BANDS[::-1]),
                        ["done", "n", [one.count if one else 0 for one in seen]],
                        ["failed", "n", [one.failed if one else 0 for one in seen]],
                    ]
                }
            ),
        )

    @property
    def remark(self) -> str:
        """How the points were made of the run's intervals."""
        interval = f"{round_figure(self._interval_s)} s"
        if self._pooled <= 1:
            return f"Drawn in intervals of {interval}."
        return (
            f"Each point stands for {self._pooled} intervals of {interval}: their rate, and the highest of each "
            "percentile; series.json has them all."
        )

    def _rates(self, count: Callable[[Interval], int]) -> list[float]:
        return [count(interval) / self._series.interval_s for interval in self._series.intervals]

    def _table(self, head: tuple[str, ...], row: Callable[[Interval], Iterable[str]], says: str) -> Table:
        rows = tuple((_stamp(interval.at_s), *row(interval)) for interval in self._behind.intervals)
        return Table(("from", *head), rows, says)


def _row(one: OperationInterval | None) -> list[str]:
    if one is None or not one.count:
        return ["0", number(one.failed if one else 0), *[""] * len(BANDS)]
    return [number(one.count), number(one.failed), *(ms(getattr(one, band)) for band in BANDS[::-1])]


def _errors_of(classes: Iterable[str]) -> Callable[[Interval], int]:
    return lambda interval: sum(interval.errors.get(name, 0) for name in classes)


def _stamp(at_s: float) -> str:
    """A moment of the run: ``12 s``, ``2:05 min``, ``1:02:05 h``."""
    if at_s < 60:
        return f"{at_s:.3g} s"
    minutes, second = divmod(round(at_s), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02} h" if hours else f"{minute}:{second:02} min"
