"""What people type to find mail, as the criteria of SEARCH: ``from:bob is:unread since:2026-01-31 "two words"``."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from harness.wire.imap.command_octets import Piece
from harness.wire.imap.encode import Literal, encode_date, to_astring

__all__ = ["MAX_QUERY", "criteria"]

# Ours: characters of a query, and words of it, that are looked for.
MAX_QUERY: Final = 500
MAX_WORDS: Final = 20

_WORD: Final = re.compile(r'(?:(?P<key>[a-z]{2,8}):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))', re.IGNORECASE)

_FIELDS: Final = {
    "from": b"FROM",
    "to": b"TO",
    "cc": b"CC",
    "subject": b"SUBJECT",
    "body": b"BODY",
    "text": b"TEXT",
}
_STATES: Final = {
    "unread": b"UNSEEN",
    "read": b"SEEN",
    "flagged": b"FLAGGED",
    "starred": b"FLAGGED",
    "answered": b"ANSWERED",
    "draft": b"DRAFT",
    "deleted": b"DELETED",
}
_DATES: Final = {"since": b"SINCE", "before": b"BEFORE", "on": b"ON"}
_UNITS: Final = {"k": 1024, "m": 1024**2}


def criteria(query: str) -> list[Piece]:
    """The criteria, each word one of them, all of which must hold; CHARSET first where it is needed.

    What cannot be understood (``is:green``, ``since:soon``) is looked for as text. Nothing gives ALL.

    Source: RFC 3501 §6.4.4.
    """
    octets: list[Piece] = [piece for words in _words(query[:MAX_QUERY]) for piece in words]
    if not octets:
        return [b"ALL"]
    in_ascii = all(piece.isascii() for piece in octets if isinstance(piece, bytes))
    in_ascii = in_ascii and not any(isinstance(piece, Literal) for piece in octets)
    return octets if in_ascii else [b"CHARSET", b"UTF-8", *octets]


def _words(query: str) -> Iterator[list[Piece]]:
    for found, _ in zip(_WORD.finditer(query), range(MAX_WORDS), strict=False):
        value = found["quoted"] if found["quoted"] is not None else found["plain"]
        key = (found["key"] or "").lower()
        read = _KEYS.get(key)
        known = read(key, value) if read and value else None
        if known is not None:
            yield known
        elif text := _clean(found[0].strip('"') if key else value):
            yield [b"TEXT", _string(text)]


def _field(key: str, value: str) -> list[Piece] | None:
    text = _clean(value)
    return [_FIELDS[key], _string(text)] if text else None


def _state(_key: str, value: str) -> list[Piece] | None:
    found = _STATES.get(value.lower())
    return [found] if found else None


def _date(key: str, value: str) -> list[Piece] | None:
    try:
        return [_DATES[key], encode_date(dt.date.fromisoformat(value))]
    except ValueError:
        return None


def _size(key: str, value: str) -> list[Piece] | None:
    found = re.fullmatch(r"([0-9]{1,6})([km]?)", value, re.IGNORECASE)
    if found is None:
        return None
    octets = int(found[1]) * _UNITS.get(found[2].lower(), 1)
    return [b"LARGER" if key == "larger" else b"SMALLER", b"%d" % min(octets, 2**32 - 1)]


_KEYS: Final[Mapping[str, Callable[[str, str], list[Piece] | None]]] = {
    **dict.fromkeys(_FIELDS, _field),
    **dict.fromkeys(_DATES, _date),
    "is": _state,
    "larger": _size,
    "smaller": _size,
}


def _clean(text: str) -> str:
    """What no string of SEARCH can hold is left out."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _string(text: str) -> Piece:
    return to_astring(text.encode())
