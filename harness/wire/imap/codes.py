"""Response codes: what stands in brackets before a status response's text."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.tokens import MAX_NUMBER64, Cursor

__all__ = ["CODES", "AppendUid", "Code", "CodeValue", "CopyUid", "read_code"]


@dataclass(frozen=True, slots=True)
class AppendUid:
    """What APPEND made: one UID, or with MULTIAPPEND a set in the order of the messages (RFC 4315 §3)."""

    uidvalidity: int
    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class CopyUid:
    """What COPY made: the n-th of `source` became the n-th of `destination` (RFC 4315 §3)."""

    uidvalidity: int
    source: SequenceSet
    destination: SequenceSet

    def pairs(self) -> list[tuple[int, int]]:
        """Source and destination UIDs. Raises `ValueError` where the sets differ in size."""
        return list(zip(self.source.in_order(), self.destination.in_order(), strict=True))


CodeValue = int | tuple[str, ...] | SequenceSet | AppendUid | CopyUid | None


@dataclass(frozen=True, slots=True)
class Code:
    """A response code.

    Attributes:
        name: In upper case.
        argument: The octets behind the name and its space, empty for none.
        value: What they mean: a number, flags, capabilities or charsets, UIDs; None for a code that has no
            argument, is unknown, or breaks its own grammar (then there is a fault).
    """

    name: str
    argument: bytes = b""
    value: CodeValue = None

    @property
    def number(self) -> int | None:
        """The value where it is a number: UIDNEXT, UIDVALIDITY, UNSEEN, HIGHESTMODSEQ."""
        return self.value if isinstance(self.value, int) else None

    @property
    def words(self) -> tuple[str, ...]:
        """The value where it is words: flags, capabilities, charsets; else none."""
        return self.value if isinstance(self.value, tuple) else ()


_NAME: Final = re.compile(rb"[^ \]]+")
_ARGUMENT: Final = re.compile(rb"[^\]]*")


def _nothing(cursor: Cursor) -> None:
    if not cursor.next_is(b"]"):
        raise cursor.fail("']' expected")


def _nz_number(cursor: Cursor) -> int:
    cursor.space()
    return cursor.nz_number()


def _mod_sequence(cursor: Cursor) -> int:
    cursor.space()
    return cursor.number(least=1, most=MAX_NUMBER64)


def _flags(cursor: Cursor) -> tuple[str, ...]:
    cursor.space()
    return cursor.flag_list()


def _set(cursor: Cursor) -> SequenceSet:
    cursor.space()
    return cursor.sequence_set()


def _capabilities(cursor: Cursor) -> tuple[str, ...]:
    found = []
    while not cursor.next_is(b"]"):
        cursor.space()
        found.append(cursor.atom("a capability").decode("latin-1"))
    return tuple(found)


def _charsets(cursor: Cursor) -> tuple[str, ...]:
    if cursor.next_is(b"]"):
        return ()
    cursor.space()
    return cursor.in_parentheses(lambda: cursor.astring().decode("latin-1"), least=1)


def _append_uid(cursor: Cursor) -> AppendUid:
    return AppendUid(_nz_number(cursor), _set(cursor))


def _copy_uid(cursor: Cursor) -> CopyUid:
    return CopyUid(_nz_number(cursor), _set(cursor), _set(cursor))


_BARE: Final = (
    "ALERT", "PARSE", "READ-ONLY", "READ-WRITE", "TRYCREATE",  # RFC 3501 §7.1
    "UIDNOTSTICKY",  # RFC 4315 §3
    "NOMODSEQ", "CLOSED",  # RFC 7162 §7
    "UNAVAILABLE", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN",
    "NOPERM", "INUSE", "EXPUNGEISSUED", "CORRUPTION", "SERVERBUG", "CLIENTBUG", "CANNOT", "LIMIT", "OVERQUOTA",
    "ALREADYEXISTS", "NONEXISTENT",  # RFC 5530 §4
    "NOTSAVED", "HASCHILDREN", "UNKNOWN-CTE",  # RFC 9051 §7.1
)  # fmt: skip

# Name -> what reads the rest, up to the bracket. A name that is not listed keeps its argument unread.
CODES: Final[Mapping[str, Callable[[Cursor], CodeValue]]] = MappingProxyType(
    dict.fromkeys(_BARE, _nothing)
    | {
        "BADCHARSET": _charsets,
        "CAPABILITY": _capabilities,
        "PERMANENTFLAGS": _flags,
        "UIDNEXT": _nz_number,
        "UIDVALIDITY": _nz_number,
        "UNSEEN": _nz_number,
        "APPENDUID": _append_uid,
        "COPYUID": _copy_uid,
        "HIGHESTMODSEQ": _mod_sequence,
        "MODIFIED": _set,
    }
)


def read_code(cursor: Cursor) -> Code:
    """A response code, brackets included (RFC 3501 §9, resp-text-code)."""
    cursor.expect(b"[")
    name = _take(cursor, _NAME).decode("latin-1").upper()
    start = cursor.at
    value = cursor.attempt(CODES.get(name, _skip), _skip)
    if not cursor.next_is(b"]"):
        cursor.note(f"']' expected behind {name}")
        _skip(cursor)
    argument = cursor.octets[start : cursor.at].removeprefix(b" ")
    cursor.expect(b"]")
    return Code(name, argument, value)


def _skip(cursor: Cursor) -> None:
    _take(cursor, _ARGUMENT)


def _take(cursor: Cursor, pattern: re.Pattern[bytes]) -> bytes:
    found = pattern.match(cursor.octets, cursor.at)
    if found is None:
        raise cursor.fail("a response code expected")
    cursor.at = found.end()
    return found[0]
