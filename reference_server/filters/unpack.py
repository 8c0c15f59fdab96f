"""What a message carries, out of its wrappings: MIME parts at any depth, uuencoded text, zip archives."""

import binascii
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reference_server.mime import Part, UnknownEncoding, decode_transfer, parse_message

__all__ = ["Leaf", "TooMuch", "Unpacker"]

# Ours. Far above any honest message, and far below what would hurt: parts and archive members together, octets that
# are looked through (every level of a multipart once more), octets that archives give, archives in archives.
MAX_PIECES: Final = 10_000
MAX_WORK_OCTETS: Final = 1024 * 1024 * 1024
MAX_UNPACKED_OCTETS: Final = 64 * 1024 * 1024
MAX_ARCHIVE_DEPTH: Final = 8

_READ_OCTETS: Final = 64 * 1024
_UUENCODED: Final = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n(?P<lines>(?:.*\r?\n)*?)end\b", re.MULTILINE)
_ZIP: Final = b"PK\x03\x04"
# What damaged, encrypted and unknown members raise; zipfile has no common base for them.
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)


class TooMuch(Exception):
    """The message holds more than is looked into: an archive that is a bomb, for instance; the message says what."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is wrapped in nothing more.

    Attributes:
        place: Where it was, in words: ``part 2, a.zip``.
        text: Whether it is text of the message, and not an attachment or in an archive.
    """

    octets: bytes
    place: str
    text: bool = False


class Unpacker:
    """Takes one message apart."""

    def __init__(self) -> None:
        self._pieces = 0
        self._work_octets = 0
        self._unpacked_octets = 0

    def leaves(self, content: bytes) -> Iterator[Leaf]:
        """Every leaf, what cannot be unpacked as it stands.

        Raises:
            TooMuch: There is more than is looked into; what came before was looked at.
        """
        # A stack of our own: no depth of nesting exhausts Python's.
        waiting = [parse_message(content)]
        number = 0
        while waiting:
            part = waiting.pop()
            self._count(part.end - part.start)
            children = self.within(part)
            if children:
                waiting += reversed(children)
                continue
            number += 1
            octets = self.decoded(part)
            text = part.media_type.startswith(b"text/")
            yield from self._unwrapped(octets, f"part {number}", text=text)

    def _count(self, octets: int) -> None:
        self._pieces += 1
        self._work_octets += octets
        if self._pieces > MAX_PIECES:
            raise TooMuch(f"more than {MAX_PIECES} parts")
        if self._work_octets > MAX_WORK_OCTETS:
            raise TooMuch("parts are nested too deep")

    def within(self, part: Part) -> tuple[Part, ...]:
        """The parts of a multipart, or the message of a message/rfc822, encoded or not; none of a leaf."""
        if part.children:
            return part.children
        if part.message is not None and part.encoding in (b"7bit", b"8bit", b"binary"):
            return (part.message,)
        value = (part.field(b"content-type") or b"").lower()
        if value.startswith((b"message/rfc822", b"message/global")):
            return (parse_message(self.decoded(part)),)
        if value.startswith(b"multipart/") and part.depth:
            # Nested deeper than `Part` goes, or without its boundary: a message of its own is tried.
            again = parse_message(part.octets)
            return again.children
        return ()

    def decoded(self, part: Part) -> bytes:
        """A part without its transfer encoding; as it stands where that is unknown."""
        try:
            return decode_transfer(part.body, part.encoding)
        except UnknownEncoding:
            return part.body

    def _unwrapped(self, octets: bytes, place: str, *, text: bool) -> Iterator[Leaf]:
        yield Leaf(octets, place, text)
        for found in _UUENCODED.finditer(octets):
            yield from self._unwrapped(_undone(found["lines"]), f"{place}, uuencoded", text=False)
        if _ZIP in octets:
            yield from self.members(octets, place, 1)

    def members(self, octets: bytes, place: str, depth: int) -> Iterator[Leaf]:
        """The members of an archive, and of the archives in it."""
        if depth > MAX_ARCHIVE_DEPTH:
            raise TooMuch(f"archives in archives, more than {MAX_ARCHIVE_DEPTH} deep")
        try:
            with zipfile.ZipFile(io.BytesIO(octets)) as archive:
                for member in archive.infolist():
                    self._count(0)
                    unpacked = self._read(archive, member)
                    inside = f"{place}, {member.filename}"
                    yield Leaf(unpacked, inside)
                    if _ZIP in unpacked:
                        yield from self.members(unpacked, inside, depth + 1)
        except _UNREADABLE:
            return  # no archive after all, or a damaged one: seen as it stands

    def _read(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
        """What can be read of a member: its own claim of its size is not trusted."""
        unpacked = bytearray()
        try:
            with archive.open(member) as stream:
                while piece := stream.read(_READ_OCTETS):
                    self._unpacked_octets += len(piece)
                    if self._unpacked_octets > MAX_UNPACKED_OCTETS:
                        raise TooMuch(f"archives give more than {MAX_UNPACKED_OCTETS} octets")
                    unpacked += piece
        except _UNREADABLE:
            pass  # encrypted, damaged or of an unknown method: what came before is looked at
        return bytes(unpacked)


def _undone(lines: bytes) -> bytes:
    """Uuencoded lines; one that is damaged is left out."""
    unpacked = bytearray()
    for line in lines.splitlines():
        try:
            unpacked += binascii.a2b_uu(line)
        except binascii.Error:
            continue
    return bytes(unpacked)
