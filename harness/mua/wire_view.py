"""The dialogue as it goes over the wire, shown while it goes: arrows for directions, octets escaped."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from harness.clients.transcript import Direction, Entry, Transcript
from harness.mua.screen import escaped, safe

__all__ = ["ShownTranscript", "wire_lines"]

# Ours: display lines of one write or read; of a longer one the first and the last are shown.
_FIRST: Final = 40
_LAST: Final = 10
# Ours: octets of one line on the screen.
_LINE_OCTETS: Final = 1000

_REFUSAL: Final = re.compile(rb"[45][0-9][0-9][ -]")

# (direction, in TLS) -> the mark, and its colour. A tilde is a line that others cannot read.
_MARKS: Final = {
    (Direction.SENT, False): (" -> ", "cyan"),
    (Direction.SENT, True): (" ~> ", "cyan"),
    (Direction.RECEIVED, False): ("<-  ", "green"),
    (Direction.RECEIVED, True): ("<~  ", "green"),
    (Direction.NOTE, False): ("=== ", "dim"),
    (Direction.NOTE, True): ("=== ", "dim"),
}


@dataclass(slots=True)
class ShownTranscript(Transcript):
    """A transcript that shows each entry when it is written down."""

    show: Callable[[Text], None] = print

    def add(self, direction: Direction, octets: bytes, *, tls: bool) -> None:
        known = len(self.entries)
        Transcript.add(self, direction, octets, tls=tls)
        self._show_from(known)

    def note(self, text: str, *, tls: bool = False) -> None:
        known = len(self.entries)
        Transcript.note(self, text, tls=tls)
        self._show_from(known)

    def _show_from(self, known: int) -> None:
        for entry in self.entries[known:]:
            for line in wire_lines(entry):
                self.show(line)


def wire_lines(entry: Entry) -> list[Text]:
    """One line of the screen for each line that moved; ``\\r\\n`` at its end is left out, all else is shown."""
    mark, style = _MARKS[entry.direction, entry.tls]
    if entry.direction is Direction.NOTE:
        return [Text(mark + safe(entry.octets.decode("utf-8", "replace")), style)]
    lines = entry.octets.removesuffix(b"\r\n").split(b"\r\n")
    shown = [_line(mark, style, line) for line in lines[:_FIRST]]
    if len(lines) > _FIRST + _LAST:
        hidden = lines[_FIRST:-_LAST]
        octets = sum(len(line) + 2 for line in hidden)
        shown.append(Text(f"{mark}[{len(hidden):,} lines more, {octets:,} octets]", "dim"))
        shown += [_line(mark, style, line) for line in lines[-_LAST:]]
    else:
        shown += [_line(mark, style, line) for line in lines[_FIRST:]]
    return shown


def _line(mark: str, style: str, octets: bytes) -> Text:
    more = len(octets) - _LINE_OCTETS
    if _REFUSAL.match(octets) and mark.startswith("<"):
        style = "red"
    tail = f" [{more:,} octets more]" if more > 0 else ""
    return Text.assemble((mark, style), escaped(octets[:_LINE_OCTETS]) + tail)
