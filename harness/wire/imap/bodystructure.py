"""BODY and BODYSTRUCTURE: a message's MIME tree, parsed by the server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from harness.wire.imap.envelope import Envelope, read_envelope
from harness.wire.imap.tokens import MAX_DEPTH, MAX_NUMBER64, Cursor, Value

__all__ = [
    "BodyStructure",
    "Disposition",
    "Extension",
    "Multipart",
    "Part",
    "read_body",
    "read_bodystructure",
]

T = TypeVar("T")

Parameters = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Disposition:
    """A Content-Disposition."""

    type: bytes
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Extension:
    """What BODYSTRUCTURE adds to BODY, in order; a server may stop behind any member (`sent`).

    Attributes:
        md5: Of a part that is no multipart.
        parameters: Of a multipart; a part has them among its fields.
        more: What came behind the members known.
        sent: How many members came.
    """

    md5: bytes | None = None
    parameters: Parameters = ()
    disposition: Disposition | None = None
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    more: tuple[Value, ...] = ()
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is no multipart; strings as they came.

    Attributes:
        octets: Size in its transfer encoding.
        lines: Of a text or an enclosed message, None for others.
        envelope: Of an enclosed message; `body` is that message's tree.

    Source: RFC 3501 §7.4.2; RFC 9051 §7.5.2.
    """

    type: bytes
    subtype: bytes
    parameters: Parameters
    id: bytes | None
    description: bytes | None
    encoding: bytes
    octets: int
    lines: int | None = None
    envelope: Envelope | None = None
    body: "BodyStructure | None" = None
    extension: Extension = Extension()

    @property
    def media_type(self) -> str:
        """``text/plain``, in lower case."""
        return (self.type + b"/" + self.subtype).decode("latin-1").lower()


@dataclass(frozen=True, slots=True)
class Multipart:
    """A multipart: its parts in order, and its subtype."""

    parts: tuple["BodyStructure", ...]
    subtype: bytes
    extension: Extension = Extension()

    @property
    def media_type(self) -> str:
        """``multipart/mixed``, in lower case."""
        return "multipart/" + self.subtype.decode("latin-1").lower()


BodyStructure = Part | Multipart

_MESSAGES: Final = frozenset({"message/rfc822", "message/global"})


def read_body(cursor: Cursor) -> BodyStructure:
    """The tree without extension data; any is noted (RFC 3501 §9, body-ext-1part)."""
    start = cursor.at
    body = _body(cursor, 0)
    if any(node.extension.sent for node in _nodes(body)):
        cursor.note("extension data in BODY", at=start)
    return body


def read_bodystructure(cursor: Cursor) -> BodyStructure:
    """The tree, with as much extension data as was sent."""
    return _body(cursor, 0)


def _nodes(body: BodyStructure) -> Iterator[BodyStructure]:
    yield body
    inner = body.parts if isinstance(body, Multipart) else (body.body,) if body.body else ()
    for part in inner:
        yield from _nodes(part)


def _body(cursor: Cursor, depth: int) -> BodyStructure:
    if depth >= MAX_DEPTH:
        raise cursor.fail(f"body parts nested deeper than {MAX_DEPTH}")
    cursor.expect(b"(")
    body = _multipart(cursor, depth) if cursor.next_is(b"(") else _part(cursor, depth)
    cursor.expect(b")")
    return body


def _multipart(cursor: Cursor, depth: int) -> Multipart:
    parts = []
    while cursor.next_is(b"("):
        parts.append(_body(cursor, depth + 1))
        if cursor.octets[cursor.at : cursor.at + 2] == b" (":
            cursor.note("a space between body parts")
            cursor.skip(b" ")
    cursor.space()
    return Multipart(tuple(parts), cursor.string(), _extension(cursor, multipart=True))


def _part(cursor: Cursor, depth: int) -> Part:
    fields = (
        _then(cursor, cursor.string),
        _then(cursor, cursor.string),
        _then(cursor, lambda: _parameters(cursor)),
        _then(cursor, cursor.nstring),
        _then(cursor, cursor.nstring),
        _then(cursor, cursor.string),
        cursor.number(),
    )
    media_type = Part(*fields).media_type
    lines, envelope, body = None, None, None
    if media_type in _MESSAGES and not cursor.next_is(b" ("):
        cursor.note("a message part without envelope, body and lines")
    elif media_type in _MESSAGES:
        cursor.space()
        envelope = _then(cursor, lambda: read_envelope(cursor))
        body = _then(cursor, lambda: _body(cursor, depth + 1))
        lines = cursor.number(most=MAX_NUMBER64)
    elif media_type.startswith("text/"):
        cursor.space()
        lines = cursor.number(most=MAX_NUMBER64)
    return Part(*fields, lines, envelope, body, _extension(cursor, multipart=False))


def _then(cursor: Cursor, read: Callable[[], T]) -> T:
    found = read()
    cursor.space()
    return found


def _extension(cursor: Cursor, *, multipart: bool) -> Extension:
    members = _Members(cursor)
    return Extension(
        md5=None if multipart else members.next(Cursor.nstring, None),
        parameters=members.next(_parameters, ()) if multipart else (),
        disposition=members.next(_disposition, None),
        language=members.next(_language, ()),
        location=members.next(Cursor.nstring, None),
        more=members.rest(),
        sent=members.sent,
    )


class _Members:
    """The members of extension data, as many as were sent."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.sent = 0

    def next(self, read: Callable[[Cursor], T], absent: T) -> T:
        if self._cursor.next_is(b")"):
            return absent
        self._cursor.space()
        self.sent += 1
        return read(self._cursor)

    def rest(self) -> tuple[Value, ...]:
        found: list[Value] = []
        while not self._cursor.next_is(b")"):
            found.append(self.next(Cursor.value, None))
        return tuple(found)


def _parameters(cursor: Cursor) -> Parameters:
    if cursor.nil():
        return ()
    start = cursor.at
    words = cursor.in_parentheses(cursor.string, least=2)
    if len(words) % 2:
        cursor.note("a parameter without its value", at=start)
    return tuple(zip(words[::2], words[1::2], strict=False))


def _disposition(cursor: Cursor) -> Disposition | None:
    if cursor.nil():
        return None
    cursor.expect(b"(")
    disposition = Disposition(_then(cursor, cursor.string), _parameters(cursor))
    cursor.expect(b")")
    return disposition


def _language(cursor: Cursor) -> tuple[bytes, ...]:
    if cursor.next_is(b"("):
        return cursor.in_parentheses(cursor.string, least=1)
    one = cursor.nstring()
    return () if one is None else (one,)
