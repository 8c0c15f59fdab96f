"""The life of a message as one page: a sequence diagram whose arrows open to the octets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from harness.results.life import Direction, Lane, LaneKind, Life, Standing, Step
from reports.html.frame import asset, environment, policy
from reports.life.shown import (
    STAGES,
    Gap,
    Row,
    duration,
    figures,
    hex_lines,
    rows,
    since_before,
    standing,
)
from reports.text import one_line

__all__ = ["render"]

# Ours: a pause that a reader should see as one.
_PAUSE_US: Final = 1_000_000

_JOINTS: Final = re.compile(r"(?<=[.@])(?=\w)")


@dataclass(frozen=True, slots=True)
class Mark:
    """An arrow between two lifelines, its words, or a note on one lifeline.

    Each lane is two columns of the grid, so that a lifeline is a grid line: `begin` and `end` are grid lines.
    """

    form: str
    words: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A step as the page has it; `pause` is how long nothing happened before it, ``""`` for no time to speak of."""

    step: Step
    stage: str
    standing: str
    at: str
    lasted: str
    pause: str
    marks: tuple[Mark, ...]
    rows: tuple[Row | Gap, ...]
    who: str
    peer: str


class Page:
    """What the template asks while it is filled in."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.lanes = _lanes(life)
        self._places = {lane.name: place for place, lane in enumerate(self.lanes)}
        self._short = {lane.name: lane.short for lane in self.lanes}
        self.figures = figures(life)
        self.entries = [
            self._entry(step, pause) for step, pause in zip(life.steps, since_before(life), strict=True)
        ]

    def short(self, name: str) -> str:
        """A lane's name where there is little room."""
        return self._short.get(name, name)

    def _entry(self, step: Step, pause_us: int) -> Entry:
        return Entry(
            step=step,
            stage=STAGES[step.stage],
            standing=standing(step),
            at=duration(step.at_us),
            lasted=duration(step.lasted_us) if step.lasted_us else "",
            pause=duration(pause_us) if pause_us >= _PAUSE_US else "",
            marks=tuple(self._marks(step)),
            rows=tuple(rows(step)),
            who=self.short(step.actor),
            peer=self.short(step.peer),
        )

    def _marks(self, step: Step) -> Iterator[Mark]:
        here, there = self._places[step.actor], self._places.get(step.peer)
        if there is None or there == here:
            yield Mark(self._box(here), step.said, max(1, 2 * here), min(self._last, 2 * here + 4))
            return
        heard = any(moved.direction is Direction.RECEIVED for moved in step.moved)
        lost = step.standing is not Standing.DONE and not heard
        out, back = ("right", "left") if here < there else ("left", "right")
        begin, end = sorted((2 * here + 2, 2 * there + 2))
        words = f"{step.said}: {step.answered}" if lost and step.answered else step.said
        forms = [(f"{out} lost" if lost else out, words)]
        if step.answered and not lost:
            forms.append((f"{back} reply", step.answered))
        for form, said in forms:
            yield Mark(f"words {form}", said, *self._room(begin, end))
            yield Mark(f"stroke {form}", "", begin, end)

    def _box(self, place: int) -> str:
        edge = {0: " first", len(self.lanes) - 1: " last"}.get(place, "")
        return f"words box{edge}"

    def _room(self, begin: int, end: int) -> tuple[int, int]:
        """Grid lines for words over an arrow: up to a lane more on each side, as far as there is one on both."""
        more = min(2, begin - 1, self._last - end)
        return begin - more, end + more

    @property
    def _last(self) -> int:
        return 2 * len(self.lanes) + 1


def render(life: Life) -> str:
    """The page as text; the same life gives the same page."""
    page = Page(life)
    style, script = asset("base.css", "life.css") + _columns(len(page.lanes)), asset("theme.js", "life.js")
    return (
        _environment()
        .get_template("life.html.j2")
        .render(
            page=page,
            life=life,
            style=Markup(style),  # noqa: S704  our own files, not the life's
            script=Markup(script),  # noqa: S704  our own files, not the life's
            policy=policy(style, script),
        )
    )


@cache
def _environment() -> Environment:
    made = environment()
    made.filters |= {"hex_lines": hex_lines, "ms": _ms, "breakable": _breakable}
    made.tests |= {"gap": lambda row: isinstance(row, Gap)}
    return made


def _ms(us: int) -> str:
    return f"{us / 1000:,.1f}"


def _breakable(text: str) -> Markup:
    """One line that may be broken behind the dots and the @ of names, and nowhere else in them."""
    return Markup("<wbr>").join(_JOINTS.split(one_line(text)))


def _lanes(life: Life) -> list[Lane]:
    """The lanes, and one more for each party that the steps name beside them."""
    known = {lane.name for lane in life.lanes}
    named = dict.fromkeys(name for step in life.steps for name in (step.actor, step.peer) if name)
    return [
        *life.lanes,
        *(Lane(name=name, short=name, kind=LaneKind.HOST) for name in named if name not in known),
    ]


def _columns(lanes: int) -> str:
    """The grid of so many lanes. No element has a style of its own: the policy allows the one style sheet only."""
    lines = range(1, 2 * lanes + 2)
    return (
        f":root{{--lanes:{lanes}}}\n"
        + "".join(f".f{line}{{grid-column-start:{line}}}.t{line}{{grid-column-end:{line}}}" for line in lines)
        + "\n"
    )
