"""FETCH's data items of one message, as octets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from harness.wire.imap.command_fetch import Item, Section
from harness.wire.imap.encode import (
    encode_astring,
    encode_date_time,
    encode_list,
    encode_literal8,
    encode_string,
)
from reference_server.context import Context
from reference_server.imap.answers import no
from reference_server.imap.structure import Structure, without_nul
from reference_server.mime import Part, UnknownEncoding, decode_transfer, parse_fields, parse_message
from reference_server.store import MessageRow

__all__ = ["Expunged", "Rendering"]


class Expunged(Exception):
    """The message's content is gone: another session removed it (RFC 2180 §4.1)."""


@dataclass
class Rendering:
    """A message to be shown; its content is read when an item needs it.

    Source: RFC 3501 §6.4.5, §7.4.2; RFC 9051 §7.5.2; RFC 3516 §4.2.
    """

    context: Context
    row: MessageRow
    shown_flags: bytes

    def render(self, item: Item) -> bytes:
        """``NAME value``.

        Raises:
            Expunged: The content is gone.
            Refusal: A transfer encoding cannot be undone (RFC 3516 §4.3).
        """
        return _ITEMS[item.name](self, item)

    @cached_property
    def content(self) -> bytes:
        content = self.context.store.content(self.row.content_id)
        if content is None:
            raise Expunged
        return content

    @cached_property
    def message(self) -> Part:
        return parse_message(self.content)

    @cached_property
    def structure(self) -> Structure:
        return self.context.variant(Structure)()

    # What needs no content

    def flags(self, item: Item) -> bytes:
        return b"FLAGS " + self.shown_flags

    def uid(self, item: Item) -> bytes:
        return b"UID %d" % self.row.uid

    def modseq(self, item: Item) -> bytes:
        """RFC 7162 §3.1.4.2."""
        return b"MODSEQ (%d)" % self.row.modseq

    def internaldate(self, item: Item) -> bytes:
        return b"INTERNALDATE " + encode_date_time(self.row.internaldate)

    def size(self, item: Item) -> bytes:
        return b"RFC822.SIZE %d" % self.octets()

    def octets(self) -> int:
        """What BODY[] has (RFC 3501 §2.3.4)."""
        return self.row.octets

    # Structure

    def envelope(self, item: Item) -> bytes:
        return b"ENVELOPE " + self.structure.envelope(self.message)

    def body(self, item: Item) -> bytes:
        return b"BODY " + self.structure.body(self.message, extensible=False)

    def bodystructure(self, item: Item) -> bytes:
        return b"BODYSTRUCTURE " + self.structure.body(self.message, extensible=True)

    # Octets

    def rfc822(self, item: Item) -> bytes:
        return b"RFC822 " + self.nstring(self.message.octets)

    def rfc822_header(self, item: Item) -> bytes:
        return b"RFC822.HEADER " + self.nstring(self.message.header)

    def rfc822_text(self, item: Item) -> bytes:
        return b"RFC822.TEXT " + self.nstring(self.message.body)

    def body_section(self, item: Item) -> bytes:
        section = item.section or Section()
        octets = self.partial(self.section_octets(section), item.partial)
        return b"BODY%s%s %s" % (self.section_name(section), self.origin(item), self.nstring(octets))

    def section_name(self, section: Section) -> bytes:
        """``[1.2.HEADER.FIELDS (From)]``, as it was asked for."""
        words = [str(number) for number in section.part] + ([section.text] if section.text else [])
        fields = b" " + encode_list(map(encode_astring, section.fields)) if section.fields else b""
        return b"[" + ".".join(words).encode() + fields + b"]"

    def origin(self, item: Item) -> bytes:
        """``<0>``, for partial requests only (RFC 3501 §7.4.2)."""
        return b"<%d>" % item.partial[0] if item.partial else b""

    def partial(self, octets: bytes | None, partial: tuple[int, int] | None) -> bytes | None:
        """At most so many octets from the origin, none where that is beyond the end (RFC 3501 §6.4.5)."""
        if octets is None or partial is None:
            return octets
        origin, count = partial
        return octets[origin : origin + count]

    def section_octets(self, section: Section) -> bytes | None:
        """None where there is no such part, or it has no such text."""
        part = self.message.at(section.part)
        if part is None:
            return None
        if section.text == "MIME":
            return part.header
        if not section.text:
            return part.body if section.part else part.octets
        message = part.message if section.part else part
        return None if message is None else self.message_text(message, section)

    def message_text(self, message: Part, section: Section) -> bytes:
        """HEADER, TEXT and the fields of a message, also an encapsulated one."""
        match section.text:
            case "HEADER":
                return message.header
            case "TEXT":
                return message.body
            case _:
                return self.header_fields(message, section)

    def header_fields(self, message: Part, section: Section) -> bytes:
        """Fields in their order and octets, and the blank line where the header has one (RFC 3501 §6.4.5)."""
        wanted = {name.lower() for name in section.fields}
        negated = section.text.endswith(".NOT")
        header = message.header
        fields = (field.raw for field in parse_fields(header) if (field.name.lower() in wanted) != negated)
        blank = b"\r\n" if header.endswith((b"\n\r\n", b"\n\n")) or header in (b"\r\n", b"\n") else b""
        return b"".join(fields) + blank

    def nstring(self, octets: bytes | None) -> bytes:
        return b"NIL" if octets is None else encode_string(without_nul(octets))

    # BINARY

    def binary(self, item: Item) -> bytes:
        """RFC 3516 §4.2: the part with its transfer encoding undone; a literal8 where it holds NUL."""
        section = item.section or Section()
        octets = self.partial(self.decoded(section), item.partial)
        name = b"BINARY%s%s " % (self.section_name(section), self.origin(item))
        return name + (encode_literal8(octets) if octets and b"\0" in octets else self.nstring(octets))

    def binary_size(self, item: Item) -> bytes:
        section = item.section or Section()
        octets = self.decoded(section)
        return b"BINARY.SIZE%s %d" % (self.section_name(section), len(octets or b""))

    def decoded(self, section: Section) -> bytes | None:
        part = self.message.at(section.part)
        if part is None or not section.part:
            return None if part is None else part.octets
        try:
            return decode_transfer(part.body, part.encoding)
        except UnknownEncoding as exc:
            raise no("The content transfer encoding is not known", "UNKNOWN-CTE") from exc


_ITEMS: Final[Mapping[str, Callable[[Rendering, Item], bytes]]] = MappingProxyType(
    {
        "FLAGS": lambda message, item: message.flags(item),
        "UID": lambda message, item: message.uid(item),
        "MODSEQ": lambda message, item: message.modseq(item),
        "INTERNALDATE": lambda message, item: message.internaldate(item),
        "RFC822.SIZE": lambda message, item: message.size(item),
        "ENVELOPE": lambda message, item: message.envelope(item),
        "BODY": lambda message, item: message.body(item),
        "BODYSTRUCTURE": lambda message, item: message.bodystructure(item),
        "RFC822": lambda message, item: message.rfc822(item),
        "RFC822.HEADER": lambda message, item: message.rfc822_header(item),
        "RFC822.TEXT": lambda message, item: message.rfc822_text(item),
        "BODY[]": lambda message, item: message.body_section(item),
        "BINARY[]": lambda message, item: message.binary(item),
        "BINARY.SIZE[]": lambda message, item: message.binary_size(item),
    }
)
