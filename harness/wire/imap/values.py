"""The tokens of a response: atoms, strings, lists; read with a cursor that notes what breaks the grammar and goes on.

Source: RFC 3501 §4 and §9; RFC 9051 §4 and §9.
"""

import re
from typing import Final, TypeAlias

from harness.errors import RemoteProtocolError
from harness.wire.lines import WireFault

__all__ = ["Atom", "Cursor", "MalformedResponse", "Value"]

# Ours: lists within lists, as in BODYSTRUCTURE; deeper nesting is an attack on the reader.
MAX_DEPTH: Final = 100

_ATOM: Final = re.compile(rb"[^(){ \"\x00-\x1f\x7f]+")
_NUMBER: Final = re.compile(rb"[0-9]+")
_QUOTED: Final = re.compile(rb'"((?:[^"\\\r\n]|\\.)*)"', re.DOTALL)
_LITERAL: Final = re.compile(rb"(~?)\{([0-9]+)(\+?)\}\r\n")
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)


class Atom(bytes):
    """What stood there without quotes: a number, a flag, a keyword. A string is plain `bytes`, NIL is None."""

    __slots__ = ()


Value: TypeAlias = "Atom | bytes | list[Value] | None"


class MalformedResponse(RemoteProtocolError):
    """One response that cannot be read; the next one can."""


class Cursor:
    """Reads one whole response, literals and all, left to right."""

    def __init__(self, octets: bytes, rule: str = "RFC 3501 §9") -> None:
        self.octets = octets
        self.at = 0
        self.faults: list[WireFault] = []
        self._rule = rule

    def note(self, detail: str, *, rule: str | None = None, at: int | None = None) -> None:
        """Keep that a rule was broken here."""
        self.faults.append(WireFault(self.at if at is None else at, rule or self._rule, detail))

    def malformed(self, problem: str) -> MalformedResponse:
        return MalformedResponse(f"{problem} at octet {self.at}: {self.octets[self.at : self.at + 60]!r}")

    def at_end(self) -> bool:
        return self.at >= len(self.octets)

    def peek(self, octets: int = 1) -> bytes:
        return self.octets[self.at : self.at + octets]

    def rest(self) -> bytes:
        """Everything up to the end."""
        rest = self.octets[self.at :]
        self.at = len(self.octets)
        return rest

    def space(self) -> None:
        """One space; none or several are noted."""
        start = self.at
        while self.peek() == b" ":
            self.at += 1
        if (count := self.at - start) != 1:
            self.note(f"{count} spaces where one is due", at=start)

    def skip(self, octet: bytes) -> None:
        """This octet, which must be here; raises `MalformedResponse` where it is not."""
        if self.peek(len(octet)) != octet:
            raise self.malformed(f"{octet!r} expected")
        self.at += len(octet)

    def atom(self) -> Atom:
        """An atom, ``]`` and ``\\`` included, so that flags are atoms too."""
        found = _ATOM.match(self.octets, self.at)
        if found is None:
            raise self.malformed("an atom expected")
        if any(octet > 127 for octet in found[0]):
            self.note("an atom with an octet above 127")
        self.at = found.end()
        return Atom(found[0])

    def number(self) -> int:
        """A number of at most 63 bits."""
        found = _NUMBER.match(self.octets, self.at)
        if found is None:
            raise self.malformed("a number expected")
        self.at = found.end()
        number = int(found[0])
        if number >= 2**63:
            self.note("a number beyond 63 bits", at=found.start())
        return number

    def string(self) -> bytes:
        """A quoted string or a literal."""
        return self._quoted() if self.peek() == b'"' else self.literal()

    def _quoted(self) -> bytes:
        found = _QUOTED.match(self.octets, self.at)
        if found is None:
            raise self.malformed("a quoted string that does not end")
        for escaped in _ESCAPE.findall(found[1]):
            if escaped not in (b'"', b"\\"):
                self.note(f"a backslash before {escaped!r}")
        if b"\0" in found[1]:
            self.note("NUL in a quoted string")
        self.at = found.end()
        return _ESCAPE.sub(rb"\1", found[1])

    def literal(self) -> bytes:
        """A literal, or a literal8 (RFC 3516 §4.2), which alone may hold NUL."""
        found = _LITERAL.match(self.octets, self.at)
        if found is None:
            raise self.malformed("a string expected")
        if found[3]:
            self.note("a literal of a server marked non-synchronising", rule="RFC 7888 §3")
        start, octets = found.end(), int(found[2])
        content = self.octets[start : start + octets]
        if not found[1] and b"\0" in content:
            self.note("NUL in a literal", at=start)
        self.at = start + octets
        return content

    def nstring(self) -> bytes | None:
        """A string, or NIL."""
        if self.peek(3).upper() == b"NIL":
            self.at += 3
            return None
        return self.string()

    def astring(self) -> bytes:
        """An atom or a string."""
        quoted = self.peek() in (b'"', b"{") or self.peek(2) == b"~{"
        return self.string() if quoted else bytes(self.atom())

    def value(self, depth: int = 0) -> Value:
        """Whatever stands here; nested lists become lists."""
        if depth > MAX_DEPTH:
            raise self.malformed(f"lists nested deeper than {MAX_DEPTH}")
        match self.peek():
            case b"(":
                return self._list(depth)
            case b'"' | b"{":
                return self.string()
            case b"~" if self.peek(2) == b"~{":
                return self.literal()
            case _:
                atom = self.atom()
                return None if atom.upper() == b"NIL" else atom

    def values(self) -> list[Value]:
        """A parenthesised list."""
        if self.peek() != b"(":
            raise self.malformed("a list expected")
        return self._list(0)

    def _list(self, depth: int) -> list[Value]:
        self.skip(b"(")
        found: list[Value] = []
        while self.peek() != b")":
            # BODYSTRUCTURE writes the parts of a multipart without spaces between them.
            if found and not (isinstance(found[-1], list) and self.peek() == b"("):
                self.space()
            if self.at_end():
                raise self.malformed("a list that does not end")
            if self.peek() == b")":
                break
            found.append(self.value(depth + 1))
        self.skip(b")")
        return found
