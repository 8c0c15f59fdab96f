"""The productions that IMAP commands are made of, read at a place in a command's octets."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Final, TypeVar

from harness.errors import RemoteProtocolError
from harness.wire.imap.sequence import SequenceSet

__all__ = ["MAX_NUMBER", "MAX_NUMBER64", "CommandError", "Scanner"]

T = TypeVar("T")

# RFC 9051 §9: number and number64.
MAX_NUMBER: Final = 2**32 - 1
MAX_NUMBER64: Final = 2**63 - 1

# ATOM-CHAR leaves out ( ) { SP CTL % * " \ ]; ASTRING-CHAR takes ] back, list-char also % and *.
_ATOM: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_LIST_MAILBOX: Final = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_TAG: Final = re.compile(rb"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_QUOTED: Final = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"')
_ESCAPED: Final = re.compile(rb'\\(["\\])')
_LITERAL: Final = re.compile(rb"(?P<binary>~?)\{(?P<octets>[0-9]{1,10})\+?\}\r\n")
_LABEL: Final = re.compile(rb"[A-Za-z0-9.\-]+")
_NUMBER: Final = re.compile(rb"[0-9]{1,19}")
_SEQUENCE_SET: Final = re.compile(rb"[0-9*:,]+")
_DATE: Final = re.compile(rb'("?)(\d{1,2})-([A-Za-z]{3})-(\d{4})\1')
_DATE_TIME: Final = re.compile(
    rb'"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)([0-5]\d)"'
)
_MONTHS: Final = b"jan feb mar apr may jun jul aug sep oct nov dec".split()

_SYSTEM_FLAGS: Final = {
    flag.lower(): flag for flag in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
}


class CommandError(RemoteProtocolError):
    """A command that breaks the grammar; a server answers BAD (RFC 3501 §2.2.2).

    Attributes:
        position: Octets from the start of the command.
        rule: The rule's place, ``RFC 9051 §9``.
        tag: The command's tag, empty where none could be read.
    """

    def __init__(self, position: int, rule: str, problem: str, tag: bytes = b"") -> None:
        self.position = position
        self.rule = rule
        self.problem = problem
        self.tag = tag
        super().__init__(f"{problem} at octet {position} ({rule})")


class Scanner:
    """A place in the octets of a command; each method takes one production and moves behind it.

    Args:
        octets: A command with its literals inline, without the last CRLF.
        utf8: Quoted strings may hold UTF-8 (RFC 9051 §4.3).

    Raises:
        CommandError: From every method that does not find its production.

    Source: RFC 3501 §9; RFC 9051 §9.
    """

    def __init__(self, octets: bytes, *, utf8: bool = False) -> None:
        self.octets = octets
        self.at = 0
        self._utf8 = utf8

    def fail(self, problem: str, rule: str = "RFC 9051 §9") -> CommandError:
        """The error to raise at this place."""
        return CommandError(self.at, rule, problem)

    def _match(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        found = pattern.match(self.octets, self.at)
        if found is None:
            raise self.fail(f"{what} expected")
        self.at = found.end()
        return found

    # Punctuation and words

    def next_is(self, token: bytes) -> bool:
        """Whether `token` (upper case) comes next, in any case of letters."""
        return self.octets[self.at : self.at + len(token)].upper() == token

    def skip(self, token: bytes) -> bool:
        """Move behind `token` where it comes next."""
        found = self.next_is(token)
        self.at += len(token) * found
        return found

    def expect(self, token: bytes) -> None:
        if not self.skip(token):
            raise self.fail(f"{token.decode()!r} expected")

    def space(self) -> None:
        """Exactly one."""
        if not self.skip(b" "):
            raise self.fail("a space expected")

    def more(self) -> bool:
        """Whether anything is left."""
        return self.at < len(self.octets)

    def end(self) -> None:
        if self.more():
            raise self.fail("the end of the command expected")

    def tag(self) -> bytes:
        return self._match(_TAG, "a tag")[0]

    def atom(self, what: str = "an atom") -> bytes:
        return self._match(_ATOM, what)[0]

    def word(self, what: str = "a word") -> str:
        """An atom in upper case."""
        return self.atom(what).decode("ascii").upper()

    def label(self, what: str) -> str:
        """Letters, digits, dots and hyphens in upper case: what stands before ``[`` in a data item."""
        return self._match(_LABEL, what)[0].decode("ascii").upper()

    def in_parentheses(self, item: Callable[[], T], *, may_be_empty: bool = False) -> tuple[T, ...]:
        """``(item item …)``."""
        self.expect(b"(")
        if may_be_empty and self.skip(b")"):
            return ()
        items = [item()]
        while not self.skip(b")"):
            self.space()
            items.append(item())
        return tuple(items)

    # Strings

    def string(self) -> bytes:
        """A quoted string or a literal."""
        return self._quoted() if self.next_is(b'"') else self.literal()

    def astring(self) -> bytes:
        if self.next_is(b'"') or self.next_is(b"{"):
            return self.string()
        return self._match(_ASTRING, "an astring")[0]

    def nstring(self) -> bytes | None:
        return None if self.skip(b"NIL") else self.string()

    def list_mailbox(self) -> bytes:
        """A mailbox name with wildcards."""
        if self.next_is(b'"') or self.next_is(b"{"):
            return self.string()
        return self._match(_LIST_MAILBOX, "a mailbox pattern")[0]

    def _quoted(self) -> bytes:
        start = self.at
        content = self._match(_QUOTED, "a whole quoted string")[1]
        if not content.isascii():
            self._check_utf8(content, start)
        return _ESCAPED.sub(rb"\1", content)

    def _check_utf8(self, content: bytes, start: int) -> None:
        if not self._utf8:
            raise CommandError(start, "RFC 3501 §9", "8-bit octets in a quoted string; send a literal")
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise CommandError(start + 1 + exc.start, "RFC 9051 §9", "a quoted string not UTF-8") from None

    def literal(self) -> bytes:
        """A literal; NUL is no part of one (RFC 3501 §9, ``CHAR8``)."""
        start = self.at
        octets, binary = self.any_literal()
        if binary:
            raise CommandError(start, "RFC 3516 §4.4", "a literal8 where a literal is due")
        if (nul := octets.find(b"\0")) >= 0:
            raise CommandError(self.at - len(octets) + nul, "RFC 9051 §9", "NUL in a literal")
        return octets

    def any_literal(self) -> tuple[bytes, bool]:
        """A literal or a literal8 (RFC 3516 §4.4), and whether it is the latter."""
        found = self._match(_LITERAL, "a string")
        size = int(found["octets"])
        octets = self.octets[self.at : self.at + size]
        if len(octets) < size:
            raise self.fail(f"a literal of {size} octets has {len(octets)}")
        self.at += size
        return octets, bool(found["binary"])

    # Numbers and sets

    def number(self, *, least: int = 0, most: int = MAX_NUMBER) -> int:
        start = self.at
        value = int(self._match(_NUMBER, "a number")[0])
        if not least <= value <= most:
            self.at = start
            raise self.fail(f"a number from {least} to {most} expected")
        return value

    def sequence_set(self) -> SequenceSet | None:
        """Message numbers or UIDs, None for ``$``: what the last SEARCH saved (RFC 5182 §2.1)."""
        if self.skip(b"$"):
            return None
        return self.numbers()

    def numbers(self) -> SequenceSet:
        """Message numbers or UIDs."""
        start = self.at
        text = self._match(_SEQUENCE_SET, "a sequence set")[0]
        try:
            return SequenceSet.parse(text)
        except RemoteProtocolError as exc:
            raise CommandError(start, "RFC 9051 §9", f"not a sequence set: {exc}") from None

    # Flags and dates

    def flag(self) -> str:
        """A flag to set; system flags come out in their spelling, ``\\Recent`` is none (RFC 3501 §9)."""
        start = self.at
        text = ("\\" if self.skip(b"\\") else "") + self.atom("a flag").decode("ascii")
        if text.lower() == "\\recent":
            raise CommandError(start, "RFC 3501 §9", "\\Recent cannot be set")
        return _SYSTEM_FLAGS.get(text.lower(), text)

    def flag_list(self) -> tuple[str, ...]:
        return self.in_parentheses(self.flag, may_be_empty=True)

    def keyword(self) -> str:
        return self.atom("a keyword").decode("ascii")

    def date(self) -> dt.date:
        start = self.at
        found = self._match(_DATE, "a date like 1-Feb-1994")
        try:
            return dt.date(int(found[4]), self._month(found[3]), int(found[2]))
        except ValueError:
            raise CommandError(start, "RFC 9051 §9", f"no such date: {found[0]!r}") from None

    def date_time(self) -> dt.datetime:
        """Aware, in the zone given."""
        start = self.at
        found = self._match(_DATE_TIME, 'a date-time like "01-Feb-1994 12:00:00 +0100"')
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
        offset = dt.timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        try:
            zone = dt.timezone(-offset if sign == b"-" else offset)
            date = (int(year), self._month(month), int(day))
            return dt.datetime(*date, int(hour), int(minute), int(second), tzinfo=zone)
        except ValueError:
            raise CommandError(start, "RFC 9051 §9", f"no such time: {found[0]!r}") from None

    @staticmethod
    def _month(name: bytes) -> int:
        return _MONTHS.index(name.lower()) + 1
