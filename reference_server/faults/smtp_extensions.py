"""Deviations of PIPELINING, CHUNKING and STARTTLS, and of a session as a whole."""

import re
from collections.abc import Mapping
from typing import ClassVar

from harness.wire.smtp.commands import Command
from harness.wire.smtp.data import ChunkReader, DataReader
from harness.wire.smtp.errors import CommandError
from harness.wire.smtp.states import State, Verb
from reference_server.faults import fault
from reference_server.mda.plan import Refusal
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role
from reference_server.smtp.transaction import Recipient

# Pipelining


class _NoticesGroups(SmtpSession):
    """Knows whether a command came in one read with others."""

    grouped = False

    def receive(self, data: bytes) -> bytes:
        self.grouped = data.count(b"\r\n") > 1 and self._reader is None
        return super().receive(data)


@fault("smtp.rset-in-a-group-gets-503")
class RsetInAGroupGets503(_NoticesGroups):
    """RSET in a group is answered 503."""

    def do_rset(self, command: Command) -> Answer:
        if self.grouped:
            return answer(503, "5.5.1", "Not now")
        return super().do_rset(command)


@fault("smtp.group-answered-backwards")
class GroupAnsweredBackwards(SmtpSession):
    """The replies to a group that ends in an unknown verb come last first."""

    def receive(self, data: bytes) -> bytes:
        out = super().receive(data)
        if data.count(b"\r\n") > 1 and data.endswith(b"XMAILPROOF\r\n"):
            return b"".join(reversed(out.splitlines(keepends=True)))
        return out


class _HoldsBack(SmtpSession):
    """Keeps the replies to a group that ends in `last` until more comes."""

    last: ClassVar[bytes]
    held = b""

    def receive(self, data: bytes) -> bytes:
        out = self.held + super().receive(data)
        self.held = out if data.count(b"\r\n") > 1 and data.endswith(self.last) else b""
        return b"" if self.held else out


@fault("smtp.vrfy-held-back")
class VrfyHeldBack(_HoldsBack):
    """Replies to a group that ends in VRFY come when more is sent."""

    last = b"RSET\r\nVRFY postmaster\r\n"


@fault("smtp.unknown-verb-held-back")
class UnknownVerbHeldBack(_HoldsBack):
    """Replies to a group that ends in an unknown verb come when more is sent."""

    last = b"XMAILPROOF\r\n"


@fault("smtp.rset-held-back")
class RsetHeldBack(_HoldsBack):
    """Replies to a group that ends in RSET come when more is sent."""

    last = b"RSET\r\nRSET\r\n"


@fault("smtp.refused-rcpt-drops-the-group")
class RefusedRcptDropsTheGroup(SmtpSession):
    """What came behind a refused RCPT in one read is lost."""

    def do_rcpt(self, command: Command) -> Answer:
        reply = super().do_rcpt(command)
        if reply.klass == 5:
            self.discard_plaintext()
        return reply


@fault("smtp.data-without-recipient-gets-354")
class DataWithoutRecipientGets354(SmtpSession):
    """DATA without a recipient is answered 354, and what follows goes to nobody."""

    def refusal_before(self, verb: Verb, command: Command) -> Answer | None:
        if verb is Verb.DATA and self.state is State.MAIL:
            return None
        return super().refusal_before(verb, command)

    def state_after(self, verb: Verb, reply: Answer) -> State:
        if verb is Verb.DATA and self.state is State.MAIL:
            return State.DATA
        return super().state_after(verb, reply)

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        return super().deliver(recipients, content) if recipients else {}


# Chunks


@fault("smtp.chunk-gets-251")
class ChunkGets251(SmtpSession):
    """A chunk that is not the last is answered 251."""

    def encode(self, reply: Answer) -> bytes:
        octets = super().encode(reply)
        return octets.replace(b"250", b"251", 1) if reply.lines[0].endswith(" octets received") else octets


@fault("smtp.empty-last-chunk-refused")
class EmptyLastChunkRefused(SmtpSession):
    """BDAT 0 LAST is a syntax error."""

    def open_chunk(self, command: Command, refusal: Answer | None) -> None:
        if command.argument.upper() == b"0 LAST" and self.state is State.CHUNKS:
            self.say(answer(501, "5.5.4", "An empty chunk"))
            return
        super().open_chunk(command, refusal)


class _DotEnds(ChunkReader):
    """Ends at CRLF dot CRLF, if that comes first."""

    def feed(self, data: bytes) -> bytes:
        head, end, tail = data.partition(b"\r\n.\r\n")
        if not end:
            return super().feed(data)
        self.remaining, self.rest = 0, tail
        return head


@fault("smtp.dot-ends-a-chunk")
class DotEndsAChunk(SmtpSession):
    """CRLF dot CRLF ends a chunk."""

    def expect(self, reader: DataReader | ChunkReader) -> None:
        if isinstance(reader, ChunkReader) and self._chunk_refusal is None:
            reader = _DotEnds(reader.remaining)
        super().expect(reader)


@fault("smtp.rset-keeps-chunks")
class RsetKeepsChunks(SmtpSession):
    """RSET between chunks forgets nothing."""

    def do_rset(self, command: Command) -> Answer:
        return answer(250, "2.0.0", "OK") if self.state is State.CHUNKS else super().do_rset(command)

    def state_after(self, verb: Verb, reply: Answer) -> State:
        if verb is Verb.RSET and self.state is State.CHUNKS:
            return self.state
        return super().state_after(verb, reply)


@fault("smtp.bdat-after-last-gets-554")
class BdatAfterLastGets554(SmtpSession):
    """BDAT without a transaction is answered 554."""

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        if verb in (Verb.BDAT, Verb.BDAT_LAST):
            return answer(554, "5.5.1", "No transaction")
        return super().reply_to_wrong_sequence(verb)


@fault("smtp.failed-chunk-is-run")
class FailedChunkIsRun(SmtpSession):
    """A single chunk that is refused is refused at once, and its octets are read as commands."""

    def open_chunk(self, command: Command, refusal: Answer | None) -> None:
        if refusal is not None and command.argument == b"%d" % self._lines.pending:
            self.say(refusal)
            return
        super().open_chunk(command, refusal)


@fault("smtp.failed-last-chunk-gets-250")
class FailedLastChunkGets250(SmtpSession):
    """The last chunk is answered 250 though there is no transaction and others went before."""

    failed = 0

    def refusal_before(self, verb: Verb, command: Command) -> Answer | None:
        refusal = super().refusal_before(verb, command)
        if refusal is None or verb not in (Verb.BDAT, Verb.BDAT_LAST):
            return refusal
        self.failed += 1
        lucky = verb is Verb.BDAT_LAST and self.failed > 1
        return answer(250, "2.0.0", "Message accepted") if lucky else refusal


@fault("smtp.data-after-bdat-gets-554")
class DataAfterBdatGets554(SmtpSession):
    """DATA behind BDAT is answered 554."""

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        if verb is Verb.DATA and self.state is State.CHUNKS:
            return answer(554, "5.5.1", "Chunks are under way")
        return super().reply_to_wrong_sequence(verb)


@fault("smtp.garbage-gets-250")
class GarbageGets250(SmtpSession):
    """A line without a verb is answered 250."""

    def reply_to_bad_line(self, exc: CommandError) -> Answer:
        return answer(250, "2.0.0", "OK") if self.state is State.CHUNKS else super().reply_to_bad_line(exc)


@fault("smtp.data-after-binarymime-gets-554")
class DataAfterBinarymimeGets554(SmtpSession):
    """DATA behind BODY=BINARYMIME is answered 554."""

    def reply_to_binary_data(self) -> Answer:
        return answer(554, "5.5.1", "BODY=BINARYMIME goes with BDAT")


# STARTTLS


@fault("smtp.mx-requires-tls")
class MxRequiresTls(SmtpSession):
    """The MX takes no recipient in the clear."""

    def do_rcpt(self, command: Command) -> Answer:
        if self.role is Role.MX and not self.tls:
            return answer(530, "5.7.0", "Must issue a STARTTLS command first")
        return super().do_rcpt(command)


@fault("smtp.starttls-gets-250")
class StarttlsGets250(SmtpSession):
    """STARTTLS is answered 250."""

    def do_starttls(self, command: Command) -> Answer:
        reply = super().do_starttls(command)
        return answer(250, "2.0.0", "Ready") if reply.code == 220 else reply


@fault("smtp.starttls-takes-an-argument")
class StarttlsTakesAnArgument(SmtpSession):
    """STARTTLS ignores its argument."""

    def do_starttls(self, command: Command) -> Answer:
        return super().do_starttls(Command(command.verb, b"", command.offset))


@fault("smtp.starttls-in-data-gets-220")
class StarttlsInDataGets220(SmtpSession):
    """A message with the line STARTTLS is answered 220."""

    def check_content(self, content: bytes) -> Answer | None:
        if re.search(rb"^STARTTLS\r$", content, re.MULTILINE):
            return answer(220, "2.0.0", "Ready to start TLS")
        return super().check_content(content)


@fault("smtp.transaction-survives-starttls")
class TransactionSurvivesStarttls(SmtpSession):
    """The transaction goes on behind the handshake."""

    def tls_started(self) -> None:
        kept = self.reverse_path, self.recipients
        super().tls_started()
        self.reverse_path, self.recipients = kept
        if self.recipients:
            self.state = State.RCPT


@fault("smtp.starttls-inside-tls-gets-220")
class StarttlsInsideTlsGets220(SmtpSession):
    """STARTTLS inside TLS is answered 220, and no handshake follows."""

    def do_starttls(self, command: Command) -> Answer:
        return answer(220, "2.0.0", "Ready to start TLS") if self.tls else super().do_starttls(command)


@fault("smtp.starttls-listed-inside-tls")
class StarttlsListedInsideTls(SmtpSession):
    """EHLO inside TLS lists STARTTLS."""

    def extensions(self) -> dict[str, str]:
        return super().extensions() | {"STARTTLS": ""}


@fault("smtp.plaintext-survives-starttls")
class PlaintextSurvivesStarttls(SmtpSession):
    """What came in the clear behind STARTTLS is run inside TLS."""

    def discard_plaintext(self) -> None:
        pass


# The session


@fault("smtp.out-of-order-ends-transaction")
class OutOfOrderEndsTransaction(SmtpSession):
    """MAIL or DATA out of order is answered 503 and ends the transaction."""

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        reply = super().reply_to_wrong_sequence(verb)
        if verb in (Verb.MAIL, Verb.DATA) and self.state in (State.MAIL, State.RCPT):
            self.forget_transaction()
            self.state = State.READY
        return reply
