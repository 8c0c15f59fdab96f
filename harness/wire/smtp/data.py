"""Message content on the wire: dot-stuffed after DATA, counted after BDAT.

The dot-stuffed form is POP3's too (RFC 1939 §3).
"""

import re
from typing import Final

from harness.wire.lines import CRLF, WireFault

__all__ = ["ChunkReader", "DataReader", "dot_stuff", "encode_data"]

_END: Final = b".\r\n"
_STUFFED_LINE: Final = b"\r\n."
_BARE: Final = {"CR": re.compile(rb"\r(?!\n)"), "LF": re.compile(rb"(?<!\r)\n")}


def dot_stuff(content: bytes) -> bytes:
    """Double the dot of each line that begins with one; a line begins after CRLF only.

    Source: RFC 5321 §4.5.2.
    """
    stuffed = content.replace(_STUFFED_LINE, _STUFFED_LINE + b".")
    return b"." + stuffed if content.startswith(b".") else stuffed


def encode_data(content: bytes) -> bytes:
    """What follows the 354: `content` dot-stuffed, its last line ended, and the final dot.

    Source: RFC 5321 §4.1.1.4 (no CRLF is added that is there already), §4.5.2.
    """
    ended = content if not content or content.endswith(CRLF) else content + CRLF
    return dot_stuff(ended) + _END


class DataReader:
    """Dot-stuffed octets in, content out, as it comes; only CRLF dot CRLF ends it.

    Holds three octets at most: what it is fed, it hands out.

    Attributes:
        ended: The final dot was read; `rest` holds what came behind it.
        octets: Octets of content handed out so far.
        faults: The first bare CR and the first bare LF, with their positions in the content (RFC 5321 §2.3.8).

    Source: RFC 5321 §4.1.1.4, §4.5.2.
    """

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self.octets = 0
        self.faults: list[WireFault] = []
        self._held = b""
        self._line_start = True
        self._unseen_bare = dict(_BARE)

    def feed(self, data: bytes) -> bytes:
        """Take octets off the network and return the content they complete, ``b""`` when none.

        After the end, octets only add to `rest`.
        """
        if self.ended:
            self.rest += data
            return b""
        octets, at = self._held + data, 0
        content = bytearray()
        self._held = b""
        while True:
            if self._line_start:
                if octets.startswith(_END, at):
                    self.ended, self.rest = True, octets[at + len(_END) :]
                    break
                if _END.startswith(octets[at:]):
                    self._held = octets[at:]
                    break
                at += octets.startswith(b".", at)
                self._line_start = False
            found = octets.find(_STUFFED_LINE, at)
            if found < 0:
                content += self._tail(octets, at)
                break
            content += octets[at : found + 2]
            at = found + 2
            self._line_start = True
        return self._hand_out(bytes(content))

    def _tail(self, octets: bytes, at: int) -> bytes:
        """The last piece, but for a CR whose LF may come with the next feed."""
        end = len(octets) - octets.endswith(b"\r")
        self._held = octets[end:]
        self._line_start = octets.endswith(CRLF)
        return octets[at:end]

    def _hand_out(self, content: bytes) -> bytes:
        found = {name: at for name, bare in self._unseen_bare.items() if (at := bare.search(content))}
        for name, at in sorted(found.items(), key=lambda item: item[1].start()):
            detail = f"{name} alone in the content"
            self.faults.append(WireFault(self.octets + at.start(), "RFC 5321 §2.3.8", detail))
            del self._unseen_bare[name]
        self.octets += len(content)
        return content


class ChunkReader:
    """The octets of one BDAT chunk, handed out as they come.

    Attributes:
        remaining: Octets of the chunk still to come.
        rest: What came behind the chunk: the next command.

    Source: RFC 3030 §2.
    """

    def __init__(self, octets: int) -> None:
        self.remaining = octets
        self.rest = b""

    @property
    def ended(self) -> bool:
        return self.remaining == 0

    def feed(self, data: bytes) -> bytes:
        """Take octets off the network and return those that belong to the chunk."""
        chunk = data[: self.remaining]
        self.remaining -= len(chunk)
        self.rest += data[len(chunk) :]
        return chunk
