"""ENVELOPE: a message's header, parsed by the server."""

from dataclasses import dataclass

from harness.wire.imap.tokens import Cursor

__all__ = ["Address", "Envelope", "read_envelope"]


@dataclass(frozen=True, slots=True)
class Address:
    """One address, or with `host` None a group's start (`mailbox` is its name) or, that None too, its end.

    Attributes:
        name: The display name, as encoded in the header.
        route: The source route, at-domain-list.

    Source: RFC 3501 §7.4.2.
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None

    @property
    def addr_spec(self) -> bytes | None:
        """``mailbox@host``, None for a group's start or end."""
        return None if self.mailbox is None or self.host is None else self.mailbox + b"@" + self.host


Addresses = tuple[Address, ...] | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """The ten members in their order; None is ``NIL``.

    Source: RFC 3501 §7.4.2.
    """

    date: bytes | None
    subject: bytes | None
    from_: Addresses
    sender: Addresses
    reply_to: Addresses
    to: Addresses
    cc: Addresses
    bcc: Addresses
    in_reply_to: bytes | None
    message_id: bytes | None


def read_envelope(cursor: Cursor) -> Envelope:
    """``(date subject from sender reply-to to cc bcc in-reply-to message-id)``."""
    cursor.expect(b"(")
    envelope = Envelope(
        date=_next(cursor),
        subject=_next(cursor),
        from_=_addresses(cursor),
        sender=_addresses(cursor),
        reply_to=_addresses(cursor),
        to=_addresses(cursor),
        cc=_addresses(cursor),
        bcc=_addresses(cursor),
        in_reply_to=_next(cursor),
        message_id=cursor.nstring(),
    )
    cursor.expect(b")")
    return envelope


def _next(cursor: Cursor) -> bytes | None:
    found = cursor.nstring()
    cursor.space()
    return found


def _addresses(cursor: Cursor) -> Addresses:
    found = None if cursor.nil() else tuple(_listed(cursor))
    cursor.space()
    return found


def _listed(cursor: Cursor) -> list[Address]:
    """``1*address``, with no space between them."""
    cursor.expect(b"(")
    found: list[Address] = []
    while not cursor.skip(b")"):
        if found and cursor.next_is(b" "):
            cursor.note("a space between addresses")
            cursor.skip(b" ")
        found.append(_address(cursor))
    if not found:
        cursor.note("an empty list of addresses", at=cursor.at - 1)
    return found


def _address(cursor: Cursor) -> Address:
    cursor.expect(b"(")
    address = Address(_next(cursor), _next(cursor), _next(cursor), cursor.nstring())
    cursor.expect(b")")
    return address
