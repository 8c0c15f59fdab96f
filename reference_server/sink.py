"""Sessions that keep what comes, with its envelope, and answer as they were told: our side of what others send."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar, cast

from harness.wire.smtp.address import Mailbox
from reference_server.context import Context
from reference_server.mda.plan import Refusal
from reference_server.smtp.content import address_of
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.session import SmtpSession
from reference_server.smtp.transaction import Recipient

__all__ = ["EXTENSIONS", "DialogueRecord", "Received", "SinkContext", "SinkSession"]

T = TypeVar("T")

# What a sink offers; STARTTLS would only hide what is sent.
EXTENSIONS: Final = ("PIPELINING", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN", "SIZE", "8BITMIME", "SMTPUTF8")

_REPLY: Final = re.compile(r"(?P<code>[2-5]\d\d)(?: (?P<enhanced>[245]\.\d{1,3}\.\d{1,3}))? (?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Received:
    """One message as a sink took it.

    Attributes:
        exchanger: The host that took it, by name.
        client_name: What EHLO or HELO said; `extended` where it was EHLO.
        reverse_path, recipients: As in the envelope, without brackets.
        mail_parameters, recipient_parameters: By keyword in upper case.
        chunked: It came by BDAT.
    """

    exchanger: str
    client_name: str
    extended: bool
    tls: bool
    reverse_path: bytes
    mail_parameters: Mapping[str, bytes | None]
    recipients: tuple[bytes, ...]
    recipient_parameters: tuple[Mapping[str, bytes | None], ...]
    chunked: bool
    content: bytes = field(repr=False)


class DialogueRecord(Protocol):
    """Who keeps what is said in one session, octet for octet."""

    def heard(self, octets: bytes) -> None: ...
    def said(self, octets: bytes) -> None: ...


class _NoRecord:
    def heard(self, octets: bytes) -> None:
        """Not kept."""

    def said(self, octets: bytes) -> None:
        """Not kept."""


def _drop(_received: Received) -> None:
    """For a sink without a drain."""


def _no_record(_label: str) -> DialogueRecord:
    return _NoRecord()


@dataclass(frozen=True)
class SinkContext(Context):
    """The context of a host whose every SMTP session is a sink.

    Attributes:
        offered: The extensions.
        replies: What a command line that begins so is answered with; ``"greeting"`` and ``"."`` are keys too.
        keep: Gets each message, in the thread of the session.
        record: Gives the record of a new session, by what it is called.
        commands: Every command line that came.
        clients: The address of everybody who connected.
    """

    offered: frozenset[str] = frozenset(EXTENSIONS)
    replies: Mapping[str, str] = field(default_factory=dict)
    keep: Callable[[Received], None] = _drop
    record: Callable[[str], DialogueRecord] = _no_record
    commands: list[bytes] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)

    def variant(self, base: type[T]) -> type[T]:
        return cast("type[T]", SinkSession) if base is SmtpSession else base


@dataclass
class SinkSession(SmtpSession):
    """Takes every message for everybody, with any parameter."""

    context: SinkContext

    def greet(self) -> bytes:
        host = self.context.host
        self.context.clients.append(self.peer)
        self._record = self.context.record(f"our exchanger {host.name} at {host.address}, to {self.peer}")
        greeting = self.greeting()
        self._record.said(greeting)
        return greeting

    def greeting(self) -> bytes:
        """As ever, or as this sink was told, and then it is the last word."""
        if (scripted := self.scripted("greeting")) is None:
            return super().greet()
        self.closing = True
        self.say(scripted)
        return self._take_out()

    def receive(self, data: bytes) -> bytes:
        self._record.heard(data)
        replies = super().receive(data)
        self._record.said(replies)
        return replies

    def extensions(self) -> dict[str, str]:
        return {name: value for name, value in super().extensions().items() if name in self.context.offered}

    def scripted(self, line: str) -> Answer | None:
        """What this sink was told to answer; the longest beginning that fits counts."""
        fitting = [key for key in self.context.replies if line.upper().startswith(key.upper())]
        return answer_of(self.context.replies[max(fitting, key=len)]) if fitting else None

    def command_line(self, line: bytes) -> None:
        self.context.commands.append(line)
        reply = self.scripted(line.decode("latin-1"))
        if reply is None:
            super().command_line(line)
            return
        self.closing = reply.code == 421
        self.say(reply)

    def check_parameters(
        self, parameters: Mapping[str, bytes | None], known: frozenset[str]
    ) -> Answer | None:
        """What was not offered is kept as it came: who looks at it judges."""
        return None

    def takes(self, mailbox: Mailbox) -> bool:
        return True

    def accept(self) -> list[Answer]:
        if (scripted := self.scripted(".")) is not None:
            self._data = None
            return [scripted]
        return super().accept()

    def check_content(self, content: bytes) -> Answer | None:
        return None

    def deliver(self, recipients: list[Recipient], content: bytes) -> Mapping[bytes, Refusal]:
        self.context.keep(
            Received(
                exchanger=self.context.hostname,
                client_name=self.client_name,
                extended=self.extended,
                tls=self.tls,
                reverse_path=address_of(self.reverse_path),
                mail_parameters=dict(self.mail_parameters),
                recipients=tuple(address_of(each.path) for each in recipients),
                recipient_parameters=tuple(dict(each.parameters) for each in recipients),
                chunked=self._data is None,
                content=content,
            )
        )
        return {}


def answer_of(text: str) -> Answer:
    """``550 5.1.1 No such user`` as a reply; the enhanced code may be left out."""
    found = _REPLY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no reply")
    return answer(int(found["code"]), found["enhanced"] or "", found["text"])
