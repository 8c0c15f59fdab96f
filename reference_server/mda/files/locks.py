"""Exclusive use of an mbox file, and what is left to do after a crash.

Two locks, as every mail program on a Unix takes at least one of them: a dot-lock (``eric.lock`` beside ``eric``) and
an fcntl lock on the file. Neither is waited for while the other is held, so that nobody stands in a circle.

The dot-lock is also a journal. Before the file changes, it says how the change is taken back or finished; who finds
the lock of a process that is gone does that first. It knows such a lock for certain: the living hold an flock on it.
A lock that another program made is never broken.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["LOCK_WAIT_S", "LockedFile", "MailboxBusy", "locked", "recover", "sync_directory"]

# Ours: a reader holds the lock for as long as it rewrites a file; mail waits better in the queue than here.
LOCK_WAIT_S: Final = 5.0
_POLL_S: Final = 0.02

# What the second line of a dot-lock of ours says; the first is the process id, as it is everywhere.
_MARK: Final = b"mailproof"
_MAX_LOCK_OCTETS: Final = 4096
_CHUNK_OCTETS: Final = 1 << 20


class MailboxBusy(TimeoutError):
    """Another program has the file, or its lock; to be tried again later."""


@dataclass(frozen=True, slots=True)
class LockedFile:
    """An mbox file that nobody else changes.

    Attributes:
        fd: Open for reading and writing.
    """

    path: Path
    fd: int
    _dot_fd: int

    @property
    def octets(self) -> int:
        """How many it has."""
        return os.fstat(self.fd).st_size

    def content(self) -> bytes:
        return _read_all(self.fd)

    def end(self, octets: int) -> bytes:
        """The last so many, or all there are."""
        size = self.octets
        return os.pread(self.fd, octets, max(0, size - octets))

    def append(self, data: bytes) -> None:
        """Add all of it, on disk when this returns, or nothing.

        Raises:
            OSError: Nothing was added.
        """
        size = self.octets
        self._note(b"cut %d" % size)
        sync_directory(self.path.parent)
        try:
            _write_all(self.fd, data, size)
            os.fsync(self.fd)
            self._note(b"done")
        except BaseException:
            os.ftruncate(self.fd, size)
            raise

    def replace(self, data: bytes) -> None:
        """Put `data` in place of the content: the same file, for those who wait at its fcntl lock have it open.

        Raises:
            OSError: The file is as before, or the next who locks it finishes the work.
        """
        kept = _kept_path(self.path)
        with os.fdopen(_private(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._note(b"copy")
        sync_directory(self.path.parent)
        _finish_copy(self.path, self.fd)

    def _note(self, step: bytes) -> None:
        """What the next one does if this is the last that we do."""
        os.pwrite(self._dot_fd, _head() + step + b"\n", 0)
        os.fsync(self._dot_fd)


@contextlib.contextmanager
def locked(path: Path, *, wait_s: float = LOCK_WAIT_S) -> Iterator[LockedFile]:
    """Have the file, made where it is missing, for oneself.

    Raises:
        MailboxBusy: It was not to be had for `wait_s`.
        OSError: It cannot be opened, or is no regular file.
    """
    deadline = time.monotonic() + wait_s
    while (taken := _try(path)) is None:
        if time.monotonic() >= deadline:
            raise MailboxBusy(
                f"{path} was in use for {wait_s:g} s; {_dot_path(path)} or an fcntl lock is held"
            )
        time.sleep(_POLL_S)
    try:
        yield taken
    finally:
        _unlock(path, taken._dot_fd)
        os.close(taken.fd)
        os.close(taken._dot_fd)


def recover(path: Path) -> bool:
    """Take back or finish what a process that is gone left undone; whether it left its lock behind."""
    try:
        dot_fd = os.open(_dot_path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with _closing(dot_fd):
        if not _is_left_behind(path, dot_fd):
            return False
        file_fd = _open(path)
        with _closing(file_fd):
            if not _fcntl_lock(file_fd):
                return False
            _carry_out(os.pread(dot_fd, _MAX_LOCK_OCTETS, 0), path, file_fd)
            _dot_path(path).unlink()
            return True


def sync_directory(directory: Path) -> None:
    """A new name is on disk when its directory is."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with _closing(fd):
        os.fsync(fd)


def _try(path: Path) -> LockedFile | None:
    """Both locks, or none of them."""
    if _dot_path(path).exists() and not recover(path):
        return None
    with contextlib.ExitStack() as undo:
        dot_fd = _dot_lock(path, undo)
        if dot_fd is None:
            return None
        fd = _open(path)
        undo.callback(os.close, fd)
        if not _fcntl_lock(fd):
            return None
        undo.pop_all()
        return LockedFile(path, fd, dot_fd)


def _dot_lock(path: Path, undo: contextlib.ExitStack) -> int | None:
    """Make the lock under another name first: it appears with its content and its flock, or not at all."""
    fd, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".lock", dir=path.parent)
    undo.callback(os.close, fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        _write_all(fd, _head(), 0)
        try:
            os.link(name, _dot_path(path))
        except FileExistsError:
            return None
    finally:
        Path(name).unlink()
    undo.callback(_unlock, path, fd)
    return fd


def _unlock(path: Path, dot_fd: int) -> None:
    """Remove the dot-lock, if it is still ours: somebody may have lost patience and broken it."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(_dot_path(path).lstat(), os.fstat(dot_fd)):
            _dot_path(path).unlink()


def _is_left_behind(path: Path, dot_fd: int) -> bool:
    """Whether a dot-lock is ours and its maker is gone; from then on we hold its flock."""
    if os.pread(dot_fd, _MAX_LOCK_OCTETS, 0).split(b"\n")[1:2] != [_MARK]:
        return False
    try:
        fcntl.flock(dot_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = _dot_path(path).lstat()
    except (BlockingIOError, FileNotFoundError):
        return False
    return os.path.samestat(there, os.fstat(dot_fd))


def _carry_out(journal: bytes, path: Path, fd: int) -> None:
    """Only a step whose line is whole was begun."""
    _pid, _mark, *steps = journal.split(b"\n")
    match steps[0].split() if len(steps) > 1 else []:
        case [b"cut", octets]:
            os.ftruncate(fd, min(int(octets), os.fstat(fd).st_size))
            os.fsync(fd)
        case [b"copy"]:
            _finish_copy(path, fd)
        case _:
            pass


def _finish_copy(path: Path, fd: int) -> None:
    """Done twice it is done once."""
    kept = _kept_path(path)
    try:
        data = kept.read_bytes()
    except FileNotFoundError:
        return
    _write_all(fd, data, 0)
    os.ftruncate(fd, len(data))
    os.fsync(fd)
    kept.unlink()
    sync_directory(path.parent)


def _head() -> bytes:
    return b"%d\n%s\n" % (os.getpid(), _MARK)


def _dot_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _kept_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.kept")


def _private(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _open(path: Path) -> int:
    """The file itself, never what a link points to."""
    fd = _private(path, os.O_RDWR | os.O_CREAT)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path} is not a regular file")
    return fd


def _fcntl_lock(fd: int) -> bool:
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX leaves it open which of the two it is
        return False
    return True


def _read_all(fd: int) -> bytes:
    parts = []
    position = 0
    while part := os.pread(fd, _CHUNK_OCTETS, position):
        parts.append(part)
        position += len(part)
    return b"".join(parts)


def _write_all(fd: int, data: bytes, position: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, position)
        position += written
        rest = rest[written:]


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)
