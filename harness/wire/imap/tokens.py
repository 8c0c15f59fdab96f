"""The productions that IMAP responses are made of, read patiently at a place in a response's octets."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from harness.errors import RemoteProtocolError
from harness.wire.imap.sequence import MAX_NUMBER, SequenceSet
from harness.wire.lines import WireFault

__all__ = ["GRAMMAR", "LITERAL", "MAX_DEPTH", "MAX_NUMBER64", "Cursor", "Unparsable", "Value"]

T = TypeVar("T")

# What a token of a production unknown to us says: NIL, octets of an atom or string, or a list.
Value = bytes | tuple["Value", ...] | None

GRAMMAR: Final = "RFC 9051 §9"
MAX_NUMBER64: Final = 2**63 - 1  # RFC 9051 §9, number64; RFC 7162 §7, mod-sequence-value

# Ours: how deep lists and body parts may be nested. Beyond, a response is kept unread.
MAX_DEPTH: Final = 100

# Where a production is broken, the patient pattern says how far its octets go, the strict one that it is.
_ATOM: Final = re.compile(rb"[!#$&'+-\[^-z|}~]+")
_PATIENT_ATOM: Final = re.compile(rb'[^ ()"{\]\r\n]+')
_ASTRING: Final = re.compile(rb"[!#$&'+-\[\]-z|}~]+")
_PATIENT_ASTRING: Final = re.compile(rb'[^ ()"{\r\n]+')
_FLAG: Final = re.compile(rb"\\\*|\\?[!#$&'+-\[^-z|}~]+")
_PATIENT_FLAG: Final = re.compile(rb"[^ ()\r\n]+")
_PATIENT_WORD: Final = re.compile(rb'[^ ()"\r\n]+')

_SPACES: Final = re.compile(rb"[ \t]*")
_NUMBER: Final = re.compile(rb"[0-9]{1,20}(?![0-9])")
_SEQUENCE_SET: Final = re.compile(rb"[0-9*:,]+")
_QUOTED: Final = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_BAD_ESCAPE: Final = re.compile(rb"\\(?![\\\"])")
_NOT_TEXT: Final = re.compile(rb"[\0\r\n]")
LITERAL: Final = re.compile(rb"(?P<binary>~?)\{(?P<octets>[0-9]{1,20})(?P<plus>\+?)\}\r\n")


class Unparsable(RemoteProtocolError):
    """A production is not there; whoever reads the larger one falls back and notes it.

    Attributes:
        fault: Where, which rule, and what was seen.
    """

    def __init__(self, fault: WireFault) -> None:
        self.fault = fault
        super().__init__(f"{fault.detail} at octet {fault.position} ({fault.rule})")


class Cursor:
    """A place in the octets of a response; each method takes one production and moves behind it.

    What can be read although it breaks a rule is read, and noted in `faults`.

    Args:
        octets: A response with its literals inline, without the last CRLF.
        utf8: 8-bit octets in quoted strings and texts are no fault where they are UTF-8 (RFC 9051 §4.3).

    Raises:
        Unparsable: From every method that does not find its production.

    Source: RFC 3501 §9; RFC 9051 §9.
    """

    def __init__(self, octets: bytes, *, utf8: bool = False) -> None:
        self.octets = octets
        self.at = 0
        self.faults: list[WireFault] = []
        self._utf8 = utf8

    # Faults

    def note(self, detail: str, rule: str = GRAMMAR, *, at: int | None = None) -> None:
        """Write down what breaks a rule but was read all the same."""
        self.faults.append(WireFault(self.at if at is None else at, rule, detail))

    def fail(self, detail: str, rule: str = GRAMMAR, *, at: int | None = None) -> Unparsable:
        """The error to raise, at this place by default."""
        return Unparsable(WireFault(self.at if at is None else at, rule, detail))

    def attempt(self, read: Callable[["Cursor"], T], otherwise: Callable[["Cursor"], T]) -> T:
        """What `read` reads here; where it cannot, that is noted and `otherwise` reads from the same place."""
        at, noted = self.at, len(self.faults)
        try:
            return read(self)
        except Unparsable as exc:
            self.at = at
            self.faults[noted:] = [exc.fault]
            return otherwise(self)

    # Punctuation and words

    def more(self) -> bool:
        """Whether anything is left."""
        return self.at < len(self.octets)

    def next_is(self, token: bytes) -> bool:
        """Whether `token` (upper case) comes next, in any case of letters."""
        return self.octets[self.at : self.at + len(token)].upper() == token

    def skip(self, token: bytes) -> bool:
        """Move behind `token` where it comes next."""
        found = self.next_is(token)
        self.at += len(token) * found
        return found

    def skip_word(self, token: bytes) -> bool:
        """Move behind `token` where it comes next and a space or the end behind it."""
        return self.octets[self.at + len(token) :][:1] in (b"", b" ") and self.skip(token)

    def expect(self, token: bytes) -> None:
        if not self.skip(token):
            raise self.fail(f"{token.decode()!r} expected")

    def space(self) -> None:
        """One space; none, several or tabs are noted."""
        start = self.at
        self.at = self._match(_SPACES, "a space").end()
        found = self.octets[start : self.at]
        if found != b" ":
            self.note("a space expected" if not found else f"one space expected, not {found!r}", at=start)

    def text_space(self) -> None:
        """The one space before a text, which may begin with more of them."""
        if not self.skip(b" "):
            self.note("a space expected")

    def end(self) -> None:
        """Nothing is left; what is, is noted."""
        if self.more():
            self.note(f"more than the response has: {self.octets[self.at : self.at + 40]!r}")
            self.at = len(self.octets)

    def _match(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        found = pattern.match(self.octets, self.at)
        if found is None:
            raise self.fail(f"{what} expected")
        return found

    def _word(self, patient: re.Pattern[bytes], strict: re.Pattern[bytes], what: str) -> bytes:
        found = self._match(patient, what)
        if strict.fullmatch(found[0]) is None:
            self.note(f"not {what}: {found[0][:40]!r}")
        self.at = found.end()
        return found[0]

    def atom(self, what: str = "an atom") -> bytes:
        return self._word(_PATIENT_ATOM, _ATOM, what)

    def name(self, what: str = "a name") -> str:
        """An atom in upper case."""
        return self.atom(what).decode("latin-1").upper()

    def flag(self) -> str:
        r"""A flag as it came; ``\*`` is one (RFC 3501 §9, flag-perm)."""
        return self._word(_PATIENT_FLAG, _FLAG, "a flag").decode("utf-8", "replace")

    # Lists

    def in_parentheses(self, item: Callable[[], T], *, least: int = 0) -> tuple[T, ...]:
        """``(item item …)``; fewer than `least` are noted."""
        self.expect(b"(")
        items: list[T] = []
        while not self.skip(b")"):
            if not self.more():
                raise self.fail("')' expected")
            if items:
                self.space()
                if self._stray_space():
                    break
            items.append(item())
        if len(items) < least:
            self.note("an empty list", at=self.at - 1)
        return tuple(items)

    def _stray_space(self) -> bool:
        if not self.skip(b")"):
            return False
        self.note("a space before the end of a list", at=self.at - 2)
        return True

    def flag_list(self) -> tuple[str, ...]:
        return self.in_parentheses(self.flag)

    def value(self, depth: int = 0) -> Value:
        """A value of any form: what an extension sends, or what broke its own form."""
        if self.next_is(b"("):
            if depth >= MAX_DEPTH:
                raise self.fail(f"lists nested deeper than {MAX_DEPTH}")
            return self.in_parentheses(lambda: self.value(depth + 1))
        if self._string_next():
            return self.string(binary=True)
        word = self._word(_PATIENT_WORD, _PATIENT_WORD, "a value")
        return None if word.upper() == b"NIL" else word

    # Strings

    def _string_next(self) -> bool:
        return self.next_is(b'"') or self.next_is(b"{") or self.next_is(b"~{")

    def string(self, *, binary: bool = False) -> bytes:
        """A quoted string or literal; an atom in its place is noted. Where `binary`, a literal8 is no fault."""
        if self.next_is(b'"'):
            return self._quoted()
        if self._string_next():
            return self._literal(binary=binary)
        self.note("a string expected, not an atom")
        return self._word(_PATIENT_ASTRING, _PATIENT_ASTRING, "a string")

    def nstring(self, *, binary: bool = False) -> bytes | None:
        """A string, None for ``NIL``."""
        return None if self.nil() else self.string(binary=binary)

    def nil(self) -> bool:
        """Move behind ``NIL`` where it comes next."""
        word = _PATIENT_ASTRING.match(self.octets, self.at)
        return word is not None and word[0].upper() == b"NIL" and self.skip(b"NIL")

    def astring(self) -> bytes:
        return self.string() if self._string_next() else self._word(_PATIENT_ASTRING, _ASTRING, "an astring")

    def delimiter(self) -> bytes | None:
        """A hierarchy delimiter: one quoted character, or ``NIL`` for no hierarchy."""
        start = self.at
        found = self.nstring()
        if found is not None and len(found) != 1:
            self.note(f"a hierarchy delimiter is one character, not {found[:40]!r}", at=start)
        return found

    def _quoted(self) -> bytes:
        found = self._match(_QUOTED, "the end of a quoted string")
        content = found[1]
        self.at = found.start(1)
        self._check_text(content)
        if bad := _BAD_ESCAPE.search(content.replace(b"\\\\", b"xx")):
            self.note("a backslash that escapes neither quote nor backslash", at=self.at + bad.start())
        self.at = found.end()
        return _ESCAPED.sub(rb"\1", content) if b"\\" in content else content

    def _literal(self, *, binary: bool) -> bytes:
        found = self._match(LITERAL, "a literal")
        octets = self.octets[found.end() : found.end() + int(found["octets"])]
        if len(octets) < int(found["octets"]):
            raise self.fail(f"a literal of {found['octets'].decode()} octets that has {len(octets)}")
        if found["plus"]:
            self.note("a non-synchronizing literal from a server")
        if found["binary"] and not binary:
            self.note("a literal8 where a literal is due")
        if not found["binary"] and (nul := octets.find(b"\0")) >= 0:
            self.note("NUL in a literal", "RFC 3501 §9", at=found.end() + nul)
        self.at = found.end() + len(octets)
        return octets

    def text(self) -> bytes:
        """All that is left, as text for people."""
        text = self.octets[self.at :]
        self._check_text(text)
        self.at = len(self.octets)
        return text

    def _check_text(self, content: bytes) -> None:
        """Note what may not stand in a text or quoted string that begins here."""
        if bad := _NOT_TEXT.search(content):
            self.note(f"{bad[0]!r} in a text", "RFC 3501 §9", at=self.at + bad.start())
        if content.isascii():
            return
        if not self._utf8:
            self.note("8-bit octets in a text", "RFC 3501 §9")
            return
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as exc:
            self.note("a text that is not UTF-8", at=self.at + exc.start)

    # Numbers and sets

    def number(self, *, least: int = 0, most: int = MAX_NUMBER) -> int:
        """A number; one out of range, or with a leading zero where it cannot be zero, is noted."""
        found = self._match(_NUMBER, "a number")
        number = int(found[0])
        if not least <= number <= most:
            self.note(f"a number from {least} to {most} expected, not {number}")
        elif least and found[0].startswith(b"0"):
            self.note(f"a leading zero: {found[0].decode()}")
        self.at = found.end()
        return number

    def nz_number(self) -> int:
        return self.number(least=1)

    def mod_sequence(self) -> int:
        """A mod-sequence value, zero where the mailbox keeps none (RFC 7162 §7)."""
        return self.number(most=MAX_NUMBER64)

    def sequence_set(self) -> SequenceSet:
        """Message numbers or UIDs; ``*``, which no response may send, is noted (RFC 9051 §9, uid-set)."""
        found = self._match(_SEQUENCE_SET, "a sequence set")
        try:
            numbers = SequenceSet.parse(found[0])
        except RemoteProtocolError as exc:
            raise self.fail(str(exc)) from exc
        if numbers.has_largest:
            self.note("* in a set that a server sends")
        self.at = found.end()
        return numbers
