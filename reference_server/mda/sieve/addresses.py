"""Addresses and their parts, in header fields, the envelope, and arguments of actions."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.smtp.address import Mailbox, parse_mailbox
from harness.wire.smtp.errors import AddressError
from reference_server.mime import parse_addresses

__all__ = [
    "AddressPart",
    "MailAddress",
    "addresses_in",
    "mailbox_list",
    "named_address",
    "outbound_address",
    "read_address",
]


class AddressPart(StrEnum):
    """What of an address a test looks at (RFC 5228 §2.7.4, RFC 5233 §4)."""

    ALL = ":all"
    LOCALPART = ":localpart"
    DOMAIN = ":domain"
    USER = ":user"
    DETAIL = ":detail"


# A name before angle brackets: words and quoted strings (RFC 5322 §3.2.5), encoded words among them.
_PHRASE: Final = r'(?:[^\x00-\x1f\x7f"<>@,;:\\()\[\]]|"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*")*'
_ONE_OF_LIST: Final = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")+')
_NAMED: Final = re.compile(rf"(?P<phrase>{_PHRASE})<(?P<spec>[^\x00-\x1f\x7f]*)>[ \t]*")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An address.

    Attributes:
        whole: ``local-part@domain`` in its shortest spelling, or what stands there where that is no address.
        mailbox: Its halves; None where it is not valid, and then only its whole is matched (RFC 5228 §2.7.4).
    """

    whole: bytes
    mailbox: Mailbox | None

    def part(self, part: AddressPart, separator: str) -> bytes | None:
        """None where the address has no such part."""
        if part is AddressPart.ALL:
            return self.whole
        if self.mailbox is None:
            return None
        local = self.mailbox.local_part
        user, divider, detail = local.partition(separator.encode()) if separator else (local, b"", b"")
        match part:
            case AddressPart.LOCALPART:
                return local
            case AddressPart.DOMAIN:
                return self.mailbox.domain
            case AddressPart.USER:
                return user
            case AddressPart.DETAIL:
                return detail if divider else None


def read_address(address: bytes) -> MailAddress:
    """An address of the envelope; a source route is dropped (RFC 5228 §5.4)."""
    if address.startswith(b"@"):
        address = address.partition(b":")[2]
    try:
        mailbox = parse_mailbox(address, smtputf8=True)
    except AddressError:
        return MailAddress(address, None)
    return MailAddress(mailbox.encode(), mailbox)


def addresses_in(value: bytes) -> tuple[MailAddress, ...]:
    """The addresses of a header field's value, those within groups too; no names, no comments (RFC 5228 §5.1)."""
    return tuple(
        _checked(address.mailbox, address.host)
        for address in parse_addresses(value)
        if address.mailbox is not None and address.host is not None
    )


def _checked(local_part: bytes, domain: bytes) -> MailAddress:
    mailbox = Mailbox(local_part, domain)
    try:
        return read_address(mailbox.encode())
    except LocalProtocolError:
        return MailAddress(local_part + b"@" + domain, None)


def outbound_address(text: str) -> str | None:
    """The address of ``local-part@domain`` or ``Name <local-part@domain>``; None for anything else.

    Source: RFC 5228 §2.4.2.3.
    """
    named = named_address(text)
    return named[1] if named else None


def named_address(text: str) -> tuple[str, str] | None:
    """The name, as it is written, and the address behind it; ``""`` for no name."""
    named = _NAMED.fullmatch(text)
    name, spec = (named["phrase"].strip(), named["spec"]) if named else ("", text)
    try:
        mailbox = parse_mailbox(spec.encode(), smtputf8=True)
    except (AddressError, UnicodeEncodeError):
        return None
    return (name, mailbox.encode().decode()) if mailbox.domain else None


def mailbox_list(text: str) -> list[tuple[str, str]] | None:
    """Names and addresses of a list with commas between (RFC 5322 §3.4); None for anything else."""
    found = [named_address(each.strip(" \t")) for each in _ONE_OF_LIST.findall(text)]
    whole = ",".join(_ONE_OF_LIST.findall(text)) == text
    return [each for each in found if each is not None] if whole and found and None not in found else None
