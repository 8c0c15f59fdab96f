"""The mail user agents at both ends of a message's life; each dialogue of theirs is a step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from typing import Protocol as Shape

from harness.clients.imap import ImapClient
from harness.clients.pop3 import Pop3Client
from harness.clients.smtp import SmtpClient
from harness.clients.tls import client_context
from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import MailproofError, ProtocolError, TransportError
from harness.results.life import Direction, Moved, Stage, Standing, Step
from harness.target import Account, Endpoint, Protocol, Target
from harness.wire.imap.mutf7 import encode_mailbox_name
from harness.wire.smtp.replies import Reply

__all__ = ["Agent", "Party"]

_SENDS_BY: Final = (Protocol.SUBMISSION, Protocol.SUBMISSIONS, Protocol.SMTP)
_POP3: Final = (Protocol.POP3, Protocol.POP3S)
_IMAP: Final = (Protocol.IMAP, Protocol.IMAPS)

_LOOPBACK: Final = "127.0.0.1"


class Party(Shape):
    """A user of a world."""

    @property
    def account(self) -> Account: ...
    @property
    def host(self) -> str: ...
    @property
    def target(self) -> Target: ...
    @property
    def connects_from(self) -> str | None: ...


class _Refused(MailproofError):
    """The server said no; the message is what it said."""


@dataclass
class _Told:
    """What a dialogue comes to while it goes on."""

    said: list[str] = field(default_factory=list)
    answered: str = ""
    facts: list[str] = field(default_factory=list)
    standing: Standing = Standing.DONE

    def heard(self, verb: str, reply: Reply) -> Reply:
        """A reply to a command, 354 and the like included; raises `_Refused` where it is a refusal."""
        if verb and verb not in self.said:
            self.said.append(verb)
        if reply.klass not in {2, 3}:
            raise _Refused(f"{reply.code} {reply.text}")
        return reply

    def did(self, command: str, *, ok: bool, answer: bytes) -> None:
        """A command of POP3 or IMAP and how it was answered; raises `_Refused` where that is no."""
        if command not in self.said:
            self.said.append(command)
        if not ok:
            raise _Refused(answer.decode("utf-8", "backslashreplace"))


class Agent:
    """A user's mail user agent, which connects to the user's host.

    Args:
        now_us: Microseconds since the life began.
    """

    def __init__(self, party: Party, now_us: Callable[[], int], *, timeout_s: float) -> None:
        self._party = party
        self._now_us = now_us
        self._timeout_s = timeout_s
        self._context = client_context(party.target)

    @property
    def address(self) -> str:
        return self._party.account.address

    def submit(self, content: bytes, recipient: str) -> Step:
        """Hand the message to the user's own host; DONE where it took it."""

        def talk(transport: Transport, told: _Told) -> None:
            client = SmtpClient(transport, timeout_s=self._timeout_s)
            self._open(client, told)
            parameters = _parameters(client, content, self.address + recipient)
            told.heard("MAIL", client.mail(f"<{self.address}>".encode(), *parameters))
            told.heard("RCPT", client.rcpt(f"<{recipient}>".encode()))
            taken = told.heard("DATA", client.data(content))
            told.answered = f"{taken.code} {taken.text}"
            client.quit()

        return self._dialogue(Stage.SUBMISSION, _SENDS_BY, "hands the message to", talk)

    def _open(self, client: SmtpClient, told: _Told) -> None:
        name = f"[{self._party.connects_from or _LOOPBACK}]".encode()
        told.heard("", client.read_greeting())
        told.heard("EHLO", client.ehlo(name))
        if "STARTTLS" in client.extensions:
            told.heard("STARTTLS", client.starttls(self._context, self._server_name))
            told.heard("EHLO", client.ehlo(name))
        if "AUTH" in client.extensions:
            account = self._party.account
            told.heard("AUTH", client.auth_plain(account.user, account.password))
            told.facts.append(f"logged in as {account.user}")

    def read_pop3(self, number: int) -> Step:
        """Fetch the message of this number; it stays in the maildrop."""

        def talk(transport: Transport, told: _Told) -> None:
            client = Pop3Client(transport, timeout_s=self._timeout_s)
            told.did("CAPA", ok=client.read_greeting().ok, answer=client.greeting.text)
            if "STLS" in client.capa():
                status = client.stls(self._context, self._server_name)
                told.did("STLS", ok=status.ok, answer=status.text)
            for verb, status in (
                ("USER", client.user(self._party.account.user)),
                ("PASS", client.pass_(self._party.account.password)),
            ):
                told.did(verb, ok=status.ok, answer=status.text)
            messages, _octets = client.stat()
            content = client.retr(number)
            told.said += ["STAT", f"RETR {number}"]
            told.answered = f"message {number} of {messages}, {len(content)} octets"
            client.quit()

        return self._dialogue(Stage.POP3, _POP3, "reads the message over POP3 at", talk)

    def read_imap(self, mailbox: str, uid: int) -> Step:
        """Fetch the message of this UID, which marks it as seen."""

        def talk(transport: Transport, told: _Told) -> None:
            client = ImapClient(transport, timeout_s=self._timeout_s)
            client.read_greeting()
            if "STARTTLS" in client.capabilities and not transport.tls:
                secured = client.starttls(self._context, self._server_name)
                told.did("STARTTLS", ok=secured.ok, answer=secured.text)
            account = self._party.account
            login = client.login(account.user, account.password)
            told.did("LOGIN", ok=login.ok, answer=login.text)
            selected = client.select(encode_mailbox_name(mailbox))
            told.did(f"SELECT {mailbox}", ok=selected.ok, answer=selected.result.text)
            found = client.uid_fetch(b"%d" % uid, b"(UID FLAGS INTERNALDATE BODY[])")
            told.said.append(f"UID FETCH {uid}")
            content = found[uid].body() if uid in found else None
            if content is None:
                raise _Refused(f"there is no message with UID {uid}")
            told.answered = f"UID {uid}, {len(content)} octets"
            client.logout()

        return self._dialogue(Stage.IMAP, _IMAP, "reads the message over IMAP at", talk)

    def reads_by(self, stage: Stage) -> bool:
        """Whether the user's host has a listener for POP3 or IMAP."""
        wanted = _POP3 if stage is Stage.POP3 else _IMAP
        return any(protocol in self._party.target.endpoints for protocol in wanted)

    @property
    def _server_name(self) -> str:
        return self._party.target.server_name or self._party.host

    def _dialogue(
        self,
        stage: Stage,
        protocols: tuple[Protocol, ...],
        deed: str,
        talk: Callable[[Transport, _Told], None],
    ) -> Step:
        """Connect and talk; whatever the server does is in the step."""
        told = _Told()
        began_us = self._now_us()
        endpoint = self._endpoint(protocols)
        transcript = Transcript(str(endpoint))
        try:
            with self._connect(endpoint, transcript) as transport:
                talk(transport, told)
                if transport.tls:
                    told.facts.insert(0, f"{transport.tls_version}, certificate checked")
        except (_Refused, TransportError, ProtocolError) as exc:
            told.standing, told.answered = Standing.FAILED, str(exc)
        moved = tuple(
            Moved(
                at_us=began_us + entry.at_us,
                direction=Direction(entry.direction.value),
                octets=entry.octets,
                tls=entry.tls,
            )
            for entry in transcript.entries
        )
        return Step(
            number=0,
            stage=stage,
            at_us=began_us,
            lasted_us=(moved[-1].at_us if moved else self._now_us()) - began_us,
            actor=self.address,
            peer=self._party.host,
            title=f"{self.address} {deed} {self._party.host}",
            said=", ".join(told.said) or "connect",
            answered=told.answered,
            standing=told.standing,
            facts=tuple(told.facts),
            moved=moved,
        )

    def _endpoint(self, protocols: tuple[Protocol, ...]) -> Endpoint:
        endpoints = self._party.target.endpoints
        return next(endpoints[protocol] for protocol in protocols if protocol in endpoints)

    def _connect(self, endpoint: Endpoint, transcript: Transcript) -> Transport:
        return Transport.connect(
            endpoint,
            timeout_s=self._timeout_s,
            transcript=transcript,
            tls_context=self._context if endpoint.implicit_tls else None,
            server_hostname=self._server_name,
            source=self._party.connects_from,
        )


def _parameters(client: SmtpClient, content: bytes, addresses: str) -> list[bytes]:
    """What MAIL has to say of the message, where the server knows the words."""
    wanted = {
        "SIZE": b"SIZE=%d" % len(content),
        "8BITMIME": b"" if content.isascii() else b"BODY=8BITMIME",
        "SMTPUTF8": b"" if addresses.isascii() else b"SMTPUTF8",
    }
    return [word for keyword, word in wanted.items() if word and keyword in client.extensions]
