"""Deviations in what a relay makes of a message (RFC 5321 §2.4, §3.6.3, §4.5.2; RFC 6152 §3; RFC 6531 §3.5)."""

import re
from dataclasses import replace

from reference_server.envelope import Body, Envelope, Recipient
from reference_server.faults import fault
from reference_server.mda.plan import Onward, Plan
from reference_server.mda.planning import Planner
from reference_server.relay.dialogue import Dialogue
from reference_server.relay.fitting import Fitting
from reference_server.relay.transaction import Transaction

_FIRST_FIELD = re.compile(rb"\A[^\r]*(?:\r\n[ \t][^\r]*)*\r\n")
_ODD = re.compile(rb"(?m)^X-Mailproof-Token: \S*[13579]\r$")
_CC = re.compile(rb"(?mi)^Cc: <([^>]*)>")


class _BareDots(Transaction):
    def encoded(self, content: bytes) -> bytes:
        ended = content if content.endswith(b"\r\n") else content + b"\r\n"
        return re.sub(rb"(?m)^\.(?=\r\n)", b"..", ended) + b".\r\n"


@fault("sending.dots-not-doubled")
class DotsNotDoubled(Dialogue):
    """The first dot of a longer line is sent as it is."""

    transaction = _BareDots


class _LowerRecipient(Fitting):
    def rcpt_line(self, recipient: Recipient, *, utf8: bool) -> bytes:
        return super().rcpt_line(replace(recipient, address=recipient.address.lower()), utf8=utf8)


@fault("sending.local-part-in-lower-case")
class LocalPartInLowerCase(Dialogue):
    """Recipients are written in lower case."""

    fitting = _LowerRecipient


class _LowerSender(Fitting):
    def mail_line(self, envelope: Envelope, *, octets: int, body: Body, utf8: bool) -> bytes:
        lowered = replace(envelope, reverse_path=envelope.reverse_path.lower())
        return super().mail_line(lowered, octets=octets, body=body, utf8=utf8)


@fault("sending.sender-in-lower-case")
class SenderInLowerCase(Dialogue):
    """The sender is written in lower case."""

    fitting = _LowerSender


class _OtherPlan(Planner):
    """What goes on to other hosts is not what came."""

    def onward(self, onward: list[Onward]) -> list[Onward]:
        raise NotImplementedError

    def plan(self) -> Plan:
        plan = super().plan()
        plan.onward = self.onward(plan.onward)
        return plan


@fault("sending.last-recipient-lost")
class LastRecipientLost(_OtherPlan):
    """Of every second message for several recipients elsewhere the last one is forgotten."""

    def onward(self, onward: list[Onward]) -> list[Onward]:
        return onward[:-1] if len(onward) > 1 and _ODD.search(self.content) else onward


@fault("sending.recipients-from-the-header")
class RecipientsFromTheHeader(_OtherPlan):
    """Who is named in Cc gets the message too."""

    def onward(self, onward: list[Onward]) -> list[Onward]:
        named = _CC.findall(self.content.partition(b"\r\n\r\n")[0]) if onward else []
        more = [
            replace(
                onward[0],
                recipient=Recipient(address),
                next_hop=replace(onward[0].next_hop, name=address.rpartition(b"@")[2].decode()),
            )
            for address in named
        ]
        # The queue takes the recipients that the envelope has.
        known = (*self.envelope.recipients, *(each.recipient for each in more))
        self._plan.envelope = replace(self.envelope, recipients=known)
        return [*onward, *more]


class _RoutedSender(Fitting):
    def mail_line(self, envelope: Envelope, *, octets: int, body: Body, utf8: bool) -> bytes:
        line = super().mail_line(envelope, octets=octets, body=body, utf8=utf8)
        return line.replace(b"FROM:<", b"FROM:<@mail.example.test:", 1) if envelope.reverse_path else line


@fault("sending.route-in-the-reverse-path")
class RouteInTheReversePath(Dialogue):
    """The sender is written with a route back to it."""

    fitting = _RoutedSender


@fault("sending.no-trace")
class NoTrace(_OtherPlan):
    """The Received field is taken off what is relayed."""

    def onward(self, onward: list[Onward]) -> list[Onward]:
        return [replace(each, content=_FIRST_FIELD.sub(b"", each.content, count=1)) for each in onward]


@fault("sending.trace-changed")
class TraceChanged(_OtherPlan):
    """Received fields of earlier hops are unfolded."""

    def onward(self, onward: list[Onward]) -> list[Onward]:
        return [
            replace(each, content=re.sub(rb"(by h\d+\.example\.org;)\s*", rb"\1   ", each.content))
            for each in onward
        ]


class _EverythingFits(Fitting):
    def takes(self, body: Body) -> bool:
        return True


@fault("sending.eight-bit-unasked")
class EightBitUnasked(Dialogue):
    """8-bit content is sent to everybody."""

    fitting = _EverythingFits


class _Loses(Fitting):
    def converted(self, content: bytes, body: Body) -> tuple[bytes, Body]:
        content, body = super().converted(content, body)
        return content.replace(b"=C3=BC", b"?"), body


@fault("sending.conversion-loses")
class ConversionLoses(Dialogue):
    """A letter is lost when content is converted."""

    fitting = _Loses


class _Utf8Fits(Fitting):
    def needs_smtputf8(self, envelope: Envelope, content: bytes) -> bool:
        return False


@fault("sending.utf8-unasked")
class Utf8Unasked(Dialogue):
    """Headers beyond ASCII are sent to everybody."""

    fitting = _Utf8Fits
