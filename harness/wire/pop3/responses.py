"""POP3 responses: status lines, and the multi-line ones behind them; read patiently, written strictly."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.wire.lines import CRLF, LineBuffer, WireFault
from harness.wire.pop3.states import Answer
from harness.wire.smtp.data import DataReader, encode_data

__all__ = [
    "MAX_CONTENT",
    "MAX_PENDING",
    "MAX_STATUS_LINE",
    "MultiLine",
    "Response",
    "ResponseReader",
    "Status",
    "encode_challenge",
    "encode_lines",
    "encode_multi_line",
    "encode_status",
]

# RFC 1939 §3, kept by RFC 2449 §4: octets of a response's first line, CRLF included.
MAX_STATUS_LINE: Final = 512

# Ours: octets we hold of one status line, and of one multi-line response.
MAX_PENDING: Final = 64 * 1024
MAX_CONTENT: Final = 64 * 1024 * 1024

_STATUS: Final = re.compile(
    rb"(?P<word>\+OK|-ERR|\+(?= |$))(?P<gap> ?)(?P<text>.*)", re.DOTALL | re.IGNORECASE
)
# RFC 2449 §3: levels of printable characters but "/" and "]".
_CODE: Final = re.compile(rb"\[([!-.0-\\^-~]+(?:/[!-.0-\\^-~]+)*)\]")
_NOT_PRINTABLE: Final = re.compile(rb"[^ -~]")

# What breaks RFC 1939 §3 in the lines after the first; a line that is not stuffed loses its dot.
_CONTENT_FAULTS: Final = {
    "a line that begins with a dot and is not byte-stuffed": re.compile(rb"(?<=\r\n)\.(?!\.|\r\n)"),
    "CR alone in a line": re.compile(rb"\r(?!\n)"),
    "LF alone in a line": re.compile(rb"(?<!\r)\n"),
}


@dataclass(frozen=True, slots=True)
class Status:
    """One status line, or an AUTH challenge (``answer`` is then `Answer.CHALLENGE` and ``text`` its base64).

    Attributes:
        text: What follows the indicator and its space, response code included.
        raw: The octets as they came, CRLF included.
        faults: What breaks a rule, with positions in `raw`.
    """

    answer: Answer
    text: bytes
    raw: bytes
    faults: tuple[WireFault, ...] = ()

    @property
    def ok(self) -> bool:
        return self.answer is Answer.OK

    @property
    def code(self) -> str | None:
        """The response code in upper case, ``IN-USE`` or ``SYS/TEMP``, None for none (RFC 2449 §8).

        It means something where the server announces RESP-CODES.
        """
        found = _CODE.match(self.text)
        return found[1].decode("ascii").upper() if found else None

    def has_code(self, code: str) -> bool:
        """Whether the response code is this one or a detail of it: ``SYS/TEMP`` is a ``SYS`` (RFC 2449 §8)."""
        return self.code is not None and f"{self.code}/".startswith(f"{code.upper()}/")

    def __str__(self) -> str:
        return self.raw.removesuffix(CRLF).decode("latin-1")


@dataclass(frozen=True, slots=True)
class MultiLine:
    """A response to a command that has more lines; none of them where the status is not positive.

    Attributes:
        octets: The lines, byte-stuffing undone, each with its CRLF; the final dot is not among them.
        raw: The octets as they came, from the status line to the final dot's CRLF.
        faults: What breaks a rule in the lines, with positions in `raw`; the status has its own.
    """

    status: Status
    octets: bytes
    raw: bytes
    faults: tuple[WireFault, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status.ok

    @property
    def lines(self) -> list[bytes]:
        """The lines without their CRLF."""
        return self.octets.split(CRLF)[:-1]


Response = Status | MultiLine


class ResponseReader:
    """Octets in, responses out; who takes one says whether it has more lines, for the octets do not.

    A line that is no status line raises; anything milder is noted on the response as a `WireFault`.

    Args:
        max_content: How many octets may wait to be taken, and how many one response may have.
    """

    def __init__(self, max_content: int = MAX_CONTENT) -> None:
        self._max_content = max_content
        self._lines = LineBuffer(MAX_PENDING)
        self._failed: RemoteProtocolError | None = None
        self._opened: Status | None = None
        self._content = DataReader()
        self._octets = bytearray()
        self._raw = bytearray()

    @property
    def idle(self) -> bool:
        """True when no octet is held that no response has taken yet."""
        return self._opened is None and not self._lines.pending

    def feed(self, data: bytes) -> None:
        """Take octets off the network, cut anywhere.

        Raises:
            RemoteProtocolError: More than `max_content` octets wait.
        """
        self._lines.feed(data)
        if self._lines.pending > self._max_content:
            raise RemoteProtocolError(f"more than {self._max_content} octets that nobody asked for")

    def next_response(self, *, multi_line: bool = False) -> Response | None:
        """The next response, None until it is whole.

        Args:
            multi_line: Whether it has more lines where it is positive (see `commands.is_multi_line`). Once its
                status line is read, that is settled.

        Returns:
            A `MultiLine` where `multi_line`, else a `Status`.

        Raises:
            RemoteProtocolError: A line is not a status line, or a line exceeds `MAX_PENDING`, or a response
                `max_content`. From then on every call raises.

        Source: RFC 1939 §3; RFC 2449 §3; RFC 5034 §4 (challenges).
        """
        if self._failed is not None:
            raise self._failed
        try:
            return self._next(multi_line=multi_line)
        except RemoteProtocolError as exc:
            self._failed = exc
            raise

    def _next(self, *, multi_line: bool) -> Response | None:
        status = self._opened
        if status is None:
            line = self._lines.next_line()
            if line is None:
                return None
            status = _read_status(line)
            if not multi_line:
                return status
            if not status.ok:
                return MultiLine(status, b"", status.raw)
            self._open(status)
        return self._next_content(status)

    def _open(self, status: Status) -> None:
        self._opened = status
        self._content = DataReader()
        self._octets = bytearray()
        self._raw = bytearray(status.raw)

    def _next_content(self, status: Status) -> MultiLine | None:
        stuffed = self._lines.take_up_to(self._lines.pending)
        self._octets += self._content.feed(stuffed)
        self._raw += stuffed.removesuffix(self._content.rest)
        if len(self._raw) > self._max_content:
            raise RemoteProtocolError(f"a response of more than {self._max_content} octets")
        if not self._content.ended:
            return None
        self._lines.feed(self._content.rest)
        self._opened = None
        raw = bytes(self._raw)
        return MultiLine(status, bytes(self._octets), raw, _content_faults(raw, len(status.raw)))


def _content_faults(raw: bytes, start: int) -> tuple[WireFault, ...]:
    """The first of each kind, in the order of the octets."""
    found = {
        detail: at.start() for detail, rule in _CONTENT_FAULTS.items() if (at := rule.search(raw, start))
    }
    return tuple(
        WireFault(position, "RFC 1939 §3", detail)
        for detail, position in sorted(found.items(), key=lambda item: item[1])
    )


def _read_status(line: bytes) -> Status:
    found = _STATUS.fullmatch(line)
    if found is None:
        raise RemoteProtocolError(f"not a POP3 status line: {line[:80]!r}")
    answer = Answer(found["word"].upper().decode("ascii"))
    return Status(answer, found["text"], line + CRLF, tuple(_status_faults(line, found)))


def _status_faults(line: bytes, found: re.Match[bytes]) -> Iterable[WireFault]:
    word, text = found["word"], found["text"]
    if word != word.upper():
        yield WireFault(0, "RFC 1939 §3", f"{word.decode()} is not in upper case")
    if not found["gap"] and word == b"+":
        yield WireFault(1, "RFC 5034 §4", "an empty challenge without its space")
    elif not found["gap"] and text:
        yield WireFault(found.start("text"), "RFC 2449 §3", "no space after the status indicator")
    if text.startswith(b"[") and not _CODE.match(text):
        yield WireFault(found.start("text"), "RFC 2449 §3", "a text that begins with [ and no response code")
    if bad := _NOT_PRINTABLE.search(line):
        yield WireFault(bad.start(), "RFC 2449 §3", f"{bad[0]!r} in a status line")
    if len(line) + 2 > MAX_STATUS_LINE and word != b"+":
        yield WireFault(MAX_STATUS_LINE, "RFC 1939 §3", f"a status line of {len(line) + 2} octets")


def encode_status(ok: bool, text: bytes = b"", *, code: str | None = None) -> bytes:
    """The octets of a status line, with a response code (RFC 2449 §8) where there is one.

    Raises:
        LocalProtocolError: The text is not printable, begins with ``[`` and no code, or makes the line too long;
            or the code breaks the grammar.
    """
    indicator = (Answer.OK if ok else Answer.ERR).encode()
    words = [b"[%s]" % code.encode()] if code is not None else []
    line = b" ".join([indicator, *words, *([text] if text else [])])
    if faults := _read_status(line).faults:
        raise LocalProtocolError(f"{faults[0].detail} ({faults[0].rule}): {line[:80]!r}")
    return line + CRLF


def encode_challenge(base64: bytes) -> bytes:
    """The octets of an AUTH challenge; of an empty one, plus and space (RFC 5034 §4)."""
    return b"+ " + base64 + CRLF


def encode_multi_line(text: bytes, content: bytes) -> bytes:
    """A positive status line, `content` byte-stuffed with its last line ended, and the final dot (RFC 1939 §3).

    Raises as `encode_status`.
    """
    return encode_status(True, text) + encode_data(content)


def encode_lines(text: bytes, lines: Iterable[bytes]) -> bytes:
    """As `encode_multi_line`, of lines without CRLF; `LocalProtocolError` where one holds CR or LF."""
    listed = list(lines)
    for line in listed:
        if b"\r" in line or b"\n" in line:
            raise LocalProtocolError(f"a line cannot hold CR or LF: {line[:80]!r}")
    return encode_multi_line(text, b"".join(line + CRLF for line in listed))
