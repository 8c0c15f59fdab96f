"""ENVELOPE and BODYSTRUCTURE as records (RFC 3501 §7.4.2; RFC 9051 §7.5.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.wire.imap.values import Atom, Cursor, Value

__all__ = ["Address", "BodyPart", "Envelope", "read_body", "read_envelope"]


@dataclass(frozen=True, slots=True)
class Address:
    """One address; a group begins with a mailbox and no host, and ends with neither."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields as the server gives them, undecoded; a list is empty for NIL."""

    date: bytes | None
    subject: bytes | None
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    in_reply_to: bytes | None
    message_id: bytes | None


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A part of BODY or BODYSTRUCTURE; `type` and `subtype` as written, `parts` for multiparts only.

    `extended` is True where extension data was there: BODYSTRUCTURE may have it, BODY may not.
    """

    type: bytes
    subtype: bytes
    parameters: tuple[tuple[bytes, bytes], ...] = ()
    id: bytes | None = None
    description: bytes | None = None
    encoding: bytes | None = None
    octets: int | None = None
    lines: int | None = None
    parts: tuple["BodyPart", ...] = ()
    envelope: Envelope | None = None
    message: "BodyPart | None" = None
    md5: bytes | None = None
    disposition: tuple[bytes, tuple[tuple[bytes, bytes], ...]] | None = None
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    extended: bool = False
    extension: tuple[Value, ...] = field(default=(), repr=False)


def read_envelope(cursor: Cursor) -> Envelope:
    """Read an ENVELOPE's list; `MalformedResponse` where it is none."""
    return _envelope(cursor, cursor.values())


def _envelope(cursor: Cursor, values: Value) -> Envelope:
    if not isinstance(values, list) or len(values) != 10:
        raise cursor.malformed("an envelope has ten fields")
    from_, sender, reply_to, to, cc, bcc = (_addresses(cursor, value) for value in values[2:8])
    return Envelope(
        _nstring(cursor, values[0]),
        _nstring(cursor, values[1]),
        from_,
        sender,
        reply_to,
        to,
        cc,
        bcc,
        _nstring(cursor, values[8]),
        _nstring(cursor, values[9]),
    )


def _addresses(cursor: Cursor, value: Value) -> tuple[Address, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise cursor.malformed("a list of addresses expected")
    if not value:
        cursor.note("an empty list of addresses, where NIL is due")
    found = []
    for address in value:
        if not isinstance(address, list) or len(address) != 4:
            raise cursor.malformed("an address has four fields")
        found.append(Address(*(_nstring(cursor, part) for part in address)))
    return tuple(found)


def _nstring(cursor: Cursor, value: Value) -> bytes | None:
    if isinstance(value, list):
        raise cursor.malformed("a string or NIL expected, a list found")
    if isinstance(value, Atom):
        cursor.note(f"{bytes(value)!r} without quotes where a string is due")
    return None if value is None else bytes(value)


def _string(cursor: Cursor, value: Value) -> bytes:
    text = _nstring(cursor, value)
    if text is None:
        cursor.note("NIL where a string is due")
    return text or b""


def _number(cursor: Cursor, value: Value) -> int:
    if not isinstance(value, bytes) or not value.isdigit():
        raise cursor.malformed(f"a number expected, {value!r} found")
    if not isinstance(value, Atom):
        cursor.note("a number in quotes")
    return int(value)


def _pairs(cursor: Cursor, value: Value) -> tuple[tuple[bytes, bytes], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) % 2:
        raise cursor.malformed("pairs of attribute and value expected")
    if not value:
        cursor.note("an empty parameter list, where NIL is due")
    strings = [_string(cursor, part) for part in value]
    return tuple(zip(strings[::2], strings[1::2], strict=True))


def read_body(cursor: Cursor) -> BodyPart:
    """Read a BODY's or BODYSTRUCTURE's list; `MalformedResponse` where it is none."""
    return _body(cursor, cursor.values())


def _body(cursor: Cursor, values: Value) -> BodyPart:
    if not isinstance(values, list) or not values:
        raise cursor.malformed("a body structure expected")
    return _multipart(cursor, values) if isinstance(values[0], list) else _single(cursor, values)


def _multipart(cursor: Cursor, values: Sequence[Value]) -> BodyPart:
    count = next((i for i, value in enumerate(values) if not isinstance(value, list)), len(values))
    parts = tuple(_body(cursor, value) for value in values[:count])
    rest = list(values[count:])
    if not rest:
        raise cursor.malformed("a multipart without subtype")
    disposition, language, location, extension = _tail(cursor, rest[2:])
    return BodyPart(
        type=b"multipart",
        subtype=_string(cursor, rest[0]),
        parameters=_pairs(cursor, rest[1]) if len(rest) > 1 else (),
        parts=parts,
        disposition=disposition,
        language=language,
        location=location,
        extended=len(rest) > 1,
        extension=extension,
    )


def _single(cursor: Cursor, values: Sequence[Value]) -> BodyPart:
    if len(values) < 7:
        raise cursor.malformed(f"a body part has seven fields at least, not {len(values)}")
    kind, subtype = _string(cursor, values[0]), _string(cursor, values[1])
    rest = list(values[7:])
    envelope, message, lines = None, None, None
    # RFC 3501 §7.4.2: message/rfc822 has envelope, body and lines; text has lines. RFC 9051 adds message/global.
    if kind.upper() == b"MESSAGE" and subtype.upper() in (b"RFC822", b"GLOBAL") and len(rest) >= 3:
        if isinstance(rest[0], list):
            envelope, message, lines = (
                _envelope(cursor, rest[0]),
                _body(cursor, rest[1]),
                _number(cursor, rest[2]),
            )
            rest = rest[3:]
    elif kind.upper() == b"TEXT":
        if not rest:
            cursor.note("a text part without its number of lines")
        else:
            lines, rest = _number(cursor, rest[0]), rest[1:]
    disposition, language, location, extension = _tail(cursor, rest[1:])
    return BodyPart(
        type=kind,
        subtype=subtype,
        parameters=_pairs(cursor, values[2]),
        id=_nstring(cursor, values[3]),
        description=_nstring(cursor, values[4]),
        encoding=_string(cursor, values[5]),
        octets=_number(cursor, values[6]),
        lines=lines,
        envelope=envelope,
        message=message,
        md5=_nstring(cursor, rest[0]) if rest else None,
        disposition=disposition,
        language=language,
        location=location,
        extended=bool(rest),
        extension=extension,
    )


_Tail = tuple[
    tuple[bytes, tuple[tuple[bytes, bytes], ...]] | None, tuple[bytes, ...], bytes | None, tuple[Value, ...]
]


def _tail(cursor: Cursor, values: Sequence[Value]) -> _Tail:
    """Disposition, language, location, and what future texts may add."""
    padded = [*values, None, None, None][: max(3, len(values))]
    disposition = None
    if padded[0] is not None:
        if not isinstance(padded[0], list) or len(padded[0]) != 2:
            raise cursor.malformed("a disposition is a type and its parameters")
        disposition = (_string(cursor, padded[0][0]), _pairs(cursor, padded[0][1]))
    language = padded[1] if isinstance(padded[1], list) else [] if padded[1] is None else [padded[1]]
    return (
        disposition,
        tuple(_string(cursor, part) for part in language),
        _nstring(cursor, padded[2]),
        tuple(padded[3:]),
    )
