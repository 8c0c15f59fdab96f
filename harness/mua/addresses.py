"""Addresses as people write them: ``Wu Qing <wqp@example.test>, bob@example.test``."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import idna

from harness.errors import UsageError
from harness.wire.smtp.address import Mailbox, parse_mailbox
from harness.wire.smtp.errors import AddressError

__all__ = ["Address", "parse_address", "parse_addresses", "parse_mailbox_text", "parse_reverse_path"]

# A quoted string, a pair of angle brackets, a comma, or a run of what is none of these.
_RUN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|,|[^",<]+|.', re.DOTALL)
_WITH_NAME: Final = re.compile(r"(?P<name>.*?)\s*<(?P<mailbox>[^<>]*)>", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox and, where one was given, the name of its owner as people read it."""

    mailbox: Mailbox
    name: str = ""

    @property
    def needs_smtputf8(self) -> bool:
        """Whether its mailbox can only be written in UTF-8 (RFC 6531 §3.2); a name never needs it."""
        return self.mailbox.needs_smtputf8

    def __str__(self) -> str:
        spec = self.mailbox.encode().decode()
        return f"{self.name} <{spec}>" if self.name else spec


def parse_mailbox_text(text: str) -> Mailbox:
    """Read ``local-part@domain``. An internationalized domain becomes A-labels, which every server knows.

    Raises:
        UsageError: Says what was read and where it stops being an address.

    Source: RFC 5321 §4.1.2; RFC 6531 §3.3.
    """
    try:
        octets = text.encode()
    except UnicodeEncodeError as exc:
        raise UsageError(f"{text!r} is not an address: not UTF-8") from exc
    try:
        mailbox = parse_mailbox(octets, smtputf8=True)
    except AddressError as exc:
        raise UsageError(f"{text!r} is not an address: {exc}") from exc
    if mailbox.domain.isascii():
        return mailbox
    try:
        domain = idna.encode(mailbox.domain.decode(), uts46=True)
    except idna.IDNAError as exc:
        raise UsageError(f"{text!r} is not an address: no such domain name: {exc}") from exc
    return Mailbox(mailbox.local_part, domain)


def parse_address(text: str) -> Address:
    """Read one address, with or without a name: ``bob@example.test``, ``Bob <bob@example.test>``.

    Raises:
        UsageError: It is none, or more than one.
    """
    found = parse_addresses([text])
    if len(found) != 1:
        raise UsageError(f"{text!r}: exactly one address expected, {len(found)} found")
    return found[0]


def parse_addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    """Read lists of addresses, with commas between them.

    Raises:
        UsageError: Names what cannot be read.
    """
    return tuple(_address(piece) for text in texts for piece in _split(text))


def parse_reverse_path(text: str) -> Mailbox | None:
    """Read an envelope's sender; None for the null reverse-path ``<>`` (RFC 5321 §4.5.5)."""
    return None if text.strip() in {"<>", ""} else parse_address(text).mailbox


def _split(text: str) -> Iterator[str]:
    piece = ""
    for run in _RUN.findall(text):
        if run == ",":
            yield from filter(None, [piece.strip()])
            piece = ""
        else:
            piece += run
    yield from filter(None, [piece.strip()])


def _address(text: str) -> Address:
    found = _WITH_NAME.fullmatch(text)
    if found is None:
        return Address(parse_mailbox_text(text))
    quoted = _QUOTED.fullmatch(found["name"])
    name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else found["name"]
    if _CONTROL.search(name):
        raise UsageError(f"{text!r}: a name cannot hold control characters")
    return Address(parse_mailbox_text(found["mailbox"].strip()), " ".join(name.split()))
