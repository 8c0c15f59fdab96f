"""Two load runs side by side, as one page."""

from dataclasses import dataclass
from functools import cache
from itertools import groupby
from math import log2

from jinja2 import Environment
from markupsafe import Markup

from reports.html.frame import asset, environment, policy
from reports.load import units
from reports.load.diff import LatencyChange, LoadDiff

__all__ = ["render_diff_page"]

# A bar is full where the new value is this many times the old one, or that part of it.
_FULL_TIMES = 4.0


@dataclass(frozen=True, slots=True)
class Row:
    """A percentile, and its bar: where it begins and how long it is, of 100; 50 is no change."""

    change: LatencyChange
    form: str
    begin: float
    length: float


class Page:
    """What the template asks while it is filled in."""

    def __init__(self, diff: LoadDiff) -> None:
        self.diff = diff

    @property
    def operations(self) -> list[tuple[str, list[Row]]]:
        """Each operation with its percentiles."""
        return [
            (name, [_row(change) for change in changes])
            for name, changes in groupby(self.diff.latency, key=lambda change: change.operation)
        ]


def render_diff_page(diff: LoadDiff) -> str:
    """The page as text; the same comparison gives the same page."""
    style, script = asset("base.css", "load.css", "load_diff.css"), asset("theme.js")
    return (
        _environment()
        .get_template("load_diff.html.j2")
        .render(
            page=Page(diff),
            diff=diff,
            style=Markup(style),  # noqa: S704  our own files, not the runs'
            script=Markup(script),  # noqa: S704  our own files, not the runs'
            policy=policy(style, script),
        )
    )


@cache
def _environment() -> Environment:
    made = environment()
    made.filters |= {"ms": units.ms, "change": units.change, "round_figure": units.round_figure}
    return made


def _row(change: LatencyChange) -> Row:
    if not change.old_ms or not change.new_ms:
        return Row(change, "none", 50.0, 0.0)
    way = max(-1.0, min(1.0, log2(change.new_ms / change.old_ms) / log2(_FULL_TIMES)))
    form = "open" if change.note else "broken" if way > 0 else "kept"
    return Row(change, form, round(50 + 50 * min(way, 0.0), 2), round(50 * abs(way), 2))
