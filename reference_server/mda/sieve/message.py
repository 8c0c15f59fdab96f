"""A message as the tests of a script see it."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final, TypeVar

from reference_server.mda.sieve.addresses import MailAddress, addresses_in
from reference_server.mime import (
    Field,
    Part,
    UnknownEncoding,
    decode_transfer,
    decode_words,
    parse_fields,
    parse_message,
)
from reference_server.mime.decoding import in_charset

__all__ = ["SearchedPart", "SieveMessage"]

# Ours: what a sender can make a script look at. Fields, octets and parts behind these are not seen.
MAX_HEADER_OCTETS: Final = 128 * 1024
MAX_SEARCHED_OCTETS: Final = 2 * 1024 * 1024
MAX_PARTS: Final = 1000

_MARKUP: Final = re.compile(r"<[^<>]*>")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SearchedPart:
    """A part of a message and what can be searched in it alone, without the parts within (RFC 5173).

    Attributes:
        media_type: ``type/subtype`` in lower case.
        strings: What stands before and behind the parts of a multipart, the header of a message, else the content
            with its transfer encoding undone, text in UTF-8.
    """

    media_type: bytes
    strings: tuple[bytes, ...]

    @property
    def text(self) -> bytes | None:
        """Without markup; None where it is no text."""
        if not self.media_type.startswith(b"text/"):
            return None
        (content,) = self.strings
        if self.media_type != b"text/html":
            return content
        return html.unescape(_MARKUP.sub(" ", content.decode("utf-8", "replace"))).encode("utf-8", "replace")


class SieveMessage:
    """A message's octets, read as far as a script asks, and each thing once.

    Args:
        content: As it is delivered, CRLF at the end of each line.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._values: dict[bytes, tuple[bytes, ...]] = {}
        self._addresses: dict[bytes, tuple[tuple[MailAddress, ...], ...]] = {}

    @property
    def octets(self) -> int:
        return len(self.content)

    @cached_property
    def root(self) -> Part:
        return parse_message(self.content[:MAX_SEARCHED_OCTETS])

    @cached_property
    def _fields(self) -> dict[bytes, list[Field]]:
        fields: dict[bytes, list[Field]] = {}
        for field in parse_fields(self.root.header[:MAX_HEADER_OCTETS]):
            fields.setdefault(field.name.lower(), []).append(field)
        return fields

    def fields(self, name: bytes) -> tuple[Field, ...]:
        """All of this name, in any case; a name that no field can have finds none (RFC 5228 §2.4.2.2)."""
        return tuple(self._fields.get(name.lower(), ()))

    def values(self, name: bytes) -> tuple[bytes, ...]:
        """The fields of this name as they are compared: unfolded, decoded, in UTF-8, no white space around them.

        Source: RFC 5228 §2.7.2, §5.7.
        """
        return self._of_each(name, _decoded, self._values)

    def addresses(self, name: bytes) -> tuple[tuple[MailAddress, ...], ...]:
        """The addresses in each field of this name."""
        return self._of_each(name, lambda field: addresses_in(field.value), self._addresses)

    def _of_each(
        self, name: bytes, read: Callable[[Field], T], known: dict[bytes, tuple[T, ...]]
    ) -> tuple[T, ...]:
        name = name.lower()
        if name not in self._fields:
            return ()
        if name not in known:
            known[name] = tuple(map(read, self._fields[name]))
        return known[name]

    @cached_property
    def parts(self) -> tuple[SearchedPart, ...]:
        """Every part, those within parts and within messages too, up to `MAX_PARTS`."""
        return tuple(islice(_searched(self.root), MAX_PARTS))

    @cached_property
    def texts(self) -> tuple[bytes, ...]:
        """What can be read: the parts that are text, without markup."""
        return tuple(text for part in self.parts if (text := part.text) is not None)


def _searched(part: Part) -> Iterator[SearchedPart]:
    yield SearchedPart(part.media_type, _strings(part))
    within = (part.message,) if part.message is not None else part.children
    for each in within:
        yield from _searched(each)


def _strings(part: Part) -> tuple[bytes, ...]:
    if part.message is not None:
        return (part.message.header,)
    if part.children:
        return _around(part)
    try:
        octets = decode_transfer(part.body, part.encoding)
    except UnknownEncoding:
        octets = part.body
    if not part.media_type.startswith(b"text/"):
        return (octets,)
    charset = part.content_type.parameter(b"charset") or b"utf-8"
    return (in_charset(octets, charset).encode("utf-8", "replace"),)


def _around(part: Part) -> tuple[bytes, bytes]:
    """What stands before the first delimiter of a multipart, and behind the last.

    The line end before a delimiter belongs to it (RFC 2046 §5.1.1).
    """
    before = part.source[part.body_start : part.children[0].start].removesuffix(b"\n").rpartition(b"\n")[0]
    behind = part.source[part.children[-1].end : part.end].lstrip(b"\r\n")
    return before.removesuffix(b"\r"), behind.partition(b"\n")[2]


def _decoded(field: Field) -> bytes:
    return decode_words(field.text).encode("utf-8", "replace").strip(b" \t\r\n")
