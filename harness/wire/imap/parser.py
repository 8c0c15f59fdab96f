"""One response's octets -> one response; what breaks a rule is noted, nothing raises."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from harness.wire.imap.codes import Code, read_code
from harness.wire.imap.encode import is_atom
from harness.wire.imap.fetch import read_fetch_data
from harness.wire.imap.mailboxes import (
    read_esearch,
    read_id,
    read_list,
    read_lsub,
    read_namespace,
    read_search,
    read_sort,
    read_status,
    read_vanished,
)
from harness.wire.imap.responses import (
    Capability,
    Condition,
    Continuation,
    Enabled,
    Exists,
    Expunge,
    Fetch,
    Flags,
    Other,
    Recent,
    Response,
    Tagged,
    Unknown,
    Untagged,
)
from harness.wire.imap.states import Answer
from harness.wire.imap.tokens import Cursor, Unparsable
from harness.wire.lines import WireFault

__all__ = ["MESSAGE_DATA", "UNTAGGED", "is_text", "parse_response"]

_CRLF: Final = b"\r\n"
_TAG: Final = re.compile(rb"[!#$&',-\[\]-z|}~]+")
_TAGGED: Final = re.compile(rb"(?P<tag>[^ \r\n]+) +(?P<status>OK|NO|BAD)(?= |\Z)", re.IGNORECASE)
_NUMBERED: Final = re.compile(rb"(?P<number>[0-9]{1,20}) +(?P<name>[^ ]+)")
_NAME: Final = re.compile(rb"[^ ]*")

_CONDITIONS: Final = {b"OK", b"NO", b"BAD", b"PREAUTH", b"BYE"}
_FIRST_WORDS: Final = re.compile(rb"\* +(?P<name>[A-Z]+)(?![^ \r\n])", re.IGNORECASE)


def is_text(line: bytes) -> bool:
    """Whether a response that begins so is text to its end, so that ``{3}`` there announces no literal.

    Source: RFC 3501 §7.1, §7.5.
    """
    if not line.startswith(b"*"):
        return True
    found = _FIRST_WORDS.match(line)
    return found is not None and found["name"].upper() in _CONDITIONS


def parse_response(raw: bytes, *, utf8: bool = False) -> Response:
    """Read one response.

    Args:
        raw: One response, whole, its literals inline, with the last CRLF.
        utf8: IMAP4rev2 or UTF8=ACCEPT is enabled: texts and quoted strings may be UTF-8.

    Source: RFC 3501 §7, §9; RFC 9051 §7, §9.
    """
    cursor = Cursor(raw.removesuffix(_CRLF), utf8=utf8)
    response = _read(cursor)
    return replace(response, raw=raw, faults=_in_order(cursor.faults))


def _in_order(faults: list[WireFault]) -> tuple[WireFault, ...]:
    """By position, each once: a fallback may meet what made it necessary."""
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.position))


def _read(cursor: Cursor) -> Response:
    if cursor.next_is(b"* "):
        cursor.skip(b"*")
        cursor.space()
        return _untagged(cursor)
    if cursor.next_is(b"+") and cursor.octets[1:2] in (b" ", b""):
        cursor.skip(b"+")
        return Continuation(*_resp_text(cursor))
    return _tagged(cursor)


def _tagged(cursor: Cursor) -> Response:
    found = _TAGGED.match(cursor.octets)
    if found is None:
        cursor.note(f"not a response: {cursor.octets[:40]!r}", "RFC 9051 §7")
        return Unknown()
    if _TAG.fullmatch(found["tag"]) is None:
        cursor.note(f"not a tag: {found['tag'][:40]!r}")
    cursor.at = found.end("tag")
    cursor.space()
    cursor.at = found.end()
    return Tagged(found["tag"], Answer(found["status"].decode("ascii").upper()), *_resp_text(cursor))


def _resp_text(cursor: Cursor) -> tuple[Code | None, bytes]:
    """A space, a response code or none, and text (RFC 9051 §9, resp-text)."""
    if not cursor.more():
        cursor.note("a space and a text expected")
        return None, b""
    cursor.text_space()
    code = cursor.attempt(read_code, _no_code) if cursor.next_is(b"[") else None
    if code is not None:
        cursor.text_space()
    return code, cursor.text()


def _no_code(_cursor: Cursor) -> None:
    return None


def _condition(status: Answer) -> Callable[[Cursor], Untagged]:
    return lambda cursor: Condition(status, *_resp_text(cursor))


def _capabilities(cursor: Cursor) -> tuple[str, ...]:
    found = []
    while cursor.more():
        cursor.space()
        if not cursor.more():
            cursor.note("a space at the end", at=cursor.at - 1)
        else:
            found.append(cursor.atom("a capability").decode("latin-1"))
    return tuple(found)


def _flags(cursor: Cursor) -> Flags:
    cursor.space()
    return Flags(cursor.flag_list())


def _fetch(cursor: Cursor, number: int) -> Fetch:
    cursor.space()
    return Fetch(number, read_fetch_data(cursor))


# Name -> what reads the rest. A name that is listed nowhere is kept as `Other`.
UNTAGGED: Final[Mapping[str, Callable[[Cursor], Untagged]]] = MappingProxyType(
    {
        "OK": _condition(Answer.OK),
        "NO": _condition(Answer.NO),
        "BAD": _condition(Answer.BAD),
        "PREAUTH": _condition(Answer.PREAUTH),
        "BYE": _condition(Answer.BYE),
        "CAPABILITY": lambda cursor: Capability(_capabilities(cursor)),
        "ENABLED": lambda cursor: Enabled(_capabilities(cursor)),
        "FLAGS": _flags,
        "LIST": read_list,
        "LSUB": read_lsub,
        "STATUS": read_status,
        "SEARCH": read_search,
        "SORT": read_sort,
        "ESEARCH": read_esearch,
        "NAMESPACE": read_namespace,
        "VANISHED": read_vanished,
        "ID": read_id,
    }
)

# The same for names with a number before them; which of the numbers may be zero.
MESSAGE_DATA: Final[Mapping[str, tuple[int, Callable[[Cursor, int], Untagged]]]] = MappingProxyType(
    {
        "EXISTS": (0, lambda _cursor, number: Exists(number)),
        "RECENT": (0, lambda _cursor, number: Recent(number)),
        "EXPUNGE": (1, lambda _cursor, number: Expunge(number)),
        "FETCH": (1, _fetch),
    }
)


def _untagged(cursor: Cursor) -> Untagged:
    start = cursor.at
    try:
        response = _read_untagged(cursor)
    except Unparsable as exc:
        cursor.faults = [exc.fault]
        cursor.at = start
        return _other(cursor)
    cursor.end()
    return response


def _read_untagged(cursor: Cursor) -> Untagged:
    numbered = _NUMBERED.match(cursor.octets, cursor.at)
    if numbered is not None:
        name = numbered["name"].decode("latin-1").upper()
        if name not in MESSAGE_DATA:
            return _other(cursor)
        least, make = MESSAGE_DATA[name]
        number = cursor.number(least=least)
        cursor.space()
        cursor.at = numbered.end()
        return make(cursor, number)
    found = _NAME.match(cursor.octets, cursor.at)
    name = found[0].decode("latin-1").upper() if found else ""
    if name not in UNTAGGED:
        return _other(cursor)
    cursor.at += len(name)
    return UNTAGGED[name](cursor)


def _other(cursor: Cursor) -> Other:
    numbered = _NUMBERED.match(cursor.octets, cursor.at)
    found = numbered or _NAME.match(cursor.octets, cursor.at)
    name = found[found.lastindex or 0] if found else b""
    end = found.end() if found else cursor.at
    if not is_atom(name) and not cursor.faults:
        cursor.note(f"not the name of a response: {name[:40]!r}")
    arguments = cursor.octets[end:].removeprefix(b" ")
    cursor.at = len(cursor.octets)
    return Other(name.decode("latin-1").upper(), int(numbered["number"]) if numbered else None, arguments)
