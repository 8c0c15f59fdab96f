"""FETCH responses: the items of one message (RFC 3501 §7.4.2; RFC 9051 §7.5.2; RFC 3516 §4.2; RFC 7162 §3.1.5)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.wire.imap.responses import BodySection, Fetch, FetchData
from harness.wire.imap.structure import BodyPart, Envelope, read_body, read_envelope
from harness.wire.imap.values import Cursor, Value

__all__ = ["read_fetch"]

_NAME: Final = re.compile(rb"[A-Za-z0-9.-]+")
_SECTION: Final = re.compile(rb"\[([^\]\"{]*(?:\([^)]*\))?)\](?:<([0-9]+)>)?")


@dataclass
class _Items:
    flags: frozenset[str] | None = None
    uid: int | None = None
    octets: int | None = None
    internaldate: bytes | None = None
    modseq: int | None = None
    envelope: Envelope | None = None
    body: BodyPart | None = None
    bodystructure: BodyPart | None = None
    sections: list[BodySection] = field(default_factory=list)
    others: dict[str, Value] = field(default_factory=dict)


def read_fetch(raw: bytes, cursor: Cursor, number: int) -> Fetch:
    """Read the list behind ``* n FETCH``; `MalformedResponse` where it cannot be read."""
    items = _Items()
    cursor.skip(b"(")
    first = True
    while cursor.peek() != b")":
        if not first:
            cursor.space()
        if cursor.at_end():
            raise cursor.malformed("a FETCH that does not end")
        if cursor.peek() == b")":
            break
        _item(cursor, items)
        first = False
    cursor.skip(b")")
    data = FetchData(
        items.flags,
        items.uid,
        items.octets,
        items.internaldate,
        items.modseq,
        items.envelope,
        items.body,
        items.bodystructure,
        tuple(items.sections),
        items.others,
    )
    return Fetch(raw=raw, faults=tuple(cursor.faults), number=number, data=data)


def _item(cursor: Cursor, items: _Items) -> None:
    found = _NAME.match(cursor.octets, cursor.at)
    if found is None:
        raise cursor.malformed("the name of an item expected")
    cursor.at = found.end()
    name = found[0].decode("ascii").upper()
    if cursor.peek() == b"[":
        _section(cursor, items, name)
        return
    cursor.space()
    reader = _READERS.get(name)
    if reader is not None:
        reader(cursor, items)
    elif name in ("RFC822", "RFC822.HEADER", "RFC822.TEXT"):
        items.others[name] = cursor.nstring()
    else:
        items.others[name] = cursor.value()


def _flags(cursor: Cursor, items: _Items) -> None:
    items.flags = frozenset(v.decode("latin-1") for v in cursor.values() if isinstance(v, bytes))


def _modseq(cursor: Cursor, items: _Items) -> None:
    cursor.skip(b"(")
    items.modseq = cursor.number()
    cursor.skip(b")")


def _set(name: str, read: Callable[[Cursor], object]) -> Callable[[Cursor, _Items], None]:
    return lambda cursor, items: setattr(items, name, read(cursor))


_READERS: Final[Mapping[str, Callable[[Cursor, _Items], None]]] = {
    "FLAGS": _flags,
    "MODSEQ": _modseq,
    "UID": _set("uid", Cursor.number),
    "RFC822.SIZE": _set("octets", Cursor.number),
    "INTERNALDATE": _set("internaldate", Cursor.string),
    "ENVELOPE": _set("envelope", read_envelope),
    "BODY": _set("body", read_body),
    "BODYSTRUCTURE": _set("bodystructure", read_body),
}


def _section(cursor: Cursor, items: _Items, name: str) -> None:
    found = _SECTION.match(cursor.octets, cursor.at)
    if found is None or name not in ("BODY", "BINARY", "BINARY.SIZE"):
        section, origin = _quoted_section(cursor)
    else:
        section, origin = found[1].upper(), int(found[2]) if found[2] else None
        cursor.at = found.end()
    cursor.space()
    if name == "BINARY.SIZE":
        items.others[f"BINARY.SIZE[{section.decode('latin-1')}]"] = cursor.value()
        return
    content = cursor.nstring()
    items.sections.append(BodySection(section, origin, content, binary=name == "BINARY"))


def _quoted_section(cursor: Cursor) -> tuple[bytes, int | None]:
    """A section whose header names are strings: quoted or literal."""
    start = cursor.at + 1
    while cursor.peek() != b"]":
        if cursor.at_end():
            raise cursor.malformed("a section that does not end")
        if cursor.peek() in (b'"', b"{"):
            cursor.string()
        else:
            cursor.at += 1
    section = cursor.octets[start : cursor.at].upper().replace(b'"', b"")
    cursor.at += 1
    origin = re.compile(rb"<([0-9]+)>").match(cursor.octets, cursor.at)
    if origin is None:
        return section, None
    cursor.at = origin.end()
    return section, int(origin[1])
