"""A trio stream that carries a talk out: bounded waits, TLS when asked, and every octet told to the journal."""

import os
import select
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Self, TypeVar

import trio

from harness.errors import (
    ConnectFailed,
    ConnectionLost,
    RemoteProtocolError,
    TimedOut,
    TlsFailed,
    TransportError,
)
from harness.tls.words import described, reason_of
from harness.wire.smtp.replies import Reply, ReplyReader
from reference_server.journal import Direction, Journal, Kind
from reference_server.relay.doubt import Turn
from reference_server.relay.talk import Commands, Content, Doubt, Listen, StartTls, Step, Talk
from reference_server.tls.facts import stream_facts
from reference_server.world.model import RelayTls

__all__ = ["Connection", "Line", "Peer"]

T = TypeVar("T")

_READ_OCTETS: Final = 64 * 1024
_WRITE_OCTETS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to connect to.

    Attributes:
        inside: A part of this host, such as a filter: the connection need not come from the host's own address.
    """

    name: str
    address: str
    port: int
    lmtp: bool = False
    inside: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.address}:{self.port})"


@dataclass(frozen=True, slots=True)
class Line:
    """What connections of one host have in common.

    Attributes:
        source: The address that connections come from, None for the system's choice.
        timeout_s: How long one reply, or the writing of 64 KiB, may take.
        tls: For peers that offer STARTTLS, by what is asked of it; empty: there is no TLS here.
    """

    host: str
    source: str | None
    connect_s: float
    timeout_s: float
    tls: Mapping[RelayTls, ssl.SSLContext]
    journal: Journal

    def note(self, peer: Peer, direction: Direction, text: str, queue_id: str, octets: bytes = b"") -> None:
        """Tell the journal."""
        if not self.journal.watched:
            return
        kind = Kind.LMTP if peer.lmtp else Kind.SMTP
        self.journal.note(
            self.host, kind, text, peer=str(peer), direction=direction, octets=octets, queue_id=queue_id
        )

    def source_for(self, peer: Peer) -> str | None:
        """The source where it is of the address's family, and matters."""
        if peer.inside or not self.source or (":" in self.source) != (":" in peer.address):
            return None
        return self.source


class Connection:
    """One connection to one peer.

    Attributes:
        queue_id: The message that it carries just now, for the journal.
    """

    def __init__(
        self, peer: Peer, line: Line, stream: trio.abc.Stream, socket: trio.socket.SocketType
    ) -> None:
        self.peer = peer
        self.queue_id = ""
        self._line = line
        self._stream = stream
        self._socket = socket
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()

    @classmethod
    async def connect(cls, peer: Peer, line: Line, queue_id: str = "") -> Self:
        """Raises `ConnectFailed` or `TimedOut`, which name the peer."""
        try:
            with trio.fail_after(line.connect_s):
                stream = await trio.open_tcp_stream(
                    peer.address, peer.port, local_address=line.source_for(peer)
                )
        except trio.TooSlowError:
            problem = f"no connection within {line.connect_s:g} s"
            line.note(peer, Direction.NOTE, problem, queue_id)
            raise TimedOut(str(peer), problem) from None
        except OSError as exc:
            problem = f"no connection: {_reason(exc)}"
            line.note(peer, Direction.NOTE, problem, queue_id)
            raise ConnectFailed(str(peer), problem) from exc
        connection = cls(peer, line, stream, stream.socket)
        connection.queue_id = queue_id
        connection._note(Direction.NOTE, "connected")
        return connection

    @property
    def encrypted(self) -> bool:
        return isinstance(self._stream, trio.SSLStream)

    @property
    def quiet(self) -> bool:
        """Whether the peer has said nothing, and not closed, since the last reply that was waited for."""
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return not self._replies and self._reader.idle and not poll.poll(0)

    async def run(self, talk: Talk[T], turn: Turn | None = None) -> T:
        """Carry a talk out and return what it returns.

        Args:
            turn: Taken where the talk comes to `Doubt`, given back when it goes on to other commands or ends.

        Raises:
            Whatever the talk raises; network trouble is the talk's first.
        """
        proceed: Callable[[], Step] = partial(next, talk)
        try:
            while True:
                try:
                    step = proceed()
                except StopIteration as stop:
                    result: T = stop.value
                    return result
                try:
                    proceed = partial(talk.send, await self._carry_out(step, turn))
                except TransportError as exc:
                    self._note(Direction.NOTE, exc.problem)
                    proceed = partial(talk.throw, exc)
                except RemoteProtocolError as exc:
                    self._note(Direction.NOTE, "what came is no answer")
                    proceed = partial(talk.throw, exc)
        finally:
            talk.close()
            if turn is not None:
                turn.give_back()

    async def _carry_out(self, step: Step, turn: Turn | None) -> Sequence[Reply]:
        match step:
            case Listen():
                return await self._listen(step)
            case Commands(octets, text):
                if turn is not None:
                    turn.give_back()
                self._refuse_unasked()
                await self._write(octets, text)
            case Content(octets):
                await self._write(octets, f"{len(octets)} octets of content")
            case StartTls(asked):
                await self._start_tls(asked)
            case Doubt():
                if turn is not None:
                    await turn.take()
        return ()

    def _refuse_unasked(self) -> None:
        """Replies are matched by counting, so one too many would be taken for the answer to what comes now."""
        if self._replies:
            raise RemoteProtocolError(f"{self._replies[0].code} although nothing was asked")

    async def _listen(self, step: Listen) -> Sequence[Reply]:
        if not self._replies:
            await self._receive(step)
        return [self._replies.popleft() for _ in range(min(step.most, len(self._replies)))]

    async def _receive(self, step: Listen) -> None:
        """Wait until there is a reply."""
        self._take(b"")  # raises what an earlier reply held back
        with self._bounded(f"no reply to {step.subject}", self._line.timeout_s * step.times):
            while not self._replies:
                self._take(await self._octets(step.subject))

    async def _octets(self, subject: str) -> bytes:
        try:
            octets = await self._stream.receive_some(_READ_OCTETS)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise ConnectionLost(str(self.peer), f"{_lost(exc)}, no reply to {subject}") from exc
        if not octets:
            raise ConnectionLost(str(self.peer), f"closed by the peer, no reply to {subject}")
        return bytes(octets)

    def _take(self, octets: bytes) -> None:
        try:
            replies = self._reader.feed(octets)
        except RemoteProtocolError as exc:
            self._note(Direction.RECEIVED, "no reply line", octets)
            raise RemoteProtocolError(f"{self.peer}: {exc}") from exc
        for reply in replies:
            self._note(Direction.RECEIVED, f"reply {reply.code}", reply.raw)
        self._replies.extend(replies)

    async def _write(self, octets: bytes, text: str) -> None:
        self._note(Direction.SENT, text, octets)
        for at in range(0, len(octets), _WRITE_OCTETS):
            with self._bounded("nothing more was taken", self._line.timeout_s):
                try:
                    await self._stream.send_all(octets[at : at + _WRITE_OCTETS])
                except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                    raise ConnectionLost(str(self.peer), "connection lost while sending") from exc

    async def _start_tls(self, asked: RelayTls) -> None:
        """The handshake; which certificates will do is the context's.

        Raises:
            TlsFailed: The connection is of no use any more.
        """
        self._reader = ReplyReader()
        self._replies.clear()
        context = self._line.tls.get(asked)
        if context is None:
            raise TlsFailed(str(self.peer), "there is no TLS here")
        name = self.peer.address if self.peer.name.startswith("[") else self.peer.name
        try:
            secure = trio.SSLStream(self._stream, context, server_hostname=name, https_compatible=True)
            with trio.fail_after(self._line.timeout_s):
                await secure.do_handshake()
        except trio.TooSlowError:
            raise TlsFailed(str(self.peer), f"no handshake within {self._line.timeout_s:g} s") from None
        except (trio.BrokenResourceError, OSError, ValueError) as exc:
            reason = reason_of(exc.__cause__ or exc)
            raise TlsFailed(str(self.peer), f"TLS handshake failed: {reason}") from exc
        self._stream = secure
        self._note(Direction.NOTE, f"TLS started: {described(stream_facts(secure))}")

    async def close(self) -> None:
        """Close without a word, even when cancelled; say QUIT first where that makes sense."""
        self._note(Direction.NOTE, "closed")
        await trio.aclose_forcefully(self._stream)

    @contextmanager
    def _bounded(self, problem: str, seconds: float) -> Iterator[None]:
        try:
            with trio.fail_after(seconds):
                yield
        except trio.TooSlowError:
            raise TimedOut(str(self.peer), f"{problem} within {seconds:g} s") from None

    def _note(self, direction: Direction, text: str, octets: bytes = b"") -> None:
        self._line.note(self.peer, direction, text, self.queue_id, octets)


def _lost(exc: Exception) -> str:
    """How a connection ended; in TLS by what the peer's alert says."""
    cause = exc.__cause__
    return f"TLS broken ({reason_of(cause)})" if isinstance(cause, ssl.SSLError) else "connection lost"


def _reason(exc: OSError) -> str:
    """Why there is no connection; trio has it in the group of all attempts, of which we make one."""
    cause: BaseException | None = exc.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    found = cause if isinstance(cause, OSError) else exc
    return (os.strerror(found.errno) if found.errno else str(found)).lower()
