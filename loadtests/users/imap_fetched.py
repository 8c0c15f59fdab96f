"""One FETCH response, read: by one pattern where it has a common shape, by the wire's parser where it has not."""

import re
from dataclasses import dataclass
from typing import Final

from harness.wire.imap.parser import parse_response
from harness.wire.imap.responses import Fetch

__all__ = ["Fetched", "read_fetched"]


@dataclass(slots=True)
class Fetched:
    """What one FETCH response says of one message; None is what it does not say.

    Attributes:
        flags: As they came, in lower case.
        size: RFC822.SIZE, in octets.
        content: The octets of the first section that came.
    """

    number: int
    uid: int | None = None
    flags: frozenset[bytes] | None = None
    size: int | None = None
    content: bytes | None = None


# Items that have neither quotes nor brackets in them, then one section as a literal, then such items again.
_PLAIN_ITEM: Final = rb"(?:UID \d+|RFC822\.SIZE \d+|FLAGS \([^()\"\[\]{}]*\)|MODSEQ \(\d+\))"
_BEFORE: Final = re.compile(
    rb"\* (?P<number>\d+) FETCH \((?P<items>(?:%b ?)*)"
    rb"(?:BODY\[[^\[\]\"{}]*\](?:<\d+>)? \{(?P<octets>\d+)\}\r\n|(?P<end>\)\r\n))" % _PLAIN_ITEM
)
_BEHIND: Final = re.compile(rb"(?P<items>(?: %b)*)\)\r\n" % _PLAIN_ITEM)
_UID: Final = re.compile(rb"UID (\d+)")
_SIZE: Final = re.compile(rb"SIZE (\d+)")
_FLAGS: Final = re.compile(rb"FLAGS \(([^)]*)\)")


def read_fetched(response: bytes) -> Fetched | None:
    """Read one response, whole; None where it is no FETCH response.

    Source: RFC 3501 §7.4.2.
    """
    before = _BEFORE.match(response)
    if before is None:
        return _parsed(response)
    if before["end"]:
        return (
            _fetched(before["number"], before["items"])
            if before.end() == len(response)
            else _parsed(response)
        )
    start, end = before.end(), before.end() + int(before["octets"])
    behind = _BEHIND.fullmatch(response, end)
    if behind is None:
        return _parsed(response)
    return _fetched(before["number"], before["items"] + behind["items"], response[start:end])


def _fetched(number: bytes, items: bytes, content: bytes | None = None) -> Fetched:
    uid, size, flags = _UID.search(items), _SIZE.search(items), _FLAGS.search(items)
    return Fetched(
        int(number),
        int(uid[1]) if uid else None,
        frozenset(flags[1].lower().split()) if flags else None,
        int(size[1]) if size else None,
        content,
    )


def _parsed(response: bytes) -> Fetched | None:
    read = parse_response(response)
    if not isinstance(read, Fetch):
        return None
    data, flags = read.data, read.data.flags
    sections = (value for name, value in data.items.items() if name.startswith(("BODY[", "RFC822")))
    return Fetched(
        read.number,
        data.uid,
        None if flags is None else frozenset(flag.lower().encode("latin-1") for flag in flags),
        data.size,
        next((value for value in sections if isinstance(value, bytes)), None),
    )
