"""What one sees while a load run goes on: one line of figures and a bar, or plain lines where nobody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from harness.results.load import LiveFigures
from reports.text import number, one_line

__all__ = ["Screen", "figures_line", "live_screen"]

# Ours: so often a log gets a line while nothing else changes.
_PLAIN_EVERY_S: Final = 10.0


class Screen(Protocol):
    """Shows figures as they come, and what is to be said beside them."""

    def show(self, figures: LiveFigures) -> None: ...
    def say(self, text: str) -> None: ...


@contextmanager
def live_screen(console: Console | None = None, clock: Callable[[], float] = monotonic) -> Iterator[Screen]:
    """The screen on stderr; its line is gone when the run has ended. `clock` is in seconds."""
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainLines(console, clock)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield _OneLine(bar)


def figures_line(figures: LiveFigures) -> str:
    """The figures of one moment in words."""
    if figures.state == "waiting":
        return "until the generator is ready"
    if figures.state == "auditing":
        return f"found {number(figures.found)} of {number(figures.owed)} owed"
    words = [f"{figures.rate_per_s:.1f}/s", f"{number(figures.completed)} done"]
    words += [f"{number(figures.failed)} failed", f"{number(figures.active)} active"]
    if figures.main_operation:
        words.append(f"{figures.main_operation} p95 {figures.p95_ms:,.3g} ms")
    if figures.late:
        words.append(f"{number(figures.late)} LATE")
    return "  ".join(words)


def _clock(at_s: float) -> str:
    minutes, seconds = divmod(int(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _stage(figures: LiveFigures) -> str:
    """Where the run stands: ``100% 0:23 of 1:00``."""
    if figures.state != "running":
        return figures.state
    of = f" of {_clock(figures.of_s)}" if figures.of_s else ""
    label = "running" if figures.phase == "all" else figures.phase
    return one_line(f"{label} {_clock(figures.at_s)}{of}")


class _OneLine:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID = bar.add_task("starting", total=None, figures="")

    def show(self, figures: LiveFigures) -> None:
        if figures.message:
            self.say(figures.message)
        done, whole = figures.at_s, figures.of_s
        if figures.state == "auditing":
            done, whole = figures.found, figures.owed
        self._bar.update(
            self._task,
            description=_stage(figures),
            completed=done,
            total=whole or None,
            figures=figures_line(figures),
        )

    def say(self, text: str) -> None:
        self._bar.console.print(one_line(text), markup=False)


class _PlainLines:
    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._said: tuple[str, str] = ("", "")
        self._next_s = 0.0

    def show(self, figures: LiveFigures) -> None:
        if figures.message:
            self.say(figures.message)
        stage = (figures.state, figures.phase)
        now_s = self._clock()
        if figures.state != "done" and (stage != self._said or now_s >= self._next_s):
            self._said = stage
            self._next_s = now_s + _PLAIN_EVERY_S
            self.say(f"{_stage(figures)}: {figures_line(figures)}")

    def say(self, text: str) -> None:
        self._console.print(one_line(text), markup=False, soft_wrap=True)
