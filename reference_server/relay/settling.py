"""What an attempt's outcomes mean: who is done with, who waits on, and what the sender is told; one transaction."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from reference_server.context import Context
from reference_server.envelope import Envelope
from reference_server.journal import Kind
from reference_server.relay.dsn import Action, DsnWriter, Told
from reference_server.relay.model import Fate, NextHop, Outcome, Transport
from reference_server.relay.queue_rows import Deferral, Entry, Queued
from reference_server.relay.schedule import Schedule

__all__ = ["Settling", "TakesMail"]

# What the sender may ask to be told of the end, by how it came. What is not here is told by the next hop itself: it
# got the DSN parameters (RFC 3461 §5.2.1). A mailbox agent's 250 is the delivery (RFC 3461 §5.2.3).
_TOLD: Final[Mapping[tuple[Transport, Fate], Action]] = {
    (Transport.SMTP, Fate.RELAYED): Action.RELAYED,
    (Transport.FILTER, Fate.RELAYED): Action.RELAYED,
    (Transport.LMTP, Fate.RELAYED): Action.DELIVERED,
    (Transport.LOCAL, Fate.DELIVERED): Action.DELIVERED,
    (Transport.LOCAL, Fate.EXPANDED): Action.EXPANDED,
    **{(transport, Fate.FAILED): Action.FAILED for transport in Transport},
}


class TakesMail(Protocol):
    """The road of mail into this host: `Acceptance`."""

    def accept(self, envelope: Envelope, content: bytes) -> object: ...


@dataclass
class _Verdict:
    """What is written down for one message, in one go."""

    done: list[bytes] = field(default_factory=list)
    deferrals: dict[bytes, Deferral] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    notes: list[tuple[str, Fate]] = field(default_factory=list)


class Settling:
    """Records outcomes in the queue of one host."""

    def __init__(self, context: Context, acceptance: TakesMail) -> None:
        self._context = context
        self._acceptance = acceptance
        self._schedule = context.variant(Schedule)(context.world.relay)
        self._writer = context.variant(DsnWriter)(context.hostname)

    def settle(self, queue_id: str, next_hop: NextHop, outcomes: Mapping[bytes, Outcome]) -> None:
        """Record what became of recipients, and take on the report that the sender is owed: both or neither.

        A message that the operator removed meanwhile, and recipients who are done with, are passed over. Where nobody
        is told anything the record outlives this process, but does not wait for the disk: a power cut may have
        recipients tried once more, and loses nothing.

        Raises:
            StoreFailed: Nothing was recorded.
        """
        queue, now = self._context.queue, self._context.clock.now()
        entry = queue.entry(queue_id, next_hop)
        if entry is None:
            return
        verdict = self.judge(entry, outcomes, now)
        with self._context.store.transaction(lasting=bool(verdict.told)):
            for text, fate in verdict.notes:
                self.note(entry, Kind.QUEUE, text, fate=fate)
            if verdict.told:
                self.tell(entry, verdict.told, now)
            queue.defer(queue_id, verdict.deferrals)
            queue.settle(queue_id, verdict.done)

    def judge(self, entry: Entry, outcomes: Mapping[bytes, Outcome], now: dt.datetime) -> _Verdict:
        """Decide for each recipient; nothing is done yet."""
        verdict = _Verdict()
        for queued in entry.recipients:
            outcome = outcomes.get(queued.recipient.address)
            if outcome is None:
                continue
            if outcome.fate is Fate.DEFERRED and not self._schedule.gives_up(entry.arrived, now):
                self.wait_on(verdict, entry, queued, outcome, now)
            else:
                self.finish(verdict, entry, queued, outcome, now)
        return verdict

    def wait_on(
        self, verdict: _Verdict, entry: Entry, queued: Queued, outcome: Outcome, now: dt.datetime
    ) -> None:
        """The recipient is tried again; the sender is told once when it gets late."""
        late = not queued.delay_told and self._schedule.is_late(entry.arrived, now)
        if late:
            until = self._schedule.expires(entry.arrived)
            self.owe(verdict, entry, Told(queued.recipient, Action.DELAYED, outcome, now, until))
        again = self._schedule.next_attempt(queued.attempts + 1, now)
        verdict.deferrals[queued.recipient.address] = Deferral(outcome, again, tell_delay=late)
        text = f"{_shown(queued)}: deferred until {again:%Y-%m-%d %H:%M:%S}Z ({outcome.status})"
        verdict.notes.append((text, Fate.DEFERRED))

    def finish(
        self, verdict: _Verdict, entry: Entry, queued: Queued, outcome: Outcome, now: dt.datetime
    ) -> None:
        """The recipient is done with. Who is given up on keeps the status of the last attempt (RFC 3464 §2.3.3)."""
        fate = Fate.FAILED if outcome.fate is Fate.DEFERRED else outcome.fate
        action = _TOLD.get((queued.next_hop.transport, fate))
        if action is not None:
            self.owe(verdict, entry, Told(queued.recipient, action, outcome, now))
        verdict.done.append(queued.recipient.address)
        verdict.notes.append((f"{_shown(queued)}: {fate} ({outcome.status})", fate))

    def owe(self, verdict: _Verdict, entry: Entry, told: Told) -> None:
        """Have the sender told, where it is owed."""
        if self._writer.owed(entry.envelope, told):
            verdict.told.append(told)

    def tell(self, entry: Entry, told: list[Told], now: dt.datetime) -> None:
        """One report for all that the sender is owed at this moment; by the road of all mail."""
        content = self._context.queue.content(entry.queue_id) or b""
        dsn = self._writer.write(entry.envelope, content, told, arrived=entry.arrived, now=now)
        actions = ", ".join(dict.fromkeys(each.action for each in told))
        self.note(entry, Kind.DSN, f"tells the sender of {actions} mail", octets=dsn.content)
        self._acceptance.accept(dsn.envelope, dsn.content)

    def note(
        self, entry: Entry, kind: Kind, text: str, *, octets: bytes = b"", fate: Fate | None = None
    ) -> None:
        """Tell the journal."""
        self._context.journal.note(
            self._context.hostname, kind, text, octets=octets, queue_id=entry.queue_id, fate=fate
        )


def _shown(queued: Queued) -> str:
    return queued.recipient.address.decode("utf-8", "backslashreplace")
