"""Hosts without a network, in a small world with every kind of address."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from reference_server import World
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.envelope import Envelope, Recipient
from reference_server.store import INBOX, Store
from reference_server.tls import HostTls
from reference_server.world import Domain, Host, Mx, Site, User

HOME = "mail.example.test"

TOWN = World(
    name="town",
    hosts=(Host(HOME, "127.0.0.1"), Host("mail.example.org", "127.0.0.2")),
    domains=(
        Domain(
            "example.test",
            mailboxes=HOME,
            mx=(Mx(10, HOME),),
            aliases={
                "postmaster": ("ann@example.test",),
                "all": ("ann@example.test", "bea@example.test", "cid@example.org"),
                "away": ("cid@example.org",),
                "round": ("round@example.test",),
            },
        ),
        Domain("caught.example", mailboxes=HOME, catch_all="bea@example.test", subaddress=""),
        Domain("example.org", mailboxes="mail.example.org", mx=(Mx(10, "mail.example.org"),)),
    ),
    users=(
        User("ann", "secret", "ann@example.test"),
        User("bea", "secret", "bea@example.test"),
        User("dan", "secret", "dan@example.test", forward=("cid@example.org",)),
        User("eve", "secret", "eve@example.test", forward=("cid@example.org",), keep_copy=True),
        User("fay", "secret", "fay@example.test", quota_octets=1000),
        User("cid", "secret", "cid@example.org"),
    ),
    cheap_hashes=True,
)


@pytest.fixture(scope="session")
def town() -> World:
    return TOWN


@pytest.fixture(scope="session")
def tls_context():
    return HostTls.made_for("localhost")


@pytest.fixture
def at_home(tls_context) -> Iterator[Callable[..., Context]]:
    """The context of the host with the mailboxes; keywords change the host."""
    stores: list[Store] = []

    def make(world: World = TOWN, **changes: object) -> Context:
        clock = Clock()
        stores.append(Store(":memory:", clock))
        host = replace(world.hosts[0], **changes)
        return Context.make(Site(world, host), stores[-1], tls_context, clock=clock)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def mail() -> Callable[..., Envelope]:
    """An envelope for these addresses."""

    def make(*addresses: str, sender: str = "zed@example.net") -> Envelope:
        return Envelope(sender.encode(), tuple(Recipient(address.encode()) for address in addresses))

    return make


@pytest.fixture
def read() -> Callable[..., list[bytes]]:
    """The messages of a mailbox."""

    def contents(context: Context, user: str, name: str = INBOX) -> list[bytes]:
        mailbox = context.store.mailbox(user, name)
        if mailbox is None:
            return []
        return [context.store.content(row.content_id) or b"" for row in context.store.messages(mailbox.id)]

    return contents
