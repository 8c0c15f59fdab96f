"""One message over one SMTP or LMTP session, and what became of it for each recipient."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from harness.clients.smtp import SmtpClient
from harness.errors import MailproofError, ProtocolError, TransportError
from harness.mua.envelope import Envelope, Fate, Outcome
from harness.mua.session import Manner, open_smtp
from harness.mua.terms import Declined, Terms
from harness.target import Endpoint
from harness.wire.smtp.address import Mailbox, Path
from harness.wire.smtp.data import encode_data
from harness.wire.smtp.replies import Reply
from harness.wire.smtp.states import Verb

__all__ = ["refused", "submit", "transfer", "unreachable"]

# Ours: octets in one BDAT chunk.
CHUNK_OCTETS: Final = 256 * 1024


def submit(
    endpoint: Endpoint, envelope: Envelope, content: bytes, terms: Terms, manner: Manner
) -> list[Outcome]:
    """Connect, log in and send; whatever the server does is an outcome, in the order of the recipients."""
    try:
        client = open_smtp(endpoint, terms, manner)
    except Declined as exc:
        return refused(envelope, exc)
    except (TransportError, ProtocolError) as exc:
        return unreachable(envelope, str(endpoint), "connect", exc)
    with client:
        return transfer(client, endpoint, envelope, content, manner)


def transfer(
    client: SmtpClient, endpoint: Endpoint, envelope: Envelope, content: bytes, manner: Manner
) -> list[Outcome]:
    """One mail transaction in an open session, and QUIT; outcomes in the order of the recipients."""
    transaction = _Transaction(client, endpoint, envelope, content, manner)
    try:
        transaction.run()
    except (TransportError, ProtocolError) as exc:
        transaction.give_up(str(exc))
    with suppress(TransportError, ProtocolError):
        # What is decided stays decided, whatever becomes of the goodbye.
        client.command(b"QUIT")
    return [transaction.outcomes[recipient] for recipient in envelope.recipients]


@dataclass(slots=True)
class _Transaction:
    """MAIL, RCPT, content; every recipient gets exactly one outcome.

    Attributes:
        stage: What is being waited for.
        wire: The recipients that RCPT accepted, in order.
    """

    client: SmtpClient
    endpoint: Endpoint
    envelope: Envelope
    content: bytes
    manner: Manner
    outcomes: dict[Mailbox, Outcome] = field(default_factory=dict)
    wire: list[Mailbox] = field(default_factory=list)
    stage: str = "MAIL"
    content_sent: bool = False

    def run(self) -> None:
        if self.envelope.needs_smtputf8 and "SMTPUTF8" not in self.client.extensions:
            self._settle_all(
                Fate.REFUSED, None, "an address is beyond ASCII and the server does not offer SMTPUTF8"
            )
            return
        chunking = self.manner.chunking and "CHUNKING" in self.client.extensions
        if self.manner.pipeline and "PIPELINING" in self.client.extensions:
            self._in_a_group(() if chunking else (Verb.DATA.encode(),))
        else:
            self._one_by_one()
        if chunking and self.wire:
            self._send_chunks()
        elif not chunking and self.wire:
            self._send_data()

    # The envelope

    def _mail(self) -> bytes:
        path = Path(self.envelope.reverse_path).encode()
        return b" ".join([b"MAIL FROM:" + path, *self._mail_parameters()])

    def _rcpt(self, recipient: Mailbox) -> bytes:
        return b" ".join([b"RCPT TO:" + Path(recipient).encode(), *self.envelope.parameters_for(recipient)])

    def _mail_parameters(self) -> Iterable[bytes]:
        offered = self.client.extensions
        own = {
            b"SIZE": b"SIZE=%d" % len(self.content) if "SIZE" in offered else b"",
            b"BODY": b"BODY=8BITMIME" if "8BITMIME" in offered and not self.content.isascii() else b"",
            b"SMTPUTF8": b"SMTPUTF8" if self.envelope.needs_smtputf8 else b"",
        }
        given = {
            parameter.partition(b"=")[0].upper(): parameter for parameter in self.envelope.mail_parameters
        }
        return filter(None, (own | given).values())

    def _one_by_one(self) -> None:
        reply = self.client.command(self._mail())
        if reply.klass != 2:
            self._settle_all(Fate.REFUSED, reply)
            return
        self.stage = "RCPT"
        for recipient in self.envelope.recipients:
            self._note_rcpt(recipient, self.client.command(self._rcpt(recipient)))

    def _in_a_group(self, last: Sequence[bytes]) -> None:
        """RFC 2920 §3.1: all in one write. A 354 without a recipient is answered with a dot alone."""
        lines = [self._mail(), *map(self._rcpt, self.envelope.recipients), *last]
        mail, *replies = self.client.pipeline(lines)
        self.stage = "MAIL" if mail.klass != 2 else "RCPT"
        if mail.klass != 2:
            self._settle_all(Fate.REFUSED, mail)
            self.wire.clear()
        else:
            for recipient, reply in zip(self.envelope.recipients, replies, strict=False):
                self._note_rcpt(recipient, reply)
        if not last:
            return
        self.stage = "DATA"
        opened = replies[-1]
        if opened.klass != 3:
            self._settle_wire(Fate.REFUSED, opened)
            self.wire.clear()
        elif not self.wire:
            self.client.raw(encode_data(b""))
            self.client.read_reply()

    def _note_rcpt(self, recipient: Mailbox, reply: Reply) -> None:
        if reply.klass == 2:
            self.wire.append(recipient)
        else:
            self._settle(recipient, Fate.REFUSED, reply)

    # The content

    def _send_data(self) -> None:
        if self.stage != "DATA":
            self.stage = "DATA"
            opened = self.client.command(Verb.DATA.encode())
            if opened.klass != 3:
                self._settle_wire(Fate.REFUSED, opened)
                return
        self.stage = "content"
        self.content_sent = True
        self.client.raw(encode_data(self.content))
        self._read_verdicts(self.client.read_reply)

    def _send_chunks(self) -> None:
        self.stage = "BDAT"
        chunks = [self.content[at : at + CHUNK_OCTETS] for at in range(0, len(self.content), CHUNK_OCTETS)]
        for chunk in chunks[:-1]:
            reply = self.client.bdat(chunk)
            if reply.klass != 2:
                self._settle_wire(Fate.REFUSED, reply)
                return
        self.content_sent = True
        first = iter([self.client.bdat(chunks[-1] if chunks else b"", last=True)])
        self._read_verdicts(lambda: next(first, None) or self.client.read_reply())

    def _read_verdicts(self, read: Callable[[], Reply]) -> None:
        """RFC 2033 §4.2: LMTP answers for each recipient; SMTP once for all."""
        if self.client.lmtp:
            for recipient in self.wire:
                self._judge(recipient, read())
        else:
            reply = read()
            for recipient in self.wire:
                self._judge(recipient, reply)

    def _judge(self, recipient: Mailbox, reply: Reply) -> None:
        self._settle(recipient, Fate.ACCEPTED if reply.klass == 2 else Fate.REFUSED, reply)

    # Outcomes

    def _settle(self, recipient: Mailbox, fate: Fate, reply: Reply | None, problem: str = "") -> None:
        self.outcomes.setdefault(
            recipient, Outcome(recipient, fate, str(self.endpoint), self.stage, reply, problem)
        )

    def _settle_wire(self, fate: Fate, reply: Reply) -> None:
        for recipient in self.wire:
            self._settle(recipient, fate, reply)

    def _settle_all(self, fate: Fate, reply: Reply | None, problem: str = "") -> None:
        for recipient in self.envelope.recipients:
            self._settle(recipient, fate, reply, problem)

    def give_up(self, problem: str) -> None:
        """Nobody decided for those that are left."""
        doubt = "; the message was sent, it may have arrived" if self.content_sent else ""
        self._settle_all(Fate.UNREACHABLE, None, problem + doubt)


def refused(envelope: Envelope, no: Declined) -> list[Outcome]:
    """The same no for everybody."""
    problem = "" if no.reply else no.problem
    return [
        Outcome(each, Fate.REFUSED, no.where, no.stage, no.reply, problem) for each in envelope.recipients
    ]


def unreachable(envelope: Envelope, where: str, stage: str, error: MailproofError) -> list[Outcome]:
    """The same trouble for everybody."""
    return [Outcome(each, Fate.UNREACHABLE, where, stage, None, str(error)) for each in envelope.recipients]
