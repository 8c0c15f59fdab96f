"""The tables, and one connection to them that both threads may use."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from reference_server.clock import Clock
from reference_server.store.errors import StoreFailed

__all__ = ["INBOX", "Database"]

INBOX: Final = "INBOX"

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS mailboxes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL REFERENCES users (name), name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL DEFAULT 1, highestmodseq INTEGER NOT NULL DEFAULT 1,
    special_use TEXT, selectable INTEGER NOT NULL DEFAULT 1, UNIQUE (user, name));
CREATE TABLE IF NOT EXISTS subscriptions (user TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (user, name));
CREATE TABLE IF NOT EXISTS contents (id INTEGER PRIMARY KEY, octets BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    mailbox_id INTEGER NOT NULL, uid INTEGER NOT NULL, content_id INTEGER NOT NULL, octets INTEGER NOT NULL,
    flags TEXT NOT NULL, internaldate TEXT NOT NULL, modseq INTEGER NOT NULL, recent INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (mailbox_id, uid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS messages_by_content ON messages (content_id);
CREATE TABLE IF NOT EXISTS expunged (
    mailbox_id INTEGER NOT NULL, uid INTEGER NOT NULL, modseq INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, uid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('uidvalidity', 0);
"""


class Database:
    """One SQLite connection, one re-entrant lock, and who listens to which mailbox.

    Args:
        path: A file, kept in WAL mode and synced at each commit, or ``:memory:``.
        clock: Dates what comes without a date.
    """

    def __init__(self, path: str = ":memory:", clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.RLock()
        self._sql = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._sql.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _TABLES)
        self._depth = 0
        self._touched: set[int] = set()
        self._listeners: dict[int | None, list[Callable[[], None]]] = {}
        self._locked_maildrops: set[str] = set()

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        with self._lock:
            self._sql.close()

    @contextmanager
    def transaction(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; whoever listens to a touched mailbox is told after the commit.

        Args:
            lasting: Of the outermost one: whether the commit waits for the disk. One that does not outlives this
                process all the same, and goes in a power cut, whole, where no lasting one has come after it.

        Raises:
            StoreFailed: SQLite could not read or write; nothing was changed.
        """
        with self._lock:
            if self._depth:
                yield self._sql
                return
            self._depth = 1
            try:
                self._sql.execute("PRAGMA synchronous = FULL" if lasting else "PRAGMA synchronous = NORMAL")
                self._sql.execute("BEGIN IMMEDIATE")
                yield self._sql
                self._sql.execute("COMMIT")
            except BaseException as exc:
                if self._sql.in_transaction:  # on a full disk SQLite has rolled back already
                    self._sql.execute("ROLLBACK")
                self._touched.clear()
                if isinstance(exc, sqlite3.OperationalError):
                    raise StoreFailed(str(exc)) from exc
                raise
            finally:
                self._depth = 0
            touched = (*self._touched, None) if self._touched else ()
            told = [tell for mailbox in touched for tell in self._listeners.get(mailbox, ())]
            self._touched.clear()
        for tell in told:
            tell()

    def data_version(self) -> int:
        """A number that changes when another process commits to the file."""
        with self._lock:
            (version,) = self._sql.execute("PRAGMA data_version").fetchone()
        return int(version)

    def touch(self, mailbox_id: int) -> None:
        """Have the mailbox's listeners told when the transaction commits."""
        self._touched.add(mailbox_id)

    def listen(self, mailbox_id: int | None, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each commit that touched the mailbox, in the committing thread; returns the way to stop.

        The callback must be quick and must not ask the store.

        Args:
            mailbox_id: None for all mailboxes, and the queue.
        """
        with self._lock:
            self._listeners.setdefault(mailbox_id, []).append(callback)

        def unlisten() -> None:
            with self._lock:
                self._listeners[mailbox_id].remove(callback)

        return unlisten

    def lock_maildrop(self, user: str) -> bool:
        """The exclusive lock of a POP3 session (RFC 1939 §4); False where another session holds it."""
        with self._lock:
            free = user not in self._locked_maildrops
            self._locked_maildrops.add(user)
            return free

    def unlock_maildrop(self, user: str) -> None:
        """Give the lock back; by its holder only."""
        with self._lock:
            self._locked_maildrops.discard(user)
