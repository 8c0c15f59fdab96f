"""A small world's names, and its DNS on a socket."""

from collections.abc import Awaitable, Callable
from functools import partial

import dns.message
import dns.name
import pytest
import trio

from reference_server.dns import Authority, serve_dns
from reference_server.journal import Journal
from reference_server.world.model import Record

RECORDS = (
    Record("example.test.", 3600, "SOA", "ns.example.test. hostmaster.example.test. 1 3600 600 86400 120"),
    Record("example.test.", 300, "MX", "10 mx1.example.test."),
    Record("example.test.", 300, "MX", "20 mx2.example.test."),
    Record("example.test.", 300, "TXT", '"v=spf1 mx -all"'),
    Record("mx1.example.test.", 300, "A", "127.0.2.1"),
    Record("mx1.example.test.", 300, "AAAA", "2001:db8::1"),
    Record("mx2.example.test.", 300, "CNAME", "mx2.example.org."),
    Record("mx2.example.org.", 300, "A", "127.0.2.2"),
    Record("_25._tcp.mx1.example.test.", 300, "TLSA", "3 1 1 " + "ab" * 32),
    Record("1.2.0.127.in-addr.arpa.", 300, "PTR", "mx1.example.test."),
    Record("null.example.org.", 300, "MX", "0 ."),
    Record("*.wild.example.org.", 300, "MX", "5 mx1.example.test."),
    Record("here.wild.example.org.", 300, "A", "127.0.2.3"),
    Record("loop1.example.org.", 300, "CNAME", "loop2.example.org."),
    Record("loop2.example.org.", 300, "CNAME", "loop1.example.org."),
    Record("dangling.example.org.", 300, "CNAME", "nowhere.example.test."),
)

Ask = Callable[..., dns.message.Message]
Scene = Callable[[int], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def authority() -> Authority:
    return Authority(RECORDS)


@pytest.fixture
def ask(authority) -> Ask:
    """Ask without a network, and read the answer."""

    def question(name: str, type_: str, *, over_tcp: bool = False, **options: object) -> dns.message.Message:
        query = dns.message.make_query(name, type_, **options)
        answer = authority.answer(query.to_wire(), over_tcp=over_tcp)
        assert answer is not None
        response = dns.message.from_wire(answer.octets)
        assert query.is_response(response)
        return response

    return question


@pytest.fixture
def play(authority) -> Play:
    """Run a scene with the DNS at the port that it gets; everything ends with it, or fails after 30 s."""

    def run(scene: Scene, *, journal: Journal | None = None) -> None:
        async def main() -> None:
            with trio.fail_after(30):
                async with trio.open_nursery() as nursery:
                    serve = partial(serve_dns, authority, "127.0.0.1", journal=journal)
                    await scene(await nursery.start(serve))
                    nursery.cancel_scope.cancel()

        trio.run(main)

    return run
