"""Charts as data: shapes, axes, a legend, and the figures behind them; the template only writes them down.

A plot is `WIDTH` units wide, whatever it measures on a reader's screen, and `height` pixels high: shapes are
stretched to the page, while words, points and strokes keep their size. So one chart serves a telephone and paper.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from markupsafe import Markup

from reports.load.scales import Scale
from reports.text import printable

__all__ = [
    "WIDTH",
    "Chart",
    "Key",
    "Point",
    "Rule",
    "Shape",
    "Table",
    "area",
    "bars",
    "data_block",
    "joined",
    "stacked",
    "steps",
]

WIDTH: Final = 1000

# How far beyond the plot an area goes, so that its own edge is not seen there; in units of the plot.
_BEYOND: Final = 9

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Shape:
    """A path; `form` is its class in the style sheet."""

    form: str
    d: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across the plot, or up it, with its words; `at` is 0 to 1 along the axis that it marks."""

    form: str
    way: Literal["across", "up"]
    at: float
    words: str

    @property
    def percent(self) -> str:
        """How far from the left."""
        return f"{100 * self.at:.2f}%"

    @property
    def turned(self) -> bool:
        """Its words have no room to the right of it; a knee's leave that to the capacity, which is above it."""
        return self.at > (0.15 if self.form == "knee" else 0.7)


@dataclass(frozen=True, slots=True)
class Point:
    """A mark by itself; `form` says which, `x` and `y` are 0 to 1."""

    form: str
    x: float
    y: float
    says: str

    @property
    def percent(self) -> str:
        """How far from the left."""
        return f"{100 * self.x:.2f}%"


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: the form of what it explains, its name, and a figure for the whole run."""

    form: str
    name: str
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a chart, for who cannot see it; `says` tells how they were taken."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot.

    Attributes:
        says: What is to be seen, in a sentence.
        data: What a pointer reads out: `data_block`'s JSON.
    """

    key: str
    title: str
    says: str
    height: int
    x: Scale
    y: Scale
    x_title: str
    y_title: str
    shapes: tuple[Shape, ...]
    table: Table
    legend: tuple[Key, ...] = ()
    rules: tuple[Rule, ...] = ()
    points: tuple[Point, ...] = ()
    data: Markup | None = None

    def px(self, at: float) -> str:
        """Pixels from the top for a place on the upright axis."""
        return _short(self.height * (1 - at))


def steps(values: Values, edges: Sequence[float], y: Scale, height: int) -> str:
    """A line that keeps each value from its edge to the next; None is a gap.

    Args:
        edges: Units from the left, one more than there are values.
        height: Pixels of the plot.
    """
    return "".join(
        f"M{_short(edges[first])} {run[0]}" + "".join(_staircase(run, edges, first))
        for first, run in _runs(values, y, height)
    )


def area(values: Values, edges: Sequence[float], y: Scale, height: int) -> str:
    """What lies between such a line and the foot of the plot. Arguments as of `steps`."""
    foot = _short(height + _BEYOND)
    return "".join(
        f"M{_short(edges[first])} {foot}V{run[0]}" + "".join(_staircase(run, edges, first)) + f"V{foot}Z"
        for first, run in _runs(values, y, height)
    )


def stacked(layers: Sequence[Sequence[float]], edges: Sequence[float], y: Scale, height: int) -> list[str]:
    """Areas one upon the other, from the lowest; to be painted from the last to the first."""
    sums = [0.0] * (len(edges) - 1)
    paths = []
    for layer in layers:
        sums = [low + more for low, more in zip(sums, layer, strict=True)]
        paths.append(area([value or None for value in sums], edges, y, height))
    return paths


def bars(values: Sequence[float], edges: Sequence[float], y: Scale, height: int) -> str:
    """A bar for each value; one that is not 0 can always be seen."""
    parts = []
    for value, left, right in zip(values, edges, edges[1:], strict=False):
        if value:
            top = min(height * (1 - y.place(value)), height - 1.5)
            parts.append(f"M{_short(left)} {_short(height)}V{_short(top)}H{_short(right)}V{_short(height)}Z")
    return "".join(parts)


def joined(points: Iterable[tuple[float, float]], height: int) -> str:
    """A line from point to point; places are 0 to 1."""
    places = [f"{_short(WIDTH * x)} {_short(height * (1 - y))}" for x, y in points]
    return f"M{'L'.join(places)}" if places else ""


def data_block(data: dict[str, object]) -> Markup:
    """JSON that a page can hold in a script element: no mark-up in it, and nothing that acts."""
    text = json.dumps(_printable(data), separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704  no mark-up is left in it


def _printable(data: object) -> object:
    match data:
        case str():
            return printable(data)
        case dict():
            return {str(name): _printable(value) for name, value in data.items()}
        case list() | tuple():
            return [_printable(value) for value in data]
    return data


def _runs(values: Values, y: Scale, height: int) -> Iterator[tuple[int, list[str]]]:
    """Stretches without a gap: the first index, and where each value is, in pixels from the top."""
    for there, run in groupby(enumerate(values), key=lambda item: item[1] is not None):
        if there:
            items = list(run)
            yield (
                items[0][0],
                [_short(height * (1 - y.place(value))) for _, value in items if value is not None],
            )


def _staircase(run: Sequence[str], edges: Sequence[float], first: int) -> Iterator[str]:
    for offset, at in enumerate(run):
        if offset and at != run[offset - 1]:
            yield f"H{_short(edges[first + offset])}V{at}"
    yield f"H{_short(edges[first + len(run)])}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
