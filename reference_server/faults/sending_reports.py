"""Deviations in who is told what became of mail, and in how it is told (RFC 3461 §5.2, §6; RFC 3464; RFC 6522)."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reference_server.envelope import Envelope, Notify, Recipient
from reference_server.faults import fault
from reference_server.mda.planning import Planner
from reference_server.relay.dialogue import Dialogue
from reference_server.relay.dsn import Action, Dsn, DsnWriter, Told
from reference_server.relay.fitting import Fitting
from reference_server.relay.queue_rows import Entry
from reference_server.relay.settling import Settling

_AUTHOR = re.compile(rb"(?m)^From: [^<\r]*<([^>\r]*)>")

# Parameters that go on with the message


class _WithoutParameters(Fitting):
    @property
    def dsn(self) -> bool:
        return False


@fault("sending.dsn-parameters-dropped")
class DsnParametersDropped(Dialogue):
    """ENVID, RET, NOTIFY and ORCPT stay behind."""

    fitting = _WithoutParameters


class _MadeUpParameters(Fitting):
    def dsn_of_message(self, envelope: Envelope) -> list[bytes]:
        return super().dsn_of_message(envelope) or [b"RET=HDRS", b"ENVID=made-up"]


@fault("sending.dsn-parameters-made-up")
class DsnParametersMadeUp(Dialogue):
    """A message without RET and ENVID gets them."""

    fitting = _MadeUpParameters


class _AlwaysParameters(Fitting):
    @property
    def dsn(self) -> bool:
        return True


@fault("sending.dsn-parameters-unasked")
class DsnParametersUnasked(Dialogue):
    """Hosts that do not offer DSN get its parameters too."""

    fitting = _AlwaysParameters


# Who is told


@fault("sending.no-report")
class NoReport(DsnWriter):
    """Nobody is told of a recipient whom the next host refused otherwise than by 550."""

    def owed(self, envelope: Envelope, told: Told) -> bool:
        refused_by_550 = told.outcome.diagnostic.startswith("550")
        return (told.action is not Action.FAILED or refused_by_550) and super().owed(envelope, told)


@fault("sending.failure-report-for-asked-only")
class FailureReportForAskedOnly(DsnWriter):
    """A failure is told only where a report of success was asked for too."""

    def owed(self, envelope: Envelope, told: Told) -> bool:
        unwanted = told.action is Action.FAILED and told.recipient.notify in (
            frozenset({Notify.FAILURE}),
            frozenset({Notify.FAILURE, Notify.DELAY}),
        )
        return not unwanted and super().owed(envelope, told)


@fault("sending.report-in-spite-of-notify")
class ReportInSpiteOfNotify(DsnWriter):
    """Every failure is told, whatever NOTIFY says."""

    def owed(self, envelope: Envelope, told: Told) -> bool:
        failed = told.action is Action.FAILED and bool(envelope.reverse_path)
        return failed or super().owed(envelope, told)


@fault("sending.no-relayed-report")
class NoRelayedReport(DsnWriter):
    """Nobody is told that a message was relayed."""

    def owed(self, envelope: Envelope, told: Told) -> bool:
        return told.action is not Action.RELAYED and super().owed(envelope, told)


@fault("sending.relayed-report-unasked")
class RelayedReportUnasked(DsnWriter):
    """Everybody is told that a message was relayed."""

    def owed(self, envelope: Envelope, told: Told) -> bool:
        return (told.action is Action.RELAYED and bool(envelope.reverse_path)) or super().owed(envelope, told)


@fault("sending.no-delivered-report")
class NoDeliveredReport(DsnWriter):
    """Nobody is told that a message was delivered."""

    def owed(self, envelope: Envelope, told: Told) -> bool:
        return told.action is not Action.DELIVERED and super().owed(envelope, told)


@fault("sending.report-to-the-author")
class ReportToTheAuthor(DsnWriter):
    """What has no sender is reported to who wrote it."""

    def owed(self, envelope: Envelope, told: Told) -> bool:
        return super().owed(replace(envelope, reverse_path=envelope.reverse_path or b"author"), told)

    def write(
        self,
        envelope: Envelope,
        content: bytes,
        told: Sequence[Told],
        *,
        arrived: dt.datetime,
        now: dt.datetime,
    ) -> Dsn:
        found = _AUTHOR.search(content)
        sender = envelope.reverse_path or (found[1] if found else b"")
        return super().write(replace(envelope, reverse_path=sender), content, told, arrived=arrived, now=now)


# The envelope


class _OtherEnvelope(DsnWriter):
    """Sends its reports in another way."""

    def other(self, envelope: Envelope) -> Envelope:
        raise NotImplementedError

    def envelope(self, envelope: Envelope, written: bytes) -> Envelope:
        return self.other(super().envelope(envelope, written))


@fault("sending.report-from-postmaster")
class ReportFromPostmaster(_OtherEnvelope):
    """Reports come from the postmaster."""

    def other(self, envelope: Envelope) -> Envelope:
        return replace(envelope, reverse_path=f"postmaster@{self.hostname}".encode())


@fault("sending.report-asks-for-reports")
class ReportAsksForReports(_OtherEnvelope):
    """Reports ask for reports."""

    def other(self, envelope: Envelope) -> Envelope:
        (to,) = envelope.recipients
        return replace(envelope, ret="HDRS", recipients=(replace(to, notify=frozenset({Notify.FAILURE})),))


# The fields


class _OtherHeader(DsnWriter):
    """Writes the header of reports in another way."""

    def changed(self, header: bytes) -> bytes:
        raise NotImplementedError

    def header(
        self, envelope: Envelope, told: Sequence[Told], now: dt.datetime, mark: str, boundary: str
    ) -> bytes:
        return self.changed(super().header(envelope, told, now, mark, boundary))


@fault("sending.report-not-addressed")
class ReportNotAddressed(_OtherHeader):
    """The To field of a report names nobody."""

    def changed(self, header: bytes) -> bytes:
        return re.sub(rb"(?m)^To: [^\r]*", b"To: undisclosed-recipients:;", header)


@fault("sending.report-as-plain-text")
class ReportAsPlainText(_OtherHeader):
    """A report is a text."""

    def changed(self, header: bytes) -> bytes:
        return re.sub(rb"multipart/report; [^\r]*\r\n [^\r]*", b"text/plain", header)


class _OtherFields(DsnWriter):
    """Writes the fields for programs in another way."""

    def message(self, lines: list[str]) -> list[str]:
        return lines

    def recipient(self, lines: list[str]) -> list[str]:
        return lines

    def of_message(self, envelope: Envelope, arrived: dt.datetime) -> Iterator[str]:
        yield from self.message(list(super().of_message(envelope, arrived)))

    def of_recipient(self, told: Told, *, utf8: bool) -> Iterator[str]:
        yield from self.recipient(list(super().of_recipient(told, utf8=utf8)))


def _without(lines: list[str], *names: str) -> list[str]:
    return [line for line in lines if not line.startswith(names)]


@fault("sending.report-without-envid")
class ReportWithoutEnvid(_OtherFields):
    """Original-Envelope-Id is in lower case."""

    def message(self, lines: list[str]) -> list[str]:
        return [line.lower() + "." if line.startswith("Original-Envelope-Id") else line for line in lines]


@fault("sending.report-with-an-envid-of-its-own")
class ReportWithAnEnvidOfItsOwn(_OtherFields):
    """Original-Envelope-Id is there whatever the sender said."""

    def message(self, lines: list[str]) -> list[str]:
        named = any(line.startswith("Original-Envelope-Id") for line in lines)
        return lines if named else ["Original-Envelope-Id: mine", *lines]


@fault("sending.report-without-its-author")
class ReportWithoutItsAuthor(_OtherFields):
    """Reporting-MTA is missing."""

    def message(self, lines: list[str]) -> list[str]:
        return _without(lines, "Reporting-MTA")


@fault("sending.report-without-original-recipient")
class ReportWithoutOriginalRecipient(_OtherFields):
    """Original-Recipient is missing."""

    def recipient(self, lines: list[str]) -> list[str]:
        return _without(lines, "Original-Recipient")


@fault("sending.report-with-an-original-recipient-of-its-own")
class ReportWithAnOriginalRecipientOfItsOwn(_OtherFields):
    """Original-Recipient is there whatever the sender said."""

    def recipient(self, lines: list[str]) -> list[str]:
        named = any(line.startswith("Original-Recipient") for line in lines)
        return lines if named else ["Original-Recipient: rfc822; made-up@example.org", *lines]


@fault("sending.report-without-final-recipient")
class ReportWithoutFinalRecipient(_OtherFields):
    """Final-Recipient is in lower case."""

    def recipient(self, lines: list[str]) -> list[str]:
        return [line.lower() if line.startswith("Final-Recipient") else line for line in lines]


@fault("sending.report-without-status")
class ReportWithoutStatus(_OtherFields):
    """Status is missing."""

    def recipient(self, lines: list[str]) -> list[str]:
        return _without(lines, "Status")


@fault("sending.report-without-diagnostic")
class ReportWithoutDiagnostic(_OtherFields):
    """Remote-MTA and Diagnostic-Code are missing."""

    def recipient(self, lines: list[str]) -> list[str]:
        return _without(lines, "Remote-MTA", "Diagnostic-Code")


@fault("sending.report-in-other-words")
class ReportInOtherWords(_OtherFields):
    """Diagnostic-Code has the first digits of the reply alone."""

    def recipient(self, lines: list[str]) -> list[str]:
        return [line[:30] if line.startswith("Diagnostic-Code") else line for line in lines]


# What comes back


@fault("sending.ret-full-ignored")
class RetFullIgnored(DsnWriter):
    """The header alone comes back."""

    def returns_all(self, envelope: Envelope, content: bytes, told: Sequence[Told]) -> bool:
        return False


@fault("sending.message-not-returned")
class MessageNotReturned(DsnWriter):
    """The whole message comes back only where it is asked for."""

    def returns_all(self, envelope: Envelope, content: bytes, told: Sequence[Told]) -> bool:
        return envelope.ret == "FULL" and super().returns_all(envelope, content, told)


@fault("sending.ret-hdrs-ignored")
class RetHdrsIgnored(DsnWriter):
    """The whole message comes back, whatever RET says."""

    def returns_all(self, envelope: Envelope, content: bytes, told: Sequence[Told]) -> bool:
        return super().returns_all(replace(envelope, ret="FULL"), content, told)


@fault("sending.report-tells-of-others")
class ReportTellsOfOthers(DsnWriter):
    """A report tells of every recipient of the message, in a word."""

    def status(self, envelope: Envelope, told: Sequence[Told], arrived: dt.datetime, *, utf8: bool) -> bytes:
        known = {each.recipient.address for each in told}
        others = [
            replace(told[0], recipient=each) for each in envelope.recipients if each.address not in known
        ]
        return super().status(envelope, [*told, *others], arrived, utf8=utf8)


@fault("sending.delivered-report-unasked")
class DeliveredReportUnasked(Planner):
    """Everybody is told that a message was delivered here."""

    def __post_init__(self) -> None:
        self.envelope = replace(self.envelope, recipients=tuple(map(self._asking, self.envelope.recipients)))
        super().__post_init__()

    def _asking(self, recipient: Recipient) -> Recipient:
        local = self.context.site.is_local(recipient.address.rpartition(b"@")[2].decode())
        words = (recipient.notify | {Notify.SUCCESS}) - {Notify.NEVER}
        return replace(recipient, notify=words) if local else recipient


@fault("sending.a-report-for-each")
class AReportForEach(Settling):
    """Each recipient is told of by itself."""

    def tell(self, entry: Entry, told: list[Told], now: dt.datetime) -> None:
        for each in told:
            super().tell(entry, [each], now)
