"""Sending, as the person who is logged in: one message, one session of submission."""

import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from harness.errors import LocalProtocolError, TransportError
from harness.wire import sasl
from harness.wire.lines import CRLF
from harness.wire.smtp.address import Mailbox, Path
from harness.wire.smtp.commands import MAX_COMMAND_LINE
from harness.wire.smtp.data import encode_data
from harness.wire.smtp.replies import Reply, ReplyReader, read_extensions
from reference_server.web.mail.errors import InDoubt, NotPossible
from reference_server.web.mail.login import may_say_password, mechanism_for, name_of
from reference_server.web.mail.person import Person
from reference_server.web.mail.wire import Wire, connect

__all__ = ["Sent", "submit"]

# RFC 5321 §4.1.3: what a client without a name of its own says.
_ADDRESS_LITERAL: Final = b"[127.0.0.1]"
# RFC 5321 §4.5.3.2.6: after the final dot, 10 minutes; a filter may be reading.
_FINAL_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was accepted; recipients that were not, each with the server's words."""

    accepted: tuple[Mailbox, ...]
    refused: tuple[tuple[Mailbox, str], ...]


class _Session:
    """An SMTP session on trio; one command at a time."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.extensions: dict[str, str] = {}
        self._reader = ReplyReader()
        self._replies: list[Reply] = []

    async def reply(self, timeout_s: float | None = None) -> Reply:
        while not self._replies:
            self._replies += self._reader.feed(await self.wire.receive(timeout_s))
        return self._replies.pop(0)

    async def command(self, line: bytes) -> Reply:
        if b"\r" in line or b"\n" in line:
            raise LocalProtocolError("a command line cannot hold CR or LF")
        await self.wire.send(line + CRLF)
        return await self.reply()

    async def hello(self) -> None:
        reply = await self.command(b"EHLO " + _ADDRESS_LITERAL)
        if reply.klass != 2:
            reply = await self.command(b"HELO client.example.test")
            _expect(reply, 2, "greets with")
            return
        self.extensions = read_extensions(reply)

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        _expect(await self.command(b"STARTTLS"), 2, "refuses TLS:")
        self._reader = ReplyReader()
        self._replies.clear()
        await self.wire.start_tls(context, name)
        self.extensions = {}
        await self.hello()

    async def log_in(self, user: str, password: str) -> None:
        mechanism = mechanism_for(self.extensions.get("AUTH", "").split(), user, password)
        if mechanism is None:
            return  # an MX that takes mail of everybody; what it does not take, it refuses itself
        line = b"AUTH " + mechanism.name.encode()
        first = mechanism.initial()
        if first is not None and len(line) + len(first) * 4 // 3 + 8 <= MAX_COMMAND_LINE:
            line += b" " + sasl.encode_initial(first)
            first = None
        reply = await self.command(line)
        while reply.klass == 3:
            try:
                challenge = sasl.decode(reply.lines[-1])
                answer = mechanism.respond(challenge) if first is None or challenge else first
            except (sasl.SaslError, LocalProtocolError):
                reply = await self.command(sasl.CANCEL)
                continue
            first = None
            reply = await self.command(sasl.encode(answer))
        _expect(reply, 2, "refuses the log-in:")
        if not mechanism.server_proven:
            raise NotPossible("Nothing was sent: the server did not prove that it knows the password.")


def _expect(reply: Reply, klass: int, problem: str) -> None:
    if reply.klass != klass:
        raise NotPossible(f"Nothing was sent. The server {problem} {str(reply)[:300]}")


async def submit(person: Person, sender: Mailbox, recipients: Sequence[Mailbox], content: bytes) -> Sent:
    """Send a message.

    Raises:
        NotPossible: It was not accepted for anybody; the message says why.
        InDoubt: The connection broke once the content was under way.
        TransportError, ProtocolError: Nothing was sent.
    """
    system = person.system
    if system.sending is None:
        raise NotPossible(f"Nothing was sent: {system.name} has no endpoint that takes mail.")
    wire = await connect(
        system.sending, system.context, name=system.certificate_name, timeout_s=system.timeout_s
    )
    try:
        session = _Session(wire)
        _expect(await session.reply(), 2, "greets with")
        await session.hello()
        if not wire.tls and "STARTTLS" in session.extensions:
            await session.start_tls(system.context, name_of(system.sending, system.certificate_name))
        if not may_say_password(wire):
            raise NotPossible("Nothing was sent: the server offers no TLS.")
        await session.log_in(person.user, person.password)
        sent = await _transaction(session, sender, recipients, content)
        with suppress(TransportError):  # what is accepted stays accepted
            await wire.send(b"QUIT" + CRLF)
        return sent
    finally:
        await wire.close()


async def _transaction(
    session: _Session, sender: Mailbox, recipients: Sequence[Mailbox], content: bytes
) -> Sent:
    offered = session.extensions
    utf8 = any(mailbox.needs_smtputf8 for mailbox in (sender, *recipients))
    if utf8 and "SMTPUTF8" not in offered:
        raise NotPossible(
            "Nothing was sent: an address is beyond ASCII, and the server does not take such (SMTPUTF8)."
        )
    parameters = [
        b" SIZE=%d" % len(content) if "SIZE" in offered else b"",
        b" BODY=8BITMIME" if "8BITMIME" in offered and not content.isascii() else b"",
        b" SMTPUTF8" if utf8 else b"",
    ]
    mail = b"MAIL FROM:" + Path(sender).encode() + b"".join(parameters)
    _expect(await session.command(mail), 2, "refuses the sender:")
    refused: list[tuple[Mailbox, str]] = []
    for recipient in recipients:
        reply = await session.command(b"RCPT TO:" + Path(recipient).encode())
        if reply.klass != 2:
            refused.append((recipient, str(reply)[:300]))
    turned_away = {mailbox for mailbox, _ in refused}
    accepted = tuple(mailbox for mailbox in recipients if mailbox not in turned_away)
    if not accepted:
        said = "; ".join(f"{mailbox.encode().decode()}: {why}" for mailbox, why in refused)
        raise NotPossible(f"Nothing was sent. The server refuses every recipient: {said}")
    _expect(await session.command(b"DATA"), 3, "refuses the message:")
    try:
        await session.wire.send(encode_data(content))
        decided = await session.reply(_FINAL_S)
    except TransportError as exc:
        raise InDoubt(f"The connection broke, and the message may or may not have been sent: {exc}") from exc
    _expect(decided, 2, "refuses the message:")
    return Sent(accepted, tuple(refused))
