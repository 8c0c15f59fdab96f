"""Address lists as ENVELOPE wants them: display name, route, local part and domain, quotes taken away."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from reference_server.mime.fields import comment_end, unfold

__all__ = ["Address", "parse_addresses"]

_SPACE: Final = re.compile(rb"[ \t\r\n]+")
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)(?:"|\Z)', re.DOTALL)
_LITERAL: Final = re.compile(rb"\[(?:[^\]\\]|\\.)*(?:\]|\Z)", re.DOTALL)
_ATOM: Final = re.compile(rb"[^ \t\r\n()<>@,;:\\\"\[\]]+")
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """An address; a group begins with one whose `host` is None, its name in `mailbox`, and ends with one all None.

    Source: RFC 3501 §7.4.2.
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is ``word``, ``literal``, ``comment``, or the special itself; `spaced` after white space."""

    kind: str
    text: bytes
    spaced: bool


def _tokens(value: bytes) -> Iterator[_Token]:
    at, spaced = 0, False
    while at < len(value):
        if space := _SPACE.match(value, at):
            at, spaced = space.end(), True
            continue
        if quoted := _QUOTED.match(value, at):
            token, at = _Token("word", _ESCAPED.sub(rb"\1", unfold(quoted[1])), spaced), quoted.end()
        elif value[at : at + 1] == b"(":
            end = comment_end(value, at)
            token, at = _Token("comment", value[at + 1 : end].removesuffix(b")"), spaced), end
        elif literal := _LITERAL.match(value, at):
            token, at = _Token("literal", literal[0], spaced), literal.end()
        elif atom := _ATOM.match(value, at):
            token, at = _Token("word", atom[0], spaced), atom.end()
        else:
            octet = value[at : at + 1]
            token, at = _Token(octet.decode("latin-1"), octet, spaced), at + 1
        yield token
        spaced = False


@dataclass
class _Open:
    """The address being read: the words so far, and what stands in angle brackets once they open."""

    words: list[_Token] = field(default_factory=list)
    bracketed: list[_Token] | None = None
    closed: bool = False
    comment: bytes | None = None

    def take(self, token: _Token) -> None:
        match token.kind:
            case "comment":
                self.comment = token.text.strip()
            case "<" if self.bracketed is None:
                self.bracketed = []
            case ">":
                self.closed = True
            case _ if self.bracketed is not None and not self.closed:
                self.bracketed.append(token)
            case _ if not self.closed:
                self.words.append(token)

    def address(self) -> Address | None:
        if self.bracketed is None:
            if not self.words:
                return None
            mailbox, host = _addr_spec(self.words)
            return Address(self.comment or None, None, mailbox, host)
        route, spec = _route(self.bracketed)
        mailbox, host = _addr_spec(spec)
        return Address(_phrase(self.words) or self.comment or None, route, mailbox, host)


def parse_addresses(value: bytes) -> tuple[Address, ...]:
    """Read an address list (RFC 5322 §3.4), obsolete forms and what is found in mail included; nothing raises."""
    found: list[Address | None] = []
    current = _Open()
    in_group = False
    for token in _tokens(value):
        inside = current.bracketed is not None and not current.closed
        if token.kind == ":" and not inside and not in_group:
            found.append(Address(None, None, _phrase(current.words), None))
            current, in_group = _Open(), True
        elif token.kind in (",", ";") and not (inside and token.kind == ","):
            found.append(current.address())
            current = _Open()
            if token.kind == ";" and in_group:
                found.append(Address(None, None, None, None))
                in_group = False
        else:
            current.take(token)
    found.append(current.address())
    if in_group:
        found.append(Address(None, None, None, None))
    return tuple(address for address in found if address is not None)


def _phrase(words: list[_Token]) -> bytes:
    """Words of a display name, a space where there was white space."""
    return b"".join(
        (b" " if word.spaced and index else b"") + word.text for index, word in enumerate(words)
    ).strip()


def _route(tokens: list[_Token]) -> tuple[bytes | None, list[_Token]]:
    """The obsolete source route, ``@a,@b``, and what is behind its colon."""
    if not tokens or tokens[0].kind != "@":
        return None, tokens
    colon = next((index for index, token in enumerate(tokens) if token.kind == ":"), None)
    if colon is None:
        return None, tokens
    return b"".join(token.text for token in tokens[:colon]), tokens[colon + 1 :]


def _addr_spec(tokens: list[_Token]) -> tuple[bytes, bytes]:
    """Local part and domain; the last ``@`` divides them, and a missing half is empty (NIL would mean a group)."""
    at = max((index for index, token in enumerate(tokens) if token.kind == "@"), default=len(tokens))
    local = b"".join(token.text for token in tokens[:at])
    return local, b"".join(token.text for token in tokens[at + 1 :])
