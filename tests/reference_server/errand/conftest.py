"""A server whose NOOP is an errand, in SMTP, POP3 and IMAP: it ends when the test says so."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from harness.target import Protocol
from harness.wire.imap.commands import Command as ImapCommand
from harness.wire.imap.commands import NoArguments
from harness.wire.imap.states import Verb as ImapVerb
from harness.wire.pop3.commands import Command as Pop3Command
from harness.wire.pop3.states import Verb as Pop3Verb
from harness.wire.smtp.commands import Command as SmtpCommand
from harness.wire.smtp.states import Verb as SmtpVerb
from reference_server import Server, World
from reference_server.imap.answers import ok as imap_ok
from reference_server.imap.session import ImapSession
from reference_server.pop3.core import Response
from reference_server.pop3.core import ok as pop3_ok
from reference_server.pop3.session import Pop3Session
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.session import SmtpSession

# How long a wait of these tests may last that should end at once.
BOUND_S = 10.0


@dataclass
class Desk:
    """Where the errands of a test go: `begun` counts them, `end` lets all go on, `done` counts their replies."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: threading.Event = field(default_factory=threading.Event)
    done: int = 0

    def run(self) -> str:
        self.begun.release()
        return "in time" if self.ended.wait(BOUND_S) else "too late"

    def wait_until_begun(self) -> None:
        assert self.begun.acquire(timeout=BOUND_S)

    def end(self) -> None:
        self.ended.set()


def sessions_at(desk: Desk) -> dict[type, type]:
    """The sessions whose NOOP is an errand at `desk`."""

    class SlowSmtp(SmtpSession):
        def do_noop(self, command: SmtpCommand) -> Answer | None:  # type: ignore[override]  # this one takes time
            def then(word: str) -> None:
                desk.done += 1
                self.conclude(SmtpVerb.NOOP, answer(250, "2.0.0", word))

            self.leave(desk.run, then, self.context.account_workers)
            return None

    class SlowPop3(Pop3Session):
        def do_user(self, command: Pop3Command) -> Response | None:  # type: ignore[override]  # this one takes time
            def then(word: str) -> None:
                desk.done += 1
                self.conclude(Pop3Verb.USER, pop3_ok(word))

            self.leave(desk.run, then, self.context.account_workers)
            return None

    class SlowImap(ImapSession):
        def do_noop(self, command: ImapCommand, arguments: NoArguments) -> None:  # type: ignore[override]  # as above
            def then(word: str) -> None:
                desk.done += 1
                self.go_on(command, ImapVerb.NOOP, imap_ok(word))

            self.leave(desk.run, then, self.context.account_workers)

    return {SmtpSession: SlowSmtp, Pop3Session: SlowPop3, ImapSession: SlowImap}


@dataclass
class Client:
    connection: socket.socket

    def send(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def read_until(self, end: bytes) -> bytes:
        octets = b""
        while end not in octets:
            piece = self.connection.recv(4096)
            assert piece, octets
            octets += piece
        return octets

    def read_to_end(self) -> bytes:
        octets = b""
        while piece := self.connection.recv(4096):
            octets += piece
        return octets


@dataclass
class SlowServer:
    server: Server
    desk: Desk
    connections: list[socket.socket] = field(default_factory=list)

    def connect(self, protocol: Protocol) -> Client:
        endpoint = self.server.target.endpoints[protocol]
        self.connections.append(socket.create_connection((endpoint.host, endpoint.port), timeout=BOUND_S))
        client = Client(self.connections[-1])
        client.read_until(b"\r\n")
        return client


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SlowServer]]:
    """Start a slow server of a world; it has ended when the test is over."""
    running: list[SlowServer] = []

    def begin(world: World | None = None) -> SlowServer:
        desk = Desk()
        slow = sessions_at(desk)
        server = Server(world)
        monkeypatch.setattr(server.faults, "variant", lambda base: slow.get(base, base))
        running.append(SlowServer(server.start(), desk))
        return running[-1]

    yield begin
    for each in running:
        each.desk.end()
        each.server.stop()
        for connection in each.connections:
            connection.close()
