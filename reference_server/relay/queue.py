"""The durable queue: mail that waits for its next hop, in the host's own store, so that one commit covers both."""

import datetime as dt
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import Final

from reference_server.clock import Clock
from reference_server.envelope import Envelope
from reference_server.relay.model import Attempt, NextHop, Transport
from reference_server.relay.queue_rows import (
    ALWAYS,
    MESSAGE_COLUMNS,
    RECIPIENT_COLUMNS,
    TABLES,
    Deferral,
    Entry,
    Queued,
    State,
    entry_of,
    queued_of,
    read_time,
    written_time,
)
from reference_server.store import Store

__all__ = ["Deferral", "Entry", "Queue", "Queued", "State"]

# No mailbox has this number: those who listen to it are told of every commit that can make mail due.
_TOPIC: Final = 0

# RFC 3463 §3.8: X.7.1, delivery not authorized.
_BY_POLICY: Final = "4.7.1"

# 60 bits, so that no two hosts of a world ever use the same; without vowels it spells nothing.
_ID_ALPHABET: Final = "0123456789BCDFGHJKLMNPQRSTVWXYZ"
_ID_LENGTH: Final = 12

# From one next hop to the next one by the index, however much mail each has; then the oldest that is due at each.
_DUE_HOPS: Final = """
WITH RECURSIVE hops (hop) AS (
    SELECT MIN(hop) FROM queue_recipients WHERE transport = :transport
    UNION ALL
    SELECT (SELECT MIN(hop) FROM queue_recipients WHERE transport = :transport AND hop > hops.hop)
    FROM hops WHERE hops.hop IS NOT NULL)
SELECT hop, (
    SELECT MIN(next_attempt) FROM queue_recipients AS waiting
    WHERE transport = :transport AND waiting.hop = hops.hop AND state = :state AND next_attempt <= :now) AS since
FROM hops
"""
_DUE: Final = """
SELECT id FROM queue_recipients JOIN queue_messages USING (seq)
WHERE transport = ? AND hop = ? AND state = ? AND next_attempt <= ? ORDER BY next_attempt, seq
"""


class Queue:
    """Messages on their way out of one host.

    Every change joins the caller's transaction or is one itself. What is being tried is not written down: after a
    crash everything that has no recorded outcome is due as before.

    Raises:
        StoreFailed: From every method: SQLite could not read or write; nothing was changed.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        with store.transaction() as sql:
            for statement in filter(str.strip, TABLES.split(";")):
                sql.execute(statement)
        self._seen_version = store.data_version()

    def add(self, envelope: Envelope, content: bytes, next_hops: Mapping[bytes, NextHop]) -> str:
        """Take a message on, due at once; the runner is woken by the commit.

        Args:
            next_hops: Where each recipient of the envelope goes, by address; an address given twice is kept once.

        Returns:
            The queue id, not used before by any host.

        Raises:
            KeyError: A recipient has no next hop.
        """
        queue_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        arrived = written_time(self._clock.now())
        with self._changing() as sql:
            cursor = sql.execute(
                "INSERT INTO queue_messages (id, arrived, reverse_path, body, smtputf8, ret, envid, octets, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    queue_id,
                    arrived,
                    envelope.reverse_path,
                    envelope.body,
                    envelope.smtputf8,
                    envelope.ret,
                    envelope.envid,
                    len(content),
                    content,
                ),
            )
            sql.executemany(
                "INSERT OR IGNORE INTO queue_recipients"
                " (seq, place, address, notify, orcpt, asked, transport, hop, state, next_attempt)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        cursor.lastrowid,
                        place,
                        recipient.address,
                        " ".join(sorted(recipient.notify)),
                        recipient.orcpt,
                        recipient.asked,
                        next_hops[recipient.address].transport,
                        next_hops[
                            recipient.address
                        ].name.lower(),  # RFC 5321 §2.4: domains in any case are one
                        State.QUEUED,
                        arrived,
                    )
                    for place, recipient in enumerate(envelope.recipients)
                ],
            )
        return queue_id

    # What there is

    def entries(self) -> list[Entry]:
        """Everything in the queue, oldest first."""
        with self._store.transaction() as sql:
            found = sql.execute(f"SELECT {MESSAGE_COLUMNS} FROM queue_messages ORDER BY seq").fetchall()  # noqa: S608 (constant columns)
            return [entry_of(row, self._recipients(sql, row[0], None)) for row in found]

    def entry(self, queue_id: str, next_hop: NextHop | None = None) -> Entry | None:
        """One message, with the recipients of one next hop or of all; None where it is not in the queue."""
        query = f"SELECT {MESSAGE_COLUMNS} FROM queue_messages WHERE id = ?"  # noqa: S608 (constant columns)
        with self._store.transaction() as sql:
            row = sql.execute(query, (queue_id,)).fetchone()
            return entry_of(row, self._recipients(sql, row[0], next_hop)) if row else None

    def content(self, queue_id: str) -> bytes | None:
        """The message's octets, None where it is not in the queue."""
        with self._store.transaction() as sql:
            row = sql.execute("SELECT content FROM queue_messages WHERE id = ?", (queue_id,)).fetchone()
        return bytes(row[0]) if row else None

    def _recipients(self, sql: sqlite3.Connection, seq: int, next_hop: NextHop | None) -> tuple[Queued, ...]:
        query = f"SELECT {RECIPIENT_COLUMNS} FROM queue_recipients WHERE seq = ?"  # noqa: S608 (constant columns)
        values: tuple[object, ...] = (seq,)
        if next_hop is not None:
            query += " AND transport = ? AND hop = ?"
            values += (next_hop.transport, next_hop.name)
        return tuple(queued_of(row) for row in sql.execute(query + " ORDER BY place", values))

    # What is due

    def due_hops(self) -> list[NextHop]:
        """The next hops that have mail due, the one that waits longest first."""
        now = written_time(self._clock.now())
        found = []
        with self._store.transaction() as sql:
            for transport in Transport:
                values = {"transport": transport, "state": State.QUEUED, "now": now}
                rows = sql.execute(_DUE_HOPS, values)
                found += [(since, NextHop(transport, hop)) for hop, since in rows if since is not None]
        return [hop for _, hop in sorted(found, key=itemgetter(0))]

    def due(self, next_hop: NextHop, besides: Collection[str] = (), limit: int | None = None) -> list[str]:
        """The ids of messages due for one next hop, the longest due first.

        Args:
            besides: Ids that are left out: what is being tried.
            limit: So many at most; None for all.
        """
        now = written_time(self._clock.now())
        found: dict[str, None] = {}
        with self._store.transaction() as sql, closing(sql.cursor()) as rows:
            # Read only as far as it takes: a destination may have a long queue, a message many recipients there.
            rows.execute(_DUE, (next_hop.transport, next_hop.name, State.QUEUED, now))
            for (queue_id,) in rows:
                if len(found) == limit:
                    break
                if queue_id not in besides:
                    found[queue_id] = None
        return list(found)

    def next_due(self) -> dt.datetime | None:
        """When the next recipient that is not due yet will be; None where nobody waits."""
        query = "SELECT MIN(next_attempt) FROM queue_recipients WHERE state = ? AND next_attempt > ?"
        with self._store.transaction() as sql:
            (found,) = sql.execute(query, (State.QUEUED, written_time(self._clock.now()))).fetchone()
        return read_time(found) if found else None

    def attempt(self, queue_id: str, next_hop: NextHop) -> Attempt | None:
        """The message for those of its recipients who are due at this next hop; None where nobody is."""
        with self._store.transaction():
            entry = self.entry(queue_id, next_hop)
            content = self.content(queue_id)
        if entry is None or content is None:
            return None
        due = tuple(queued.recipient for queued in entry.due(self._clock.now()))
        return Attempt(queue_id, next_hop, replace(entry.envelope, recipients=due), content) if due else None

    # What became of it

    def settle(self, queue_id: str, addresses: Collection[bytes]) -> None:
        """These recipients are done with; the message goes with its last one."""
        with self._store.transaction() as sql:
            sql.executemany(
                "DELETE FROM queue_recipients"
                " WHERE seq = (SELECT seq FROM queue_messages WHERE id = ?) AND address = ?",
                [(queue_id, address) for address in addresses],
            )
            sql.execute(
                "DELETE FROM queue_messages WHERE id = ? AND NOT EXISTS"
                " (SELECT 1 FROM queue_recipients r WHERE r.seq = queue_messages.seq)",
                (queue_id,),
            )

    def defer(self, queue_id: str, deferrals: Mapping[bytes, Deferral]) -> None:
        """These recipients were tried just now, and will be again."""
        if not deferrals:
            return
        now = written_time(self._clock.now())
        with self._store.transaction() as sql:
            sql.executemany(
                "UPDATE queue_recipients SET attempts = attempts + 1, last_attempt = ?, next_attempt = ?,"
                " status = ?, diagnostic = ?, remote = ?, by_peer = ?, delay_told = delay_told OR ?"
                " WHERE seq = (SELECT seq FROM queue_messages WHERE id = ?) AND address = ?",
                [
                    (
                        now,
                        written_time(wait.next_attempt),
                        wait.outcome.status,
                        wait.outcome.diagnostic,
                        wait.outcome.remote,
                        wait.outcome.by_peer,
                        wait.tell_delay,
                        queue_id,
                        address,
                    )
                    for address, wait in deferrals.items()
                ],
            )

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that wakes who listens."""
        with self._store.transaction() as sql:
            yield sql
            self._store.touch(_TOPIC)

    # What the operator does

    def quarantine(self, queue_id: str, why: str) -> None:
        """Hold a message that a filter does not let pass, with its reason, until it is released by its id."""
        with self._changing() as sql:
            sql.execute(
                "UPDATE queue_recipients SET state = ?, status = ?, diagnostic = ?, remote = '', by_peer = 0"
                " WHERE seq = (SELECT seq FROM queue_messages WHERE id = ?)",
                (State.HELD, _BY_POLICY, why, queue_id),
            )

    def flush(self, ids: Collection[str] | None = None) -> list[str]:
        """Make messages due at once, those that are not held; all, or these. Returns the ids it found."""
        return self._change(
            "UPDATE queue_recipients SET next_attempt = ? WHERE seq = ? AND state = 'queued'", ids, ALWAYS
        )

    def hold(self, ids: Collection[str] | None = None) -> list[str]:
        """Let messages wait until they are released; an attempt under way goes on. Returns the ids it found."""
        return self._change("UPDATE queue_recipients SET state = ? WHERE seq = ?", ids, State.HELD)

    def release(self, ids: Collection[str] | None = None) -> list[str]:
        """End a hold; the messages are due at once, those of the quarantine only by their ids.

        Returns:
            The ids it found.
        """
        return self._change(
            "UPDATE queue_recipients SET state = 'queued', next_attempt = ? WHERE seq = ? AND state = 'held'",
            ids,
            ALWAYS,
        )

    def remove(self, ids: Collection[str] | None = None) -> list[str]:
        """Forget messages, for all recipients and without a word to the sender, as `release` does.

        Returns:
            The ids it found.
        """
        with self._changing() as sql:
            found = self._known(sql, ids)
            for table in ("queue_recipients", "queue_messages"):
                sql.executemany(f"DELETE FROM {table} WHERE seq = ?", [(seq,) for seq, _ in found])  # noqa: S608 (constant names)
        return [queue_id for _, queue_id in found]

    def _change(self, statement: str, ids: Collection[str] | None, value: str) -> list[str]:
        with self._changing() as sql:
            found = self._known(sql, ids)
            sql.executemany(statement, [(value, seq) for seq, _ in found])
        return [queue_id for _, queue_id in found]

    @staticmethod
    def _known(sql: sqlite3.Connection, ids: Collection[str] | None) -> list[tuple[int, str]]:
        """Sequence number and id of these; of all but the quarantine's where none are given."""
        query = "SELECT seq, id FROM queue_messages"
        if ids is None:
            query += " WHERE seq NOT IN (SELECT seq FROM queue_recipients WHERE transport = 'quarantine')"
        found: Iterator[tuple[int, str]] = sql.execute(query + " ORDER BY seq")
        return [(seq, queue_id) for seq, queue_id in found if ids is None or queue_id in ids]

    # Who is told

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each commit here that can make mail due, in the committing thread; returns the way to stop.

        The callback must be quick and must not ask the store.
        """
        return self._store.listen(_TOPIC, callback)

    def changed_elsewhere(self) -> bool:
        """Whether another process has committed to the file since the last call; costs next to nothing."""
        version = self._store.data_version()
        changed = version != self._seen_version
        self._seen_version = version
        return changed
