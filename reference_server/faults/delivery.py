"""Deviations on a message's way from the end of data into the mailbox (RFC 5321 §4.4, §4.5.2 and others)."""

import re
from collections.abc import Mapping
from dataclasses import replace

from harness.wire.smtp.address import Mailbox, Path
from harness.wire.smtp.commands import Command
from reference_server.faults import fault
from reference_server.mda.plan import Refusal
from reference_server.mda.planning import Planner
from reference_server.pop3.maildrop import Maildrop
from reference_server.smtp import SmtpSession
from reference_server.smtp.content import address_of
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role
from reference_server.smtp.transaction import Recipient
from reference_server.store import INBOX

_FOLD = re.compile(rb"\r\n[ \t]+")


def _body_changed(content: bytes, pattern: bytes, meaning: bytes) -> bytes:
    header, blank, body = content.partition(b"\r\n\r\n")
    return header + blank + re.sub(pattern, meaning, body)


@fault("delivery.dots-stay-doubled")
class DotsStayDoubled(SmtpSession):
    """Lines that begin with a dot are stored with one more."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(trace, _body_changed(content, rb"(?m)^\.", b".."))


@fault("delivery.control-characters-dropped")
class ControlCharactersDropped(SmtpSession):
    """Control characters are not stored."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(trace, _body_changed(content, rb"[\x01-\x08]", b""))


@fault("delivery.long-lines-cut")
class LongLinesCut(SmtpSession):
    """Lines of more than 990 octets are cut in two."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(trace, _body_changed(content, rb"(x{990})(?=x)", rb"\1\r\n"))


@fault("delivery.message-beyond-64k-cut")
class MessageBeyond64kCut(SmtpSession):
    """What a message has beyond 64 KiB is not stored."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(trace, content[:65536])


@fault("delivery.eighth-bit-cleared")
class EighthBitCleared(SmtpSession):
    """Octets above 127 are stored without their highest bit."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(trace, bytes(octet & 0x7F for octet in content))


@fault("delivery.dots-taken-off-chunks")
class DotsTakenOffChunks(SmtpSession):
    """Leading dots are taken off what came in chunks too."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        chunks = self._data is None
        return super().stored(trace, _body_changed(content, rb"(?m)^\.", b"") if chunks else content)


@fault("delivery.binary-line-ends-mended")
class BinaryLineEndsMended(SmtpSession):
    """Bare LF in binary content becomes CRLF."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(trace, _body_changed(content, rb"(?<!\r)\n", b"\r\n"))


@fault("delivery.received-at-the-bottom")
class ReceivedAtTheBottom(SmtpSession):
    """The new Received field is put below the header section's other fields."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        header, blank, body = content.partition(b"\r\n\r\n")
        return header + b"\r\n" + trace.removesuffix(b"\r\n") + blank + body


class _OtherReceived(SmtpSession):
    """Writes its Received field in another way."""

    pattern: bytes
    meaning: bytes = b""

    def received_field(self, recipients: list[Recipient]) -> bytes:
        return re.sub(self.pattern, self.meaning, super().received_field(recipients))


@fault("delivery.received-without-by")
class ReceivedWithoutBy(_OtherReceived):
    """The Received field has no by clause."""

    pattern = rb" by \S+"


@fault("delivery.received-without-from")
class ReceivedWithoutFrom(_OtherReceived):
    """The Received field has no from clause."""

    pattern = rb"from [^\r]*"


@fault("delivery.received-without-address")
class ReceivedWithoutAddress(_OtherReceived):
    """The from clause lacks the client's address."""

    pattern = rb" \(\[[^\]]*\]\)"


@fault("delivery.for-with-two-paths")
class ForWithTwoPaths(SmtpSession):
    """The for clause holds every recipient."""

    def received_field(self, recipients: list[Recipient]) -> bytes:
        field = super().received_field(recipients)
        paths = b", ".join(Path(each.path.mailbox).encode() for each in recipients)
        return field if len(recipients) == 1 else field.replace(b";", b"\r\n for " + paths + b";")


@fault("delivery.recipients-in-the-header")
class RecipientsInTheHeader(SmtpSession):
    """A field on top names every recipient of the envelope."""

    def received_field(self, recipients: list[Recipient]) -> bytes:
        paths = b", ".join(address_of(each.path) for each in recipients)
        return b"X-Envelope-To: " + paths + b"\r\n" + super().received_field(recipients)


@fault("delivery.apparently-to")
class ApparentlyTo(SmtpSession):
    """A message without To gets Apparently-To."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        header = b"\r\n" + content.partition(b"\r\n\r\n")[0]
        named = b"Apparently-To: " + address_of(self.recipients[0].path) + b"\r\n"
        added = b"" if b"\r\nTo:" in header else named
        return super().stored(trace + added, content)


@fault("delivery.zone-by-name")
class ZoneByName(_OtherReceived):
    """The zone is GMT."""

    pattern = rb"\+0000"
    meaning = b"GMT"


@fault("delivery.year-of-two-digits")
class YearOfTwoDigits(_OtherReceived):
    """The year has two digits."""

    pattern = rb" 20(\d\d) "
    meaning = rb" \1 "


@fault("delivery.with-an-unknown-protocol")
class WithAnUnknownProtocol(_OtherReceived):
    """The with clause names a protocol that nobody knows."""

    pattern = rb" with \S+"
    meaning = b" with PIGEON"


@fault("delivery.earlier-received-unfolded")
class EarlierReceivedUnfolded(SmtpSession):
    """Received fields that came with the message are unfolded."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        header, blank, body = content.partition(b"\r\n\r\n")
        return super().stored(trace, _FOLD.sub(b" ", header) + blank + body)


@fault("delivery.earlier-received-first")
class EarlierReceivedFirst(SmtpSession):
    """The new Received field stands below those that came."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        start = max(0, content.find(b"From: "))
        return content[:start] + super().stored(trace, content[start:])


@fault("delivery.return-path-null")
class ReturnPathNull(Planner):
    """Return-Path is <> whoever sent the message."""

    def return_path(self) -> bytes:
        return b"Return-Path: <>\r\n"


@fault("delivery.return-path-missing-for-null")
class ReturnPathMissingForNull(Planner):
    """A message from <> gets no Return-Path."""

    def return_path(self) -> bytes:
        field = super().return_path()
        return b"" if field.endswith(b"<>\r\n") else field


@fault("delivery.two-return-paths")
class TwoReturnPaths(Planner):
    """Return-Path is put on top twice."""

    def return_path(self) -> bytes:
        return super().return_path() * 2


@fault("delivery.resent-refused")
class ResentRefused(SmtpSession):
    """Messages with Resent- fields are refused."""

    def check_content(self, content: bytes) -> Answer | None:
        return answer(554, "5.6.0", "Bad header") if b"Resent-" in content else super().check_content(content)


@fault("delivery.odd-trace-refused")
class OddTraceRefused(SmtpSession):
    """Messages whose Received fields are not in form are refused."""

    def check_content(self, content: bytes) -> Answer | None:
        odd = re.search(rb"(?m)^Received:(?! from h)", content)
        return answer(554, "5.6.0", "Bad header") if odd else super().check_content(content)


@fault("delivery.odd-trace-removed")
class OddTraceRemoved(SmtpSession):
    """Received fields without a semicolon, or with a broken date, are removed."""

    def stored(self, trace: bytes, content: bytes) -> bytes:
        return super().stored(
            trace, re.sub(rb"(?m)^Received:(?! from (?:h|m|r|\[)).*\n(?:[ \t].*\n)*", b"", content)
        )


@fault("delivery.many-hops-lost")
class ManyHopsLost(SmtpSession):
    """Messages of 50 hops are accepted and thrown away."""

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        return {} if content.count(b"Received: from h") > 50 else super().deliver(recipients, content)


@fault("delivery.refused-and-delivered")
class RefusedAndDelivered(SmtpSession):
    """Messages of too many hops are refused, and delivered all the same."""

    def check_content(self, content: bytes) -> Answer | None:
        refusal = super().check_content(content)
        if refusal is not None:
            self.deliver(self.recipients, content)
        return refusal


def _last_user(session: SmtpSession) -> Path:
    user = session.context.site.users[-1]
    return Path(Mailbox(user.local_part.encode(), user.domain.encode()))


@fault("delivery.quoted-to-another-mailbox")
class QuotedToAnotherMailbox(SmtpSession):
    """A quoted local part leads to the last user's mailbox."""

    def do_rcpt(self, command: Command) -> Answer:
        reply = super().do_rcpt(command)
        if reply.klass == 2 and b'"' in command.argument:
            self.recipients[-1] = replace(self.recipients[-1], path=_last_user(self))
        return reply


@fault("delivery.source-route-followed")
class SourceRouteFollowed(SmtpSession):
    """A message along a source route goes another way."""

    def do_rcpt(self, command: Command) -> Answer:
        reply = super().do_rcpt(command)
        if reply.klass == 2 and b"<@" in command.argument:
            self.recipients[-1] = replace(self.recipients[-1], path=_last_user(self))
        return reply


@fault("delivery.only-the-first-recipient")
class OnlyTheFirstRecipient(SmtpSession):
    """Of several recipients only the first gets the message, by SMTP."""

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        return super().deliver(recipients if self.role is Role.LMTP else recipients[:1], content)


@fault("delivery.lmtp-only-the-first-recipient")
class LmtpOnlyTheFirstRecipient(SmtpSession):
    """Of several recipients only the first gets the message, by LMTP."""

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        return super().deliver(recipients[:1] if self.role is Role.LMTP else recipients, content)


@fault("delivery.second-message-lost")
class SecondMessageLost(SmtpSession):
    """Of every two messages that begin like a letter of a row, one is lost."""

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        return {} if b"\r\n\r\nMessage 0." in content else super().deliver(recipients, content)


@fault("delivery.cut-off-message-delivered")
class CutOffMessageDelivered(SmtpSession):
    """What came of a message before the connection was lost is delivered."""

    def lost(self) -> None:
        if self.recipients and self._message:
            self.deliver(self.recipients, bytes(self._message))
        super().lost()


@fault("delivery.cut-off-undoes-the-earlier")
class CutOffUndoesTheEarlier(SmtpSession):
    """A connection that is lost in a transaction takes back what it delivered before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.delivered: list[tuple[int, int]] = []

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        refused = super().deliver(recipients, content)
        for each in recipients:
            user = self.context.world.user(address_of(each.path).decode())
            if user is not None and (mailbox := self.context.store.mailbox(user.name, INBOX)):
                self.delivered.append((mailbox.id, mailbox.uidnext - 1))
        return refused

    def lost(self) -> None:
        for mailbox_id, uid in self.delivered if self.reverse_path else []:
            self.context.store.expunge(mailbox_id, [uid])
        super().lost()


@fault("delivery.sizes-differ")
class SizesDiffer(Maildrop):
    """LIST says one octet more than RETR gives."""

    def octets(self, number: int) -> int:
        return super().octets(number) + 1


@fault("delivery.pop3-shows-less")
class Pop3ShowsLess(Maildrop):
    """RETR leaves out the last line."""

    def content(self, number: int) -> bytes:
        return super().content(number).removesuffix(b"the last line\r\n")
