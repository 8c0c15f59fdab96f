"""Deviations with aliases, subaddresses and forwards (RFC 5321 §3.9, §4.5.5, §6.3)."""

import re
from dataclasses import replace

from reference_server.envelope import Recipient
from reference_server.faults import fault
from reference_server.mda.acceptance import Acceptance
from reference_server.mda.addresses import Local
from reference_server.mda.plan import Onward, Plan
from reference_server.mda.planning import DELIVERED_TO, Planner
from reference_server.smtp import SmtpSession

_MARKS = re.compile(rb"^(?:Received|%s):.*\r\n(?:[ \t].*\r\n)*" % DELIVERED_TO, re.MULTILINE)
_FIRST_FIELD = re.compile(rb"\A[^\r]*(?:\r\n[ \t][^\r]*)*\r\n")


@fault("relay.alias-lost")
class AliasLost(Planner):
    """Mail for an alias of a user here goes nowhere."""

    def deliver(self, asked: Recipient, local: Local) -> None:
        address = asked.address.decode().lower()
        named = any(
            address == f"{alias}@{domain.name}"
            for domain in self.context.site.domains
            for alias in domain.aliases
        )
        if not named:
            super().deliver(asked, local)


@fault("relay.detail-lost")
class DetailLost(Planner):
    """Mail for a user with a detail goes nowhere."""

    def deliver(self, asked: Recipient, local: Local) -> None:
        if not local.detail:
            super().deliver(asked, local)


class _ForwardsOtherwise(Planner):
    """Changes what is sent on to other hosts."""

    def changed(self, content: bytes) -> bytes:
        raise NotImplementedError

    def plan(self) -> Plan:
        plan = super().plan()
        plan.onward = [
            replace(each, content=self.changed(each.content))
            if each.content.startswith(DELIVERED_TO)
            else each
            for each in plan.onward
        ]
        return plan


@fault("relay.forward-changes-content")
class ForwardChangesContent(_ForwardsOtherwise):
    """A forward marks the subject."""

    def changed(self, content: bytes) -> bytes:
        return content.replace(b"\r\nSubject: ", b"\r\nSubject: Fwd: ", 1)


@fault("relay.forward-without-trace")
class ForwardWithoutTrace(_ForwardsOtherwise):
    """A forward takes the Received fields off."""

    def changed(self, content: bytes) -> bytes:
        mark = _FIRST_FIELD.match(content)
        return mark[0] + _FIRST_FIELD.sub(b"", content[mark.end() :], count=1) if mark else content


@fault("relay.forward-drops-dsn-parameters")
class ForwardDropsDsnParameters(Planner):
    """A forward does not ask for what the sender asked for."""

    def passed_on(self, recipient: Recipient, *, several: bool) -> Recipient:
        return Recipient(recipient.address)


class _SendsAs(Acceptance):
    """What is sent on comes from another."""

    def sender(self, reverse_path: bytes) -> bytes:
        raise NotImplementedError

    def enqueue(self, plan: Plan, content: bytes, onward: list[Onward]) -> str:
        if content.startswith(DELIVERED_TO):
            sender = self.sender(plan.envelope.reverse_path)
            plan = replace(plan, envelope=replace(plan.envelope, reverse_path=sender))
        return super().enqueue(plan, content, onward)


@fault("relay.forward-changes-sender")
class ForwardChangesSender(_SendsAs):
    """A forward sends in its own name."""

    def sender(self, reverse_path: bytes) -> bytes:
        return b"postmaster@example.test"


@fault("relay.forward-fills-null")
class ForwardFillsNull(_SendsAs):
    """A forward sends in its own name what has no sender."""

    def sender(self, reverse_path: bytes) -> bytes:
        return reverse_path or b"postmaster@example.test"


@fault("relay.loops-go-on")
class LoopsGoOn(SmtpSession):
    """The marks of earlier rounds are taken off."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(trace, _MARKS.sub(b"", content))
