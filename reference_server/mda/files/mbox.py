"""The mbox file: messages one after the other, each behind a line that begins with ``From ``.

RFC 4155 (appendix A) has the separator line, LF as line end and the empty line at the end of each message. It leaves
open how a line of a message is told from a separator: here as mboxrd does, the one way that loses nothing: a line of
any number of ``>`` and ``From `` gets one ``>`` more, and loses it when it is read. Eight-bit octets are kept: the
RFC's seven bits are for files that travel.
"""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reference_server.mda.files.locks import LOCK_WAIT_S, LockedFile, locked

__all__ = ["Entry", "append_entries", "deliver_to_mbox", "entry_of", "on_disk", "read_entries", "read_mbox"]

_FROM: Final = re.compile(rb"^(>*From )", re.MULTILINE)
_QUOTED_FROM: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_SEPARATOR: Final = re.compile(rb"(?:\A|(?<=\n\n))From [^\n]*\n")
_STATUS: Final = re.compile(rb"^Status:[ \t]*([A-Za-z]*)", re.MULTILINE | re.IGNORECASE)
# Fields of mutt, pine, Dovecot and their elders: whether a message was read, and how long it is. Believed, the second
# one hides the messages that follow.
_NOTES: Final = re.compile(
    rb"^(?:Status|X-Status|Content-Length|X-UID|X-Keywords|X-IMAP|X-IMAPbase)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.MULTILINE | re.IGNORECASE,
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_X_LETTERS: Final = {r"\answered": b"A", r"\flagged": b"F", r"\draft": b"T", r"\deleted": b"D"}

# Who a message without a sender is from, by the custom of MDAs: a bounce has the null reverse-path.
_NO_SENDER: Final = "MAILER-DAEMON"


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of an mbox file.

    Attributes:
        separator: The first line, with its LF.
        octets: The message as it stands in the file, quoted, up to its last LF, without the empty line after it.
    """

    separator: bytes
    octets: bytes = field(repr=False)

    @property
    def content(self) -> bytes:
        """The message with CRLF and its ``From `` lines as they were."""
        return _QUOTED_FROM.sub(rb"\1", self.octets).replace(b"\n", b"\r\n")

    @property
    def seen(self) -> bool:
        """Whether a reader has marked it read (``Status: RO``)."""
        header = self.octets[: _header_end(self.octets)]
        return any(b"R" in found.upper() for found in _STATUS.findall(header))

    @property
    def whole(self) -> bytes:
        return self.separator + self.octets + b"\n"


def deliver_to_mbox(
    path: Path,
    content: bytes,
    *,
    sender: str,
    date: dt.datetime,
    flags: Collection[str] = frozenset(),
    wait_s: float = LOCK_WAIT_S,
) -> None:
    """Append a message; on disk when this returns.

    Args:
        path: The file, made (mode 0600) where it is missing; its directory is there.
        content: With CRLF line ends; Return-Path is on top already. Fields in which readers of mbox files keep their
            own notes (Status, Content-Length, ...) are left out: a sender has no say in them.
        sender: The reverse-path without brackets, ``""`` for the null one.
        date: When the message was received, aware.
        flags: Of IMAP (``\\Seen``), kept as readers do, in a Status and an X-Status field on top.

    Raises:
        MailboxBusy: Another program had the file for `wait_s`.
        OSError: It cannot be written; it is as before.
    """
    with locked(path, wait_s=wait_s) as file:
        append_entries(file, [entry_of(content, sender=sender, date=date, flags=flags)])


def entry_of(
    content: bytes, *, sender: str, date: dt.datetime, flags: Collection[str] = frozenset()
) -> Entry:
    """The message as it stands in a file."""
    octets = on_disk(content)
    end = _header_end(octets)
    octets = _status(flags) + _NOTES.sub(b"", octets[:end]) + octets[end:]
    who = _CONTROLS.sub("", sender) or _NO_SENDER
    separator = f"From {who} {date.astimezone(dt.UTC).ctime()}\n"
    return Entry(separator.encode(errors="replace"), _FROM.sub(rb">\1", octets))


def _header_end(octets: bytes) -> int:
    """Where the empty line after the header begins, or the end."""
    return 0 if octets.startswith(b"\n") else octets.find(b"\n\n") + 1 or len(octets)


def _status(flags: Collection[str]) -> bytes:
    """The fields of mutt and its elders; nothing for a message that nobody has seen."""
    known = {flag.lower() for flag in flags}
    letters = b"".join(letter for flag, letter in _X_LETTERS.items() if flag in known)
    status = b"Status: RO\n" if r"\seen" in known else b""
    return status + (b"X-Status: %s\n" % letters if letters else b"")


def append_entries(file: LockedFile, entries: list[Entry]) -> None:
    """All of them or none. What an earlier writer left without its last empty line gets it."""
    before = file.end(2)
    gap = b"" if before in (b"", b"\n\n") else b"\n" if before.endswith(b"\n") else b"\n\n"
    file.append(gap + b"".join(entry.whole for entry in entries))


def on_disk(content: bytes) -> bytes:
    """LF for CRLF, and the last line ended."""
    octets = content.replace(b"\r\n", b"\n")
    return octets if octets.endswith(b"\n") else octets + b"\n"


def read_mbox(path: Path, *, wait_s: float = LOCK_WAIT_S) -> list[Entry]:
    """The messages of a file, in order; none where there is no file.

    Raises:
        MailboxBusy, OSError: As `deliver_to_mbox`.
    """
    if not path.exists():
        return []
    with locked(path, wait_s=wait_s) as file:
        return read_entries(file.content())[1]


def read_entries(octets: bytes) -> tuple[bytes, list[Entry]]:
    """What stands before the first separator, ``b""`` in a sound file, and the messages.

    A last line that its writer did not end is ended, a last message without its empty line is whole.
    """
    lines = octets if octets.endswith(b"\n") or not octets else octets + b"\n"
    starts = list(_SEPARATOR.finditer(lines))
    ends = [*(start.start() for start in starts[1:]), len(lines)]
    head = lines[: starts[0].start()] if starts else lines
    return head, [
        _entry(start[0], lines[start.end() : end]) for start, end in zip(starts, ends, strict=False)
    ]


def _entry(separator: bytes, octets: bytes) -> Entry:
    return Entry(separator, octets[:-1] if octets.endswith(b"\n\n") or octets == b"\n" else octets)
