"""The life of a message in the terminal: numbered steps, each with the octets that moved it."""

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from harness.results.life import Direction, Life, Stage, Standing, Step
from reports.life.shown import STAGES, Gap, Row, duration, figures, rows, since_before, standing
from reports.text import one_line, plural, printable

__all__ = ["print_life"]

_COLOURS: Final = {Standing.WAITING: "yellow", Standing.FAILED: "red"}
_STAGE_COLOURS: Final = {
    Stage.DNS: "magenta",
    Stage.ROUTE: "magenta",
    Stage.QUEUE: "cyan",
    Stage.FILTER: "cyan",
    Stage.NETWORK: "cyan",
    Stage.MDA: "green",
    Stage.MAILBOX: "green",
    Stage.DSN: "yellow",
}
_SPOKEN: Final = {
    Direction.SENT: (">", "blue"),
    Direction.RECEIVED: ("<", ""),
    Direction.NOTE: ("-", "dim italic"),
}
_INDENT: Final = 4
_LEAST_WIDTH: Final = 20
# Ours: a shorter pause is none.
_PAUSE_US: Final = 500
# Ours: display lines of one write; a message is shown by its beginning, and --html and --json have more.
_LINES: Final = 40


def print_life(life: Life, console: Console | None = None, *, octets: bool = True) -> None:
    """Print every step, then how it ended and the life in numbers.

    Args:
        console: Where to; the terminal if None.
        octets: What moved, too; else a step is its words alone.
    """
    console = console or Console(highlight=False)
    _say(console, Text(f"{one_line(life.sender)} to {one_line(life.recipient)}", style="bold"))
    where = [f"World: {one_line(life.world)}"]
    where += [f"{one_line(host)} is down" for host in life.down]
    where += [f"{one_line(host)} is slow" for host in life.slow]
    _say(console, Text(", ".join(where), style="dim"))
    if not octets:
        console.print()
    for step, pause_us in zip(life.steps, since_before(life), strict=True):
        if octets:
            console.print()
        _print_step(console, step, pause_us, octets=octets)
    console.print()
    _say(console, Text(one_line(life.says), style="bold"))
    _say(console, Text(", ".join(f"{value} {name}" for name, value in figures(life)), style="dim"))


def _print_step(console: Console, step: Step, pause_us: int, *, octets: bool) -> None:
    colour = _COLOURS.get(step.standing, _STAGE_COLOURS.get(step.stage, "blue"))
    word = standing(step)
    heading = Text.assemble(
        (f"{step.number:>2}  ", "bold"),
        (STAGES[step.stage], f"bold {colour}"),
        (f" ({word})" if word else "", colour),
        f"  {one_line(step.title)}",
        (f"  {duration(step.at_us)}", "dim"),
        (f", {duration(pause_us)} after the one before" if pause_us >= _PAUSE_US else "", "dim"),
    )
    _say(console, heading)
    way = Text(one_line(step.said))
    if step.answered:
        way.append(f" -> {one_line(step.answered)}", colour if step.standing is not Standing.DONE else "")
    if step.lasted_us:
        way.append(f"  in {duration(step.lasted_us)}", "dim")
    _say(console, way, _INDENT)
    if not octets:
        return
    for fact in step.facts:
        _say(console, Text(f"* {one_line(fact)}"), _INDENT)
    for line in _octets(step):
        _say(console, line, _INDENT)


def _octets(step: Step) -> Iterator[Text]:
    for row in rows(step):
        if isinstance(row, Gap):
            yield Text(f"  {plural(row.writes, 'more write')}, {plural(row.octets, 'octet')}", style="dim")
        else:
            yield from _row(row)


def _row(row: Row) -> Iterator[Text]:
    mark, style = _SPOKEN[row.direction]
    if row.turns_tls:
        yield Text("TLS from here" if row.tls else "in clear from here", style="dim")
    if row.text:
        lines = printable(row.text).split("\n")
    else:
        lines = ["".join(text for _, text in line).removesuffix("\\r\\n") for line in row.lines]
    for line in lines[:_LINES]:
        yield Text(f"{mark} {line}", style=style)
    hidden = [plural(len(lines) - _LINES, "more line")] if len(lines) > _LINES else []
    hidden += [plural(row.left_out, "more octet")] if row.left_out else []
    if hidden:
        yield Text(f"{mark} … {', '.join(hidden)}", style="dim")


def _say(console: Console, text: Text, indent: int = 0) -> None:
    """Text, folded to the terminal where it is indented."""
    if not indent:
        console.print(text, soft_wrap=True)
        return
    for line in text.wrap(console, max(console.width - indent, _LEAST_WIDTH), tab_size=8):
        line.rstrip()
        console.print(Text(" " * indent).append_text(line), soft_wrap=True)
