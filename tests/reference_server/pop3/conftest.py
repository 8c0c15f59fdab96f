"""POP3 sessions without a network, and a server with one."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from reference_server import ONE_SERVER, Server
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.pop3.session import Pop3Session
from reference_server.store import INBOX, Store
from reference_server.tls import HostTls
from reference_server.world import Site

MESSAGES = (
    b"Subject: one\r\n\r\n.dot\r\n..\r\nlast\r\n",
    b"Subject: two\r\n\r\nnot ended",
    b"\r\nno header\r\n",
)

Connect = Callable[..., Pop3Session]


@pytest.fixture
def context() -> Iterator[Context]:
    clock = Clock()
    store = Store(":memory:", clock)
    tls = HostTls.made_for("localhost")
    yield Context.make(Site(ONE_SERVER, ONE_SERVER.hosts[0]), store, tls, clock=clock)
    store.close()


@pytest.fixture
def fill(context) -> Callable[..., None]:
    """Put messages into alice's maildrop."""

    def put(*messages: bytes) -> None:
        mailbox = context.store.mailbox("alice", INBOX)
        assert mailbox is not None
        for message in messages or MESSAGES:
            context.store.append(mailbox.id, message)

    return put


@pytest.fixture
def connect(context) -> Connect:
    """Make a session that has greeted."""

    def make(*, tls: bool = False, plaintext_login: bool = True) -> Pop3Session:
        world = replace(context.world, plaintext_login=plaintext_login)
        session = Pop3Session(replace(context, site=replace(context.site, world=world)), tls=tls)
        assert session.greet().startswith(b"+OK")
        return session

    return make


@pytest.fixture
def login(connect, fill) -> Connect:
    """Make a session with alice's maildrop open."""

    def make() -> Pop3Session:
        session = connect()
        assert session.receive(b"USER alice\r\nPASS secret\r\n").count(b"+OK") == 2
        return session

    return make


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running
