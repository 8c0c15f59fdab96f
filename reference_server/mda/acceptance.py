"""The one road of mail into a host: one message, one transaction, for every recipient or for none."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reference_server.context import Context
from reference_server.envelope import Envelope, Recipient
from reference_server.journal import Kind, Place
from reference_server.mda import vacations
from reference_server.mda.files import MailboxBusy, MailFiles
from reference_server.mda.plan import Accepted, Filing, Onward, Plan, Refusal
from reference_server.mda.planning import Planner
from reference_server.relay.dsn import DsnWriter
from reference_server.relay.model import Attempt, Fate, NextHop, Outcome
from reference_server.store import Delivery
from reference_server.world.model import MailboxKind

__all__ = ["Acceptance"]

# Ours: everything else on the thread waits as long.
_LOCK_WAIT_S: Final = 0.1


@dataclass
class Acceptance:
    """Takes responsibility for mail (RFC 5321 §6.1): when `accept` returns it is on disk, here or in the queue."""

    context: Context

    def accept(
        self,
        envelope: Envelope,
        content: bytes,
        *,
        final: bool = False,
        each_answered: bool = False,
        refused: Mapping[Recipient, Refusal] = MappingProxyType({}),
        added: Collection[bytes] = (),
    ) -> Accepted:
        """Take a message for its recipients.

        Args:
            content: With our Received field on top.
            final: As `Planner.final`.
            each_answered: The caller answers for each recipient by itself (LMTP), so that nothing is bounced. Else a
                refusal is bounced where others are served, and only told to the caller where it holds for all.
            refused: Recipients beside those of the envelope that a filter refused.
            added: Recipients of the envelope that a filter added: for them the caller answers nobody.

        Raises:
            StoreFailed: Nothing was taken.
        """
        plan = self.plan(envelope, content, final=final)
        plan.refuse(refused)
        self.tell_steps(plan)
        if plan.hopeless:
            return Accepted(plan.refused)
        with self.context.store.transaction():
            queue_ids = self.carry_out(plan)
            told = {a: r for a, r in plan.refused.items() if not each_answered or a in added}
            self.report(plan, {**plan.outcomes, **{a: refusal.outcome for a, refusal in told.items()}})
        return Accepted(plan.refused if each_answered else {}, queue_ids)

    def set_aside(
        self,
        envelope: Envelope,
        content: bytes,
        hop: NextHop,
        *,
        why: str = "",
        refused: Mapping[Recipient, Refusal] = MappingProxyType({}),
        each_answered: bool = False,
    ) -> dict[bytes, Refusal]:
        """Take a message into the queue as it is, for all its recipients, before anything else is decided.

        Args:
            hop: The filter that gets it, or the quarantine.
            why: Of the quarantine: why it is held there until somebody releases it.
            refused, each_answered: As `accept`.

        Returns:
            Who was refused, and has to be told by the caller.

        Raises:
            StoreFailed: Nothing was taken.
        """
        plan = Plan(envelope, content)
        hops = {recipient.address: hop for recipient in envelope.recipients}
        with self.context.store.transaction():
            queue_id = self.context.queue.add(envelope, content, hops)
            text = f"queued for {hop.transport} {hop.name}"
            if why:
                self.context.queue.quarantine(queue_id, why)
                text = f"held in quarantine by {hop.name}: {why}"
            self.context.journal.note(
                self.context.hostname, Kind.QUEUE, text, octets=content, queue_id=queue_id
            )
            plan.refuse(refused)
            if not each_answered:
                self.report(plan, {address: refusal.outcome for address, refusal in plan.refused.items()})
        return plan.refused if each_answered else {}

    def plan(self, envelope: Envelope, content: bytes, *, final: bool = False) -> Plan:
        """Decide; nothing is done yet."""
        return self.context.variant(Planner)(self.context, envelope, content, final).plan()

    def carry_out(self, plan: Plan) -> tuple[str, ...]:
        """In the caller's transaction; returns the queue ids."""
        for filing in plan.filings:
            self.file(plan, filing)
        queue_ids = tuple(
            self.enqueue(plan, content, onward) for content, onward in by_content(plan.onward).items()
        )
        for reply in plan.replies:
            if reply.answer is not None:
                vacations.remember(self.context.store, reply.answer, now=self.context.clock.now())
            self.accept(reply.envelope, reply.content)
        return queue_ids

    def file(self, plan: Plan, filing: Filing) -> None:
        """Into the mailbox, of whatever kind; one that a rule names is made where it is missing."""
        kind = self.context.host.mailbox_kind
        uid = 0
        if kind is MailboxKind.STORE:
            uid = self.put_into_store(filing)
            text = f"filed in {filing.mailbox} of {filing.user.address} as UID {uid}"
        else:
            try:
                path = self.put_into_file(plan.envelope, filing)
            except (MailboxBusy, OSError, ValueError) as exc:
                why = reason(exc)
                plan.refused[filing.asked] = Refusal(451, "4.2.0", f"The mailbox cannot be written: {why}")
                return
            text = f"filed in {filing.mailbox} of {filing.user.address}, the {kind} {path.name}"
        place = Place(filing.user.address, filing.mailbox, uid)
        self.context.journal.note(
            self.context.hostname, Kind.MAILBOX, text, octets=filing.content, place=place
        )

    def put_into_store(self, filing: Filing) -> int:
        """Returns the UID."""
        store = self.context.store
        user = filing.user.name
        found = store.mailbox(user, filing.mailbox)
        if found is None or not found.selectable:
            store.create_mailbox(user, filing.mailbox)
        (row,) = store.accept([Delivery(user, filing.mailbox, filing.content, filing.flags)])
        return row.uid

    def put_into_file(self, envelope: Envelope, filing: Filing) -> Path:
        """A reader that holds the lock for long is waited for by the queue, not here.

        Raises:
            MailboxBusy, OSError, ValueError: As `MailFiles.deliver`.
        """
        host = self.context.host
        return MailFiles(host.mail_directory, host.mailbox_kind).deliver(
            filing.user.name,
            filing.mailbox,
            filing.content,
            sender=envelope.reverse_path.decode("utf-8", "replace") or "MAILER-DAEMON",
            date=self.context.clock.now(),
            flags=filing.flags,
            wait_s=_LOCK_WAIT_S,
        )

    def enqueue(self, plan: Plan, content: bytes, onward: list[Onward]) -> str:
        """One message of the queue for all that get the same octets."""
        envelope = plan.envelope_for(tuple(each.recipient for each in onward))
        hops = {each.recipient.address: each.next_hop for each in onward}
        queue_id = self.context.queue.add(envelope, content, hops)
        where = ", ".join(sorted({f"{hop.transport} to {hop.name}" for hop in hops.values()}))
        self.context.journal.note(
            self.context.hostname, Kind.QUEUE, f"queued for {where}", octets=content, queue_id=queue_id
        )
        return queue_id

    def report(self, plan: Plan, outcomes: dict[bytes, Outcome]) -> None:
        """The delivery report that the sender is owed, in the same transaction."""
        writer = self.context.variant(DsnWriter)(self.context.hostname)
        dsn = writer.report(plan.envelope, plan.content, outcomes, now=self.context.clock.now())
        if dsn is not None:
            self.accept(dsn.envelope, dsn.content)
            self.context.journal.note(
                self.context.hostname, Kind.DSN, "a delivery report to the sender", octets=dsn.content
            )

    def deliver_queued(self, attempt: Attempt) -> dict[bytes, Outcome]:
        """Final delivery from the queue; in the transaction that records the outcomes."""
        outcomes: dict[bytes, Outcome] = {}
        for recipient in attempt.envelope.recipients:
            envelope = replace(attempt.envelope, recipients=(recipient,))
            outcomes[recipient.address] = self.deliver_one(envelope, recipient, attempt.content)
        return outcomes

    def deliver_released(self, attempt: Attempt) -> dict[bytes, Outcome]:
        """Mail that was let out of quarantine goes its way as if no filter had seen it; as `deliver_queued`."""
        accepted = self.accept(attempt.envelope, attempt.content, each_answered=True)
        released = Outcome(Fate.DELIVERED, "2.0.0", "released from quarantine")
        return {
            recipient.address: refusal.outcome
            if (refusal := accepted.refused.get(recipient.address)) is not None
            else released
            for recipient in attempt.envelope.recipients
        }

    def deliver_one(self, envelope: Envelope, recipient: Recipient, content: bytes) -> Outcome:
        plan = self.plan(envelope, content, final=True)
        self.tell_steps(plan)
        if (refusal := plan.refused.get(recipient.address)) is not None:
            return refusal.outcome
        self.carry_out(plan)
        if (refusal := plan.refused.get(recipient.address)) is not None:
            return refusal.outcome
        return Outcome(Fate.DELIVERED, "2.1.5", "delivered to the mailbox")

    def tell_steps(self, plan: Plan) -> None:
        for step in plan.steps:
            self.context.journal.note(self.context.hostname, Kind.MDA, step)
        for address, refusal in plan.refused.items():
            text = f"{address.decode('utf-8', 'replace')} is refused: {refusal.code} {refusal.status} {refusal.text}"
            self.context.journal.note(self.context.hostname, Kind.MDA, text)


def reason(exc: Exception) -> str:
    """In one line, without the path: it goes to whoever sent the message."""
    return (exc.strerror if isinstance(exc, OSError) else None) or "another program has it locked"


def by_content(onward: list[Onward]) -> dict[bytes, list[Onward]]:
    """Those that get the same octets share one message of the queue."""
    shared: dict[bytes, list[Onward]] = {}
    for each in onward:
        shared.setdefault(each.content, []).append(each)
    return shared
