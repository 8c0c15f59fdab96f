"""The end of a load run, in the terminal: a screen of 24 lines and 80 columns, as far as its words allow."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from harness.results.load_store import LoadRun
from reports.load.files import LOAD_PAGE
from reports.load.limits import Limit, Standing, shown_value, standing
from reports.load.overview import AUDIT, PERCENTILES, Operation, Overview
from reports.load.units import ms, per_s, round_figure
from reports.text import number, one_line, plural

__all__ = ["print_load_summary"]

_LINES: Final = 24
_COLUMNS: Final = 80
# Ours: so many of each fit one screen together.
_HEADLINE: Final = 5
_REMARKS: Final = 2
_LIMITS: Final = 5
_ROUNDS: Final = 3
_OPERATIONS: Final = 6
_WORD: Final = 13
_LEAST_NAME: Final = 8

_STYLES: Final = {
    Standing.KEPT: "green",
    Standing.BROKEN: "bold red",
    Standing.NOT_MEASURED: "yellow",
}
_GRAVEST: Final = (Standing.BROKEN, Standing.NOT_MEASURED, Standing.KEPT)
_FORMS: Final = {"kept": "green", "broken": "bold red", "warned": "yellow", "open": "yellow"}
_SHOWN: Final = ("p50", "p95", "p99", "p999", "max")


def print_load_summary(run: LoadRun, console: Console | None = None) -> None:
    """Print the answer, what stands against it, limits, main latencies, the audit, and where the page is.

    Args:
        console: Where to; the terminal if None.
    """
    console = console or Console(highlight=False)
    overview = Overview(run.summary)
    width = min(console.width, _COLUMNS)
    before = [list(_top(console, overview, width)), list(_limits(console, overview.limits, width))]
    after = [
        list(_bottom(console, overview, width)),
        [Text(f"Report: {one_line(str(run.path))}/{LOAD_PAGE}")],
    ]
    # A blank line after each part, and the table's head.
    room = _LINES - sum(len(part) + 1 for part in (*before, *after) if part) - 1
    parts = [*before, _latencies(overview, width, max(room, 1)), *after]
    for place, part in enumerate(part for part in parts if part):
        if place:
            console.print()
        console.print(*part, sep="\n", soft_wrap=True)


def _top(console: Console, overview: Overview, width: int) -> Iterator[Text]:
    yield from _folded(console, Text(one_line(overview.headline), style="bold"), width, _HEADLINE)
    unsaid = [warning for warning in overview.warnings if warning not in overview.headline]
    for place, warning in enumerate(unsaid[:_REMARKS]):
        yield from _folded(
            console, Text(f"! {one_line(warning)}", "bold red" if not place else "red"), width, 2
        )
    remarks = overview.remarks
    for remark in remarks[:_REMARKS]:
        yield from _folded(console, Text(f"! {one_line(remark)}", "yellow"), width, 2)
    if len(remarks) > _REMARKS:
        yield Text(f"! {plural(len(remarks) - _REMARKS, 'more remark')} in the report", "yellow")


def _limits(console: Console, limits: Sequence[Limit], width: int) -> Iterator[Text]:
    """Every limit, or, if there is not room for all, the broken ones first."""
    shown = (
        limits if len(limits) <= _LIMITS else sorted(limits, key=lambda limit: _GRAVEST.index(limit.standing))
    )
    for limit in shown[:_LIMITS]:
        style = _STYLES[limit.standing]
        said = Text(one_line(limit.rule.text)).append_text(_values(limit))
        for place, line in enumerate(_folded(console, said, width - _WORD, 2)):
            line.rstrip()
            yield Text(f"{'' if place else limit.standing.value:<{_WORD}}", style).append_text(line)
    if len(limits) > _LIMITS:
        yield Text(f"… and {plural(len(limits) - _LIMITS, 'more limit')}", "dim")


def _values(limit: Limit) -> Text:
    """What was measured: in each round where they are few, else in how many it held."""
    if len(limit.judged) > _ROUNDS:
        kept = sum(judged.kept is True for judged in limit.judged)
        return Text(
            f"  held in {number(kept)} of {plural(len(limit.judged), 'round')}", _STYLES[limit.standing]
        )
    values = Text()
    for judged in limit.judged:
        if value := shown_value(judged):
            where = (
                f"{one_line(judged.round)}: " if judged.round else "in all: " if len(limit.judged) > 1 else ""
            )
            values.append(f"  {where}{value}", _STYLES[standing(judged.kept)])
    return values


def _latencies(overview: Overview, width: int, most: int) -> list[Text]:
    if not overview.operations:
        return []
    rows = [("", "done", "failed", *(PERCENTILES[field] for field in _SHOWN))]
    for operation in _foremost(overview)[: min(most, _OPERATIONS)]:
        latency = operation.latency
        times = [ms(getattr(latency, field)) if latency.count else "" for field in _SHOWN]
        rows.append((one_line(operation.name), number(latency.count), number(operation.failed), *times))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    names = max(min(widths[0], width - sum(widths[1:]) - 2 * len(widths[1:])), _LEAST_NAME)
    lines = []
    for place, (name, *figures) in enumerate(rows):
        first = Text(name, "" if place else "dim")
        first.truncate(names, overflow="ellipsis", pad=True)
        cells = "".join(f"  {cell:>{size}}" for cell, size in zip(figures, widths[1:], strict=True))
        lines.append(first.append(cells, "" if place else "dim"))
    return lines


def _foremost(overview: Overview) -> list[Operation]:
    """The main one, those with limits, and then the others in their order."""
    bound = {bound.operation for bound in overview.bounds}
    return sorted(
        overview.operations,
        key=lambda one: (one.name != overview.main_name, one.name not in bound),
    )


def _bottom(console: Console, overview: Overview, width: int) -> Iterator[Text]:
    summary, arrivals = overview.summary, overview.summary.arrivals
    made = f"Arrivals: {per_s(arrivals.made_per_s)}/s made"
    if arrivals.mode == "open":
        made += f" of {round_figure(arrivals.asked_per_s)}/s asked, {number(arrivals.late)} late"
    sessions = f"; {plural(summary.completed, 'session')} completed, {plural(overview.errors, 'error')}"
    yield from _folded(console, Text(made + sessions), width, 2)
    yield from _folded(console, _audit(overview), width, 2)


def _audit(overview: Overview) -> Text:
    audit = overview.summary.audit
    if not audit.done:
        return Text("Audit: not made; nothing is said of lost mail", "yellow")
    line = Text(f"Audit: {number(audit.owed)} owed, {number(audit.found_once)} found once")
    for field, words in AUDIT.items():
        count: int = getattr(audit, field)
        if field in ("lost", "duplicated") or (count and words.form not in ("plain", "kept")):
            line.append(", ").append(f"{number(count)} {words.name}", _FORMS[words.form] if count else "")
    return line


def _folded(console: Console, text: Text, width: int, most: int) -> list[Text]:
    lines = list(text.wrap(console, width))
    if len(lines) > most:
        lines[most - 1].append(" …")
        lines[most - 1].truncate(width, overflow="ellipsis")
    return lines[:most]
