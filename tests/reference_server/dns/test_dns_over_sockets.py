"""The DNS on its sockets, asked by dnspython."""

import socket
from functools import partial

import dns.asyncbackend
import dns.asyncquery
import dns.asyncresolver
import dns.message
import dns.resolver
import pytest
import trio

from reference_server.clock import Clock
from reference_server.dns import serve_dns
from reference_server.dns.service import CONNECTIONS
from reference_server.journal import Direction, Event, Journal
from reference_server.world.model import Record, Trouble, TroubleKind

QUERY = dns.message.make_query("mx1.example.test.", "A")
BIG = tuple(Record("big.example.test.", 300, "TXT", f'"{n:03} {"x" * 200}"') for n in range(40))


def resolver_at(port: int) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    return resolver


def in_frame(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


async def everything(stream: trio.SocketStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


def test_another_resolver_finds_what_is_there(play) -> None:
    async def scene(port: int) -> None:
        resolver = resolver_at(port)

        exchangers = await resolver.resolve("example.test.", "MX")
        address = await resolver.resolve("mx2.example.test.", "A")
        pointer = await resolver.resolve_address("127.0.2.1")

        assert {str(value) for value in exchangers} == {"10 mx1.example.test.", "20 mx2.example.test."}
        assert [value.to_text() for value in address] == ["127.0.2.2"]
        assert address.canonical_name.to_text() == "mx2.example.org."
        assert [value.to_text() for value in pointer] == ["mx1.example.test."]
        with pytest.raises(dns.resolver.NXDOMAIN):
            await resolver.resolve("nowhere.example.test.", "A")
        with pytest.raises(dns.resolver.NoAnswer):
            await resolver.resolve("mx1.example.test.", "MX")

    play(scene)


def test_a_long_answer_comes_by_tcp(play, authority) -> None:
    authority.replace_records(BIG)

    async def scene(port: int) -> None:
        assert len(await resolver_at(port).resolve("big.example.test.", "TXT")) == len(BIG)

    play(scene)


def test_a_connection_answers_in_order_whatever_the_pieces(play) -> None:
    async def scene(port: int) -> None:
        queries = [dns.message.make_query(f"n{n}.wild.example.org.", "MX") for n in range(5)]
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            octets = b"".join(in_frame(query.to_wire()) for query in queries)
            for start in range(0, len(octets), 7):
                await stream.send_all(octets[start : start + 7])
            await stream.send_eof()
            received = await everything(stream)
        for query in queries:
            length = int.from_bytes(received[:2], "big")
            assert query.is_response(dns.message.from_wire(received[2 : 2 + length]))
            received = received[2 + length :]
        assert received == b""

    play(scene)


def test_garbage_ends_nothing(play) -> None:
    async def scene(port: int) -> None:
        backend = dns.asyncbackend.get_backend("trio")
        udp = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with udp:
            for garbage in (b"", b"\x00", b"\xff" * 300, QUERY.to_wire()[:20]):
                await udp.sendto(garbage, ("127.0.0.1", port))
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(in_frame(b"\xff" * 30) + in_frame(b"") + b"\xff\xff half of a mess")
            await stream.send_eof()
            await everything(stream)

        response = await dns.asyncquery.udp(QUERY, "127.0.0.1", port=port, backend=backend)

        assert [value.to_text() for value in response.answer[0]] == ["127.0.2.1"]

    play(scene)


def test_one_connection_too_many_is_closed_and_the_next_is_served(play) -> None:
    async def is_served(stream: trio.SocketStream) -> bool:
        await stream.send_all(in_frame(QUERY.to_wire()))
        try:
            return bool(await stream.receive_some(2))
        except trio.BrokenResourceError:  # closed with our question unread
            return False

    async def scene(port: int) -> None:
        streams = []
        for _ in range(CONNECTIONS):
            streams.append(await trio.open_tcp_stream("127.0.0.1", port))
            assert await is_served(streams[-1])
        one_more = await trio.open_tcp_stream("127.0.0.1", port)
        assert not await is_served(one_more)

        await streams[0].aclose()

        served = False
        while not served:  # as soon as the server has seen the end; the scene's own time limits it
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                served = await is_served(stream)
        for stream in (*streams, one_more):
            await trio.aclose_forcefully(stream)

    play(scene)


def test_a_late_answer_holds_up_nobody(play, authority) -> None:
    authority.replace_troubles([Trouble("mx1.example.test.", TroubleKind.DELAY, delay_ms=60_000)])

    async def scene(port: int) -> None:
        backend = dns.asyncbackend.get_backend("trio")
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            await udp.sendto(QUERY.to_wire(), ("127.0.0.1", port))
            other = dns.message.make_query("example.test.", "MX")
            assert (await dns.asyncquery.udp(other, "127.0.0.1", port=port, backend=backend)).answer

    play(scene)


def test_a_delayed_answer_comes(play, authority) -> None:
    authority.replace_troubles([Trouble("mx1.example.test.", TroubleKind.DELAY, delay_ms=20)])

    async def scene(port: int) -> None:
        backend = dns.asyncbackend.get_backend("trio")
        assert (await dns.asyncquery.udp(QUERY, "127.0.0.1", port=port, backend=backend)).answer
        assert (await dns.asyncquery.tcp(QUERY, "127.0.0.1", port=port, backend=backend)).answer

    play(scene)


def test_the_journal_gets_question_and_answer_as_they_were(play, authority) -> None:
    authority.replace_troubles([Trouble("example.test.", TroubleKind.TIMEOUT)])
    journal = Journal(Clock())
    events: list[Event] = []
    journal.listen(events.append)
    unanswered = dns.message.make_query("example.test.", "MX")

    async def scene(port: int) -> None:
        backend = dns.asyncbackend.get_backend("trio")
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            await udp.sendto(unanswered.to_wire(), ("127.0.0.1", port))
            await dns.asyncquery.udp(QUERY, "127.0.0.1", port=port, backend=backend)

    play(scene, journal=journal)

    assert [(event.direction, event.text) for event in events] == [
        (Direction.RECEIVED, "MX example.test.?"),
        (Direction.NOTE, "MX example.test.? is not answered"),
        (Direction.RECEIVED, "A mx1.example.test.?"),
        (Direction.SENT, "A mx1.example.test.: 127.0.2.1"),
    ]
    assert {(event.host, event.peer) for event in events} == {("dns", "127.0.0.1")}
    assert events[0].octets == unanswered.to_wire()
    assert dns.message.from_wire(events[3].octets).answer


def test_a_port_that_is_taken_is_an_error(play, authority) -> None:
    async def scene(port: int) -> None:
        with pytest.raises(OSError, match="in use"):
            await serve_dns(authority, "127.0.0.1", port)

    play(scene)


def test_ipv6_is_served_too(authority) -> None:
    async def main() -> None:
        backend = dns.asyncbackend.get_backend("trio")
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                port = await nursery.start(partial(serve_dns, authority, "::1"))
                assert (await dns.asyncquery.udp(QUERY, "::1", port=port, backend=backend)).answer
                assert (await dns.asyncquery.tcp(QUERY, "::1", port=port, backend=backend)).answer
                nursery.cancel_scope.cancel()

    trio.run(main)
