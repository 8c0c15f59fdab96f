"""A message as a tree of parts, each with its place in the message's octets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from reference_server.mime.fields import Field, Parameterized, header_end, parse_fields, parse_parameterized

__all__ = ["Part", "parse_message"]

# Ours: parts nested deeper are leaves, so that no message exhausts the stack.
MAX_DEPTH: Final = 50

# RFC 2045 §5.2.
_DEFAULT_TYPE: Final = Parameterized(b"text/plain", ((b"charset", b"us-ascii"),))
# RFC 2046 §5.1.5: within multipart/digest.
_DIGEST_TYPE: Final = Parameterized(b"message/rfc822")

# What stands behind the boundary of a delimiter line (RFC 2046 §5.1.1).
_DELIMITED: Final = re.compile(rb"(?P<close>--)?[ \t]*+(?:\r?\n|\Z)")

_MESSAGE_TYPES: Final = frozenset({b"message/rfc822", b"message/global"})


@dataclass(frozen=True)
class Part:
    """A message, or a part of one: octets `start` to `end` of `source`, the body from `body_start`.

    Source: RFC 2045 §5; RFC 2046 §5.1, §5.2.1.
    """

    source: bytes = field(repr=False)
    start: int
    end: int
    default_type: Parameterized = _DEFAULT_TYPE
    depth: int = 0

    @cached_property
    def body_start(self) -> int:
        return header_end(self.source, self.start, self.end)

    @property
    def octets(self) -> bytes:
        return self.source[self.start : self.end]

    @property
    def header(self) -> bytes:
        """With its blank line, where there is one."""
        return self.source[self.start : self.body_start]

    @property
    def body(self) -> bytes:
        """As it stands, transfer encoding and all."""
        return self.source[self.body_start : self.end]

    @property
    def body_octets(self) -> int:
        return self.end - self.body_start

    @property
    def body_lines(self) -> int:
        """Line ends in the body; a last line without one is not counted."""
        return self.source.count(b"\n", self.body_start, self.end)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return parse_fields(self.header)

    def field(self, name: bytes) -> bytes | None:
        """The first field of this lower-case name, unfolded; None where there is none."""
        return next((found.text for found in self.fields if found.name.lower() == name), None)

    @cached_property
    def content_type(self) -> Parameterized:
        """The declared type, or the default where it is missing or cannot be read (RFC 2045 §5.2)."""
        value = self.field(b"content-type")
        if value is None:
            return self.default_type
        read = parse_parameterized(value, slash=True) or _DEFAULT_TYPE
        if read.value.lower().startswith(b"multipart/") and not self._divides(read):
            return _DEFAULT_TYPE
        return read

    def _divides(self, content_type: Parameterized) -> bool:
        """Whether a multipart has a boundary that is there: without parts it is shown as text."""
        boundary = content_type.parameter(b"boundary")
        return bool(boundary) and self.depth < MAX_DEPTH and bool(self._divided(boundary or b""))

    @property
    def media_type(self) -> bytes:
        """``type/subtype`` in lower case."""
        return self.content_type.value.lower()

    @property
    def is_multipart(self) -> bool:
        return self.media_type.startswith(b"multipart/")

    @property
    def encoding(self) -> bytes:
        """The content transfer encoding in lower case, ``7bit`` where none is said (RFC 2045 §6.1)."""
        return (self.field(b"content-transfer-encoding") or b"7bit").lower()

    @cached_property
    def children(self) -> tuple["Part", ...]:
        """The parts of a multipart."""
        boundary = self.content_type.parameter(b"boundary")
        if not self.is_multipart or not boundary:
            return ()
        default = _DIGEST_TYPE if self.media_type == b"multipart/digest" else _DEFAULT_TYPE
        spans = self._divided(boundary)
        return tuple(Part(self.source, start, end, default, self.depth + 1) for start, end in spans)

    @cached_property
    def message(self) -> "Part | None":
        """The message that a message/rfc822 part encapsulates."""
        if self.media_type not in _MESSAGE_TYPES or self.depth >= MAX_DEPTH:
            return None
        return Part(self.source, self.body_start, self.end, depth=self.depth + 1)

    def _divided(self, boundary: bytes) -> list[tuple[int, int]]:
        """Start and end of each part; the line end before a delimiter belongs to it (RFC 2046 §5.1.1)."""
        delimiter = b"--" + boundary
        spans: list[tuple[int, int]] = []
        start: int | None = None
        at = self.source.find(delimiter, self.body_start, self.end)
        while at >= 0:
            behind = at + len(delimiter)
            found = _DELIMITED.match(self.source, behind, self.end) if self._begins_line(at) else None
            if found is not None:
                if start is not None:
                    spans.append((start, self._before_line_end(start, at)))
                start = None if found["close"] else found.end()
                if start is None:
                    break
            at = self.source.find(delimiter, behind if found is None else found.end(), self.end)
        if start is not None:
            spans.append((start, self.end))
        return spans

    def _begins_line(self, at: int) -> bool:
        return at == 0 or self.source[at - 1 : at] == b"\n"

    def _before_line_end(self, start: int, at: int) -> int:
        """`at` without the CRLF (or LF) right before it, but never before `start`."""
        end = at - 1 if self.source[at - 1 : at] == b"\n" else at
        if self.source[end - 1 : end] == b"\r":
            end -= 1
        return max(start, end)

    def at(self, numbers: Sequence[int]) -> "Part | None":
        """The part of these numbers, None where there is none; called on the message itself.

        Source: RFC 3501 §6.4.5: a message that is no multipart has one part, 1; the parts of an encapsulated message
        are numbered within it.
        """
        node: Part = self
        options = self._numbered()
        for number in numbers:
            if number > len(options):
                return None
            node = options[number - 1]
            options = node.children or (node.message._numbered() if node.message else ())
        return node

    def _numbered(self) -> tuple["Part", ...]:
        """The parts of a message by number."""
        return self.children or (self,)


def parse_message(octets: bytes) -> Part:
    """The message as a tree; anything is one."""
    return Part(octets, 0, len(octets))
