"""A mailbox of six known messages to search in, and keys with the message numbers that they match."""

import datetime as dt
import email.utils
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.wire.imap.results import found
from harness.wire.imap.states import Answer
from suites.imap.scratch import Scratch, Stored, numbers, plain_flags, stock
from suites.mail import plain_message

__all__ = [
    "EVERYTHING",
    "FLAGS",
    "SENT",
    "Key",
    "dates",
    "flag_keys",
    "must_find",
    "number_keys",
    "plain_keys",
    "searched",
    "size_keys",
    "trees",
    "within",
]

# A SEARCH key as on the wire, and the numbers of the messages that it matches.
Key = tuple[bytes, frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Known:
    """One of the messages: `sent` is its Date field, and the moment of its internal date."""

    octets: int
    flags: tuple[str, ...]
    sent: str

    @property
    def moment(self) -> dt.datetime:
        return email.utils.parsedate_to_datetime(self.sent)


# Days change between the zones: which day a date is of is what its text says, whatever the moment.
_KNOWN: Final = (
    _Known(600, (), "Thu, 01 Feb 2024 12:00:00 +0000"),
    _Known(700, (r"\Seen",), "Thu, 01 Feb 2024 23:30:00 -0800"),
    _Known(700, (r"\Seen", r"\Answered"), "Fri, 02 Feb 2024 00:15:00 +0900"),
    _Known(800, (r"\Flagged", r"\Draft"), "Sat, 03 Feb 2024 10:00:00 +0000"),
    _Known(900, (r"\Deleted",), "Fri, 02 Feb 2024 23:59:59 +1300"),
    _Known(1000, (r"\Seen", r"\Flagged", r"\Deleted"), "Mon, 05 Feb 2024 12:00:00 +0000"),
)
_NUMBERED: Final = dict(enumerate(_KNOWN, 1))

EVERYTHING: Final = frozenset(_NUMBERED)
FLAGS: Final = (r"\Answered", r"\Deleted", r"\Draft", r"\Flagged", r"\Seen")

# The day of each message's Date field.
SENT: Final = {number: known.moment.date() for number, known in _NUMBERED.items()}


def searched(target: LiveTarget) -> Scratch:
    """The mailbox, opened by EXAMINE.

    Raises:
        Unclear: The server keeps other flags or sizes than were given to it.
    """
    box = stock(target, "search", lambda: _contents(target))
    for number, data in box.fetch(b"(FLAGS RFC822.SIZE)").items():
        known = _NUMBERED.get(number)
        if known is None or plain_flags(data.flags or ()) != plain_flags(known.flags):
            raise Unclear(f"message {number} has the flags {data.flags}, not those of its APPEND")
        if data.size != known.octets:
            raise Unclear(f"message {number} has {data.size} octets, {known.octets} were appended")
    return box


def _contents(target: LiveTarget) -> list[Stored]:
    return [Stored(_content(target, known), known.flags, known.moment) for known in _KNOWN]


def _content(target: LiveTarget, known: _Known) -> bytes:
    head = plain_message(target.unique(), to=target.account().address, body=b"")
    head = head.replace(b"Tue, 24 Nov 2026 12:00:00 +0000", known.sent.encode())
    return head + b"x" * (known.octets - len(head) - 2) + b"\r\n"


def must_find(box: Scratch, key: bytes, expected: frozenset[int]) -> None:
    """Assert what SEARCH finds, and that it is no syntax error; a NO is the server's right."""
    result = box.imap.command(b"SEARCH", key)
    assert result.status is not Answer.BAD, f"SEARCH {key!r} was answered {result.tagged}"
    if not result.ok:
        raise Unclear(f"SEARCH {key!r} was answered {result.tagged}")
    hits = found(result)
    assert frozenset(hits) == expected, f"SEARCH {key!r} found {hits}, not {sorted(expected)}"


# Keys


def _flag_key(flag: str) -> list[Key]:
    having = frozenset(n for n, known in _NUMBERED.items() if flag in known.flags)
    word = flag.removeprefix("\\").upper().encode()
    return [(word, having), (b"UN" + word, EVERYTHING - having)]


def within(days: dict[int, dt.date], relation: bytes, day: dt.date) -> frozenset[int]:
    """The messages of a day, before it, or since: of the day itself or later (RFC 3501 §6.4.4)."""
    judge = {b"ON": day.__eq__, b"BEFORE": day.__gt__, b"SINCE": day.__le__}[relation]
    return frozenset(number for number, date in days.items() if judge(date))


def _size_key(octets: int, larger: bool) -> Key:
    hits = frozenset(
        n for n, known in _NUMBERED.items() if (known.octets > octets if larger else known.octets < octets)
    )
    return b"%s %d" % (b"LARGER" if larger else b"SMALLER", octets), hits


def _number_key(listed: Sequence[int]) -> Key:
    return numbers(listed), frozenset(listed)


def _range_key(ends: tuple[int, int]) -> Key:
    return b"%d:%d" % ends, frozenset(range(min(ends), max(ends) + 1))


def _from_here(first: int) -> Key:
    return b"%d:*" % first, frozenset(range(first, len(_KNOWN) + 1))


flag_keys: Final = st.sampled_from([key for flag in FLAGS for key in _flag_key(flag)])
size_keys: Final = st.builds(
    _size_key,
    st.sampled_from([0, *(known.octets + by for known in _KNOWN for by in (-1, 0, 1))]),
    st.booleans(),
)
_number: Final = st.integers(1, len(_KNOWN))
number_keys: Final = st.one_of(
    st.lists(_number, min_size=1, max_size=4).map(_number_key),
    st.tuples(_number, _number).map(_range_key),
    _number.map(_from_here),
)
# Days around those of the messages.
dates: Final = st.integers(0, 6).map(lambda days: dt.date(2024, 1, 31) + dt.timedelta(days))


def _not(key: Key) -> Key:
    return b"NOT " + key[0], EVERYTHING - key[1]


def _or(keys: tuple[Key, Key]) -> Key:
    return b"OR %s %s" % (keys[0][0], keys[1][0]), keys[0][1] | keys[1][1]


def _and(keys: tuple[Key, Key]) -> Key:
    return b"(%s %s)" % (keys[0][0], keys[1][0]), keys[0][1] & keys[1][1]


def _composed(inner: SearchStrategy[Key]) -> SearchStrategy[Key]:
    pairs = st.tuples(inner, inner)
    return inner.map(_not) | pairs.map(_or) | pairs.map(_and)


# Keys that are no check's own subject, to be combined or counted.
plain_keys: Final = st.one_of(
    st.sampled_from([key for flag in FLAGS if flag != r"\Draft" for key in _flag_key(flag)]),
    _number.map(lambda number: _number_key([number])),
    _number.map(_from_here),
    st.just((b"ALL", EVERYTHING)),
)
# Keys combined by NOT, OR and parentheses.
trees: Final = _composed(st.recursive(plain_keys, _composed, max_leaves=4))
