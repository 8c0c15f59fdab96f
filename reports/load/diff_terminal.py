"""Two load runs side by side, in the terminal."""

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.load.diff import CountChange, LatencyChange, LoadDiff
from reports.load.units import change, ms, round_figure
from reports.text import one_line

__all__ = ["print_diff"]

_ALSO: Final = ("p50", "p95", "p99", "p99.9", "max")
_LIMIT_STYLES: Final = {"kept": "green", "broken": "bold red", "not measured": "yellow"}
# Ours: less than this is no change to a reader's eye; it is told, without a colour.
_SMALL_PERCENT: Final = 5.0


def print_diff(diff: LoadDiff, console: Console | None = None) -> None:
    """Print which runs, the answer in one sentence, what makes them hard to compare, and the figures."""
    console = console or Console(highlight=False)
    for word, side in (("OLD", diff.old), ("NEW", diff.new)):
        _say(console, Text(f"{word}  {one_line(side.path)}: {one_line(side.target)}, {one_line(side.started_at)}, "
                           f"{one_line(side.verdict)}"))  # fmt: skip
    _say(console, Text(one_line(diff.sentence), "bold red" if diff.worse else "bold"))
    for remark in diff.remarks:
        _say(console, Text(f"! {one_line(remark)}", "yellow"))
    for setting in diff.settings:
        was, now = (
            one_line(value) if value is not None else "not set" for value in (setting.old, setting.new)
        )
        _say(console, Text(f"! {one_line(setting.key)}: {was}, {now} now", "dim"))
    for table in (_counts(diff), _latencies(diff), _limits(diff)):
        if table.row_count:
            console.print()
            console.print(table)


def _counts(diff: LoadDiff) -> Table:
    table = _table("", "old", "new", "change")
    changed = [count for count in (*diff.errors, *diff.audit) if count.old != count.new]
    for count in (*diff.figures, *changed):
        table.add_row(Text(one_line(count.name)), *_values(count))
    return table


def _values(count: CountChange) -> Iterator[Text]:
    for value in (count.old, count.new):
        yield Text("" if value is None else round_figure(value))
    yield Text(change(count.old, count.new) if count.old and count.new is not None else "")


def _latencies(diff: LoadDiff) -> Table:
    table = _table("operation", "", "old", "new", "change", "note")
    last = ""
    for row in diff.latency:
        if row.measure not in _ALSO or row.old_ms == row.new_ms is None:
            continue
        name, last = ("" if row.operation == last else one_line(row.operation)), row.operation
        table.add_row(Text(name), row.measure, _time(row.old_ms), _time(row.new_ms), _change(row), row.note)
    return table


def _time(value: float | None) -> str:
    return "" if value is None else ms(value)


def _change(row: LatencyChange) -> Text:
    if row.percent is None or row.old_ms is None or row.new_ms is None:
        return Text("")
    plain = row.note or abs(row.percent) < _SMALL_PERCENT
    return Text(change(row.old_ms, row.new_ms), "dim" if plain else "red" if row.percent > 0 else "green")


def _limits(diff: LoadDiff) -> Table:
    table = _table("limit", "old", "new")
    for limit in diff.limits:
        words = [word or "not set" for word in (limit.old, limit.new)]
        table.add_row(
            Text(one_line(limit.rule)), *(Text(word, _LIMIT_STYLES.get(word, "dim")) for word in words)
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for place, name in enumerate(columns):
        figures = name in ("old", "new", "change") and columns[0] != "limit"
        table.add_column(name, justify="right" if figures else "left", no_wrap=place > 0, overflow="fold")
    return table


def _say(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True)
