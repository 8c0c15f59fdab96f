"""SEARCH: the criteria as a tree, and the parser that grows it."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from harness.wire.imap.command_tokens import MAX_NUMBER64, Scanner
from harness.wire.imap.sequence import SequenceSet

__all__ = [
    "All",
    "And",
    "Changed",
    "Dated",
    "Flagged",
    "Header",
    "Key",
    "New",
    "Not",
    "Numbers",
    "Or",
    "Recent",
    "Saved",
    "Search",
    "Sized",
    "Text",
    "Uids",
    "search",
]

# Ours: how deep criteria may nest, so that no command exhausts the stack.
MAX_DEPTH: Final = 50

_RETURN_OPTIONS: Final = frozenset({"MIN", "MAX", "ALL", "COUNT", "SAVE"})

Relation = Literal["before", "on", "since"]


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class And:
    keys: tuple["Key", ...]


@dataclass(frozen=True, slots=True)
class Or:
    left: "Key"
    right: "Key"


@dataclass(frozen=True, slots=True)
class Not:
    key: "Key"


@dataclass(frozen=True, slots=True)
class Flagged:
    """The flag is set; `Not` of it for UNSEEN and its like."""

    flag: str


@dataclass(frozen=True, slots=True)
class Recent:
    """RECENT (RFC 3501 §6.4.4)."""


@dataclass(frozen=True, slots=True)
class New:
    """NEW: recent and not seen (RFC 3501 §6.4.4)."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header field contains the text; an empty text asks whether the field is there."""

    field: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Text:
    """The body, or header and body, contain the text."""

    text: bytes
    header_too: bool


@dataclass(frozen=True, slots=True)
class Dated:
    """The internal date, or the Date field where `sent`, without regard to time and zone."""

    relation: Relation
    date: dt.date
    sent: bool


@dataclass(frozen=True, slots=True)
class Sized:
    """More octets than that, or fewer."""

    larger: bool
    octets: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """Message numbers."""

    numbers: SequenceSet


@dataclass(frozen=True, slots=True)
class Uids:
    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class Saved:
    """``$``: what the last SEARCH saved (RFC 5182 §2.1)."""


@dataclass(frozen=True, slots=True)
class Changed:
    """MODSEQ: this mod-sequence or a greater one (RFC 7162 §3.1.5)."""

    modseq: int


Key = (
    All
    | And
    | Or
    | Not
    | Flagged
    | Recent
    | New
    | Header
    | Text
    | Dated
    | Sized
    | Numbers
    | Uids
    | Saved
    | Changed
)


@dataclass(frozen=True, slots=True)
class Search:
    """Arguments of SEARCH.

    Attributes:
        returning: Result options in upper case; None for the SEARCH of RFC 3501 without RETURN, empty for
            ``RETURN ()``.
        charset: In upper case, None where none is given.
    """

    key: Key
    charset: str | None = None
    returning: frozenset[str] | None = None

    @property
    def asks_modseq(self) -> bool:
        """Whether a MODSEQ criterion is among the keys (RFC 7162 §3.1.5)."""
        return any(isinstance(key, Changed) for key in _every_key(self.key))

    @property
    def uses_numbers(self) -> bool:
        """Whether message numbers are among the keys (RFC 7162 §3.2.10.2)."""
        return any(isinstance(key, Numbers) for key in _every_key(self.key))


def _every_key(key: Key) -> Iterator[Key]:
    yield key
    match key:
        case And(keys):
            inner = keys
        case Or(left, right):
            inner = (left, right)
        case Not(negated):
            inner = (negated,)
        case _:
            inner = ()
    for each in inner:
        yield from _every_key(each)


class _Criteria:
    """The keys of one command; `depth` is how many levels are open."""

    def __init__(self, scan: Scanner) -> None:
        self.scan = scan
        self.depth = 0

    def all_of(self) -> Key:
        """One or more keys up to the end."""
        keys = [self.key()]
        while self.scan.more():
            self.scan.space()
            keys.append(self.key())
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def key(self) -> Key:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.scan.fail(f"criteria nested deeper than {MAX_DEPTH}")
        found = self._key()
        self.depth -= 1
        return found

    def _key(self) -> Key:
        scan = self.scan
        if scan.next_is(b"("):
            keys = scan.in_parentheses(self.key)
            return keys[0] if len(keys) == 1 else And(keys)
        if scan.skip(b"$"):
            return Saved()
        if scan.octets[scan.at : scan.at + 1] in b"0123456789*" and scan.more():
            return Numbers(scan.numbers())
        start = scan.at
        name = scan.word("a search key")
        if name in _SIMPLE:
            return _SIMPLE[name]
        if name not in _WITH_ARGUMENT:
            scan.at = start
            raise scan.fail(f"no such search key: {name[:40]}")
        scan.space()
        return _WITH_ARGUMENT[name](self)

    def text(self) -> bytes:
        return self.scan.astring()

    def header(self) -> Key:
        field = self.text().decode("latin-1")
        self.scan.space()
        return Header(field, self.text())

    def either(self) -> Key:
        left = self.key()
        self.scan.space()
        return Or(left, self.key())

    def changed(self) -> Key:
        """RFC 7162 §3.1.5: the flag's own mod-sequence may be asked for; here a message has one for all."""
        if self.scan.next_is(b'"'):
            self.scan.string()
            self.scan.space()
            if self.scan.word() not in {"PRIV", "SHARED", "ALL"}:
                raise self.scan.fail("priv, shared or all expected", "RFC 7162 §3.1.5")
            self.scan.space()
        return Changed(self.scan.number(most=MAX_NUMBER64))


_FLAGS: Final = ("Answered", "Deleted", "Draft", "Flagged", "Seen")
_SET: Final[Mapping[str, Key]] = {flag.upper(): Flagged("\\" + flag) for flag in _FLAGS}
_NOT_SET: Final[Mapping[str, Key]] = {f"UN{name}": Not(key) for name, key in _SET.items()}
_RECENT: Final[Mapping[str, Key]] = {"RECENT": Recent(), "OLD": Not(Recent()), "NEW": New()}
_SIMPLE: Final[Mapping[str, Key]] = MappingProxyType({"ALL": All(), **_SET, **_NOT_SET, **_RECENT})


def _field(name: str) -> Callable[[_Criteria], Key]:
    return lambda criteria: Header(name, criteria.text())


def _dated(relation: Relation, *, sent: bool) -> Callable[[_Criteria], Key]:
    return lambda criteria: Dated(relation, criteria.scan.date(), sent)


def _sized(*, larger: bool) -> Callable[[_Criteria], Key]:
    return lambda criteria: Sized(larger, criteria.scan.number(most=MAX_NUMBER64))


_RELATIONS: Final[tuple[Relation, ...]] = ("before", "on", "since")
_WITH_ARGUMENT: Final[Mapping[str, Callable[[_Criteria], Key]]] = MappingProxyType(
    {name: _field(name.capitalize()) for name in ("BCC", "CC", "FROM", "SUBJECT", "TO")}
    | {relation.upper(): _dated(relation, sent=False) for relation in _RELATIONS}
    | {"SENT" + relation.upper(): _dated(relation, sent=True) for relation in _RELATIONS}
    | {
        "BODY": lambda criteria: Text(criteria.text(), header_too=False),
        "TEXT": lambda criteria: Text(criteria.text(), header_too=True),
        "HEADER": _Criteria.header,
        "KEYWORD": lambda criteria: Flagged(criteria.scan.keyword()),
        "UNKEYWORD": lambda criteria: Not(Flagged(criteria.scan.keyword())),
        "LARGER": _sized(larger=True),
        "SMALLER": _sized(larger=False),
        "NOT": lambda criteria: Not(criteria.key()),
        "OR": _Criteria.either,
        "UID": lambda criteria: _uids(criteria.scan),
        "MODSEQ": _Criteria.changed,
    }
)


def _uids(scan: Scanner) -> Key:
    uids = scan.sequence_set()
    return Saved() if uids is None else Uids(uids)


def search(scan: Scanner) -> Search:
    """The arguments of SEARCH, to the end of the command.

    Raises:
        CommandError: As `Scanner`.

    Source: RFC 3501 §9; RFC 9051 §9 (search, search-return-opts); RFC 7162 §7.
    """
    scan.space()
    returning = None
    if scan.skip(b"RETURN "):
        returning = frozenset(scan.in_parentheses(lambda: _return_option(scan), may_be_empty=True))
        scan.space()
    charset = None
    if scan.skip(b"CHARSET "):
        charset = scan.astring().decode("latin-1").upper()
        scan.space()
    return Search(_Criteria(scan).all_of(), charset, returning)


def _return_option(scan: Scanner) -> str:
    start = scan.at
    option = scan.word("a result option")
    if option not in _RETURN_OPTIONS:
        scan.at = start
        raise scan.fail(f"no such result option: {option[:40]}")
    return option
