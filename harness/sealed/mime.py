"""MIME entities by their octets: what was signed is found exactly, what could be read in two ways is refused.

The standard library's parser forgets white space and repairs what is broken; a signature forgives neither.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from quopri import decodestring
from typing import Final

__all__ = ["Ambiguous", "Entity", "canonical", "content_fields", "split_parts"]

# Ours: parts of one multipart, octets of a header.
MAX_PARTS: Final = 500
MAX_HEADER_OCTETS: Final = 512 * 1024

_BLANK: Final = re.compile(rb"(?:\A|\r\n)\r\n")
_FIELD: Final = re.compile(rb"([!-9;-~]{1,200})[ \t]*:(?:[^\r]|\r(?!\n)|\r\n(?=[ \t]))*\r\n")
_LINES: Final = re.compile(rb"\r?\n")


class Ambiguous(ValueError):
    """What stands here could be read in more than one way."""


def canonical(octets: bytes) -> bytes:
    """Line ends as CRLF, where a file has none but LF; octets that have travelled stay as they are.

    Source: RFC 3156 §5; RFC 8551 §3.1.1.
    """
    return octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")


@dataclass(frozen=True)
class Entity:
    """A header and a body.

    Attributes:
        fields: Name in lower case, and the field's octets with the CRLF at its end.
    """

    octets: bytes
    fields: tuple[tuple[str, bytes], ...]
    body: bytes

    @classmethod
    def read(cls, octets: bytes) -> "Entity":
        """Take an entity apart at its first empty line.

        Raises:
            Ambiguous: A line of the header is no field, or the header has no end that we look for.
        """
        blank = _BLANK.search(octets, 0, MAX_HEADER_OCTETS)
        if blank is None:
            raise Ambiguous("the header has no end")
        header = octets[: blank.end() - 2]
        fields, at = [], 0
        while at < len(header):
            found = _FIELD.match(header, at)
            if found is None:
                raise Ambiguous(f"octet {at} of the header begins no field")
            fields.append((found[1].decode("ascii").lower(), found[0]))
            at = found.end()
        return cls(octets, tuple(fields), octets[blank.end() :])

    def all(self, name: str) -> list[bytes]:
        """The octets of every field of this name, in order."""
        return [octets for each, octets in self.fields if each == name]

    def value(self, name: str) -> str:
        """A field's text, unfolded; ``""`` where there is none. Raises `Ambiguous` where there are two."""
        found = self.all(name)
        if len(found) > 1:
            raise Ambiguous(f"{name} is there {len(found)} times")
        text = found[0].partition(b":")[2] if found else b""
        return _LINES.sub(b"", text).strip(b" \t").decode("utf-8", "replace")

    @cached_property
    def _kind(self) -> tuple[str, dict[str, str]]:
        message = Message()
        message["Content-Type"] = self.value("content-type") or "text/plain"
        (kind, _), *rest = message.get_params([("text/plain", "")])
        parameters: dict[str, str] = {}
        for name, value in rest:
            if name.lower() in parameters:
                raise Ambiguous(f"the parameter {name} is there twice")
            parameters[name.lower()] = value
        return kind.lower(), parameters

    @property
    def kind(self) -> str:
        """The media type, in lower case. Raises `Ambiguous`."""
        return self._kind[0]

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type, ``""`` where there is none. Raises `Ambiguous`."""
        return self._kind[1].get(name, "")

    def decoded(self) -> bytes:
        """The body without its transfer encoding.

        Raises:
            Ambiguous: There is no such encoding, or the body is not in it.

        Source: RFC 2045 §6.
        """
        match self.value("content-transfer-encoding").lower():
            case "base64":
                try:
                    # RFC 2045 §6.8: line ends and white space are passed over, all else is damage.
                    return b64decode(re.sub(rb"[ \t\r\n]", b"", self.body), validate=True)
                except ValueError as exc:
                    raise Ambiguous(f"not base64: {exc}") from exc
            case "quoted-printable":
                return decodestring(self.body)
            case "" | "7bit" | "8bit" | "binary":
                return self.body
            case other:
                raise Ambiguous(f"{other!r} is no transfer encoding")

    def parts(self) -> list[bytes]:
        """The octets of each part of a multipart. Raises `Ambiguous`."""
        return split_parts(self.body, self.parameter("boundary"))


def split_parts(body: bytes, boundary: str) -> list[bytes]:
    """Cut a multipart's body at its delimiters; the CRLF before one belongs to it.

    Raises:
        Ambiguous: No boundary, no end, or too many parts.

    Source: RFC 2046 §5.1.1.
    """
    if not 0 < len(boundary) <= 70 or not boundary.isascii():
        raise Ambiguous("the boundary is none")
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    parts: list[bytes] = []
    start: int | None = None
    for found in delimiter.finditer(body):
        if start is not None:
            parts.append(body[start : max(start, found.start())])
        if found[1]:
            return parts
        if len(parts) >= MAX_PARTS:
            raise Ambiguous(f"more than {MAX_PARTS} parts")
        start = found.end() + 2
    raise Ambiguous("the last part has no end")


def content_fields(entity: Entity) -> Iterator[tuple[str, bytes]]:
    """The fields that describe the body and nothing else (RFC 2045 §9)."""
    return (each for each in entity.fields if each[0].startswith("content-"))
