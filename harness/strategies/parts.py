"""MIME messages whose structure is known: each part has what BODYSTRUCTURE says of it and the octets of its section.

A tree is built from its leaves up (`leaf`, `multipart`, `encapsulate`, `Message`) and never parsed, so what a server
says can be held against it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.wire.lines import CRLF

__all__ = [
    "Address",
    "Disposition",
    "Envelope",
    "Fields",
    "Message",
    "Part",
    "encapsulate",
    "leaf",
    "multipart",
    "numbered_parts",
    "sections",
    "untyped",
]

_TSPECIALS: Final = frozenset('()<>@,;:\\"/[]?= ')
_DATE: Final = "Tue, 24 Nov 2026 12:00:00 +0000"

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of an address field; `name` without its quotes, None for none."""

    mailbox: str
    host: str
    name: str | None = None

    def __str__(self) -> str:
        addr_spec = f"{self.mailbox}@{self.host}"
        if self.name is None:
            return addr_spec
        plain = all(octet.isalnum() or octet == " " for octet in self.name)
        return f"{self.name if plain else _quoted(self.name)} <{addr_spec}>"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message's fields as ENVELOPE has them (RFC 3501 §7.4.2); None and ``()`` for a field that is not there.

    In ENVELOPE, `sender` and `reply_to` are those of From where they are not there: `from_`.
    """

    from_: tuple[Address, ...]
    date: str | None = _DATE
    subject: str | None = None
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    in_reply_to: str | None = None
    message_id: str | None = None

    def lines(self) -> list[bytes]:
        """The header fields, From first."""
        fields = {
            "From": _listed(self.from_),
            "Date": self.date,
            "Subject": self.subject,
            "Sender": _listed(self.sender),
            "Reply-To": _listed(self.reply_to),
            "To": _listed(self.to),
            "Cc": _listed(self.cc),
            "Bcc": _listed(self.bcc),
            "In-Reply-To": self.in_reply_to,
            "Message-ID": self.message_id,
        }
        return [f"{name}: {value}".encode() for name, value in fields.items() if value is not None]


def _listed(addresses: tuple[Address, ...]) -> str | None:
    return ", ".join(map(str, addresses)) or None


@dataclass(frozen=True, slots=True)
class Disposition:
    """Content-Disposition, as BODYSTRUCTURE has it (RFC 3501 §7.4.2)."""

    kind: str
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields any part may have beside its type and encoding; None and ``()`` for one that is not there."""

    content_id: str | None = None
    description: str | None = None
    disposition: Disposition | None = None
    language: tuple[str, ...] = ()
    location: str | None = None

    def lines(self) -> list[bytes]:
        disposition = self.disposition
        fields = {
            "Content-ID": self.content_id,
            "Content-Description": self.description,
            "Content-Disposition": disposition and _with_parameters(disposition.kind, disposition.parameters),
            "Content-Language": ", ".join(self.language) or None,
            "Content-Location": self.location,
        }
        return [f"{name}: {value}".encode() for name, value in fields.items() if value is not None]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message, or the whole body of one.

    Attributes:
        encoding: The content transfer encoding, in lower case as in the header.
        body: The part's octets as they stand in the message, encoded: what BODY[n] is.
        decoded: The same with the transfer encoding undone; None for a multipart and an encapsulated message.
        typed: Whether the header says type and encoding; without it they are the defaults (RFC 2045 §5.2, §6.1).
        parts: A multipart's.
        message: What a message/rfc822 part holds.
    """

    type: str
    subtype: str
    parameters: Parameters
    encoding: str
    body: bytes = field(repr=False)
    fields: Fields = Fields()
    typed: bool = True
    decoded: bytes | None = field(default=None, repr=False)
    parts: "tuple[Part, ...]" = ()
    message: "Message | None" = None

    def field_lines(self) -> list[bytes]:
        """The Content-* fields, without their CRLF."""
        content_type = _with_parameters(f"{self.type}/{self.subtype}", self.parameters)
        typed = [
            f"Content-Type: {content_type}".encode(),
            f"Content-Transfer-Encoding: {self.encoding}".encode(),
        ]
        return (typed if self.typed else []) + self.fields.lines()

    @property
    def header(self) -> bytes:
        """The octets of the part's MIME header with the blank line behind it: what BODY[n.MIME] is."""
        return _header(self.field_lines())

    @property
    def octets(self) -> int:
        """BODYSTRUCTURE's size: of the body in its encoding."""
        return len(self.body)

    @property
    def lines(self) -> frozenset[int]:
        """The line counts BODYSTRUCTURE may give; two where the last line is not ended, for no RFC says which."""
        ended = self.body.count(CRLF)
        return frozenset({ended} if not self.body or self.body.endswith(CRLF) else {ended, ended + 1})

    @property
    def height(self) -> int:
        """How many multiparts are stacked here."""
        inner = (*self.parts, *((self.message.part,) if self.message else ()))
        return (self.type == "multipart") + max((part.height for part in inner), default=0)


@dataclass(frozen=True, slots=True)
class Message:
    """A message: envelope and body.

    Attributes:
        extra: Further header fields, each without its last CRLF; they stand right below the envelope's.
    """

    envelope: Envelope
    part: Part
    extra: tuple[bytes, ...] = ()

    @property
    def header(self) -> bytes:
        """The header's octets with the blank line behind it: what BODY[HEADER] is."""
        mime = [b"MIME-Version: 1.0", *self.part.field_lines()]
        return _header([*self.envelope.lines(), *self.extra, *mime])

    @property
    def octets(self) -> bytes:
        """The whole message: what BODY[] is."""
        return self.header + self.part.body


def _header(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + CRLF for line in lines) + CRLF


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _with_parameters(value: str, parameters: Parameters) -> str:
    def shown(text: str) -> str:
        return _quoted(text) if not text or _TSPECIALS.intersection(text) else text

    return "; ".join([value, *(f"{name}={shown(text)}" for name, text in parameters)])


# Building


def leaf(
    media: tuple[str, str, Parameters], encoding: str, body: bytes, decoded: bytes, fields: Fields = Fields()
) -> Part:
    """A part that holds no other; `body` is `decoded` in its transfer encoding."""
    kind, subtype, parameters = media
    return Part(kind, subtype, parameters, encoding, body, fields, decoded=decoded)


def untyped(body: bytes) -> Part:
    """A part without any header field: plain text in US-ASCII (RFC 2045 §5.2)."""
    return Part("text", "plain", (("charset", "us-ascii"),), "7bit", body, typed=False, decoded=body)


def multipart(
    subtype: str,
    parts: Sequence[Part],
    fields: Fields = Fields(),
    *,
    preamble: bytes = b"",
    epilogue: bytes = b"",
) -> Part:
    """Parts side by side (RFC 2046 §5.1.1); `preamble` and `epilogue` have their lines ended."""
    # Higher multiparts have other boundaries than those within them, and none begins another.
    boundary = f"=_mp{1 + max(part.height for part in parts)}="
    mark = b"--" + boundary.encode()
    inner = b"".join(mark + CRLF + part.header + part.body + CRLF for part in parts)
    body = preamble + inner + mark + b"--" + CRLF + epilogue
    return Part("multipart", subtype, (("boundary", boundary),), "7bit", body, fields, parts=tuple(parts))


def encapsulate(message: Message, fields: Fields = Fields()) -> Part:
    """A message/rfc822 part (RFC 2046 §5.2.1)."""
    return Part("message", "rfc822", (), "7bit", message.octets, fields, message=message)


# Sections


def numbered_parts(message: Message) -> dict[str, Part]:
    """Section number -> part, in the order of the message.

    Source: RFC 3501 §6.4.5.
    """
    return {section: part for section, part, _ in _numbered(message, "")}


def _numbered(message: Message, prefix: str) -> Iterator[tuple[str, Part, bool]]:
    """Section, part, and whether it is one of several: a body of one part is its message's part 1."""
    body = message.part
    for number, part in enumerate(body.parts or (body,), 1):
        yield from _numbered_part(part, f"{prefix}{number}", bool(body.parts))


def _numbered_part(part: Part, section: str, one_of_several: bool) -> Iterator[tuple[str, Part, bool]]:
    yield section, part, one_of_several
    if part.message is not None:
        yield from _numbered(part.message, f"{section}.")
    for number, inner in enumerate(part.parts, 1):
        yield from _numbered_part(inner, f"{section}.{number}", True)


def sections(message: Message) -> dict[str, bytes]:
    """What stands between the brackets of BODY[...] -> its octets, for every section this message has.

    Left out is MIME of a body that is no part of a multipart: whether it means the whole header is not said.

    Source: RFC 3501 §6.4.5; RFC 9051 §6.4.5.1.
    """
    found = _texts(message, "") | {"": message.octets}
    for section, part, one_of_several in _numbered(message, ""):
        found[section] = part.body
        if one_of_several:
            found[f"{section}.MIME"] = part.header
        if part.message is not None:
            found |= _texts(part.message, f"{section}.")
    return found


def _texts(message: Message, prefix: str) -> dict[str, bytes]:
    return {f"{prefix}HEADER": message.header, f"{prefix}TEXT": message.part.body}
