"""A message as octets: header, text, attachments. Composed by hand, so that every octet is ours to answer for."""

import binascii
import datetime as dt
import mimetypes
import re
import secrets
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import quote

from harness.errors import UsageError
from harness.mua.addresses import Address
from harness.mua.headers import address_field, field_name, plain_field, text_field
from harness.wire.lines import CRLF
from harness.wire.smtp.address import Mailbox

__all__ = [
    "MAX_ATTACHMENTS_OCTETS",
    "Attachment",
    "Draft",
    "compose",
    "media_type_of",
    "new_message_id",
    "read_attachment",
]

# Ours: what all attachments of one message may have, before base64 makes a third more of it.
MAX_ATTACHMENTS_OCTETS: Final = 25 * 1024 * 1024

_ENCODING: Final = "Content-Transfer-Encoding"
_BINARY: Final = "application/octet-stream"
# Only what Python itself brings, so that a file has the same type on every system.
_TYPES: Final = mimetypes.MimeTypes()
_COMPRESSED: Final = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}

# RFC 2045 §2.7: 7bit data has lines of at most 998 octets, no NUL, and CR and LF only as line ends.
_7BIT: Final = re.compile(rb"(?:[\x01-\x09\x0b\x0c\x0e-\x7f]{0,998}\r\n)*")
# RFC 3156 §3, RFC 8551 §3.1.4: blanks at a line's end, and "From " at its beginning, which some agents change.
_CHANGEABLE: Final = re.compile(rb"[ \t]\r\n|^From ", re.MULTILINE)
_FROM: Final = re.compile(rb"^From ", re.MULTILINE)
# RFC 2045 §5.1: what a parameter's value must be quoted for; and what RFC 2231 gave a meaning of its own.
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+")
_QUOTABLE: Final = re.compile(r"[ -~]*")
# RFC 2231: the characters of an extended value that stand for themselves.
_EXTENDED_PLAIN: Final = "!#$&+.^_`{|}~-"
_LONGEST_PARAMETER: Final = 56


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to go along: its name without directories, its type, its octets."""

    name: str
    media_type: str
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody wants to send, as people say it.

    Attributes:
        sender: Who wrote it (From).
        blind: Recipients that no header names (Bcc).
        body: Text; any line ends.
        date: Aware.
        message_id: With its angle brackets; see `new_message_id`.
        headers: Further fields, name and text; one of a name that we write ourselves takes its place.
        signed: The body is to be signed: nothing stays in it that a relay or a mailbox may change.
    """

    sender: Address
    date: dt.datetime
    message_id: str
    to: Sequence[Address] = ()
    cc: Sequence[Address] = ()
    blind: Sequence[Address] = ()
    subject: str = ""
    body: str = ""
    attachments: Sequence[Attachment] = ()
    in_reply_to: str = ""
    references: Sequence[str] = ()
    headers: Sequence[tuple[str, str]] = ()
    signed: bool = False

    @property
    def recipients(self) -> tuple[Mailbox, ...]:
        """Everybody it goes to, each once, in order."""
        everybody = [address.mailbox for address in (*self.to, *self.cc, *self.blind)]
        return tuple({mailbox.canonical: mailbox for mailbox in reversed(everybody)}.values())[::-1]

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address in its header is beyond ASCII (RFC 6531 §3.4)."""
        return any(address.needs_smtputf8 for address in (self.sender, *self.to, *self.cc))


@dataclass(frozen=True, slots=True)
class _Part:
    """A MIME entity: header fields by name, each with its CRLF, and a body that ends with CRLF or is empty."""

    fields: tuple[tuple[str, bytes], ...]
    body: bytes

    @property
    def header(self) -> bytes:
        return b"".join(octets for _, octets in self.fields)


def new_message_id(domain: str) -> str:
    """An identifier that is nobody else's (RFC 5322 §3.6.4)."""
    return f"<{secrets.token_hex(12)}@{domain}>"


def read_attachment(path: Path, *, limit_octets: int = MAX_ATTACHMENTS_OCTETS) -> Attachment:
    """Read a file; its type is told by its name.

    Raises:
        UsageError: It cannot be read, or has more than `limit_octets`.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(limit_octets + 1)
    except OSError as exc:
        raise UsageError(f"{path}: cannot be attached: {(exc.strerror or str(exc)).lower()}") from exc
    if len(octets) > limit_octets:
        raise UsageError(f"{path}: has more than the {limit_octets} octets that are left for attachments")
    return Attachment(path.name, media_type_of(path.name), octets)


def compose(draft: Draft) -> bytes:
    """The message, in lines that end with CRLF; ASCII but for addresses that cannot be.

    Raises:
        UsageError: A header field holds what none can.

    Source: RFC 5322 §3.6; RFC 2045; RFC 2046 §5.1; RFC 2047.
    """
    entity = _entity(draft)
    own = [
        _field("Date", format_datetime(draft.date).encode()),
        ("From", address_field("From", [draft.sender])),
        *((name, address_field(name, to)) for name, to in (("To", draft.to), ("Cc", draft.cc)) if to),
        ("Subject", text_field("Subject", draft.subject)),
        ("Message-ID", _ids("Message-ID", [draft.message_id])),
        *([("In-Reply-To", _ids("In-Reply-To", [draft.in_reply_to]))] if draft.in_reply_to else []),
        *([("References", _ids("References", draft.references))] if draft.references else []),
        _field("MIME-Version", b"1.0"),
        *entity.fields,
    ]
    given = [(field_name(name).lower(), text_field(name, text)) for name, text in draft.headers]
    names = {name for name, _ in given}
    kept = [octets for name, octets in own if name.lower().encode() not in names]
    return b"".join([*kept, *(octets for _, octets in given), CRLF, entity.body])


def _field(name: str, *tokens: bytes) -> tuple[str, bytes]:
    return name, plain_field(name, tokens)


def _ids(name: str, ids: Sequence[str]) -> bytes:
    try:
        return plain_field(name, [_one_word(name, each).encode() for each in ids])
    except UnicodeEncodeError as exc:
        raise UsageError(f"{name}: {ids!r} is not Unicode text") from exc


def _one_word(name: str, text: str) -> str:
    if not text.isprintable() or " " in text or not text:
        raise UsageError(f"{name}: {text!r} is not a message identifier")
    return text


def _entity(draft: Draft) -> _Part:
    text = _text_part(draft.body, signed=draft.signed)
    if not draft.attachments:
        return text
    parts = [text, *map(_attachment_part, draft.attachments)]
    # RFC 2045 §6.7: "=_" is in no body that is encoded; a 7bit one may hold anything.
    names = (b"=_%d" % number for number in count())
    boundary = next(name for name in names if not any(b"--" + name in part.body for part in parts))
    kind = _field("Content-Type", b"multipart/mixed;", b'boundary="%s"' % boundary)
    opened = b"".join(b"--%s\r\n%s\r\n%s\r\n" % (boundary, part.header, part.body) for part in parts)
    return _Part((kind,), opened + b"--%s--\r\n" % boundary)


def _text_part(text: str, *, signed: bool = False) -> _Part:
    try:
        octets = re.sub(r"\r\n|\r|\n", "\r\n", text).encode()
    except UnicodeEncodeError as exc:
        raise UsageError(f"the text is not Unicode: {exc.reason} at character {exc.start}") from exc
    if octets and not octets.endswith(CRLF):
        octets += CRLF
    charset = b"us-ascii" if octets.isascii() else b"utf-8"
    kind = _field("Content-Type", b"text/plain;", b"charset=" + charset)
    if _7BIT.fullmatch(octets) and not (signed and _CHANGEABLE.search(octets)):
        return _Part((kind, _field(_ENCODING, b"7bit")), octets)
    quoted = _FROM.sub(b"=46rom ", binascii.b2a_qp(octets, istext=True))
    base64 = _base64(octets)
    # What is mostly ASCII stays readable, even where that is somewhat longer.
    readable = 2 * len(quoted) <= 3 * len(base64)
    encoding, body = (b"quoted-printable", quoted) if readable else (b"base64", base64)
    return _Part((kind, _field(_ENCODING, encoding)), body)


def _attachment_part(attachment: Attachment) -> _Part:
    encoding, body = b"base64", _base64(attachment.octets)
    media_type = attachment.media_type
    if media_type.startswith("message/"):
        # RFC 2046 §5.2.1: a message is not encoded; one that cannot go as it is goes as plain octets.
        if _7BIT.fullmatch(attachment.octets):
            encoding, body = b"7bit", attachment.octets
        else:
            media_type = _BINARY
    fields = (
        _field("Content-Type", media_type.encode()),
        _field(_ENCODING, encoding),
        _field("Content-Disposition", b"attachment;", *_filename(attachment.name)),
    )
    return _Part(fields, body)


def _base64(octets: bytes) -> bytes:
    return encodebytes(octets).replace(b"\n", CRLF)


def _filename(name: str) -> list[bytes]:
    """The parameter, in RFC 2231's form where the name is long or beyond ASCII, in pieces where it is long."""
    if _QUOTABLE.fullmatch(name) and len(name) <= _LONGEST_PARAMETER:
        value = name if _TOKEN.fullmatch(name) else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
        return [b"filename=" + value.encode()]
    try:
        extended = quote(name, safe=_EXTENDED_PLAIN)
    except UnicodeEncodeError as exc:
        raise UsageError(f"the file name {name!r} is not Unicode; rename the file") from exc
    # An escaped octet is not cut in two.
    pieces = re.findall(rf"(?:%..|[^%]){{1,{_LONGEST_PARAMETER // 3}}}", extended)
    pieces[0] = "utf-8''" + pieces[0]
    if len(pieces) == 1:
        return [b"filename*=" + pieces[0].encode()]
    last = len(pieces) - 1
    return [f"filename*{n}*={p}{'' if n == last else ';'}".encode() for n, p in enumerate(pieces)]


def media_type_of(name: str) -> str:
    """What a file is, by its name; never a multipart."""
    kind, compression = _TYPES.guess_type(name)
    found = _COMPRESSED.get(compression, _BINARY) if compression else kind or _BINARY
    # RFC 2046 §5.1: a multipart cannot be base64, and a file is no multipart of ours.
    return _BINARY if found.startswith("multipart/") else found
