"""Who gets a message, and how: the MDA's decisions; no I/O but reads of the store."""

import re
from dataclasses import dataclass, replace
from typing import Final

from reference_server.context import Context
from reference_server.envelope import Envelope, Notify, Recipient
from reference_server.mda.addresses import Addresses, Away, Local
from reference_server.mda.plan import Filing, Onward, Plan, Refusal
from reference_server.mda.rules import Rules
from reference_server.relay.model import Fate, NextHop, Outcome, Transport
from reference_server.store import INBOX
from reference_server.world.model import MailboxKind

__all__ = ["DELIVERED_TO", "Planner"]

DELIVERED_TO: Final = b"Delivered-To"

_LOOP: Final = re.compile(rb"^%s:[ \t]*(\S+)[ \t]*\r?$" % DELIVERED_TO, re.MULTILINE | re.IGNORECASE)
_TOO_FULL: Final = Refusal(452, "4.2.2", "The mailbox is full")
_UNKNOWN: Final = Refusal(550, "5.1.1", "No such user here")


@dataclass
class Planner:
    """Makes the plan of one message.

    Attributes:
        final: The aliases and forwards were followed before (by the MTA that hands over by LMTP): what is addressed
            is a mailbox, and nothing is handed on to another agent of this host.
    """

    context: Context
    envelope: Envelope
    content: bytes
    final: bool = False

    def __post_init__(self) -> None:
        header = self.content.partition(b"\r\n\r\n")[0]
        self._passed = {found.decode("utf-8", "replace").lower() for found in _LOOP.findall(header)}
        self._plan = Plan(self.envelope, self.content)
        self._filed: set[str] = set()
        self._others_get_it = False

    def plan(self) -> Plan:
        """Raises nothing that the message could cause: a rule that breaks keeps the message."""
        for recipient in self.envelope.recipients:
            self.plan_recipient(recipient)
        return self._plan

    def plan_recipient(self, recipient: Recipient) -> None:
        address = recipient.address.decode("utf-8", "replace")
        expansion = Addresses(self.context.site).expand(address, final=self.final)
        self._plan.steps += expansion.steps
        found = expansion.destinations
        if not found:
            self.refuse(recipient, _UNKNOWN)
            return
        if looping := [away.by for away in found if isinstance(away, Away) and away.by in self._passed]:
            self.refuse(recipient, Refusal(554, "5.4.6", f"Mail for {looping[0]} goes round in a loop"))
            return
        if len(found) > 1 and Notify.SUCCESS in recipient.notify:
            self._plan.outcomes[recipient.address] = Outcome(Fate.EXPANDED, "2.1.5", "sent on to several")
        self._others_get_it = len(found) > 1 or len(self.envelope.recipients) > 1
        passed_on = self.passed_on(recipient, several=len(found) > 1)
        for destination in found:
            match destination:
                case Away(target, by):
                    self.send_on(replace(passed_on, address=target.encode()), by)
                case Local():
                    self.hand_over(recipient, passed_on, destination)

    def passed_on(self, recipient: Recipient, *, several: bool) -> Recipient:
        """The DSN parameters that an alias passes on (RFC 3461 §5.2.7.2 and, for several addresses, §5.2.7.3 (c)).

        ORCPT is not added where it was not given: a report of ours would have to leave it out again (§6.3).
        """
        notify = recipient.notify - {Notify.SUCCESS} if several else recipient.notify
        if several and recipient.notify and not notify:
            notify = frozenset({Notify.NEVER})
        return replace(recipient, notify=notify, asked=recipient.accepted)

    def send_on(self, recipient: Recipient, by: str) -> None:
        """To another host. A forward leaves its mark, by which it knows a message that comes back."""
        mark = b"%s: %s\r\n" % (DELIVERED_TO, by.encode()) if by else b""
        domain = recipient.address.rpartition(b"@")[2].decode("utf-8", "replace")
        hop = NextHop(Transport.SMTP, self.context.site.next_hop(domain))
        self._plan.onward.append(Onward(recipient, hop, mark + self.content))

    def hand_over(self, asked: Recipient, recipient: Recipient, local: Local) -> None:
        """To a mailbox here: at once, or by way of the queue where another agent does it."""
        host = self.context.host
        if self.final or not (host.lmtp or host.mailbox_kind is not MailboxKind.STORE):
            self.deliver(asked, local)
            return
        transport = Transport.LMTP if host.lmtp else Transport.LOCAL
        target = replace(recipient, address=self.mailbox_address(local))
        self._plan.onward.append(Onward(target, NextHop(transport, host.name), self.content))

    def mailbox_address(self, local: Local) -> bytes:
        """The mailbox's own address, with the detail."""
        user = local.user
        separator = self.context.site.separator_of(user)
        detail = f"{separator}{local.detail}" if local.detail else ""
        return f"{user.local_part}{detail}@{user.domain}".encode()

    def deliver(self, asked: Recipient, local: Local) -> None:
        """Final delivery: quota, rules, trace fields. A mailbox gets one copy, however many ways lead to it."""
        if local.user.name in self._filed:
            return
        if self.over_quota(local):
            self.wait_for_room(asked, local)
            return
        self._filed.add(local.user.name)
        decided = self.rules(local, asked).decide()
        self._plan.steps += decided.steps
        if decided.refusal is not None:
            self.refuse(asked, decided.refusal)
            return
        for mailbox, flags in decided.mailboxes:
            filing = Filing(asked.address, local.user, mailbox, self.final_content(), flags)
            self._plan.filings.append(filing)
            self._plan.steps.append(f"{local.user.address}: into {mailbox}")
        for target in decided.redirects:
            self.redirect(asked, local, target)
        self._plan.replies += decided.replies
        if Notify.SUCCESS in asked.notify and asked.address not in self._plan.outcomes:
            self._plan.outcomes[asked.address] = Outcome(Fate.DELIVERED, "2.1.5", "delivered to the mailbox")

    def rules(self, local: Local, asked: Recipient) -> Rules:
        """What the user's script says."""
        return self.context.variant(Rules)(self.context, local, self.envelope, asked, self.content)

    def redirect(self, asked: Recipient, local: Local, target: str) -> None:
        """RFC 5228 §4.2: on to another address, by the road all mail takes."""
        seen_before = local.user.address in self._passed
        destinations = () if seen_before else Addresses(self.context.site).expand(target).destinations
        arrived = [self.redirected(asked, local, each) for each in destinations]
        if not any(arrived):
            self._plan.steps.append(f"{local.user.address}: a redirect to {target} would lose it: kept")
            self._plan.filings.append(Filing(asked.address, local.user, INBOX, self.final_content()))

    def redirected(self, asked: Recipient, local: Local, destination: Local | Away) -> bool:
        """Whether the message is with the one it was redirected to."""
        match destination:
            case Away(address):
                target = replace(asked, address=address.encode(), asked=asked.accepted)
                self.send_on(target, local.user.address)
                return True
            case Local(user):
                self.deliver(asked, destination)
                return any(filing.user == user for filing in self._plan.filings)

    def over_quota(self, local: Local) -> bool:
        """Whether the message no longer fits (RFC 9208 §4.1.1 counts octets of messages)."""
        quota = local.user.quota_octets
        return quota is not None and self.context.store.usage(local.user.name) + len(self.content) > quota

    def wait_for_room(self, asked: Recipient, local: Local) -> None:
        """Who hands it over tries again; where others get it now, it waits in our queue for this mailbox alone."""
        if self.final or not self._others_get_it:
            self.refuse(asked, _TOO_FULL)
            return
        target = replace(asked, address=self.mailbox_address(local), asked=asked.accepted)
        hop = NextHop(Transport.LOCAL, self.context.hostname)
        self._plan.steps.append(f"{local.user.address}: the mailbox is full, tried again later")
        self._plan.onward.append(Onward(target, hop, self.content))

    def refuse(self, asked: Recipient, refusal: Refusal) -> None:
        self._plan.refused[asked.address] = refusal

    def final_content(self) -> bytes:
        """What goes into the mailbox."""
        return self.return_path() + self.content

    def return_path(self) -> bytes:
        """RFC 5321 §4.4: the envelope's sender, at final delivery."""
        return b"Return-Path: <%s>\r\n" % self.envelope.reverse_path
