"""Octets in, whole commands out: lines joined with the literals that they announce."""

import re
from dataclasses import dataclass
from typing import Final

from harness.wire.lines import CRLF, LineBuffer

__all__ = ["MAX_COMMAND_LINE", "CommandReader", "Incoming", "TooLarge", "WantsLiteral"]

# Ours: octets of a command between its literals; RFC 7162 §4 asks for 8192 and more.
MAX_COMMAND_LINE: Final = 64 * 1024

_ANNOUNCED: Final = re.compile(rb"~?\{(?P<octets>[0-9]{1,19})(?P<goes_on>\+?)\}\Z")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A whole command with its literals inline, without the last CRLF."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class WantsLiteral:
    """The client waits for a continuation before it sends a literal (RFC 3501 §4.3)."""

    so_far: bytes
    octets: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A command with more octets than are allowed; it will not come, or was dropped where it could not be stopped."""

    so_far: bytes
    octets: int


class CommandReader:
    """The framing of a client's octets.

    Holds one line and the literals of one command; a literal that would exceed the bound is dropped as it comes.

    Attributes:
        max_literals: How many octets the literals of one command may have; may be changed between commands.
    """

    def __init__(self, max_literals: int) -> None:
        self.max_literals = max_literals
        self._lines = LineBuffer(MAX_COMMAND_LINE)
        self._command = bytearray()
        self._literals = 0
        self._due = 0
        self._dropping = False

    @property
    def pending(self) -> int:
        """Octets held."""
        return len(self._command) + self._lines.pending

    @property
    def in_command(self) -> bool:
        """Whether a command has begun and is not whole."""
        return bool(self._command)

    def feed(self, data: bytes) -> None:
        self._lines.feed(data)

    def next_line(self) -> bytes | None:
        """The next line as it is, where no command is due: a SASL response, DONE.

        Raises:
            RemoteProtocolError: As `LineBuffer`.
        """
        return self._lines.next_line()

    def next(self) -> Incoming | WantsLiteral | TooLarge | None:
        """The next command, or what keeps it from coming; None until more octets are here.

        Raises:
            RemoteProtocolError: A line is longer than `MAX_COMMAND_LINE`; nothing can be read any more.

        Source: RFC 3501 §4.3; RFC 7888 §3 (``{n+}``), §4 (a large one is read and dropped).
        """
        while self._literal_is_here():
            line = self._lines.next_line()
            if line is None:
                return None
            announced = _ANNOUNCED.search(line)
            self._keep(line)
            if announced is None:
                return self._whole()
            self._keep(CRLF)
            if (event := self._announce(int(announced["octets"]), bool(announced["goes_on"]))) is not None:
                return event
        return None

    def _literal_is_here(self) -> bool:
        """Take what has come of a literal that is due; True when none of it is missing."""
        if self._dropping:
            self._due -= len(self._lines.take_up_to(self._due))
            return self._due == 0
        if self._due:
            piece = self._lines.take_up_to(self._due)
            self._command += piece
            self._due -= len(piece)
        return self._due == 0

    def _keep(self, octets: bytes) -> None:
        # What stands between too many literals is bounded as well.
        if len(self._command) + len(octets) > self.max_literals + MAX_COMMAND_LINE:
            self._dropping = True
        if not self._dropping:
            self._command += octets

    def _announce(self, octets: int, goes_on: bool) -> WantsLiteral | TooLarge | None:
        self._literals += octets
        too_large = self._dropping or self._literals > self.max_literals
        if goes_on:
            self._due, self._dropping = octets, too_large
            return None
        so_far = bytes(self._command)
        if too_large:
            self._forget()
            return TooLarge(so_far, octets)
        self._due = octets
        return WantsLiteral(so_far, octets)

    def _whole(self) -> Incoming | TooLarge:
        octets, dropped, literals = bytes(self._command), self._dropping, self._literals
        self._forget()
        return TooLarge(octets, literals) if dropped else Incoming(octets)

    def _forget(self) -> None:
        self._command = bytearray()
        self._literals = self._due = 0
        self._dropping = False
