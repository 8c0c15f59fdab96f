"""Peers that answer as a script says, on real sockets, and a courier that is sent to them."""

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

import pytest
import trio
from trio.testing import MockClock

from harness.wire.lines import LineBuffer
from harness.wire.smtp.data import DataReader
from reference_server.clock import Clock
from reference_server.envelope import Envelope, Recipient
from reference_server.journal import Event, Journal
from reference_server.relay.courier import Courier
from reference_server.relay.model import Attempt, NextHop, Outcome, Transport
from reference_server.relay.routing import Exchanger, NoRoute
from reference_server.world.model import RelayLimits

CONTENT: Final = b"Subject: x\r\n\r\n.dot\r\n"

# Of a clock that jumps when everybody waits: peers and courier are in one loop, so then nothing is on its way.
TIMEOUT_S: Final = 300.0
_IDLE_S: Final = 0.02


@dataclass
class ScriptedPeer:
    """An SMTP peer that is well, but for what `does` says: stage -> octets in place of its reply, or a word of
    `_PeerSession.misbehave`.

    The stages are "greeting", the verbs, "TLS", "content" (nothing is read there) and "final".

    Attributes:
        heal: So many connections misbehave, the later ones are well; None for all.
        sessions: Every one that there was; what it does can be changed.
        left: A connection has ended.
        rcpt: Local part -> what RCPT is answered.
        hold: Awaited before the final reply.
        messages: The content of each message that was answered well.
        heard: All octets that came.
    """

    does: Mapping[str, bytes | str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("PIPELINING",)
    heal: int | None = None
    hold: Callable[[], Awaitable[None]] | None = None
    messages: list[bytes] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    heard: bytes = b""
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    lmtp: bool = False
    rcpt: Mapping[bytes, bytes] = field(default_factory=dict)
    sessions: "list[_PeerSession]" = field(default_factory=list)
    left: trio.Event = field(default_factory=trio.Event)

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        well = self.heal is not None and self.connections > self.heal
        session = _PeerSession(self, stream, {} if well else self.does)
        self.sessions.append(session)
        try:
            await session.run()
        except (_Ended, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.open_now -= 1
            self.left.set()
            await trio.aclose_forcefully(stream)


class _Ended(Exception):
    """The session is over."""


class _PeerSession:
    def __init__(
        self, peer: ScriptedPeer, stream: trio.SocketStream, does: Mapping[str, bytes | str]
    ) -> None:
        self._peer = peer
        self._stream = stream
        self.does = does
        self._buffer = LineBuffer(1 << 20)
        self._accepted = 0

    async def run(self) -> None:
        await self.answer("greeting", b"220 peer.example.test\r\n")
        while True:
            line = await self.line()
            self._peer.lines.append(line)
            verb = line.partition(b" ")[0].decode()
            match verb:
                case "EHLO" | "LHLO":
                    words = ["peer.example.test", *self._peer.extensions]
                    marks = "-" * (len(words) - 1) + " "
                    offer = "".join(f"250{m}{w}\r\n" for m, w in zip(marks, words, strict=True))
                    await self.answer(verb, offer.encode())
                case "DATA":
                    if await self.answer(verb, b"354 go on\r\n") == 3:
                        await self.content()
                case "STARTTLS":
                    await self.answer(verb, b"220 go on\r\n")
                    await self.answer("TLS", b"no TLS is this\r\n")
                case "QUIT":
                    await self.answer(verb, b"221 bye\r\n")
                    return
                case _:
                    self._accepted = 0 if verb == "MAIL" else self._accepted
                    local_part = line.partition(b"<")[2].partition(b"@")[0]
                    usual = (
                        self._peer.rcpt.get(local_part, b"250 OK\r\n") if verb == "RCPT" else b"250 OK\r\n"
                    )
                    klass = await self.answer(verb, usual)
                    self._accepted += verb == "RCPT" and klass == 2

    async def end(self, last_words: bytes) -> None:
        """Say something unasked, and close."""
        await self._stream.send_all(last_words)
        await trio.aclose_forcefully(self._stream)

    async def line(self) -> bytes:
        while (line := self._buffer.next_line()) is None:
            self._buffer.feed(await self.octets())
        return line

    async def octets(self) -> bytes:
        octets = bytes(await self._stream.receive_some(65536))
        if not octets:
            raise _Ended
        self._peer.heard += octets
        return octets

    async def content(self) -> None:
        if self.does.get("content") == "deaf":
            await trio.sleep_forever()
        reader = DataReader()
        content = reader.feed(self._buffer.take_up_to(self._buffer.pending))
        while not reader.ended:
            content += reader.feed(await self.octets())
        self._buffer.feed(reader.rest)
        if self._peer.hold is not None:
            await self._peer.hold()
        times = self._accepted if self._peer.lmtp else 1
        if await self.answer("final", b"250 OK\r\n" * times) == 2:
            self._peer.messages.append(content)

    async def misbehave(self, how: str) -> NoReturn:
        match how:
            case "reset":
                linger = struct.pack("ii", 1, 0)
                self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            case "cut":
                await self._stream.send_all(b"250-a first line\r\n250 a seco")
            case "hang":
                while True:
                    await self.octets()
            case "endless":
                while True:
                    await self._stream.send_all(b"x" * 65536)
            case "trickle":
                while True:
                    await self._stream.send_all(b"250-more\r\n")
                    await trio.sleep(TIMEOUT_S / 10)
        raise _Ended

    async def answer(self, stage: str, usual: bytes) -> int:
        """Answer; returns the first digit of what was said, 0 where it was no reply."""
        does = self.does.get(stage, usual)
        if isinstance(does, str):
            await self.misbehave(does)
        await self._stream.send_all(does)
        return int(does[:1]) if does[:1].isdigit() else 0


class Way:
    """A router that knows one way."""

    def __init__(self, *exchangers: Exchanger, no_route: Outcome | None = None) -> None:
        self._exchangers = exchangers
        self._no_route = no_route

    async def route(self, name: str) -> tuple[Exchanger, ...]:
        if self._no_route is not None:
            raise NoRoute(self._no_route)
        return self._exchangers


@dataclass
class Record:
    """Who was told what; every recipient once."""

    outcomes: dict[bytes, Outcome] = field(default_factory=dict)

    def __call__(self, outcomes: Mapping[bytes, Outcome]) -> None:
        assert not self.outcomes.keys() & outcomes.keys()
        self.outcomes.update(outcomes)

    @property
    def fates(self) -> dict[str, str]:
        return {a.partition(b"@")[0].decode(): str(o.fate) for a, o in self.outcomes.items()}

    @property
    def only(self) -> Outcome:
        (outcome,) = self.outcomes.values()
        return outcome


def attempt(*names: str, content: bytes = CONTENT, transport: Transport = Transport.SMTP) -> Attempt:
    recipients = tuple(Recipient(f"{name}@example.test".encode()) for name in names or ("a",))
    return Attempt("q1", NextHop(transport, "example.test"), Envelope(b"s@example.org", recipients), content)


@dataclass
class Post:
    """Couriers, their peers, and what the journal was told; what a test needs to know is made here."""

    peer = ScriptedPeer
    record = Record
    attempt = staticmethod(attempt)
    way = Way
    content = CONTENT

    events: list[Event] = field(default_factory=list)
    limits: RelayLimits = field(default_factory=lambda: RelayLimits(timeout_s=TIMEOUT_S, in_doubt=4))

    def courier(self, way: Way, port: int, **more: object) -> Courier:
        journal = Journal(Clock())
        journal.listen(self.events.append)
        settings: dict[str, object] = {
            "hello": "me.example.org",
            "smtp_port": port,
            "limits": self.limits,
            "tls": {},
            "journal": journal,
            "host": "me.example.org",
            "source": "127.0.0.1",
        }
        return Courier(way, **(settings | more))

    @asynccontextmanager
    async def meeting(self, *peers: ScriptedPeer, **more: object) -> AsyncIterator[Courier]:
        """A courier whose way leads to these peers, in this order, each a host of its own."""
        async with trio.open_nursery() as nursery:
            listeners = await listen(len(peers))
            for peer, listener in zip(peers, listeners, strict=True):
                nursery.start_soon(trio.serve_listeners, peer.serve, [listener])
            way = Way(
                *(Exchanger(f"mx{n}.example.test", n, (f"127.0.0.{n}",)) for n in range(1, len(peers) + 1))
            )
            port = listeners[0].socket.getsockname()[1]
            courier = self.courier(way, port, **more)
            try:
                yield courier
            finally:
                await courier.aclose()
                nursery.cancel_scope.cancel()

    def run(self, main: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run it on a clock that jumps over every wait in vain."""
        trio.run(main, *args, clock=MockClock(autojump_threshold=_IDLE_S))

    def with_limits(self, **limits: float) -> "Post":
        return replace(self, limits=replace(self.limits, **limits))


async def listen(hosts: int) -> list[trio.SocketListener]:
    """Listeners on 127.0.0.1, 127.0.0.2, ..., all on one port."""
    for _ in range(20):
        (first,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = first.socket.getsockname()[1]
        listeners = [first]
        try:
            for number in range(2, hosts + 1):
                listeners += await trio.open_tcp_listeners(port, host=f"127.0.0.{number}")
        except OSError:  # taken on another address
            for listener in listeners:
                await listener.aclose()
        else:
            return listeners
    raise AssertionError("no port is free on all addresses")


@pytest.fixture
def post() -> Post:
    return Post()
