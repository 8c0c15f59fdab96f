"""One response's octets into its record; a table maps names to readers."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.fetch import read_fetch
from harness.wire.imap.responses import (
    Capability,
    Code,
    Condition,
    Continuation,
    Enabled,
    ESearch,
    Flags,
    Identity,
    MailboxEntry,
    MailboxStatus,
    Namespace,
    NamespaceEntry,
    Numbered,
    Other,
    Response,
    Search,
    Tagged,
    Untagged,
    Vanished,
)
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.values import Atom, Cursor, Value

__all__ = ["STATUSES", "parse_response"]

STATUSES: Final = ("OK", "NO", "BAD", "BYE", "PREAUTH")

_CODE: Final = re.compile(rb"\[([A-Za-z0-9!#$&'*+,./:;<=>?@^_`|~-]+)(?: ([^\r\n]*?))?\](?: |$)")
_TAG: Final = re.compile(rb"[!#$&',-Z^-z|}~]+")  # RFC 3501 §9: ASTRING-CHAR except "+"


def parse_response(raw: bytes) -> Response:
    """Read one whole response.

    What cannot be read becomes an `Other` with a fault; nothing is lost.

    Args:
        raw: From the first octet to the last CRLF, literals included.
    """
    body = raw.removesuffix(b"\r\n")
    if body.startswith(b"+"):
        cursor = Cursor(body)
        if body[1:2] not in (b" ", b""):
            cursor.note("no space after the plus", at=1)
        return Continuation(raw=raw, faults=tuple(cursor.faults), text=body[1:].removeprefix(b" "))
    cursor = Cursor(body)
    try:
        return _untagged(raw, cursor) if body.startswith(b"* ") else _tagged(raw, cursor)
    except RemoteProtocolError as exc:
        cursor.note(str(exc))
        name = body[2:].partition(b" ")[0].decode("latin-1").upper()
        return Other(raw=raw, faults=tuple(cursor.faults), name=name, rest=body)


def _tagged(raw: bytes, cursor: Cursor) -> Response:
    tag = _TAG.match(cursor.octets)
    if tag is None:
        raise cursor.malformed("neither untagged, nor a continuation, nor a tag")
    cursor.at = tag.end()
    cursor.space()
    status = cursor.atom().decode("latin-1").upper()
    if status not in ("OK", "NO", "BAD"):
        raise cursor.malformed(f"a tagged response is OK, NO or BAD, not {status}")
    code, text = _resp_text(cursor)
    return Tagged(raw=raw, faults=tuple(cursor.faults), tag=tag[0], status=status, code=code, text=text)


def _resp_text(cursor: Cursor) -> tuple[Code | None, bytes]:
    """``[code] text`` (RFC 3501 §7.1); a missing text is noted."""
    if cursor.at_end():
        cursor.note("no text after the status")
        return None, b""
    cursor.space()
    found = _CODE.match(cursor.octets, cursor.at)
    code = None
    if found is not None:
        code = Code(found[1].decode("ascii").upper(), found[2] or b"")
        cursor.at = found.end()
    if cursor.at_end():
        cursor.note("no text behind the response code", rule="RFC 3501 §7.1")
    text = cursor.rest()
    for octet in (b"\0", b"\r", b"\n"):
        if octet in text:
            cursor.note(f"{octet!r} in a text")
    return code, text


def _untagged(raw: bytes, cursor: Cursor) -> Response:
    cursor.at = 2
    if cursor.peek().isdigit():
        return _numbered(raw, cursor)
    name = cursor.atom().decode("latin-1").upper()
    if name in STATUSES:
        code, text = _resp_text(cursor)
        return Condition(raw=raw, faults=tuple(cursor.faults), status=name, code=code, text=text)
    reader = _READERS.get(name)
    if reader is None:
        return Other(raw=raw, faults=tuple(cursor.faults), name=name, rest=cursor.rest())
    response = reader(raw, cursor)
    return _ended(response, cursor)


def _ended(response: Untagged, cursor: Cursor) -> Untagged:
    """Note what stands behind a response's end; readers hand over the faults as they were before."""
    if not cursor.at_end():
        cursor.note(f"{cursor.octets[cursor.at :][:40]!r} behind the response")
    if len(cursor.faults) == len(response.faults):
        return response
    fields = {name: getattr(response, name) for name in response.__dataclass_fields__}
    return type(response)(**{**fields, "faults": tuple(cursor.faults)})


def _numbered(raw: bytes, cursor: Cursor) -> Response:
    number = cursor.number()
    cursor.space()
    kind = cursor.atom().decode("latin-1").upper()
    if kind == "FETCH":
        cursor.space()
        return _ended(read_fetch(raw, cursor, number), cursor)
    if kind not in ("EXISTS", "RECENT", "EXPUNGE"):
        return Other(raw=raw, faults=tuple(cursor.faults), name=kind, rest=cursor.rest())
    if kind == "EXPUNGE" and number == 0:
        cursor.note("EXPUNGE of message 0")
    return _ended(Numbered(raw=raw, faults=tuple(cursor.faults), kind=kind, number=number), cursor)


def _names(cursor: Cursor) -> frozenset[str]:
    found = []
    while not cursor.at_end():
        cursor.space()
        if cursor.at_end():
            break  # a blank at the end, noted by _ended as nothing more; servers send it
        found.append(cursor.atom().decode("latin-1").upper())
    return frozenset(found)


def _capability(raw: bytes, cursor: Cursor) -> Untagged:
    return Capability(raw=raw, capabilities=_names(cursor))


def _enabled(raw: bytes, cursor: Cursor) -> Untagged:
    return Enabled(raw=raw, capabilities=_names(cursor))


def _mailbox_entry(kind: str) -> Callable[[bytes, Cursor], Untagged]:
    def read(raw: bytes, cursor: Cursor) -> Untagged:
        cursor.space()
        attributes = frozenset(_text(cursor, value) for value in cursor.values())
        cursor.space()
        delimiter = cursor.nstring()
        if delimiter is not None and len(delimiter) != 1:
            cursor.note(f"a delimiter of {len(delimiter)} octets")
        cursor.space()
        name = cursor.astring()
        extended: dict[str, Value] = {}
        if not cursor.at_end():
            cursor.space()
            values = cursor.values()
            extended = dict(zip((_text(cursor, v).upper() for v in values[::2]), values[1::2], strict=False))
        return MailboxEntry(
            raw=raw, kind=kind, attributes=attributes, delimiter=delimiter, name=name, extended=extended
        )

    return read


def _text(cursor: Cursor, value: Value) -> str:
    if not isinstance(value, bytes):
        raise cursor.malformed(f"a word expected, {value!r} found")
    return value.decode("latin-1")


def _status(raw: bytes, cursor: Cursor) -> Untagged:
    cursor.space()
    name = cursor.astring()
    cursor.space()
    values = cursor.values()
    if len(values) % 2:
        cursor.note("an item without its value")
    items: dict[str, int] = {}
    others: dict[str, Value] = {}
    for key, value in zip(values[::2], values[1::2], strict=False):
        if isinstance(value, Atom) and value.isdigit():
            items[_text(cursor, key).upper()] = int(value)
        else:
            others[_text(cursor, key).upper()] = value
    return MailboxStatus(raw=raw, name=name, items=items, others=others)


def _flags(raw: bytes, cursor: Cursor) -> Untagged:
    cursor.space()
    return Flags(raw=raw, flags=frozenset(_text(cursor, value) for value in cursor.values()))


def _search(raw: bytes, cursor: Cursor) -> Untagged:
    numbers: list[int] = []
    modseq = None
    while not cursor.at_end():
        cursor.space()
        if cursor.peek() == b"(":
            match cursor.values():
                case [Atom() as word, Atom() as number] if word.upper() == b"MODSEQ" and number.isdigit():
                    modseq = int(number)
                case other:
                    cursor.note(f"{other!r} in a SEARCH response")
        elif not cursor.at_end():
            numbers.append(cursor.number())
    return Search(raw=raw, numbers=tuple(numbers), modseq=modseq)


def _esearch(raw: bytes, cursor: Cursor) -> Untagged:
    tag: bytes | None = None
    uid = False
    found: dict[str, Value] = {}
    while not cursor.at_end():
        cursor.space()
        if cursor.peek() == b"(":
            match cursor.values():
                case [Atom() as word, bytes() as text] if word.upper() == b"TAG":
                    tag = bytes(text)
                case other:
                    cursor.note(f"{other!r} in an ESEARCH response")
            continue
        name = cursor.atom().decode("latin-1").upper()
        if name == "UID" and not found:
            uid = True
            continue
        cursor.space()
        found[name] = cursor.value()

    def number(name: str) -> int | None:
        value = found.pop(name, None)
        return int(value) if isinstance(value, bytes) and value.isdigit() else None

    everything = found.pop("ALL", None)
    return ESearch(
        raw=raw,
        tag=tag,
        uid=uid,
        minimum=number("MIN"),
        maximum=number("MAX"),
        count=number("COUNT"),
        all=SequenceSet.parse(everything) if isinstance(everything, bytes) else None,
        modseq=number("MODSEQ"),
        others=found,
    )


def _namespace(raw: bytes, cursor: Cursor) -> Untagged:
    kinds: list[tuple[NamespaceEntry, ...]] = []
    for _ in range(3):
        cursor.space()
        entries: list[NamespaceEntry] = []
        value = cursor.value()
        for entry in value if isinstance(value, list) else []:
            match entry:
                case [bytes() as prefix, (bytes() | None) as delimiter, *_]:
                    entries.append(NamespaceEntry(bytes(prefix), delimiter))
                case _:
                    raise cursor.malformed("a namespace is a prefix and a delimiter")
        kinds.append(tuple(entries))
    return Namespace(raw=raw, personal=kinds[0], others=kinds[1], shared=kinds[2])


def _identity(raw: bytes, cursor: Cursor) -> Untagged:
    cursor.space()
    value = cursor.value()
    pairs = value if isinstance(value, list) else []
    fields = {
        bytes(key): None if content is None else bytes(content)
        for key, content in zip(pairs[::2], pairs[1::2], strict=False)
        if isinstance(key, bytes) and not isinstance(content, list)
    }
    return Identity(raw=raw, fields=fields)


def _vanished(raw: bytes, cursor: Cursor) -> Untagged:
    cursor.space()
    earlier = cursor.peek() == b"("
    if earlier:
        cursor.values()
        cursor.space()
    return Vanished(raw=raw, earlier=earlier, uids=SequenceSet.parse(cursor.atom()))


_READERS: Final[Mapping[str, Callable[[bytes, Cursor], Untagged]]] = MappingProxyType(
    {
        "CAPABILITY": _capability,
        "ENABLED": _enabled,
        "LIST": _mailbox_entry("LIST"),
        "LSUB": _mailbox_entry("LSUB"),
        "STATUS": _status,
        "FLAGS": _flags,
        "SEARCH": _search,
        "SORT": _search,
        "ESEARCH": _esearch,
        "NAMESPACE": _namespace,
        "ID": _identity,
        "VANISHED": _vanished,
    }
)
