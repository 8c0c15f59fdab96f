"""The queues of a world in its files, for those who look after them: of a server that runs, or that does not."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.errors import RunFailed, UsageError
from harness.results.waiting import WaitingMessage, WaitingRecipient
from reference_server.clock import Clock
from reference_server.relay.model import Transport
from reference_server.relay.queue import Queue
from reference_server.relay.queue_rows import Entry, Queued
from reference_server.store import Store, StoreFailed

__all__ = ["QueueFiles", "open_queues"]

Change = Literal["flush", "hold", "release", "remove"]


@contextmanager
def open_queues(directory: Path, host: str | None = None) -> Iterator["QueueFiles"]:
    """The queues in the directory of a world's `--data`; of one host, or of all.

    Raises:
        UsageError: There is no such directory, no such host in it, or no queue at all.
        RunFailed: A file cannot be read or written.
    """
    paths = _queue_paths(directory)
    if host is not None and host not in paths:
        known = ", ".join(sorted(paths)) or "none"
        raise UsageError(f"--host {host}: {directory} has no queue of such a host; there is: {known}")
    if not paths:
        raise UsageError(f"{directory}: no queue here; give the directory of `mailproof serve --data`")
    clock = Clock()
    with ExitStack() as opened:
        try:
            queues: dict[str, Queue] = {}
            for name, path in sorted(paths.items()):
                if host in (None, name):
                    store = Store(str(path), clock)
                    opened.callback(store.close)
                    queues[name] = Queue(store, clock)
            yield QueueFiles(queues)
        except (StoreFailed, sqlite3.Error) as exc:
            raise RunFailed(f"{directory}: the queue cannot be read or written ({exc})") from exc


def _queue_paths(directory: Path) -> dict[str, Path]:
    """By the host's name. Files of others, whatever their names, are left alone."""
    if not directory.is_dir():
        raise UsageError(f"{directory}: no such directory; give the one of `mailproof serve --data`")
    return {path.stem: path for path in directory.glob("*.sqlite") if _has_queue(path)}


def _has_queue(path: Path) -> bool:
    with suppress(sqlite3.Error):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
        try:
            query = "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('queue_messages', 'queue_recipients')"
            return bool(connection.execute(query).fetchone() == (2,))
        finally:
            connection.close()
    return False


@dataclass(frozen=True)
class QueueFiles:
    """Open queues, by the host's name."""

    queues: Mapping[str, Queue]

    def waiting(self, ids: Collection[str] = (), *, quarantine: bool = False) -> list[WaitingMessage]:
        """What is in the queues, oldest first for each host; of these ids, or of all.

        Args:
            quarantine: Only what is in quarantine.

        Raises:
            UsageError: An id is in no queue.
        """
        found = [
            _message(host, entry)
            for host, queue in self.queues.items()
            for entry in queue.entries()
            if (not ids or entry.queue_id in ids) and (not quarantine or in_quarantine(entry))
        ]
        missing = [queue_id for queue_id in ids if queue_id not in {message.queue_id for message in found}]
        if missing:
            hosts = ", ".join(self.queues)
            raise UsageError(f"{', '.join(missing)}: no such id in the queue of {hosts}; nothing was done")
        return found

    def content(self, queue_id: str) -> bytes:
        """A message's octets; none where it is gone meanwhile."""
        return next((found for q in self.queues.values() if (found := q.content(queue_id))), b"")

    def change(self, change: Change, ids: Collection[str] = ()) -> list[str]:
        """Flush, hold, release or remove these messages, or all but the quarantine's.

        A relay that runs notices within a second.

        Returns:
            The ids that were found.

        Raises:
            UsageError: An id is in no queue; nothing was changed.
        """
        if ids:
            self.waiting(ids)
        return [
            queue_id
            for queue in self.queues.values()
            for queue_id in {
                "flush": queue.flush,
                "hold": queue.hold,
                "release": queue.release,
                "remove": queue.remove,
            }[change](ids or None)
        ]


def in_quarantine(entry: Entry) -> bool:
    """Whether a filter holds it."""
    return any(queued.next_hop.transport is Transport.QUARANTINE for queued in entry.recipients)


def _message(host: str, entry: Entry) -> WaitingMessage:
    return WaitingMessage(
        host=host,
        queue_id=entry.queue_id,
        arrived=entry.arrived,
        octets=entry.octets,
        sender=_text(entry.envelope.reverse_path),
        recipients=tuple(_recipient(entry, queued) for queued in entry.recipients),
    )


def _recipient(entry: Entry, queued: Queued) -> WaitingRecipient:
    last = queued.last
    return WaitingRecipient(
        address=_text(queued.recipient.address),
        transport=queued.next_hop.transport,
        next_hop=queued.next_hop.name,
        state=queued.state,
        attempts=queued.attempts,
        next_attempt=max(entry.arrived, queued.next_attempt),
        last_attempt=queued.last_attempt,
        status=last.status if last else "",
        reason=last.diagnostic if last else "",
        remote=last.remote if last and last.by_peer else "",
    )


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
