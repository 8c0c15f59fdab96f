"""A mailbox in files: an mbox spool or a Maildir, read with the standard library's mailbox module.

The classic reader's habit is here: at the end of a session what was read moves from the spool to the user's own mbox.
It is in the mbox, on disk, before it leaves the spool: a crash leaves it twice, never not at all.
"""

import hashlib
import mailbox
import re
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from harness.errors import RunFailed, UsageError
from harness.mua.box import Box, Entry, Mark, checked_size, entry_of
from harness.mua.message import read_header_block

__all__ = ["MaildirBox", "MboxBox", "open_spool"]

# Ours: how long another program may have the file before we give up.
_LOCK_WAIT_S: Final = 10.0
_LOCK_LOOK_S: Final = 0.1

# A line of a message that begins so is told from a separator by the > before it; one is taken off when it is read.
_FROM: Final = re.compile(rb"^(>*From )", re.MULTILINE)
_QUOTED_FROM: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_STATUS: Final = re.compile(rb"^Status:[^\n]*\n", re.MULTILINE | re.IGNORECASE)
_LINE_END: Final = re.compile(rb"\r?\n")

_MBOX_MARKS: Final = {"A": Mark.ANSWERED, "F": Mark.FLAGGED, "D": Mark.DELETED}
_MAILDIR_MARKS: Final = {"R": Mark.ANSWERED, "F": Mark.FLAGGED, "T": Mark.DELETED}

# What a message is known by as long as a file is read: its octets' digest, and which of those that are alike.
_Id = tuple[bytes, int]


def open_spool(path: Path, kept: Path | None) -> Box:
    """Open a spool, by what it is: a directory is a Maildir, a file an mbox.

    Args:
        kept: The mbox that read messages move to at the end; None leaves them where they are, marked as read.

    Raises:
        UsageError: There is no such mailbox.
        RunFailed: It cannot be read.
    """
    with _told(path):
        if path.is_dir():
            if not (path / "cur").is_dir():
                raise UsageError(f"{path}: is a directory, and no Maildir: it has no cur")
            return MaildirBox(path, kept)
        if not path.exists():
            raise UsageError(f"{path}: there is no such mailbox")
        return MboxBox(path, kept)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Trouble with a file as one line."""
    try:
        yield
    except (OSError, mailbox.Error) as exc:
        problem = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise RunFailed(f"{path}: {problem.lower()}") from exc


@contextmanager
def _locked(path: Path, box: mailbox.mbox) -> Iterator[None]:
    """The file for us alone, in all ways that mail programs know: the dot file and the system's lock."""
    deadline = time.monotonic() + _LOCK_WAIT_S
    waiting = threading.Event()
    while True:
        try:
            box.lock()
            break
        except mailbox.ExternalClashError:
            if time.monotonic() > deadline:
                raise RunFailed(
                    f"{path}: another program has had it for {_LOCK_WAIT_S:g} s; nothing was changed"
                ) from None
            waiting.wait(_LOCK_LOOK_S)
    try:
        yield
    finally:
        box.unlock()


def _append(path: Path, messages: Collection[bytes]) -> None:
    """Add messages, each with its separator line, to an mbox; on disk when this returns."""
    with _told(path), closing(mailbox.mbox(path, create=True)) as box, _locked(path, box):
        for message in messages:
            box.add(message)
        box.flush()


def _done(path: Path, *, moved_to: Path | None, moved: int, deleted: int) -> str:
    told = [f"{moved} moved to {moved_to}"] if moved_to and moved else []
    told += [f"{deleted} deleted"] if deleted else []
    return f"{path}: {', '.join(told)}" if told else ""


class MboxBox(Box):
    """One mbox file; other programs may deliver to it, and even remove messages, meanwhile."""

    def __init__(self, path: Path, kept: Path | None) -> None:
        self._path = path
        self._kept = kept
        self.name = str(path)
        self._file, self._keys = self._scan()
        self._ids = list(self._keys)

    def _scan(self) -> tuple[mailbox.mbox, dict[_Id, str]]:
        box = mailbox.mbox(self._path, create=False)
        return box, _identified({key: box.get_bytes(key, from_=True) for key in box.iterkeys()})

    @property
    def count(self) -> int:
        return len(self._ids)

    def refresh(self) -> int:
        with _told(self._path):
            self._file.close()
            self._file, self._keys = self._scan()
        arrived = [each for each in self._keys if each not in set(self._ids)]
        self._ids += arrived
        return len(arrived)

    def _octets(self, number: int) -> bytes:
        """As they stand in the file, without the separator line."""
        identity = self._ids[number - 1]
        with _told(self._path):
            key = self._keys.get(identity)
            whole = None if key is None else self._file.get_bytes(key, from_=True)
        if whole is None or hashlib.sha256(whole).digest() != identity[0]:
            raise RunFailed(f"{self.name}: another program changed it; message {number} is gone or elsewhere")
        return whole.partition(b"\n")[2]

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        here = [number for number in numbers if self._ids[number - 1] in self._keys]
        return [_mbox_entry(number, self._octets(number)) for number in here]

    def content(self, number: int) -> bytes:
        octets = self._octets(number)
        checked_size(self.name, number, len(octets))
        return _LINE_END.sub(b"\r\n", _QUOTED_FROM.sub(rb"\1", octets))

    def unread(self) -> list[int]:
        return [e.number for e in self.entries(range(1, self.count + 1)) if Mark.UNREAD in e.marks]

    def finish(self, *, deleted: Collection[int], read: Collection[int]) -> str:
        gone = {self._ids[number - 1] for number in deleted}
        seen = {self._ids[number - 1] for number in read} - gone
        if not gone and not seen:
            return ""
        with _told(self._path):
            self._file.close()
            with closing(mailbox.mbox(self._path, create=False)) as box, _locked(self._path, box):
                moved = self._apply(box, gone, seen)
        return _done(self._path, moved_to=self._kept, moved=moved, deleted=len(deleted))

    def _apply(self, box: mailbox.mbox, gone: set[_Id], seen: set[_Id]) -> int:
        """Move or mark, then remove; how many were read. The file is looked at again: others may have written."""
        keys = _identified({key: box.get_bytes(key, from_=True) for key in box.iterkeys()})
        present = {each: key for each, key in keys.items() if each in seen}
        if self._kept is not None:
            _append(self._kept, [_marked_read(box.get_bytes(key, from_=True)) for key in present.values()])
            gone = gone | set(present)
        else:
            for key in present.values():
                box[key] = _marked_read(box.get_bytes(key, from_=True))
        for each in gone & set(keys):
            box.remove(keys[each])
        box.flush()
        return len(present)

    def close(self) -> None:
        self._file.close()


def _identified(messages: Mapping[str, bytes]) -> dict[_Id, str]:
    alike: Counter[bytes] = Counter()
    found: dict[_Id, str] = {}
    for key, octets in messages.items():
        digest = hashlib.sha256(octets).digest()
        found[digest, alike[digest]] = key
        alike[digest] += 1
    return found


def _mbox_entry(number: int, octets: bytes) -> Entry:
    header = read_header_block(octets)
    letters = (header.raw("Status") + header.raw("X-Status")).upper()
    marks = {mark for letter, mark in _MBOX_MARKS.items() if letter in letters}
    return entry_of(number, octets, len(octets), marks if "R" in letters else marks | {Mark.UNREAD})


def _marked_read(whole: bytes) -> bytes:
    """The message with ``Status: RO`` on top, as readers of mbox files keep it; not an octet else is changed."""
    separator, _, octets = whole.partition(b"\n")
    end = octets.find(b"\n\n") + 1 or len(octets)
    return separator + b"\nStatus: RO\n" + _STATUS.sub(b"", octets[:end]) + octets[end:]


class MaildirBox(Box):
    """One Maildir, without its folders; a message's flags are in its file's name."""

    def __init__(self, path: Path, kept: Path | None) -> None:
        self._path = path
        self._kept = kept
        self.name = str(path)
        self._directory = mailbox.Maildir(path, create=False)
        self._keys = sorted(self._directory.iterkeys())

    @property
    def count(self) -> int:
        return len(self._keys)

    def refresh(self) -> int:
        with _told(self._path):
            arrived = sorted(set(self._directory.iterkeys()) - set(self._keys))
        self._keys += arrived
        return len(arrived)

    def _file(self, number: int) -> Path:
        """Where the message is now. Raises `RunFailed` where it is gone."""
        key = self._keys[number - 1]
        with _told(self._path):
            for directory in ("new", "cur"):
                for path in (self._path / directory).iterdir():
                    if path.name.partition(":")[0] == key:
                        return path
        raise RunFailed(f"{self.name}: message {number} is gone")

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        found: list[Entry] = []
        with _told(self._path):
            for number in numbers:
                with suppress(KeyError):
                    message = self._directory.get_message(self._keys[number - 1])
                    octets = self._directory.get_bytes(self._keys[number - 1])
                    flags = message.get_flags()
                    marks = {mark for letter, mark in _MAILDIR_MARKS.items() if letter in flags}
                    seen = "S" in flags
                    found.append(
                        entry_of(number, octets, len(octets), marks if seen else marks | {Mark.UNREAD})
                    )
        return found

    def content(self, number: int) -> bytes:
        path = self._file(number)
        with _told(path):
            checked_size(self.name, number, path.stat().st_size)
            return _LINE_END.sub(b"\r\n", path.read_bytes())

    def mark_read(self, number: int) -> bool:
        return self._flag(number, "S")

    def mark_answered(self, number: int) -> bool:
        return self._flag(number, "R")

    def _flag(self, number: int, letter: str) -> bool:
        path = self._file(number)
        key, _, info = path.name.partition(":2,")
        with _told(path):
            path.rename(self._path / "cur" / f"{key}:2,{''.join(sorted({*info, letter}))}")
        return True

    def unread(self) -> list[int]:
        return [e.number for e in self.entries(range(1, self.count + 1)) if Mark.UNREAD in e.marks]

    def finish(self, *, deleted: Collection[int], read: Collection[int]) -> str:
        moved = sorted(set(read) - set(deleted)) if self._kept is not None else []
        if self._kept is not None and moved:
            _append(self._kept, [_for_mbox(self.content(number)) for number in moved])
        with _told(self._path):
            for number in [*moved, *deleted]:
                self._directory.discard(self._keys[number - 1])
        return _done(self._path, moved_to=self._kept, moved=len(moved), deleted=len(deleted))

    def close(self) -> None:
        self._directory.close()


def _for_mbox(content: bytes) -> bytes:
    """A message as an mbox has it: a separator line, ``From `` lines told from it, marked as read."""
    sender = read_header_block(content).raw("Return-Path").strip("<> ").encode("utf-8", "replace")
    separator = b"From %s %s\n" % (
        b"".join(sender.split()) or b"MAILER-DAEMON",
        time.asctime(time.gmtime()).encode(),
    )
    return _marked_read(separator + _FROM.sub(rb">\1", content.replace(b"\r\n", b"\n")))
