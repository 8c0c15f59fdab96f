"""Header fields, and the values that are a token with parameters."""

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Field", "Parameterized", "header_end", "parse_fields", "parse_parameterized", "unfold"]

_BLANK_LINE: Final = re.compile(rb"(?:\A|(?<=\n))\r?\n")
_FIELD: Final = re.compile(rb"(?P<name>[!-9;-~]+)[ \t]*:(?P<value>(?:[^\n]|\n[ \t])*)(?:\n|\Z)")
_ANY_LINE: Final = re.compile(rb"[^\n]*(?:\n|\Z)")
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")

_SKIPPED: Final = re.compile(rb"[ \t\r\n]+")
_TOKEN: Final = re.compile(rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+")
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
# What a value without quotes may hold in mail as it is found, more than RFC 2045 §5.1 allows.
_LOOSE_VALUE: Final = re.compile(rb"[^\x00-\x20\x7f;\"(]+")


@dataclass(frozen=True, slots=True)
class Field:
    """A header field: `value` as it stands behind the colon, `raw` all its octets with the last CRLF."""

    name: bytes
    value: bytes
    raw: bytes

    @property
    def text(self) -> bytes:
        """The value unfolded, without the white space around it."""
        return unfold(self.value)


@dataclass(frozen=True, slots=True)
class Parameterized:
    """``value; name=text; …`` with quotes and comments taken away, in their order and spelling."""

    value: bytes
    parameters: tuple[tuple[bytes, bytes], ...] = ()

    def parameter(self, name: bytes) -> bytes | None:
        """The first of this name, in any case (RFC 2045 §5.1)."""
        return next((text for key, text in self.parameters if key.lower() == name), None)


def header_end(octets: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the body begins: behind the first blank line, at the end where there is none."""
    end = len(octets) if end is None else end
    if octets.startswith((b"\r\n", b"\n"), start, end):
        return octets.index(b"\n", start) + 1
    found = _BLANK_LINE.search(octets, start + 1, end)
    return found.end() if found else end


def parse_fields(header: bytes) -> tuple[Field, ...]:
    """The fields of a header in their order; lines that are no field are left out."""
    fields = []
    at = 0
    while at < len(header):
        found = _FIELD.match(header, at)
        if found is None:
            line = _ANY_LINE.match(header, at)
            at = line.end() if line else len(header)
            continue
        fields.append(Field(found["name"], found["value"].removesuffix(b"\r"), found[0]))
        at = found.end()
    return tuple(fields)


def unfold(value: bytes) -> bytes:
    """Take the line ends of folding away (RFC 5322 §2.2.3), and white space around the value."""
    return _FOLD.sub(b"", value).replace(b"\r", b"").replace(b"\n", b"").strip(b" \t")


def parse_parameterized(value: bytes, *, slash: bool = False) -> Parameterized | None:
    """Read a value such as Content-Type's (with a `slash`) or Content-Disposition's.

    Returns:
        None where there is no token to begin with. Parameters are read up to the first that makes no sense.
    """
    at = skip_comments(value, 0)
    first = _TOKEN.match(value, at)
    if first is None:
        return None
    word, at = first[0], first.end()
    if slash:
        at = skip_comments(value, at)
        second = _TOKEN.match(value, skip_comments(value, at + 1)) if value[at : at + 1] == b"/" else None
        if second is None:
            return None
        word, at = b"%s/%s" % (word, second[0]), second.end()
    return Parameterized(word, tuple(_parameters(value, at)))


def _parameters(value: bytes, at: int) -> list[tuple[bytes, bytes]]:
    parameters = []
    while (at := skip_comments(value, at)) < len(value) and value[at : at + 1] == b";":
        at = skip_comments(value, at + 1)
        if at >= len(value):
            break
        name = _TOKEN.match(value, at)
        if name is None:
            break
        at = skip_comments(value, name.end())
        if value[at : at + 1] != b"=":
            break
        at = skip_comments(value, at + 1)
        if quoted := _QUOTED.match(value, at):
            parameters.append((name[0], _ESCAPED.sub(rb"\1", unfold(quoted[1]))))
            at = quoted.end()
        elif loose := _LOOSE_VALUE.match(value, at):
            parameters.append((name[0], loose[0]))
            at = loose.end()
        else:
            break
    return parameters


def skip_comments(value: bytes, at: int) -> int:
    """Move over white space and comments, which may nest (RFC 5322 §3.2.2)."""
    while at < len(value):
        if space := _SKIPPED.match(value, at):
            at = space.end()
        elif value[at : at + 1] == b"(":
            at = comment_end(value, at)
        else:
            break
    return at


def comment_end(value: bytes, at: int) -> int:
    """Where the comment that opens at `at` ends; an open one ends with the value."""
    depth = 0
    while at < len(value):
        match value[at : at + 1]:
            case b"\\":
                at += 1
            case b"(":
                depth += 1
            case b")":
                depth -= 1
                if depth == 0:
                    return at + 1
        at += 1
    return len(value)
