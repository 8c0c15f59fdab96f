"""A message as the tests of a script see it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from reference_server.mime import (
    Field,
    Part,
    UnknownEncoding,
    decode_transfer,
    decode_words,
    parse_message,
)
from reference_server.mime.decoding import in_charset

__all__ = ["SearchedPart", "SieveMessage"]


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

    def is_text(self) -> bool:
        return self.media_type.startswith(b"text/")


class SieveMessage:
    """A message's octets, read as far as a script asks.

    Args:
        content: As it is delivered, CRLF at the end of each line.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._values: dict[bytes, tuple[bytes, ...]] = {}

    @property
    def octets(self) -> int:
        return len(self.content)

    @cached_property
    def root(self) -> Part:
        return parse_message(self.content)

    @cached_property
    def _fields(self) -> dict[bytes, list[Field]]:
        fields: dict[bytes, list[Field]] = {}
        for field in self.root.fields:
            fields.setdefault(field.name.lower(), []).append(field)
        return fields

    def fields(self, name: bytes) -> tuple[Field, ...]:
        """All of this name, in any case; a name that no field can have finds none (RFC 5228 §2.4.2.2)."""
        return tuple(self._fields.get(name.lower(), ()))

    def values(self, name: bytes) -> tuple[bytes, ...]:
        """The fields of this name as they are compared: unfolded, decoded, in UTF-8, no white space around them.

        Source: RFC 5228 §2.7.2, §5.7.
        """
        name = name.lower()
        if name not in self._fields:
            return ()
        if name not in self._values:
            self._values[name] = tuple(map(_decoded, self._fields[name]))
        return self._values[name]

    @cached_property
    def parts(self) -> tuple[SearchedPart, ...]:
        """Every part, those within parts and within messages too."""
        return tuple(_searched(self.root))


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
