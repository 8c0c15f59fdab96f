"""A message as a reader sees it: who, when, what about, the text, the attachments. Read with patience."""

import datetime as dt
import email.message
import email.parser
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

from harness.mua.compose import Attachment
from harness.mua.decode import decode_text, decode_words, unfold
from harness.mua.html_text import html_to_text

__all__ = ["Header", "Letter", "file_name", "read_date", "read_header_block", "read_message"]

# Ours: parts of one message, and octets of its header, that are looked at; what comes behind is not shown.
MAX_PARTS: Final = 500
MAX_HEADER_OCTETS: Final = 512 * 1024
# Ours: the standard library's parser holds each line against each open boundary, so many nested ones take long.
MAX_LOOKS: Final = 30_000_000

_MESSAGES: Final = frozenset({"message/rfc822", "message/global"})

_FIELD: Final = re.compile(rb"^([!-9;-~]{1,200})[ \t]*:((?:[^\n]|\n(?=[ \t]))*)\n?", re.MULTILINE)
_BLANK: Final = re.compile(rb"^\r?\n", re.MULTILINE)
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]')
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a header, in their order, undecoded."""

    fields: tuple[tuple[str, bytes], ...]

    def raw(self, name: str) -> str:
        """A field's text as it stands, unfolded; ``""`` where there is none."""
        return next((unfold(octets) for each, octets in self.fields if each.lower() == name.lower()), "")

    def text(self, name: str) -> str:
        """A field's text, its encoded-words decoded."""
        return decode_words(self.raw(name))

    @property
    def date(self) -> dt.datetime | None:
        return read_date(self.raw("Date"))


@dataclass(frozen=True, slots=True)
class Letter:
    """A message taken apart.

    Attributes:
        text: The text to read; of HTML, what it says.
        from_html: Whether the text, or a part of it, was HTML.
        attachments: All else.
    """

    header: Header
    text: str
    from_html: bool = False
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)


def read_header_block(octets: bytes) -> Header:
    """The fields up to the first blank line; lines that are none are passed over."""
    end = _BLANK.search(octets)
    block = octets[: end.start() if end else None][:MAX_HEADER_OCTETS]
    return Header(tuple((name.decode("ascii"), text) for name, text in _FIELD.findall(block)))


def read_date(text: str) -> dt.datetime | None:
    """A Date field's time, aware; None where nobody can read it."""
    try:
        date = parsedate_to_datetime(text)
        # The ends of the calendar have no local time.
        return (date if date.tzinfo else date.replace(tzinfo=dt.UTC)).astimezone()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def read_message(content: bytes) -> Letter:
    """Take a message apart; one that cannot be is shown as it is."""
    header = read_header_block(content)
    if content.lower().count(b"boundary") * content.count(b"\n") > MAX_LOOKS:
        return Letter(header, decode_text(content, "utf-8"))
    try:
        message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(content)
        found = _Found()
        found.collect(message)
    except (RecursionError, LookupError, ValueError, TypeError, AssertionError):
        # The standard library's parser, met by what is no message: the source is still there to read.
        return Letter(header, decode_text(content, "utf-8"))
    return Letter(header, "\n\n".join(found.texts), found.from_html, tuple(found.attachments))


@dataclass(slots=True)
class _Found:
    texts: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    from_html: bool = False
    parts: int = 0

    def collect(self, part: email.message.Message) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            return
        kind = part.get_content_type()
        if kind in _MESSAGES:
            self.attachments.append(_attached_message(part))
        elif kind.startswith("message/"):
            # A report for programs, such as message/delivery-status: fields in groups, which people can read.
            self._add("\n\n".join(_fields(child) for child in _children(part)))
        elif part.is_multipart():
            children = list(_children(part))
            for child in [_best(children)] if kind == "multipart/alternative" and children else children:
                self.collect(child)
        elif kind in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment":
            self._text(part, kind)
        else:
            self.attachments.append(Attachment(_name(part, kind), kind, _octets(part)))

    def _text(self, part: email.message.Message, kind: str) -> None:
        text = decode_text(_octets(part), str(part.get_content_charset("utf-8"))).replace("\r\n", "\n")
        if kind == "text/html":
            self.from_html = True
            text = html_to_text(text)
        self._add(text)

    def _add(self, text: str) -> None:
        if kept := text.rstrip("\n"):
            self.texts.append(kept)


def _children(part: email.message.Message) -> Iterator[email.message.Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (child for child in payload if isinstance(child, email.message.Message))


def _fields(part: email.message.Message) -> str:
    return "\n".join(f"{name}: {decode_words(str(text))}" for name, text in part.items())


def _best(alternatives: list[email.message.Message]) -> email.message.Message:
    """RFC 2046 §5.1.4 puts the best last; for a terminal that is plain text, wherever it is."""
    plain = [part for part in alternatives if part.get_content_type() == "text/plain"]
    html = [part for part in alternatives if part.get_content_type() == "text/html"]
    return (plain or html or alternatives)[-1]


def _octets(part: email.message.Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _attached_message(part: email.message.Message) -> Attachment:
    inner = next(_children(part), None)
    octets = inner.as_bytes() if inner is not None else b""
    name = _name(part, "message/rfc822")
    if name.endswith(".bin") and inner is not None:
        name = file_name(decode_words(str(inner.get("Subject", "message"))), "message") + ".eml"
    return Attachment(name, "message/rfc822", octets)


def _name(part: email.message.Message, kind: str) -> str:
    given = part.get_filename()
    return file_name(decode_words(given) if given else "", kind.replace("/", "-") + ".bin")


def file_name(text: str, otherwise: str) -> str:
    """A name that is safe to make a file of: no directories, controls or leading dots, and not too long."""
    name = _UNSAFE.sub("_", text.replace("\\", "/").rpartition("/")[2]).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if dot and len(suffix) <= 10:
        name = stem[: _LONGEST_NAME - len(suffix) - 1] + dot + suffix
    return name[:_LONGEST_NAME] or otherwise
