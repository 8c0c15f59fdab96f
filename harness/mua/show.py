"""A listing and a message on the screen. All of it was written by strangers, so all of it passes `screen`."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.mua.box import Box, Entry, Mark
from harness.mua.compose import Attachment
from harness.mua.opened import SealedLetter, print_seal, seal_as_data
from harness.mua.screen import escaped, line, safe

__all__ = [
    "entries_as_data",
    "letter_as_data",
    "octets_text",
    "print_attachments",
    "print_letter",
    "print_listing",
    "print_source",
]

_STYLES: Final = {Mark.UNREAD: "bold", Mark.DELETED: "dim strike"}
_SHOWN_FIELDS: Final = ("From", "To", "Cc", "Reply-To", "Date", "Subject")
# Ours: octets of a source that go to the screen.
_SOURCE_OCTETS: Final = 256 * 1024


def octets_text(octets: int) -> str:
    """A size for people: ``812``, ``12k``, ``3.4M``."""
    if octets < 1024:
        return str(octets)
    if octets < 1024 * 1024:
        return f"{octets / 1024:.0f}k"
    return f"{octets / 1024 / 1024:.1f}M"


def print_listing(
    console: Console, box: Box, entries: Iterable[Entry], *, deleted: Collection[int] = ()
) -> None:
    """A table of messages: number, marks, date, who from, what about, size."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("date", no_wrap=True)
    table.add_column("from", no_wrap=True, overflow="ellipsis", max_width=28)
    table.add_column("subject", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("size", justify="right", no_wrap=True)
    shown = 0
    for entry in entries:
        marks = entry.marks | {Mark.DELETED} if entry.number in deleted else entry.marks
        cells = (
            str(entry.number),
            "".join(mark for mark in Mark if mark in marks),
            _date(entry.date),
            line(_name(entry.sender), 60),
            line(entry.subject, 200) or "(no subject)",
            octets_text(entry.octets),
        )
        style = next((_STYLES[mark] for mark in (Mark.DELETED, Mark.UNREAD) if mark in marks), "")
        table.add_row(*(Text(cell) for cell in cells), style=style)
        shown += 1
    if shown:
        console.print(table)
    rest = box.count - shown
    more = f"; {shown} shown" if shown and rest > 0 else ""
    console.print(Text(f"{line(box.name)}: {_messages(box.count)}{more}", "dim"))


def print_letter(console: Console, number: int, read: SealedLetter) -> None:
    """What is said of a message's seal, then its header, text and attachments."""
    letter = read.letter
    print_seal(console, read.seal)
    for name in _SHOWN_FIELDS:
        text = letter.header.text(name)
        if name == "Date":
            date = letter.header.date
            text = date.strftime("%A, %d %B %Y, %H:%M (%z)") if date else text
        if text:
            console.print(Text.assemble((f"{name}: ", "cyan"), line(text)), soft_wrap=True)
    if letter.from_html:
        console.print(Text("(from HTML)", "dim"))
    console.print()
    if letter.text.strip():
        console.print(Text(safe(letter.text)), soft_wrap=True)
    if letter.attachments:
        console.print()
        print_attachments(console, number, letter.attachments)


def print_attachments(console: Console, number: int, attachments: Collection[Attachment]) -> None:
    """The attachments by number, name, type and size."""
    if not attachments:
        console.print(Text(f"message {number} has no attachments", "dim"))
    for place, each in enumerate(attachments, 1):
        about = f"  {line(each.media_type)}, {octets_text(len(each.octets))}"
        shown = Text.assemble((f"[{place}] ", "cyan"), line(each.name), (about, "dim"))
        console.print(shown, soft_wrap=True)


def print_source(console: Console, content: bytes) -> None:
    """A message as it came, escaped, a line for each of its lines."""
    for each in content[:_SOURCE_OCTETS].removesuffix(b"\r\n").split(b"\r\n"):
        console.print(Text(escaped(each)), soft_wrap=True)
    if len(content) > _SOURCE_OCTETS:
        console.print(Text(f"[{len(content) - _SOURCE_OCTETS:,} octets more]", "dim"))


def entries_as_data(entries: Iterable[Entry]) -> list[dict[str, object]]:
    """A listing as JSON has it."""
    return [
        {
            "number": entry.number,
            "marks": sorted(mark.name.lower() for mark in entry.marks),
            "date": entry.date.isoformat() if entry.date else None,
            "from": entry.sender,
            "subject": entry.subject,
            "octets": entry.octets,
        }
        for entry in entries
    ]


def letter_as_data(number: int, read: SealedLetter) -> dict[str, object]:
    """A message as JSON has it: what is shown of it, and what is said of its seal."""
    letter = read.letter
    return {
        "number": number,
        "header": {name.lower(): letter.header.text(name) for name in _SHOWN_FIELDS},
        "text": letter.text,
        "attachments": [
            {"name": each.name, "type": each.media_type, "octets": len(each.octets)}
            for each in letter.attachments
        ],
        "seal": seal_as_data(read.seal),
    }


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"


def _name(sender: str) -> str:
    """The name where there is one, else the address."""
    name, bracket, address = sender.partition("<")
    return name.strip(' "') or address.rstrip("> ") if bracket else sender


def _date(date: dt.datetime | None) -> str:
    """This year's with the time of day, others with the year."""
    if date is None:
        return ""
    this_year = date.year == dt.datetime.now(date.tzinfo).year
    return date.strftime("%d %b %H:%M" if this_year else "%d %b  %Y")
