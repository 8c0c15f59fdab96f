"""One message shown to a milter: each step of the transaction, and what the milter says to it."""

import ipaddress
import re
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reference_server.envelope import Body, Recipient
from reference_server.filters.fields import Header
from reference_server.filters.line import FilterLine
from reference_server.filters.milter import wire
from reference_server.filters.milter.changes import Changes
from reference_server.filters.milter.wire import Command, MilterFault, Options, Packet, Response, Step
from reference_server.filters.model import Mail, StageFailed
from reference_server.mda.plan import Refusal

__all__ = ["Answered", "MilterSession"]

_REJECT: Final = Refusal(550, "5.7.1", "Command rejected")
_TEMPFAIL: Final = Refusal(451, "4.7.1", "Service unavailable - try again later")
_SHUTDOWN: Final = Refusal(421, "4.7.0", "Service shutting down")
_REPLY: Final = re.compile(
    rb"(?P<code>[45]\d\d)(?: (?P<status>[45]\.\d{1,3}\.\d{1,3}))?(?: (?P<text>.*))?", re.DOTALL
)

# Ours: how many times its timeout a milter may take over the end of the message, however much progress it reports.
_PATIENCE: Final = 10
# Ours: more responses to one message than any milter has to say.
_MAX_RESPONSES: Final = 10_000
# Ours: what is kept of the answers for those who watch.
_MAX_HEARD: Final = 64 * 1024

# What is not sent, and what is sent and not answered.
_LEFT_OUT: Final[Mapping[Command, Step]] = {
    Command.CONNECT: Step.NO_CONNECT,
    Command.HELO: Step.NO_HELO,
    Command.MAIL: Step.NO_MAIL,
    Command.RCPT: Step.NO_RCPT,
    Command.DATA: Step.NO_DATA,
    Command.HEADER: Step.NO_HEADERS,
    Command.END_OF_HEADER: Step.NO_END_OF_HEADER,
    Command.BODY: Step.NO_BODY,
}
_NOT_ANSWERED: Final[Mapping[Command, Step]] = {
    Command.CONNECT: Step.NO_REPLY_CONNECT,
    Command.HELO: Step.NO_REPLY_HELO,
    Command.MAIL: Step.NO_REPLY_MAIL,
    Command.RCPT: Step.NO_REPLY_RCPT,
    Command.DATA: Step.NO_REPLY_DATA,
    Command.HEADER: Step.NO_REPLY_HEADER,
    Command.END_OF_HEADER: Step.NO_REPLY_END_OF_HEADER,
    Command.BODY: Step.NO_REPLY_BODY,
}
# The version that brought these steps; older milters do not know the commands.
_SINCE: Final[Mapping[Command, int]] = {Command.DATA: 4}


@dataclass(frozen=True, slots=True)
class Answered:
    """What settled the message: `response` with the reply that the client gets, None for the milter's default."""

    response: Response
    refusal: Refusal | None = None
    step: str = ""


class _Settled(Exception):
    """The milter has decided, before the end."""

    def __init__(self, answered: Answered) -> None:
        super().__init__(answered.response.name)
        self.answered = answered


class MilterSession:
    """Says a whole transaction to a milter; the connection is for this message alone.

    Args:
        timeout_s: How long one answer may take; the end of the message may take ten times as long, with progress.

    Attributes:
        heard: The octets of every answer, for those who watch.
        changes: What the milter does to the message.
        refused: The recipients that it refuses.
    """

    def __init__(self, line: FilterLine, mail: Mail, timeout_s: float) -> None:
        self._line = line
        self._mail = mail
        self._longest_s = _PATIENCE * timeout_s
        self._header = Header(mail.content)
        self.heard = bytearray()
        self.options = Options()
        self.changes = Changes(mail)
        self.refused: dict[Recipient, Refusal] = {}

    def run(self) -> Answered:
        """From the negotiation to QUIT.

        Raises:
            StageFailed: The milter is down, slow, fails the connection, or breaks the protocol.
        """
        try:
            self._line.ask(wire.optneg())
            self.options = wire.read_optneg(self._receive())
            self.changes.allowed = self.options.actions
            self.changes.leading_space = Step.LEADING_SPACE in self.options.steps
            return self._transaction()
        except MilterFault as exc:
            raise StageFailed(f"the milter {exc}") from exc

    def _transaction(self) -> Answered:
        try:
            self._open()
            self._envelope()
            self._content()
            answered = self._end()
        except _Settled as settled:
            answered = settled.answered
            self._leave(abort=True)
        else:
            self._leave(abort=False)
        return answered

    def _leave(self, *, abort: bool) -> None:
        """ABORT where the message did not come to its end, then QUIT; the answer stands whatever comes of it."""
        try:
            self._line.send((wire.packet(Command.ABORT) if abort else b"") + wire.packet(Command.QUIT))
        except StageFailed:
            return

    # The steps

    def _open(self) -> None:
        client = self._mail.client
        self._say(Command.CONNECT, wire.connect_data(_shown_name(client.address), client.address))
        self._say(Command.HELO, wire.strings(client.name.encode()))

    def _envelope(self) -> None:
        envelope = self._mail.envelope
        self._say(Command.MAIL, wire.strings(b"<%s>" % envelope.reverse_path, *self._mail_parameters()))
        for recipient in envelope.recipients:
            try:
                path = wire.strings(b"<%s>" % recipient.address, *_rcpt_parameters(recipient))
                self._say(Command.RCPT, path, self._rcpt_macros(recipient.address))
            except _Settled as settled:
                if settled.answered.refusal is None or settled.answered.refusal.code == _SHUTDOWN.code:
                    raise
                self.refused[recipient] = settled.answered.refusal
        if len(self.refused) == len(envelope.recipients):
            raise _Settled(Answered(Response.CONTINUE, None, "refused recipients"))

    def _content(self) -> None:
        self._say(Command.DATA)
        for name, value in self._header.fields:
            self._say(Command.HEADER, wire.strings(name, self._sent(value)))
        self._say(Command.END_OF_HEADER)
        for at in range(0, len(self._header.body), wire.MAX_BODY_CHUNK):
            chunk = self._header.body[at : at + wire.MAX_BODY_CHUNK]
            if self._say(Command.BODY, chunk) is Response.SKIP:
                break

    def _sent(self, value: bytes) -> bytes:
        """Folds are line feeds alone; the space behind the colon is the MTA's unless the milter wants it."""
        unfolded = value.replace(b"\r\n", b"\n")
        return unfolded if Step.LEADING_SPACE in self.options.steps else unfolded.removeprefix(b" ")

    def _say(self, command: Command, data: bytes = b"", more: Mapping[str, str] | None = None) -> Response:
        """One step, with its macros in the same write; raises `_Settled` where the milter decides."""
        if self.options.steps & _LEFT_OUT[command] or self.options.version < _SINCE.get(command, 0):
            return Response.CONTINUE
        octets = self._macros(command, more or {}) + wire.packet(command, data)
        if self.options.steps & _NOT_ANSWERED[command]:
            self._line.send(octets)
            return Response.CONTINUE
        self._line.ask(octets)
        return self._judged(command, self._receive())

    def _judged(self, command: Command, answer: Packet) -> Response:
        while answer.response is Response.PROGRESS:
            self._line.renew()
            answer = self._receive()
        if answer.response is Response.SKIP and command is Command.BODY and Step.SKIP in self.options.steps:
            return Response.SKIP
        if answer.response is Response.CONTINUE:
            return Response.CONTINUE
        raise _Settled(self._decision(answer, command.name.lower()))

    def _decision(self, answer: Packet, step: str) -> Answered:
        """What settles a message, or a recipient.

        Raises:
            StageFailed: CONN_FAIL: the milter says itself that it cannot.
            MilterFault: The answer has no meaning here.
        """
        match answer.response:
            case Response.ACCEPT | Response.CONTINUE | Response.DISCARD:
                return Answered(answer.response, None, step)
            case Response.REJECT:
                return Answered(answer.response, _REJECT, step)
            case Response.TEMPFAIL:
                return Answered(answer.response, _TEMPFAIL, step)
            case Response.SHUTDOWN:
                return Answered(answer.response, _SHUTDOWN, step)
            case Response.REPLY_CODE:
                return Answered(answer.response, _reply_of(answer.data), step)
            case Response.CONN_FAIL:
                raise StageFailed("the milter fails the connection")
            case _:
                raise MilterFault(f"answers {answer.response.name} to {step}")

    def _end(self) -> Answered:
        """The end of the body, and the changes that the milter makes until it decides."""
        until = time.monotonic() + self._longest_s
        self._line.ask(self._macros(Command.END_OF_BODY, {}) + wire.packet(Command.END_OF_BODY))
        for answer in self._responses():
            if answer.response is not Response.PROGRESS and not self.changes.take(answer):
                return self._decision(answer, "the end of the message")
            if time.monotonic() > until:
                raise StageFailed(f"the milter does not end within {self._longest_s:g} s")
            self._line.renew()
        raise MilterFault("changes the message without end")

    def _responses(self) -> Iterator[Packet]:
        for _ in range(_MAX_RESPONSES):
            yield self._receive()

    def _receive(self) -> Packet:
        head = self._line.take(4)
        (length,) = struct.unpack("!I", head)
        if not 1 <= length <= wire.MAX_PACKET:
            raise MilterFault(f"sends a packet of {length} octets")
        octets = self._line.take(length)
        if len(self.heard) < _MAX_HEARD:
            self.heard += head + octets
        return wire.read_packet(octets)

    # Macros

    def _macros(self, command: Command, more: Mapping[str, str]) -> bytes:
        """What goes before a command: nothing before a header field or a piece of the body."""
        if command in (Command.HEADER, Command.BODY):
            return b""
        return wire.macros(command, {**self._values(command), **more}, self.options.macros.get(command))

    def _values(self, command: Command) -> dict[str, str]:
        """What this server knows; those that were sent before stand until the end."""
        mail, client = self._mail, self._mail.client
        host = {"j": mail.hostname, "{daemon_name}": "mailproof", "v": "mailproof"}
        host |= {
            "_": _peer(client.address),
            "{client_addr}": client.address,
            "{client_name}": _peer(client.address),
        }
        match command:
            case Command.CONNECT:
                return host
            case Command.HELO:
                tls = client.tls
                return {"{tls_version}": tls.version, "{cipher}": tls.cipher} if tls is not None else {}
            case Command.MAIL:
                address = _text(mail.envelope.reverse_path)
                login = {"{auth_authen}": client.user, "{auth_type}": client.mechanism} if client.user else {}
                return {
                    "i": mail.id,
                    "{mail_addr}": address,
                    "{mail_host}": address.rpartition("@")[2],
                    "{mail_mailer}": "smtp",
                    "r": client.protocol,
                    **login,
                }
            case _:
                return {"i": mail.id}

    @staticmethod
    def _rcpt_macros(address: bytes) -> dict[str, str]:
        text = _text(address)
        return {"{rcpt_addr}": text, "{rcpt_host}": text.rpartition("@")[2], "{rcpt_mailer}": "smtp"}

    def _mail_parameters(self) -> Iterator[bytes]:
        """What MAIL said besides, and the size as it is."""
        envelope = self._mail.envelope
        yield b"SIZE=%d" % len(self._mail.content)
        if envelope.body is not Body.SEVEN_BIT:
            yield b"BODY=" + envelope.body.encode()
        if envelope.smtputf8:
            yield b"SMTPUTF8"
        if envelope.ret is not None:
            yield b"RET=" + envelope.ret.encode()
        if envelope.envid is not None:
            yield b"ENVID=" + envelope.envid


def _rcpt_parameters(recipient: Recipient) -> Iterator[bytes]:
    """What RCPT said besides."""
    if recipient.notify:
        yield b"NOTIFY=" + ",".join(sorted(recipient.notify)).encode()
    if recipient.orcpt is not None:
        yield b"ORCPT=" + recipient.orcpt


def _reply_of(data: bytes) -> Refusal:
    """``550 5.7.1 text``, of several lines too; a per cent sign is doubled (smfi_setreply).

    Raises:
        MilterFault: It is no reply of 4yz or 5yz.
    """
    (text, *_rest) = wire.texts(data)
    lines = [_REPLY.fullmatch(re.sub(rb"^(\d\d\d)-", rb"\1 ", line)) for line in re.split(rb"\r?\n", text)]
    first = lines[0]
    if first is None:
        raise MilterFault("sends a reply that is none")
    code = int(first["code"])
    said = " ".join(_text(line["text"] or b"") for line in lines if line is not None).replace("%%", "%")
    status = _text(first["status"] or b"")
    if not status.startswith(f"{code // 100}."):
        status = f"{code // 100}.7.1"
    return Refusal(code, status, said.encode("ascii", "backslashreplace").decode() or "Refused")


def _shown_name(address: str) -> bytes:
    """The client's name where no DNS was asked: its address in brackets, as MTAs say it."""
    return f"[{address}]".encode()


def _peer(address: str) -> str:
    return f"[{ipaddress.ip_address(address)}]"


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
