"""IMAP sessions without a network; all that they say is held against the client's strict reader."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import Tagged
from reference_server import ONE_SERVER, Server
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.imap.session import ImapSession
from reference_server.store import Store
from reference_server.tls import HostTls
from reference_server.world import Site


@dataclass
class Dialogue:
    """One session, and a client that numbers its commands."""

    session: ImapSession
    greeting: bytes = b""
    tags: Iterator[int] = field(default_factory=lambda: count(1))
    rang: list[bool] = field(default_factory=list)
    reader: ResponseReader = field(default_factory=ResponseReader)

    def raw(self, octets: bytes) -> bytes:
        """Send octets; what comes back breaks no rule."""
        answer = self.session.receive(octets)
        self.check(answer)
        return answer

    def check(self, octets: bytes) -> None:
        for response in self.reader.feed(octets):
            assert not response.faults, response
        assert self.reader.idle

    def push(self) -> bytes:
        answer = self.session.push()
        self.check(answer)
        return answer

    def send(self, command: bytes) -> list[bytes]:
        """Send a command; its responses without their CRLF, the tag taken off the last."""
        tag = b"a%d" % next(self.tags)
        answer = self.session.receive(tag + b" " + command + b"\r\n")
        responses = self.reader.feed(answer)
        for response in responses:
            assert not response.faults, response
        assert isinstance(responses[-1], Tagged), answer
        assert responses[-1].tag == tag
        raw = [response.raw.removesuffix(b"\r\n") for response in responses]
        return [*raw[:-1], raw[-1].removeprefix(tag + b" ")]

    def ok(self, command: bytes) -> list[bytes]:
        """As `send`, of a command that succeeds; the untagged responses alone."""
        *untagged, completion = self.send(command)
        assert completion.startswith(b"OK"), (command, completion)
        return untagged

    def completion(self, command: bytes) -> bytes:
        return self.send(command)[-1]

    def append(self, content: bytes, mailbox: bytes = b"INBOX", before: bytes = b"") -> bytes:
        return self.completion(b"APPEND %s %s{%d+}\r\n%s" % (mailbox, before, len(content), content))


Connect = Callable[..., Dialogue]


@pytest.fixture(scope="session")
def tls_context():
    return HostTls.made_for("localhost")


@pytest.fixture
def context(tls_context) -> Iterator[Context]:
    clock = Clock()
    store = Store(":memory:", clock)
    yield Context.make(Site(ONE_SERVER, ONE_SERVER.hosts[0]), store, tls_context, clock=clock)
    store.close()


@pytest.fixture
def connect(context) -> Connect:
    """Make a session that has greeted."""

    def make(*, tls: bool = False, plaintext_login: bool = True) -> Dialogue:
        world = replace(context.world, plaintext_login=plaintext_login)
        rang: list[bool] = []
        session = ImapSession(
            replace(context, site=replace(context.site, world=world)), tls=tls, wake=lambda: rang.append(True)
        )
        dialogue = Dialogue(session, session.greet(), rang=rang)
        dialogue.check(dialogue.greeting)
        return dialogue

    return make


@pytest.fixture
def login(connect) -> Connect:
    """Make a session that is logged in."""

    def make(user: bytes = b"alice", *, select: bytes = b"", enable: bytes = b"") -> Dialogue:
        dialogue = connect()
        dialogue.ok(b"LOGIN %s secret" % user)
        if enable:
            dialogue.ok(b"ENABLE " + enable)
        if select:
            dialogue.ok(b"SELECT " + select)
        return dialogue

    return make


@pytest.fixture
def alice(login) -> Dialogue:
    return login()


@pytest.fixture
def inbox(alice) -> Dialogue:
    """Alice's INBOX, selected, with three messages that she knows of."""
    for number in (1, 2, 3):
        alice.append(b"Subject: message %d\r\n\r\nbody %d\r\n" % (number, number))
    alice.ok(b"SELECT INBOX")
    return alice


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running
