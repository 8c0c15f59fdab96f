"""SMTP sessions without a network, and a server with one."""

from collections.abc import Callable, Iterator

import pytest

from reference_server import ONE_SERVER, Server, World
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.smtp import Role, SmtpSession
from reference_server.store import INBOX, Store
from reference_server.tls import HostTls
from reference_server.world import Site

Start = Callable[..., SmtpSession]


@pytest.fixture(scope="session")
def tls_context():
    return HostTls.made_for("localhost")


@pytest.fixture
def start(tls_context) -> Iterator[Start]:
    """Make a session that has greeted, in a world of its own."""
    stores: list[Store] = []

    def make(role: Role = Role.MX, *, tls: bool = False, world: World = ONE_SERVER) -> SmtpSession:
        clock = Clock()
        store = Store(":memory:", clock)
        stores.append(store)
        context = Context.make(Site(world, world.hosts[0]), store, tls_context, clock=clock)
        session = SmtpSession(context, role, "192.0.2.7", tls)
        session.greet()
        return session

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def inbox() -> Callable[[Store, str], list[bytes]]:
    """The messages in a user's INBOX."""

    def read(store: Store, user: str) -> list[bytes]:
        mailbox = store.mailbox(user, INBOX)
        assert mailbox is not None
        return [store.content(row.content_id) or b"" for row in store.messages(mailbox.id)]

    return read


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running
