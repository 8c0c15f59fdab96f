"""SMTP and LMTP replies, read patiently and written exactly."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.wire.lines import CRLF, LineBuffer, WireFault

__all__ = [
    "MAX_PENDING",
    "MAX_REPLY_LINE",
    "EnhancedCode",
    "Reply",
    "ReplyReader",
    "encode_reply",
    "enhanced_code",
    "read_extensions",
]

# RFC 5321 §4.5.3.1.5: 512 octets, reply code and CRLF included.
MAX_REPLY_LINE: Final = 512

# Ours: what we hold of one reply line, and of one reply. 128 legal lines; far above any server seen.
MAX_PENDING: Final = 64 * 1024

_LINE: Final = re.compile(rb"(?P<code>[0-9]{3})(?P<mark>[ -]?)(?P<text>.*)", re.DOTALL)
_ENHANCED: Final = re.compile(rb"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?: |$)")


@dataclass(frozen=True, slots=True, order=True)
class EnhancedCode:
    """A status code of RFC 3463 §2: class, subject, detail."""

    klass: int
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.klass}.{self.subject}.{self.detail}"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, all its lines.

    Attributes:
        lines: The text of each line, after code and separator, without CRLF.
        raw: The octets as they came, every CRLF included.
        faults: What breaks a rule of RFC 5321 §4.2, with positions in `raw`.
    """

    code: int
    lines: tuple[bytes, ...]
    raw: bytes
    faults: tuple[WireFault, ...] = ()

    @property
    def klass(self) -> int:
        """The first digit."""
        return self.code // 100

    @property
    def enhanced(self) -> EnhancedCode | None:
        """The enhanced status code of the first line (RFC 2034 §4), None where there is none."""
        return enhanced_code(self.lines[0])

    @property
    def text(self) -> str:
        """The lines for people; octets above 127 as Latin-1."""
        return " / ".join(line.decode("latin-1") for line in self.lines)

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def enhanced_code(line: bytes) -> EnhancedCode | None:
    """The enhanced status code that a reply line's text begins with (RFC 2034 §3)."""
    found = _ENHANCED.match(line)
    return EnhancedCode(int(found[1]), int(found[2]), int(found[3])) if found else None


class ReplyReader:
    """Octets in, replies out.

    A line that is no reply line raises; anything milder is noted on the reply as a `WireFault`.
    """

    def __init__(self) -> None:
        self._lines = LineBuffer(MAX_PENDING)
        self._failed: RemoteProtocolError | None = None
        self._begin()

    def _begin(self) -> None:
        self._texts: list[bytes] = []
        self._raw = bytearray()
        self._code = b""
        self._faults: list[WireFault] = []

    @property
    def idle(self) -> bool:
        """True when no octet of an unfinished reply is held."""
        return not self._raw and not self._lines.pending

    def feed(self, data: bytes) -> list[Reply]:
        """Take octets off the network and return the replies they complete.

        Args:
            data: Any number of octets, cut anywhere; ``b""`` changes nothing.

        Returns:
            Complete replies in arrival order. An unfinished one is kept.

        Raises:
            RemoteProtocolError: A line is not a reply line, or a line or a reply exceeds `MAX_PENDING`. Replies
                before it are returned first and the next call raises; from then on every call does.

        Source: RFC 5321 §4.2 (syntax), §4.2.1 (multiline), §4.5.3.1.5 (length).
        """
        replies: list[Reply] = []
        if self._failed is None:
            self._lines.feed(data)
            try:
                while (line := self._lines.next_line()) is not None:
                    replies += self._line(line)
            except RemoteProtocolError as exc:
                self._failed = exc
        if self._failed is not None and not replies:
            raise self._failed
        return replies

    def _line(self, line: bytes) -> tuple[Reply, ...]:
        found = _LINE.fullmatch(line)
        if found is None:
            raise RemoteProtocolError(f"not a reply line: {line[:80]!r}")
        start = len(self._raw)
        self._raw += line + CRLF
        if len(self._raw) > MAX_PENDING:
            raise RemoteProtocolError(f"a reply of more than {MAX_PENDING} octets")
        self._note_faults(start, line, found)
        self._code = self._code or found["code"]
        self._texts.append(found["text"])
        if found["mark"] == b"-":
            return ()
        reply = Reply(int(found["code"]), tuple(self._texts), bytes(self._raw), tuple(self._faults))
        self._begin()
        return (reply,)

    def _note_faults(self, start: int, line: bytes, found: re.Match[bytes]) -> None:
        def note(offset: int, rule: str, detail: str) -> None:
            self._faults.append(WireFault(start + offset, rule, detail))

        code = found["code"]
        if code[0] not in b"2345" or code[1] not in b"012345":
            note(0, "RFC 5321 §4.2", f"reply code {code.decode()}")
        if self._code and code != self._code:
            note(0, "RFC 5321 §4.2.1", f"code {code.decode()} after {self._code.decode()} in one reply")
        if found["text"] and not found["mark"]:
            note(3, "RFC 5321 §4.2", "no space or hyphen after the code")
        if len(line) + 2 > MAX_REPLY_LINE:
            note(MAX_REPLY_LINE, "RFC 5321 §4.5.3.1.5", f"a reply line of {len(line) + 2} octets")
        for octet in (b"\r", b"\n", b"\0"):
            if (at := line.find(octet)) >= 0:
                note(at, "RFC 5321 §2.3.8", f"{octet!r} inside a reply line")


def read_extensions(reply: Reply) -> dict[str, str]:
    """What a reply to EHLO or LHLO offers: keyword in upper case -> its parameters, ``""`` for none.

    Source: RFC 5321 §4.1.1.1.
    """
    words = (line.decode("latin-1").partition(" ") for line in reply.lines[1:])
    return {keyword.upper(): parameters for keyword, _, parameters in words}


def encode_reply(code: int, lines: Sequence[bytes], enhanced: EnhancedCode | None = None) -> bytes:
    """The octets of a reply; each line gets the enhanced code (RFC 2034 §4).

    Raises:
        LocalProtocolError: The code is not one of RFC 5321 §4.2, a text holds CR or LF, or a line is too long.
    """
    if not (200 <= code <= 559 and code // 10 % 10 <= 5):
        raise LocalProtocolError(f"{code} is no reply code")
    texts = [b"%s %s" % (str(enhanced).encode(), line) if enhanced else line for line in (lines or [b""])]
    encoded: list[bytes] = []
    for text in texts:
        if b"\r" in text or b"\n" in text:
            raise LocalProtocolError(f"a reply text cannot hold CR or LF: {text!r}")
        mark = b" " if len(encoded) == len(texts) - 1 else b"-"
        line = b"%d%s%s\r\n" % (code, mark, text)
        if len(line) > MAX_REPLY_LINE:
            raise LocalProtocolError(
                f"a reply line has at most {MAX_REPLY_LINE} octets, this one {len(line)}"
            )
        encoded.append(line)
    return b"".join(encoded)
