"""The relay of one host: tries what is due, several destinations at a time, each in its turn."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol

import trio

from reference_server.context import Context
from reference_server.journal import Kind
from reference_server.mda.acceptance import Acceptance
from reference_server.relay.model import Attempt, Fate, NextHop, Outcome, Transport
from reference_server.relay.settling import Settling, TakesMail
from reference_server.store import StoreFailed

__all__ = ["Delivers", "MailboxAgent", "Relay"]

_log = logging.getLogger(__name__)

# Ours. Messages under way at a time, over all destinations; how often another process's changes and a clock that was
# moved are looked for; and how many messages for an unreachable destination are deferred in one transaction.
_AT_ONCE: Final = 32
_TICK_S: Final = 0.25
_BATCH: Final = 100

# RFC 3463 §3.5: no answer from the host, no answer from the DNS, no route. Not 4.4.2, a connection lost on the way:
# that can be one message's doing.
_UNREACHABLE: Final = frozenset({"4.4.1", "4.4.3", "4.4.4"})

_NOT_SAID: Final = Outcome(Fate.DEFERRED, "4.3.0", "the attempt ended without an outcome")

Record = Callable[[Mapping[bytes, Outcome]], None]


class Delivers(Protocol):
    """Hands messages to next hops: `Courier`."""

    async def deliver(self, attempt: Attempt, record: Record) -> None:
        """Calls `record` for every recipient once, as early as its outcome is certain."""


class MailboxAgent(TakesMail, Protocol):
    """What the relay asks of this host itself: `Acceptance`."""

    def deliver_queued(self, attempt: Attempt) -> Mapping[bytes, Outcome]:
        """Final delivery, in the caller's transaction."""

    def deliver_released(self, attempt: Attempt) -> Mapping[bytes, Outcome]:
        """Delivery from quarantine, in the caller's transaction."""


class Relay:
    """Sends the queue's mail on.

    What is under way is known in memory only. After a crash it is due again, so nothing is lost, and what arrives
    twice is what had its final dot out and no outcome recorded (`RelayLimits.in_doubt`).
    """

    def __init__(self, context: Context, courier: Delivers, agent: MailboxAgent | None = None) -> None:
        self._context = context
        self._queue = context.queue
        self._courier = courier
        self._agent = agent or context.variant(Acceptance)(context)
        self._settling = context.variant(Settling)(context, self._agent)
        self._under_way: set[tuple[str, NextHop]] = set()
        self._connections: Counter[NextHop] = Counter()
        # A dict as an ordered set: the destinations with mail due, the next one's turn first.
        self._turns: dict[NextHop, None] = {}
        # Outcomes that the disk did not take yet, of mail that is gone from here.
        self._unrecorded: list[tuple[str, NextHop, Mapping[bytes, Outcome]]] = []
        self._nursery: trio.Nursery
        self._news = trio.Event()
        self._next_due_s = math.inf  # on the world's clock, since the epoch
        self._resting = False
        self._begun = 0

    async def run(self) -> None:
        """For ever: what is due now, what is added, what becomes due by the world's clock, what an operator does."""
        token = trio.lowlevel.current_trio_token()

        def wake() -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._news.set)

        unlisten = self._queue.listen(wake)
        try:
            async with trio.open_nursery() as self._nursery:
                while True:
                    self._news = trio.Event()
                    self._look()
                    await self._until_news()
        finally:
            unlisten()

    async def run_once(self) -> int:
        """Everything that is due now, and what comes of it; ends early where the disk fails. Returns the attempts."""
        before = self._begun
        while True:
            at_start = self._begun
            async with trio.open_nursery() as self._nursery:
                self._look()
            if self._resting or self._begun == at_start:
                return self._begun - before

    async def _until_news(self) -> None:
        while not self._news.is_set():
            left_s = self._next_due_s - self._context.clock.now().timestamp()
            with trio.move_on_after(max(0.0, min(left_s, _TICK_S))):
                await self._news.wait()
            if self._resting or left_s <= 0 or self._queue.changed_elsewhere():
                return

    def _look(self) -> None:
        """See what is due, and start."""
        self._resting = False
        try:
            while self._unrecorded:
                self._settle(*self._unrecorded[0])
                self._unrecorded.pop(0)
            for hop in self._queue.due_hops():
                if hop.transport is not Transport.BATCH:  # that is the batch scanner's
                    self._turns.setdefault(hop)
            due = self._queue.next_due()
            self._next_due_s = due.timestamp() if due else math.inf
        except StoreFailed:
            self._rest()
        self._start()

    def _start(self) -> None:
        """Start attempts, one destination after the other, as far as the limits go."""
        passed = 0
        while passed < len(self._turns) and len(self._under_way) < _AT_ONCE and not self._resting:
            hop = next(iter(self._turns))
            del self._turns[hop]
            if self._connections[hop] >= self._context.world.relay.per_destination:
                passed += 1
            elif (queue_id := self._next(hop)) is not None:
                passed = 0
                self._begin(queue_id, hop)
            else:
                continue
            self._turns[hop] = None

    def _next(self, hop: NextHop) -> str | None:
        try:
            due = self._queue.due(hop, self._ids_under_way(hop), limit=1)
        except StoreFailed:
            self._rest()
            return None
        return due[0] if due else None

    def _ids_under_way(self, hop: NextHop) -> set[str]:
        return {queue_id for queue_id, its_hop in self._under_way if its_hop == hop}

    def _begin(self, queue_id: str, hop: NextHop) -> None:
        self._begun += 1
        self._under_way.add((queue_id, hop))
        self._connections[hop] += 1
        self._nursery.start_soon(self._attempt, queue_id, hop)

    def _rest(self) -> None:
        """The disk does not take what it must: begin nothing that could be done twice, until the next look."""
        _log.exception("%s: the queue's file failed; the relay rests", self._context.hostname)
        self._resting = True

    async def _attempt(self, queue_id: str, hop: NextHop) -> None:
        try:
            attempt = self._queue.attempt(queue_id, hop)
            if attempt is not None:
                last = await self._hand_over(attempt)
                if last is not None and self.is_unreachable(last):
                    await self._defer_others(hop, last)
        except StoreFailed:
            self._rest()
        except Exception:  # noqa: BLE001 (logged; a fault of ours must not stop the mail of others)
            self._hold(queue_id)
        finally:
            self._under_way.discard((queue_id, hop))
            self._connections[hop] -= 1
            if not self._connections[hop]:
                del self._connections[hop]
        self._start()

    def _hold(self, queue_id: str) -> None:
        """What we cannot handle waits for the operator; it is neither lost nor sent again and again."""
        _log.exception("%s: a fault of the relay; the message is held", queue_id)
        try:
            self._queue.hold([queue_id])
        except StoreFailed:
            self._rest()

    async def _hand_over(self, attempt: Attempt) -> Outcome | None:
        """Try it; returns the outcome where it is the same for all recipients."""
        hop = attempt.next_hop
        self._context.journal.note(
            self._context.hostname,
            Kind.QUEUE,
            f"tries {hop.transport} to {hop.name}",
            queue_id=attempt.queue_id,
        )
        told: dict[bytes, Outcome] = {}

        def record(outcomes: Mapping[bytes, Outcome]) -> None:
            news = {address: outcome for address, outcome in outcomes.items() if address not in told}
            self._record(attempt, news)
            told.update(news)

        try:
            await self.deliver(attempt, record)
        except StoreFailed:
            raise
        except Exception:  # noqa: BLE001 (logged; a courier's bug must not stop the mail of others)
            _log.exception("%s: a fault of the relay", attempt.queue_id)
        record({r.address: _NOT_SAID for r in attempt.envelope.recipients if r.address not in told})
        outcomes = set(told.values())
        return outcomes.pop() if len(outcomes) == 1 else None

    def _record(self, attempt: Attempt, outcomes: Mapping[bytes, Outcome]) -> None:
        """To disk. What another host has taken is never sent again only because we fail to write it down."""
        if not outcomes:
            return
        try:
            self._settle(attempt.queue_id, attempt.next_hop, outcomes)
        except Exception as exc:
            if attempt.next_hop.transport in (Transport.LOCAL, Transport.QUARANTINE):
                raise  # the delivery is undone with it
            if isinstance(exc, StoreFailed):
                self._unrecorded.append((attempt.queue_id, attempt.next_hop, outcomes))
                self._rest()
            else:
                self._hold(attempt.queue_id)

    def _settle(self, queue_id: str, hop: NextHop, outcomes: Mapping[bytes, Outcome]) -> None:
        self._settling.settle(queue_id, hop, outcomes)
        if any(outcome.fate is Fate.DEFERRED for outcome in outcomes.values()):
            self._news.set()  # it may be due earlier than what is waited for

    async def deliver(self, attempt: Attempt, record: Record) -> None:
        """By the courier, or within this host: then delivery and record are one transaction."""
        match attempt.next_hop.transport:
            case Transport.LOCAL:
                with self._context.store.transaction():
                    record(self._agent.deliver_queued(attempt))
            case Transport.QUARANTINE:
                with self._context.store.transaction():
                    record(self._agent.deliver_released(attempt))
            case _:
                await self._courier.deliver(attempt, record)

    def is_unreachable(self, outcome: Outcome) -> bool:
        """Whether it says something of the destination rather than of the message."""
        return outcome.fate is Fate.DEFERRED and not outcome.by_peer and outcome.status in _UNREACHABLE

    async def _defer_others(self, hop: NextHop, outcome: Outcome) -> None:
        """What is due for a destination out of reach waits on without being tried (RFC 5321 §4.5.4.1)."""
        now = self._context.clock.now()
        ids = self._queue.due(hop)
        for start in range(0, len(ids), _BATCH):
            with self._context.store.transaction():
                for queue_id in ids[start : start + _BATCH]:
                    entry = self._queue.entry(queue_id, hop)
                    if entry is not None and (queue_id, hop) not in self._under_way:
                        self._settle(queue_id, hop, {q.recipient.address: outcome for q in entry.due(now)})
            await trio.lowlevel.checkpoint()
