"""The DNS server's sockets: UDP and TCP on one port."""

import contextlib
import errno
import ipaddress
from typing import Final

import trio

from reference_server.dns.authority import Answer, Authority
from reference_server.dns.words import describe
from reference_server.journal import Direction, Journal, Kind

__all__ = ["serve_dns"]

# Ours. What the server holds for its clients at a time: TCP connections, and answers that a script holds back.
CONNECTIONS: Final = 64
_HELD_BACK: Final = 1024
# Ours: how long a client may take for its next question, and keep a connection.
_QUESTION_S: Final = 10.0
_CONNECTION_S: Final = 120.0
# Ours: a port that is free for TCP is nearly always free for UDP.
_BINDS: Final = 16
_BACKLOG: Final = 64
# RFC 1035 §4.2.1; a longer datagram cannot be.
_DATAGRAM_OCTETS: Final = 65535

# What the journal calls the server.
HOST: Final = "dns"


async def serve_dns(
    authority: Authority,
    address: str,
    port: int = 0,
    *,
    journal: Journal | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer on UDP and TCP until cancelled.

    Args:
        port: 0 for one that is free for both.
        task_status: Gets the port, when questions are answered there.

    Raises:
        OSError: The address or port cannot be had.
    """
    udp, listener = await _bind(address, port)
    with udp:
        async with listener, trio.open_nursery() as nursery:
            service = _Service(authority, journal, nursery)
            nursery.start_soon(service.answer_datagrams, udp)
            nursery.start_soon(trio.serve_listeners, service.serve_connection, [listener])
            task_status.started(udp.getsockname()[1])


async def _bind(address: str, port: int) -> tuple[trio.socket.SocketType, trio.SocketListener]:
    family = trio.socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else trio.socket.AF_INET
    for attempt in range(1, _BINDS + 1):
        (listener,) = await trio.open_tcp_listeners(port, host=address, backlog=_BACKLOG)
        udp = trio.socket.socket(family, trio.socket.SOCK_DGRAM)
        try:
            await udp.bind((address, listener.socket.getsockname()[1]))
        except BaseException as exc:
            udp.close()
            await trio.aclose_forcefully(listener)
            taken = isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE
            if port or not taken or attempt == _BINDS:
                raise
        else:
            return udp, listener
    raise AssertionError("the last attempt returns or raises")


class _Service:
    """One server's clients."""

    def __init__(self, authority: Authority, journal: Journal | None, nursery: trio.Nursery) -> None:
        self._authority = authority
        self._journal = journal
        self._nursery = nursery
        self._connections = trio.CapacityLimiter(CONNECTIONS)
        self._held_back = trio.CapacityLimiter(_HELD_BACK)

    async def answer_datagrams(self, udp: trio.socket.SocketType) -> None:
        while True:
            query, peer = await udp.recvfrom(_DATAGRAM_OCTETS)
            answer = self._answer(query, peer[0], over_tcp=False)
            if answer is None:
                continue
            if answer.delay_s == 0.0:
                await self._send_datagram(udp, answer, peer)
            elif self._held_back.available_tokens:
                self._nursery.start_soon(self._send_late, udp, answer, peer)

    async def serve_connection(self, stream: trio.SocketStream) -> None:
        """Answer questions in their order until the client ends or is too slow; one client too many gets nothing."""
        async with stream:
            if not self._connections.available_tokens:
                return
            async with self._connections:
                with trio.move_on_after(_CONNECTION_S), contextlib.suppress(trio.BrokenResourceError):
                    await self._converse(stream)

    async def _converse(self, stream: trio.SocketStream) -> None:
        peer = stream.socket.getpeername()[0]
        while True:
            with trio.move_on_after(_QUESTION_S) as patience:
                query = await _receive_message(stream)
            if patience.cancelled_caught or query is None:
                return
            answer = self._answer(query, peer, over_tcp=True)
            if answer is not None:
                await trio.sleep(answer.delay_s)
                self._note_answer(answer, peer)
                await stream.send_all(len(answer.octets).to_bytes(2, "big") + answer.octets)

    async def _send_late(self, udp: trio.socket.SocketType, answer: Answer, peer: tuple[str, int]) -> None:
        async with self._held_back:
            await trio.sleep(answer.delay_s)
            await self._send_datagram(udp, answer, peer)

    async def _send_datagram(
        self, udp: trio.socket.SocketType, answer: Answer, peer: tuple[str, int]
    ) -> None:
        self._note_answer(answer, peer[0])
        with contextlib.suppress(OSError):  # the client cannot be reached any more; UDP promises nothing
            await udp.sendto(answer.octets, peer)

    def _answer(self, query: bytes, peer: str, *, over_tcp: bool) -> Answer | None:
        answer = self._authority.answer(query, over_tcp=over_tcp)
        if self._journal is not None and self._journal.watched:
            text = describe(query)
            self._journal.note(HOST, Kind.DNS, text, peer=peer, direction=Direction.RECEIVED, octets=query)
            if answer is None:
                self._journal.note(HOST, Kind.DNS, f"{text} is not answered", peer=peer)
        return answer

    def _note_answer(self, answer: Answer, peer: str) -> None:
        if self._journal is not None and self._journal.watched:
            text = describe(answer.octets)
            self._journal.note(
                HOST, Kind.DNS, text, peer=peer, direction=Direction.SENT, octets=answer.octets
            )


async def _receive_message(stream: trio.SocketStream) -> bytes | None:
    """A message behind its length (RFC 1035 §4.2.2); None at the end of the stream."""
    length = await _receive_exactly(stream, 2)
    return None if length is None else await _receive_exactly(stream, int.from_bytes(length, "big"))


async def _receive_exactly(stream: trio.SocketStream, octets: int) -> bytes | None:
    received = bytearray()
    while len(received) < octets:
        more = await stream.receive_some(octets - len(received))
        if not more:
            return None
        received += more
    return bytes(received)
