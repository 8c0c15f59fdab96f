"""DATA and BDAT: the message itself, and its acceptance."""

import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from functools import partial
from typing import Final

from harness.wire.smtp.address import Path
from harness.wire.smtp.commands import BdatCommand, Command, parse_bdat
from harness.wire.smtp.data import ChunkReader, DataReader
from harness.wire.smtp.errors import CommandError
from harness.wire.smtp.states import Verb, in_sequence
from harness.wire.tls import registered_cipher
from reference_server import envelope
from reference_server.envelope import Body, Envelope, Notify
from reference_server.filters.chain import Chain, stages_before_the_reply
from reference_server.filters.intake import Intake, next_filter
from reference_server.filters.model import Client, Judgement, Mail
from reference_server.journal import Kind
from reference_server.mda.plan import Refusal
from reference_server.relay.model import NextHop
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role
from reference_server.smtp.transaction import Recipient, Transaction
from reference_server.store import StoreFailed
from reference_server.world.filters import Verdict, Way

__all__ = ["Content"]

_log = logging.getLogger(__name__)

_RECEIVED: Final = re.compile(rb"^Received:", re.IGNORECASE | re.MULTILINE)

# RFC 5321 §3.8: the reply that ends the session.
_CLOSING: Final = 421

_WAYS: Final[Mapping[Role, Way]] = {
    Role.MX: Way.SMTP,
    Role.SUBMISSION: Way.SUBMISSION,
    Role.LMTP: Way.LMTP,
}

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
    _hop_id: str = ""

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
        return self._concluded(Verb.END_OF_DATA, self.accept())

    def _chunk_complete(self, chunk: BdatCommand) -> list[Answer]:
        refusal, self._chunk, self._chunk_refusal = self._chunk_refusal, None, None
        if refusal is not None:
            return [refusal]
        if chunk.last:
            return self._concluded(Verb.BDAT_LAST, self.accept())
        return self._concluded(Verb.BDAT, [self.reply_to_chunk(chunk)])

    def _concluded(self, verb: Verb, replies: list[Answer]) -> list[Answer]:
        """Move on as the first reply says; where an errand is left there is none yet."""
        if replies and in_sequence(self.state, verb):
            self.state = self.state_after(verb, replies[0])
        if replies and verb is not Verb.BDAT:
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
        """Show the message to the filters, deliver it to every recipient in one transaction, then answer.

        Returns:
            The replies; none yet where the filters are asked, for which `judged` answers.
        """
        recipients, content = list(self.recipients), bytes(self._message)
        refusal = self.check_content(content)
        self._refused = {}
        if refusal is not None:
            return self._answered(refusal, recipients)
        chain = self.chain()
        if chain.stages:
            mail = self.mail(recipients, content)
            verb = Verb.BDAT_LAST if self._data is None else Verb.END_OF_DATA
            judged = partial(self.judged, verb, recipients)
            self.leave(lambda: chain.run(mail), judged, self.context.filter_workers)
            return []
        self.context.journal.note(self.context.hostname, Kind.FILTER, self.about_filters())
        return self._kept(recipients, lambda: self.deliver(recipients, content))

    def about_filters(self) -> str:
        """Why none is asked before the reply, for those who watch."""
        hop = self.next_filter()
        then = f"{hop.name} looks at it in the queue" if hop is not None else "no filters are set"
        return f"given back by {self.returned_by}" if self.returned_by and hop is None else then

    def _kept(
        self, recipients: list[Recipient], deliver: Callable[[], Mapping[bytes, Refusal]]
    ) -> list[Answer]:
        try:
            self._refused = deliver()
        except StoreFailed:
            _log.exception("a message was not stored")
            return self._answered(answer(452, "4.3.1", "Insufficient system storage"), recipients)
        return self._answered(answer(250, "2.0.0", "Message accepted"), recipients)

    def _answered(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        self._data = None
        return self.final_replies(reply, recipients)

    def chain(self) -> Chain:
        """The filters of this listener; none for mail that has passed them."""
        stages = [] if self.way is None else stages_before_the_reply(self.context.site, self.way)
        return self.context.variant(Chain)(self.context, stages)

    @property
    def way(self) -> Way | None:
        """How mail comes in here for the first time; None where a filter, or this host's own MTA, hands it back."""
        handed_back = self.returned_by or (self.role is Role.LMTP and self.context.host.lmtp)
        return None if handed_back else _WAYS[self.role]

    def judged(self, verb: Verb, recipients: list[Recipient], judgement: Judgement) -> None:
        """The filters have spoken: do as they say, then answer."""
        judgement, lmtp = self.as_one_reply(judgement), self.role is Role.LMTP
        if judgement.verdict in (Verdict.REJECT, Verdict.TRY_LATER) and judgement.reply is not None:
            self._refused = {r.address: each for r, each in judgement.refused.items()} if lmtp else {}
            refusal = judgement.reply
            self.closing = refusal.code == _CLOSING
            replies = self._answered(answer(refusal.code, refusal.status, refusal.text), recipients)
        else:
            replies = self._kept(recipients, lambda: self.take(judgement))
        for reply in self._concluded(verb, replies):
            self.say(reply)

    def as_one_reply(self, judgement: Judgement) -> Judgement:
        """In SMTP one reply is for all: where a filter puts one recipient off, the message comes again for all.

        Whom it refuses for good has a bounce where others are served (RFC 5321 §6.1).
        """
        put_off = next((each for each in judgement.refused.values() if each.code < 500), None)
        if (
            put_off is None
            or self.role is Role.LMTP
            or judgement.verdict in (Verdict.REJECT, Verdict.DISCARD)
        ):
            return judgement
        return replace(judgement, verdict=Verdict.TRY_LATER, reply=put_off)

    def final_replies(self, reply: Answer, recipients: list[Recipient]) -> list[Answer]:
        """aiosmtpd answers once in LMTP too (its issue 517); each reply of ours names its recipient."""
        if self.role is Role.LMTP:
            return [self.reply_for(each, self.own_reply(each, reply)) for each in recipients]
        return [self.reply_to_refusal(next(iter(self._refused.values()))) if self._refused else reply]

    def own_reply(self, recipient: Recipient, reply: Answer) -> Answer:
        """What became of one recipient."""
        refusal = self._refused.get(address_of(recipient.path))
        return reply if refusal is None else self.reply_to_refusal(refusal)

    def reply_to_refusal(self, refusal: Refusal) -> Answer:
        """As a filter or the MDA wants it."""
        return answer(refusal.code, refusal.status, refusal.text)

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
        mail = self.mail(recipients, content)
        return self.take(Judgement(Verdict.ACCEPT, mail))

    def mail(self, recipients: list[Recipient], content: bytes) -> Mail:
        """The message as the filters are shown it."""
        self._hop_id = secrets.token_hex(6)
        return Mail(
            envelope=self.envelope(recipients),
            content=self.completed(content) if self.role is Role.SUBMISSION else content,
            client=Client(
                address=self.peer,
                name=self.client_name,
                user=self.user,
                mechanism=self.mechanism if self.user else "",
                protocol=self.with_protocol(),
                tls=self.tls_facts,
            ),
            trace=self.received_field(recipients),
            id=self._hop_id,
            hostname=self.context.hostname,
        )

    def take(self, judgement: Judgement) -> Mapping[bytes, Refusal]:
        """Take responsibility for a message that was not refused, as `deliver`."""
        lmtp = self.role is Role.LMTP
        mail = judgement.mail
        acceptance = self.context.variant(Intake)(self.context)
        return acceptance.take(
            replace(judgement, mail=mail.with_content(self.stored(mail.trace, mail.content))),
            self.next_filter(),
            final=lmtp and self.context.host.lmtp,
            each_answered=lmtp,
        )

    def next_filter(self) -> NextHop | None:
        """The filter that gets the message from the queue; None where it goes on its way."""
        if self.way is None and not self.returned_by:
            return None
        return next_filter(self.context.site, self.way, self.returned_by)

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
            f" by {self.context.hostname} with {self.with_protocol()} id {self._hop_id}",
        ]
        if len(recipients) == 1:
            lines.append(f" for {Path(recipients[0].path.mailbox).encode().decode()}")
        if self.role is Role.SUBMISSION and (cipher := self.cipher()):
            lines.append(f" tls {cipher}")
        lines[-1] += f"; {format_datetime(self.context.clock.now())}"
        return "\r\n".join(lines).encode() + b"\r\n"

    def cipher(self) -> str:
        """The suite that the client uses, by its registered name (RFC 8314 §4.3), ``""`` where there is none."""
        return registered_cipher(self.tls_facts.cipher) if self.tls_facts is not None else ""

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
