"""The path grammar of RFC 5321 §4.1.2 and §4.1.3, with the UTF-8 forms of RFC 6531 §3.3.

A hand-written scanner, so that every refusal says where and by which rule; regular expressions for the tokens.
"""

import re
from dataclasses import dataclass
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.smtp.errors import AddressError

__all__ = [
    "AddressError",
    "Mailbox",
    "Path",
    "parse_domain",
    "parse_mailbox",
    "parse_path",
    "quote_local_part",
]

# Octets: RFC 5321 §4.5.3.1.2 and RFC 5321 §4.5.3.1.3. A local part of more than the 64 octets of RFC 5321
# §4.5.3.1.1 is read all the same, up to what a path may have.
MAX_DOMAIN: Final = 255
MAX_PATH: Final = 256
MAX_LABEL: Final = 63

_ATEXT: Final = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_ATOM: Final = re.compile(_ATEXT + rb"+")
_UTF8_ATOM: Final = re.compile(rb"(?:" + _ATEXT + rb"|[\x80-\xff])+")
_QUOTED: Final = re.compile(rb'"(?:[ !#-\[\]-~]|\\[ -~])*"')
_UTF8_QUOTED: Final = re.compile(rb'"(?:[ !#-\[\]-~\x80-\xff]|\\[ -~])*"')
_LABEL: Final = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_UTF8_LABEL: Final = re.compile(rb"[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]*[A-Za-z0-9\x80-\xff])?")
_LITERAL: Final = re.compile(rb"\[([!-Z^-~]+)\]")
_TAG: Final = re.compile(rb"[A-Za-z0-9-]*[A-Za-z0-9]")
_HEX_GROUP: Final = re.compile(rb"[0-9A-Fa-f]{1,4}")
_IPV4: Final = re.compile(rb"(?:(?:[01]?[0-9]?[0-9]|2[0-4][0-9]|25[0-5])(?:\.(?!$)|$)){4}")
_QUOTABLE: Final = re.compile(rb"[ -~\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """``local-part@domain``; the local part is kept without quoting, so equal spellings are equal.

    `domain` is empty only for the bare ``Postmaster`` of RFC 5321 §4.1.1.3.
    """

    local_part: bytes
    domain: bytes

    def encode(self) -> bytes:
        """The shortest spelling: quoted only where it must be (RFC 5321 §4.1.2)."""
        local = quote_local_part(self.local_part)
        return local + b"@" + self.domain if self.domain else local

    @property
    def canonical(self) -> "Mailbox":
        """The same mailbox with its domain in lower case (RFC 5321 §2.4), for comparison."""
        return Mailbox(self.local_part, self.domain.lower())

    @property
    def needs_smtputf8(self) -> bool:
        return not (self.local_part + self.domain).isascii()


@dataclass(frozen=True, slots=True)
class Path:
    """A reverse- or forward-path; `mailbox` is None for the null path ``<>``, `route` is to be ignored."""

    mailbox: Mailbox | None
    route: tuple[bytes, ...] = ()

    @property
    def needs_smtputf8(self) -> bool:
        return self.mailbox is not None and (
            self.mailbox.needs_smtputf8 or not b"".join(self.route).isascii()
        )

    def encode(self) -> bytes:
        if self.mailbox is None:
            return b"<>"
        hops = b",".join(b"@" + hop for hop in self.route)
        return b"<" + (hops + b":" if hops else b"") + self.mailbox.encode() + b">"


def quote_local_part(local_part: bytes) -> bytes:
    """The local part as a dot-string where that is possible, else quoted, with no needless backslash.

    Raises:
        LocalProtocolError: It holds a control character, which no spelling can carry.
    """
    if not _QUOTABLE.fullmatch(local_part):
        raise LocalProtocolError("a local part cannot hold control characters (RFC 5321 §4.1.2)")
    if all(_UTF8_ATOM.fullmatch(word) for word in local_part.split(b".")):
        return local_part
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", local_part) + b'"'


class _Scanner:
    def __init__(self, octets: bytes, position: int, *, smtputf8: bool) -> None:
        self.octets = octets
        self.position = position
        self.smtputf8 = smtputf8

    def peek(self) -> bytes:
        return self.octets[self.position : self.position + 1]

    def take(self, token: re.Pattern[bytes]) -> bytes:
        """The token at this place, or ``b""``."""
        found = token.match(self.octets, self.position)
        if found is None:
            return b""
        self.position = found.end()
        return found[0]

    def skip(self, octet: bytes, rule: str) -> None:
        if self.peek() != octet:
            raise self.error(rule, f"{octet.decode()!r} expected, {self.peek()!r} found")
        self.position += 1

    def error(self, rule: str, problem: str) -> AddressError:
        return AddressError(self.position, rule, problem)

    def local_part(self) -> bytes:
        start = self.position
        if self.peek() == b'"':
            quoted = self.take(_UTF8_QUOTED if self.smtputf8 else _QUOTED)
            if not quoted:
                raise self.error(
                    "RFC 5321 §4.1.2", "a quoted string that is not closed or holds a forbidden octet"
                )
            local = re.sub(rb"\\(.)", rb"\1", quoted[1:-1])
        else:
            atom = _UTF8_ATOM if self.smtputf8 else _ATOM
            while self.take(atom) and self.peek() == b".":
                self.position += 1
            local = self.octets[start : self.position]
            if not local or local.endswith(b".") or local.startswith(b"."):
                raise self.error("RFC 5321 §4.1.2", "a local part is a dot-string or a quoted string")
        self._check_utf8(start)
        return local

    def domain(self) -> bytes:
        start = self.position
        if self.peek() == b"[":
            return self.address_literal()
        label = _UTF8_LABEL if self.smtputf8 else _LABEL
        while self.take(label) and self.peek() == b".":
            self.position += 1
        domain = self.octets[start : self.position]
        if not domain or domain.endswith(b"."):
            raise self.error(
                "RFC 5321 §4.1.2", "a domain is labels of letters, digits and hyphens, with dots between"
            )
        if any(len(part) > MAX_LABEL for part in domain.split(b".")):
            raise self.error("RFC 5321 §2.3.5", f"a label of more than {MAX_LABEL} octets")
        self._check_utf8(start)
        return domain

    def address_literal(self) -> bytes:
        start = self.position
        whole = self.take(_LITERAL)
        if not whole or not _is_literal(whole[1:-1]):
            self.position = start
            raise self.error("RFC 5321 §4.1.3", "not an address literal")
        return whole

    def mailbox(self) -> Mailbox:
        start = self.position
        local = self.local_part()
        if len(local) > MAX_PATH:
            self.position = start
            raise self.error("RFC 5321 §4.5.3.1.1", f"a local part of {len(local)} octets")
        if self.peek() != b"@":
            if self.octets[start : self.position].lower() == b"postmaster":
                return Mailbox(local, b"")  # RFC 5321 §4.1.1.3
            raise self.error("RFC 5321 §4.1.2", "'@' and a domain expected")
        self.position += 1
        domain = self.domain()
        if len(domain) > MAX_DOMAIN:
            self.position = start
            raise self.error("RFC 5321 §4.5.3.1.2", f"a domain of {len(domain)} octets")
        return Mailbox(local, domain)

    def route(self) -> tuple[bytes, ...]:
        if self.peek() != b"@":
            return ()
        hops: list[bytes] = []
        while not hops or self.peek() == b",":
            self.position += bool(hops)
            self.skip(b"@", "RFC 5321 §4.1.2")
            hops.append(self.domain())
        self.skip(b":", "RFC 5321 §4.1.2")
        return tuple(hops)

    def _check_utf8(self, start: int) -> None:
        try:
            self.octets[start : self.position].decode("utf-8")
        except UnicodeDecodeError as exc:
            self.position = start + exc.start
            raise self.error("RFC 6531 §3.3", "not UTF-8") from exc


def _is_literal(inner: bytes) -> bool:
    """RFC 5321 §4.1.3: IPv4, ``IPv6:`` with an address, or a general tagged literal."""
    tag, colon, rest = inner.partition(b":")
    if not colon:
        return bool(_IPV4.fullmatch(inner))
    if tag.lower() == b"ipv6":
        return _is_ipv6(rest)
    return bool(_TAG.fullmatch(tag) and rest)


def _is_ipv6(address: bytes) -> bool:
    """Eight groups, or ``::`` once in place of two at least; the last two may be written as IPv4."""
    head, gap, tail = address.partition(b"::")
    groups = [group for part in (head, tail) if part for group in part.split(b":")]
    ends_in_ipv4 = bool(groups) and not address.endswith(b":") and bool(_IPV4.fullmatch(groups[-1]))
    if ends_in_ipv4:
        groups[-1:] = [b"0", b"0"]
    if not all(_HEX_GROUP.fullmatch(group) for group in groups):
        return False
    return len(groups) <= 6 if gap else len(groups) == 8


def parse_path(octets: bytes, position: int = 0, *, smtputf8: bool = False) -> tuple[Path, int]:
    """Read ``<...>`` at `position`; returns the path and the position behind it.

    Raises:
        AddressError: Position and rule of the first octet that does not fit.

    Source: RFC 5321 §4.1.2; RFC 6531 §3.3.
    """
    scan = _Scanner(octets, position, smtputf8=smtputf8)
    scan.skip(b"<", "RFC 5321 §4.1.2")
    if scan.peek() == b">":
        return Path(None), scan.position + 1
    route = scan.route()
    mailbox = scan.mailbox()
    scan.skip(b">", "RFC 5321 §4.1.2")
    return Path(mailbox, route), scan.position


def parse_mailbox(octets: bytes, *, smtputf8: bool = False) -> Mailbox:
    """Read a whole mailbox; as `parse_path` without the brackets."""
    scan = _Scanner(octets, 0, smtputf8=smtputf8)
    mailbox = scan.mailbox()
    if scan.position != len(octets):
        raise scan.error("RFC 5321 §4.1.2", "something follows the mailbox")
    return mailbox


def parse_domain(octets: bytes, *, smtputf8: bool = False) -> bytes:
    """Read a whole domain or address literal, as EHLO takes it (RFC 5321 §4.1.1.1)."""
    scan = _Scanner(octets, 0, smtputf8=smtputf8)
    domain = scan.domain()
    if scan.position != len(octets):
        raise scan.error("RFC 5321 §4.1.1.1", "something follows the domain")
    return domain
