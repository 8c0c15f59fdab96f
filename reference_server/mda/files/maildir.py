"""The Maildir: one file for each message, and no locks: a name appears in ``new`` when the message is whole."""

import contextlib
import datetime as dt
import itertools
import os
import socket
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from reference_server.mda.files.locks import sync_directory
from reference_server.mda.files.mbox import on_disk

__all__ = ["deliver_to_maildir", "remove_stale"]

# What each flag of IMAP, in lower case, is in the name of a file in ``cur``.
_LETTERS: Final[Mapping[str, str]] = {
    r"\draft": "D",
    r"\flagged": "F",
    r"\answered": "R",
    r"\seen": "S",
    r"\deleted": "T",
}

# The custom of Maildirs: what has been in ``tmp`` for 36 hours has nobody who still writes it.
_STALE_AFTER: Final = dt.timedelta(hours=36)

_count: Final = itertools.count()


def deliver_to_maildir(
    directory: Path, content: bytes, *, date: dt.datetime, flags: Collection[str] = frozenset()
) -> Path:
    """Add a message; on disk when this returns.

    Args:
        directory: The Maildir, made (mode 0700) where it is missing, with ``tmp``, ``new`` and ``cur``.
        content: With CRLF line ends; LF on disk. Return-Path is on top already.
        date: When the message was received, aware; the file's time.
        flags: Of IMAP (``\\Seen``); with any the message goes to ``cur``, as one that a reader has seen listed.

    Returns:
        The message's file.

    Raises:
        OSError: It cannot be written; the Maildir is as before.
    """
    _make(directory)
    name = _unique_name(date)
    letters = "".join(sorted(_LETTERS.get(flag.lower(), "") for flag in set(flags)))
    place = directory / "cur" / f"{name}:2,{letters}" if letters else directory / "new" / name
    written = directory / "tmp" / name
    try:
        _write(written, on_disk(content), date)
        os.link(written, place)  # never over another message, as rename would
    finally:
        written.unlink(missing_ok=True)
    sync_directory(place.parent)
    return place


def remove_stale(directory: Path, now: dt.datetime) -> int:
    """Remove what died on its way in; the number of files."""
    removed = 0
    for path in (directory / "tmp").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) < now - _STALE_AFTER:
                path.unlink()
                removed += 1
    return removed


def _make(directory: Path) -> None:
    for path in (directory, *(directory / part for part in ("tmp", "new", "cur"))):
        if not path.is_dir():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(path.parent)


def _unique_name(date: dt.datetime) -> str:
    """Time, then what makes it the only one: microseconds, process, count, host."""
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
    seconds, micros = int(date.timestamp()), date.microsecond
    return f"{seconds}.M{micros}P{os.getpid()}Q{next(_count)}.{host}"


def _write(path: Path, data: bytes, date: dt.datetime) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.utime(fd, (date.timestamp(), date.timestamp()))
        os.fsync(fd)
