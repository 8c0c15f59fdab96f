"""The end of a run, in the terminal: no longer than a screen of 24 lines and 80 columns."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.results.model import Verdict
from harness.results.store import Run
from harness.spec.load import load_register
from harness.spec.model import Register
from reports.overview import EXIT_CODES, Overview, overview
from reports.text import number, one_line
from reports.words import COLUMNS

__all__ = ["print_summary"]

_LINES: Final = 24
_COLUMNS: Final = 80

_STYLES: Final[Mapping[str, str]] = {
    "violates": "bold red",
    "declines": "yellow",
    "undecided": "blue",
    "kept": "green",
}


def print_summary(run: Run, console: Console | None = None, *, register: Register | None = None) -> None:
    """Print verdict, areas, findings, where the files are and what the exit code means.

    Args:
        console: Where to; the terminal if None.
        register: What to hold the run against; the whole register if None.
    """
    console = console or Console()
    seen = overview(run, load_register() if register is None else register)
    width = min(console.width, _COLUMNS)
    top = [*_wrapped(console, Text(seen.headline, style="bold"), width, 3)]
    for remark in seen.remarks[:3]:
        top += _wrapped(console, Text("! " + remark, style="blue"), width, 1)
    table = _table(seen)
    bottom = _files(seen)
    # A blank line before the table, the findings and the files; the table has one line above its areas.
    room = _LINES - len(top) - len(bottom) - (table.row_count + 1) - 4
    console.print(*top, sep="\n", soft_wrap=True)
    console.print()
    console.print(table, width=width)
    findings = _findings(seen, max(room, 2), width)
    if findings:
        console.print()
        console.print(*findings, sep="\n", soft_wrap=True)
    console.print()
    console.print(*bottom, sep="\n", soft_wrap=True)


def _wrapped(console: Console, text: Text, width: int, most: int) -> Iterable[Text]:
    lines = list(text.wrap(console, width))
    if len(lines) > most:
        lines[most - 1].append(" …")
        lines[most - 1].truncate(width, overflow="ellipsis")
    return lines[:most]


def _table(seen: Overview) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True, style=_STYLES.get(column))
    for area in seen.areas:
        found = Counter(standing.state for standing in seen.standings if standing.area == area)
        counts = [sum(found[state] for state in states) for states in COLUMNS.values()]
        table.add_row(
            area, *(Text(number(count) if count else "·", style="" if count else "dim") for count in counts)
        )
    return table


def _findings(seen: Overview, room: int, width: int) -> list[Text]:
    found = [
        (verdict, standing, proof)
        for verdict in (Verdict.VIOLATES, Verdict.DECLINES)
        for standing, proof in seen.proofs(verdict)
    ]
    named = found if len(found) <= room else found[: room - 1]
    lines = []
    for verdict, standing, proof in named:
        line = Text.assemble(
            (f"{verdict.value} ", _STYLES[verdict.value]),
            f"{standing.id} ",
            one_line(standing.text or proof.check.title),
        )
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    if len(named) < len(found):
        lines.append(Text(f"… and {number(len(found) - len(named))} more", style="dim"))
    return lines


def _files(seen: Overview) -> list[Text]:
    code = seen.exit_code
    return [
        Text(f"Report: {one_line(str(seen.run.path))}/report.html (and junit.xml, summary.json, summary.md)"),
        Text(f"Exit code {code}, without a baseline: {EXIT_CODES[code]}"),
    ]
