"""What the queue hands out, and how it is written down."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, cast

from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.relay.model import Fate, NextHop, Outcome, Transport

__all__ = [
    "ALWAYS",
    "MESSAGE_COLUMNS",
    "RECIPIENT_COLUMNS",
    "TABLES",
    "Deferral",
    "Entry",
    "MessageColumns",
    "Queued",
    "RecipientColumns",
    "State",
    "entry_of",
    "queued_of",
    "read_time",
    "written_time",
]

TABLES: Final = """
CREATE TABLE IF NOT EXISTS queue_messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, arrived TEXT NOT NULL,
    reverse_path BLOB NOT NULL, body TEXT NOT NULL, smtputf8 INTEGER NOT NULL, ret TEXT, envid BLOB,
    octets INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS queue_recipients (
    seq INTEGER NOT NULL, place INTEGER NOT NULL, address BLOB NOT NULL, notify TEXT NOT NULL, orcpt BLOB,
    asked BLOB NOT NULL,
    transport TEXT NOT NULL, hop TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt TEXT NOT NULL, last_attempt TEXT, delay_told INTEGER NOT NULL DEFAULT 0,
    status TEXT, diagnostic TEXT, remote TEXT, by_peer INTEGER, PRIMARY KEY (seq, address)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS queue_by_time ON queue_recipients (state, next_attempt, transport, hop);
CREATE INDEX IF NOT EXISTS queue_by_hop ON queue_recipients (transport, hop, state, next_attempt, seq);
"""

MESSAGE_COLUMNS: Final = "seq, id, arrived, reverse_path, body, smtputf8, ret, envid, octets"
RECIPIENT_COLUMNS: Final = (
    "address, notify, orcpt, asked, transport, hop, state, attempts, next_attempt, last_attempt, delay_told,"
    " status, diagnostic, remote, by_peer"
)


class State(StrEnum):
    """Whether a recipient's mail moves: HELD waits for the operator and for nothing else."""

    QUEUED = "queued"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Queued:
    """One recipient who has not got the message yet.

    Attributes:
        attempts: How many have been made, all without success.
        next_attempt: Aware, UTC, as every time here; in the past when it is due.
        last: What the last attempt came to; its fate is always DEFERRED.
        delay_told: Whether the sender knows that it is late.
    """

    recipient: Recipient
    next_hop: NextHop
    state: State
    attempts: int
    next_attempt: dt.datetime
    last_attempt: dt.datetime | None = None
    last: Outcome | None = None
    delay_told: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the queue, with the recipients that are left."""

    queue_id: str
    arrived: dt.datetime
    envelope: Envelope
    octets: int
    recipients: tuple[Queued, ...]

    def due(self, now: dt.datetime) -> tuple[Queued, ...]:
        """The recipients who are to be tried now."""
        return tuple(q for q in self.recipients if q.state is State.QUEUED and q.next_attempt <= now)


@dataclass(frozen=True, slots=True)
class Deferral:
    """How one recipient waits on; `tell_delay` notes that the sender is told now."""

    outcome: Outcome
    next_attempt: dt.datetime
    tell_delay: bool = False


# Earlier than any clock: due, whatever time it is.
ALWAYS: Final = "0001-01-01T00:00:00.000000+00:00"

MessageColumns = tuple[int, str, str, bytes, str, int, str | None, bytes | None, int]
# The second part is the last outcome; all of it is missing before the first attempt.
RecipientColumns = tuple[
    bytes, str, bytes | None, bytes, str, str, str, int, str, str | None, int,
    str | None, str, str, int,
]  # fmt: skip


def written_time(time: dt.datetime) -> str:
    """Of one length and zone, so that text sorts as time."""
    return time.astimezone(dt.UTC).isoformat(timespec="microseconds")


def read_time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def entry_of(row: MessageColumns, left: tuple[Queued, ...]) -> Entry:
    """A message from its `MESSAGE_COLUMNS`, with the recipients that are left."""
    _, queue_id, arrived, reverse_path, body, smtputf8, ret, envid, octets = row
    envelope = Envelope(
        reverse_path,
        tuple(queued.recipient for queued in left),
        Body(body),
        bool(smtputf8),
        cast("Literal['FULL', 'HDRS'] | None", ret),
        envid,
    )
    return Entry(queue_id, read_time(arrived), envelope, octets, left)


def queued_of(row: RecipientColumns) -> Queued:
    """A recipient from its `RECIPIENT_COLUMNS`."""
    address, notify, orcpt, asked, transport, hop, state, attempts, next_attempt, last_attempt, told = row[
        :11
    ]
    status, diagnostic, remote, by_peer = row[11:]
    return Queued(
        Recipient(address, frozenset(map(Notify, notify.split())), orcpt, asked),
        NextHop(Transport(transport), hop),
        State(state),
        attempts,
        read_time(next_attempt),
        read_time(last_attempt) if last_attempt else None,
        Outcome(Fate.DEFERRED, status, diagnostic, remote, bool(by_peer)) if status else None,
        bool(told),
    )
