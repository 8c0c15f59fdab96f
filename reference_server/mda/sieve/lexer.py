"""A script's tokens (RFC 5228 §8.1).

Patient in one thing: a line may end in LF as well as in CRLF; inside a string it is CRLF either way.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reference_server.mda.sieve.errors import Place, SieveError

__all__ = ["Kind", "Token", "tokens"]

# RFC 5228 §2.4.1 asks for 2^31 - 1 at least.
MAX_NUMBER: Final = 2**63 - 1
_MAX_DIGITS: Final = len(str(MAX_NUMBER))

_FACTORS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


class Kind(StrEnum):
    """What a token is; separators stand for themselves."""

    IDENTIFIER = "a word"
    TAG = "a tag"
    NUMBER = "a number"
    STRING = "a string"
    SEPARATOR = "a separator"
    END = "the end of the script"


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        text: The value of a string; a word or tag in lower case; a number or separator as it stands.
        number: The value of a number.
    """

    kind: Kind
    text: str
    place: Place
    number: int = 0

    def __str__(self) -> str:
        shown = {Kind.STRING: str(self.kind), Kind.END: str(self.kind)}
        return shown.get(self.kind, repr(self.text))


_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\r\n]+ | \#[^\n]*)
    | (?P<comment>/\*)
    | (?P<multiline>text:[ \t]*(?:\#[^\n]*)?\r?\n)
    | (?P<quoted>"(?P<inside>[^"\\]*(?:\\.[^"\\]*)*)")
    | (?P<number>(?P<digits>[0-9]+)(?P<quantifier>[KMG]?)(?![A-Z0-9_]))
    | (?P<tag>:[A-Z_][A-Z0-9_]*)
    | (?P<identifier>[A-Z_][A-Z0-9_]*)
    | (?P<separator>[\[\](){},;])
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII | re.DOTALL,
)
_LAST_LINE: Final = re.compile(r"^\.\r?(?:\n|\Z)", re.MULTILINE)
_STUFFED: Final = re.compile(r"^\.\.", re.MULTILINE)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
# Octets that were no UTF-8 come as "surrogateescape" has them, U+DC80 and up; other surrogates stand for nothing.
_FORBIDDEN: Final = re.compile("[\x00\ud800-\udc7f\udd00-\udfff]|\r(?!\n)")
_LINE_END: Final = re.compile(r"\r?\n")


class _Lexer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.line_starts = [0, *(found.end() for found in re.finditer(r"\n", source))]

    def place(self, at: int) -> Place:
        line = bisect_right(self.line_starts, at)
        return Place(line, at - self.line_starts[line - 1] + 1)

    def error(self, problem: str, at: int | None = None) -> SieveError:
        return SieveError(self.place(self.at if at is None else at), problem)

    def tokens(self) -> Iterator[Token]:
        if found := _FORBIDDEN.search(self.source):
            raise self.error(f"{found[0]!a} cannot stand in a script", found.start())
        while self.at < len(self.source):
            found = _TOKEN.match(self.source, self.at)
            if found is None:
                raise self.error(self.misfit())
            token = self.token(found)
            if token is not None:
                yield token
        yield Token(Kind.END, "", self.place(self.at))

    def token(self, found: re.Match[str]) -> Token | None:
        start, self.at = self.at, found.end()
        place = self.place(start)
        match found.lastgroup:
            case "space":
                return None
            case "comment":
                self.at = self.behind("*/", start)
                return None
            case "multiline":
                return Token(Kind.STRING, self.multiline(start), place)
            case "quoted":
                return Token(Kind.STRING, _ESCAPED.sub(r"\1", _crlf(found["inside"])), place)
            case "tag":
                return Token(Kind.TAG, found["tag"].lower(), place)
            case "identifier":
                return Token(Kind.IDENTIFIER, found["identifier"].lower(), place)
            case "separator":
                return Token(Kind.SEPARATOR, found["separator"], place)
            case _:
                return Token(Kind.NUMBER, found["number"], place, self.number(found, start))

    def behind(self, end: str, start: int) -> int:
        at = self.source.find(end, self.at)
        if at < 0:
            raise self.error("a comment that is not closed", start)
        return at + len(end)

    def multiline(self, start: int) -> str:
        """Up to the line that is a dot (RFC 5228 §2.4.2)."""
        last = _LAST_LINE.search(self.source, self.at)
        if last is None:
            raise self.error("text: that does not end with a line that is a single dot", start)
        inside = self.source[self.at : last.start()]
        self.at = last.end()
        return _crlf(_STUFFED.sub(".", inside))

    def number(self, found: re.Match[str], start: int) -> int:
        digits = found["digits"].lstrip("0") or "0"
        if len(digits) <= _MAX_DIGITS:
            value = int(digits) * _FACTORS[found["quantifier"].upper()]
            if value <= MAX_NUMBER:
                return value
        raise self.error(f"a number above {MAX_NUMBER}", start)

    def misfit(self) -> str:
        match self.source[self.at]:
            case '"':
                return "a string that is not closed"
            case digit if "0" <= digit <= "9":
                return "a number is digits, with K, M or G at its end"
            case ":":
                return "a tag is a colon and a word"
            case other:
                return f"{other!r} cannot stand here"


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a script, one of kind END last; white space and comments are left out.

    Raises:
        SieveError: What stands there is no token.
    """
    return _Lexer(source).tokens()


def _crlf(text: str) -> str:
    return _LINE_END.sub("\r\n", text)
