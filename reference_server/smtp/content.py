"""DATA and BDAT: the message itself, and its acceptance."""

import logging
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from typing import Final

from harness.wire.smtp.address import Path
from harness.wire.smtp.commands import BdatCommand, Command, parse_bdat
from harness.wire.smtp.data import ChunkReader, DataReader
from harness.wire.smtp.errors import CommandError
from harness.wire.smtp.states import Verb, in_sequence
from reference_server import envelope
from reference_server.envelope import Body, Envelope, Notify
from reference_server.mda.acceptance import Acceptance
from reference_server.mda.plan import Refusal
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role
from reference_server.smtp.transaction import Recipient, Transaction
from reference_server.store import StoreFailed

__all__ = ["Content"]

_log = logging.getLogger(__name__)

_RECEIVED: Final = re.compile(rb"^Received:", re.IGNORECASE | re.MULTILINE)

# Ours: what one BDAT may announce; more could not be kept anyway, and is not worth reading to the end.
_MAX_CHUNK: Final = 1 << 40


def address_of(path: Path | None) -> bytes:
    """A path's mailbox without brackets and route; ``b""`` for the null path."""
    return path.mailbox.encode() if path is not None and path.mailbox is not None else b""


def _words(value: bytes | None) -> Iterable[str]:
    return value.decode().upper().split(",") if value else ()


@dataclass
class Content(Transaction):
    """Takes content octet for octet; nothing is kept beyond the size limit."""

    _message: bytearray = field(default_factory=bytearray)
    _octets: int = 0
    _data: DataReader | None = None
    _chunk: BdatCommand | None = None
    _chunk_refusal: Answer | None = None
    _refused: Mapping[bytes, Refusal] = field(default_factory=dict)

    def forget_transaction(self) -> None:
        super().forget_transaction()
        self._message = bytearray()
        self._octets = 0

    def keep(self, piece: bytes) -> None:
        """Add to the message; beyond the limit only the octets are counted. A refused chunk is dropped."""
        if self._chunk_refusal is not None:
            return
        self._octets += len(piece)
        if not self.too_large():
            self._message += piece

    def too_large(self) -> bool:
        return self._octets > self.context.world.limits.message_octets

    def do_data(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.4."""
        if command.argument:
            return answer(501, "5.5.4", "DATA takes no argument")
        if (self.mail_parameters.get("BODY") or b"").upper() == b"BINARYMIME":
            return self.reply_to_binary_data()
        self._data = self.data_reader()
        self.expect(self._data)
        return Answer(354, ("End data with <CR><LF>.<CR><LF>",))

    def reply_to_binary_data(self) -> Answer:
        """RFC 3030 §3: BINARYMIME goes with BDAT only."""
        return answer(503, "5.5.1", "BODY=BINARYMIME goes with BDAT")

    def data_reader(self) -> DataReader:
        """Ends at CRLF dot CRLF alone and undoes the stuffing (RFC 5321 §4.1.1.4, §4.5.2)."""
        return DataReader()

    def open_chunk(self, command: Command, refusal: Answer | None) -> None:
        """RFC 3030 §2: a chunk's octets are read whatever the answer will be; it comes when they are here."""
        try:
            chunk = parse_bdat(command.argument)
        except CommandError as exc:
            self.say(self.reply_to_bad_argument(Verb.BDAT, exc))
            return
        if chunk.octets > _MAX_CHUNK:
            self.say(answer(552, "5.3.4", "Chunk too large"))
            self.closing = True
            return
        self._chunk = chunk
        self._chunk_refusal = refusal
        self.expect(ChunkReader(chunk.octets))

    def content_complete(self) -> list[Answer]:
        """The replies to what was read: one, or in LMTP one for each accepted recipient (RFC 2033 §4.2)."""
        if self._chunk is not None:
            return self._chunk_complete(self._chunk)
        replies = self.accept()
        self.state = self.state_after(Verb.END_OF_DATA, replies[0])
        self.forget_transaction()
        return replies

    def _chunk_complete(self, chunk: BdatCommand) -> list[Answer]:
        refusal, self._chunk, self._chunk_refusal = self._chunk_refusal, None, None
        verb = Verb.BDAT_LAST if chunk.last else Verb.BDAT
        if refusal is not None:
            return [refusal]
        replies = self.accept() if chunk.last else [self.reply_to_chunk(chunk)]
        if in_sequence(self.state, verb):
            self.state = self.state_after(verb, replies[0])
        if chunk.last:
            self.forget_transaction()
        return replies

    def reply_to_chunk(self, chunk: BdatCommand) -> Answer:
        """RFC 3030 §2: 250 for each good chunk."""
        if self.too_large():
            return self.reply_to_too_large()
        return answer(250, "2.0.0", f"{chunk.octets} octets received")

    def reply_to_too_large(self) -> Answer:
        return answer(552, "5.3.4", "Message too large")

    def accept(self) -> list[Answer]:
        """Deliver the message to every recipient in one transaction, then answer."""
        recipients = list(self.recipients)
        refusal = self.check_content(bytes(self._message))
        self._refused = {}
        if refusal is None:
            try:
                self._refused = self.deliver(recipients, bytes(self._message))
            except StoreFailed:
                _log.exception("a message was not stored")
                refusal = answer(452, "4.3.1", "Insufficient system storage")
        self._data = None
        return self.final_replies(refusal or answer(250, "2.0.0", "Message accepted"), recipients)

    def final_replies(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        """aiosmtpd answers once in LMTP too (its issue 517); each reply of ours names its recipient."""
        if self.role is Role.LMTP:
            return [self.reply_for(each, self.own_reply(each, reply)) for each in recipients]
        return [self.own_reply(recipients[0], reply) if self._refused else reply]

    def own_reply(self, recipient: Recipient, reply: Answer) -> Answer:
        """What became of one recipient."""
        refusal = self._refused.get(address_of(recipient.path))
        return reply if refusal is None else answer(refusal.code, refusal.status, refusal.text)

    def reply_for(self, recipient: Recipient, reply: Answer) -> Answer:
        """A reply that names its recipient, so that a client can see their order."""
        path = Path(recipient.path.mailbox).encode().decode("ascii", "backslashreplace")
        return replace(reply, lines=(f"{path} {reply.lines[0]}",))

    def check_content(self, content: bytes) -> Answer | None:
        """Why the message is not taken, None when it is."""
        if self.too_large():
            return self.reply_to_too_large()
        if self._data is not None and self._data.faults:
            return self.reply_to_bare_line_ends()
        header = content.partition(b"\r\n\r\n")[0]
        if len(_RECEIVED.findall(header)) > self.context.world.limits.received_fields:
            return answer(554, "5.4.6", "Too many hops")
        return None

    def reply_to_bare_line_ends(self) -> Answer:
        """RFC 5321 §2.3.8 forbids to send them and leaves open what a receiver does; refusing ends all doubt."""
        return answer(550, "5.6.0", "CR or LF alone in the message")

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        """Hand the message to those who take responsibility for it; on disk for all but those it returns.

        Raises:
            StoreFailed: It is on disk for nobody.
        """
        content = self.completed(content) if self.role is Role.SUBMISSION else content
        acceptance = self.context.variant(Acceptance)(self.context)
        lmtp = self.role is Role.LMTP
        accepted = acceptance.accept(
            self.envelope(recipients),
            self.stored(self.received_field(recipients), content),
            final=lmtp and self.context.host.lmtp,
            each_answered=lmtp,
        )
        return accepted.refused

    def envelope(self, recipients: list[Recipient]) -> Envelope:
        """What MAIL and RCPT said, to be kept with the message."""
        asked = self.mail_parameters
        once = {address_of(each.path): each for each in reversed(recipients)}
        body, ret = asked.get("BODY"), asked.get("RET")
        return Envelope(
            reverse_path=address_of(self.reverse_path),
            recipients=tuple(
                envelope.Recipient(
                    address,
                    frozenset(Notify(word) for word in _words(each.parameters.get("NOTIFY"))),
                    each.parameters.get("ORCPT"),
                )
                for address, each in reversed(once.items())
            ),
            body=Body(body.decode().upper()) if body else Body.SEVEN_BIT,
            smtputf8="SMTPUTF8" in asked,
            ret=None if ret is None else "HDRS" if ret.upper() == b"HDRS" else "FULL",
            envid=asked.get("ENVID"),
        )

    def stored(self, trace: bytes, content: bytes) -> bytes:
        """What is passed on: our Received field on top, the message untouched below."""
        return trace + content

    def completed(self, content: bytes) -> bytes:
        """RFC 6409 §8.2 and §8.3: submission adds the Date and the Message-ID that a message lacks."""
        header = b"\r\n" + content.partition(b"\r\n\r\n")[0].lower()
        added = b""
        if b"\r\ndate:" not in header:
            added += b"Date: %s\r\n" % format_datetime(self.context.clock.now()).encode()
        if b"\r\nmessage-id:" not in header:
            added += self.message_id_field()
        return added + content

    def message_id_field(self) -> bytes:
        """RFC 6409 §8.3."""
        return f"Message-ID: <{secrets.token_hex(12)}@{self.context.hostname}>\r\n".encode()

    def received_field(self, recipients: list[Recipient]) -> bytes:
        """RFC 5321 §4.4; FOR only for a single recipient, lest one is told of another (RFC 5321 §7.2)."""
        peer = f"IPv6:{self.peer}" if ":" in self.peer else self.peer
        lines = [
            f"Received: from {self.client_name} ([{peer}])",
            f" by {self.context.hostname} with {self.with_protocol()} id {secrets.token_hex(6)}",
        ]
        if len(recipients) == 1:
            lines.append(f" for {Path(recipients[0].path.mailbox).encode().decode()}")
        lines[-1] += f"; {format_datetime(self.context.clock.now())}"
        return "\r\n".join(lines).encode() + b"\r\n"

    def with_protocol(self) -> str:
        """RFC 3848 §1; RFC 6531 §4.3 for the UTF-8 forms."""
        lmtp = self.role is Role.LMTP
        utf8 = "SMTPUTF8" in self.mail_parameters
        if not (self.extended or utf8):
            return "SMTP"
        name = {
            (False, False): "ESMTP",
            (False, True): "UTF8SMTP",
            (True, False): "LMTP",
            (True, True): "UTF8LMTP",
        }
        return name[lmtp, utf8] + ("S" if self.tls else "") + ("A" if self.user else "")
