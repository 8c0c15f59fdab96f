"""A connection of a load run: as little work for one exchange as gevent allows.

The socket is the interpreter's own, non-blocking; one watcher of the event loop stays armed for as long as the
connection lives, and its callback takes what came off the kernel and resumes the greenlet that waits, when it is
enough for that one. There is no timer for each wait: a connection has a deadline, and one timer of the process looks
at all of them (`_Deadlines`).
"""

import errno
import ssl
from _socket import (
    IPPROTO_TCP,
    SO_ERROR,
    SO_LINGER,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
)
from _socket import socket as RawSocket  # noqa: N812 - a class, which _socket names as if it were none
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import pack
from time import monotonic
from typing import Final

from gevent import get_hub, getcurrent, socket

from harness.errors import ConnectFailed, TimedOut, TlsFailed
from harness.target import Endpoint
from loadtests.users.errors import Closed, OutOfResources, Refused, Reset
from loadtests.users.evidence import HELD_OCTETS, HIDDEN, Exchange, render
from loadtests.users.tls import TlsLayer

__all__ = ["Connection"]

# Whether the octets that have come are enough to go on with; asked in the event loop.
Enough = Callable[[bytes], bool]

# How often deadlines are looked at: a wait may last so much longer than it was allowed.
LOOK_EVERY_S: Final = 0.25

# Octets and their replies that are kept for evidence.
KEPT: Final = 16

_READ, _WRITE = 1, 2
_RECEIVED_AT_ONCE: Final = 32 * 1024
_BEING_MADE: Final = {errno.EINPROGRESS, errno.EALREADY}
_MADE: Final = {0, errno.EISCONN}
_GENERATOR: Final = {errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Connection:
    """Octets out and in, for one greenlet at a time.

    Attributes:
        where: The endpoint, as ``smtp://192.0.2.7:25``.
        timeout_s: How long an answer may take to be whole, from the last `send` (or `expect`) on.
        tls: TLS is on.
        closed: `close` or `reset` was called.
        arrived_s: When the first line of what `receive` gave last was here (in TLS: its first octets);
            `time.monotonic`.
    """

    __slots__ = (
        "_armed", "_deadline_s", "_enough", "_failed", "_held", "_io", "_log", "_over", "_recv", "_secrets", "_send",
        "_socket", "_switch", "_tls", "_to_hub", "arrived_s", "closed", "timeout_s", "where",
    )  # fmt: skip

    def __init__(self, raw: RawSocket, where: str, timeout_s: float) -> None:
        hub = get_hub()
        self.where = where
        self.timeout_s = timeout_s
        self.closed = False
        self._socket = raw
        self._send = raw.send
        self._recv = raw.recv
        self._io = hub.loop.io(raw.fileno(), _READ)
        self._armed = False
        self._to_hub = hub.switch
        self._switch: Callable[[], object] | None = None
        self._enough: Enough | None = None
        self._held = b""
        self._over = False
        self._tls: TlsLayer | None = None
        self._failed: OSError | None = None
        self._log: deque[Exchange] = deque(maxlen=KEPT)
        self._secrets: tuple[bytes, ...] = ()
        self.arrived_s = monotonic()
        self._deadline_s = self.arrived_s + timeout_s
        _deadlines().watch(self)

    @classmethod
    def connect(cls, endpoint: Endpoint, *, timeout_s: float) -> "Connection":
        """A TCP connection to the first of the host's addresses that answers.

        Raises:
            ConnectFailed: `Refused`, `OutOfResources`, or nobody can be reached there.
            TimedOut: Nobody answered in time.
        """
        where, addresses = _place(endpoint)
        trouble: ConnectFailed | None = None
        for family, address in addresses:
            try:
                return cls._to(family, address, where, timeout_s)
            except ConnectFailed as exc:
                trouble = exc
        raise trouble or ConnectFailed(where, "the host has no address")

    @classmethod
    def _to(cls, family: int, address: tuple[str, int], where: str, timeout_s: float) -> "Connection":
        try:
            raw = RawSocket(family, SOCK_STREAM | SOCK_NONBLOCK)
        except OSError as exc:
            raise _not_connected(where, exc.errno or 0) from exc
        # A content of several segments must not wait for the acknowledgement of the last but one.
        raw.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        connection = cls(raw, where, timeout_s)
        try:
            state = connection._made(address)
        except BaseException:
            connection.close()
            raise
        if state not in _MADE:
            connection.close()
            raise _not_connected(where, state)
        return connection

    def _made(self, address: tuple[str, int]) -> int:
        """Connect; the error's number, or one that says that it is done."""
        self._socket.connect_ex(address)
        # On loopback the connection has been made, or refused, by the time the first call is back.
        state = self._socket.connect_ex(address)
        if state in _BEING_MADE:
            self._await_writable()
            state = self._socket.getsockopt(SOL_SOCKET, SO_ERROR)
        return state

    @property
    def tls(self) -> bool:
        return self._tls is not None

    def hide(self, *secrets: bytes) -> None:
        """Never show these octets in evidence, whoever says them."""
        self._secrets = tuple(sorted({*self._secrets, *filter(None, secrets)}, key=len, reverse=True))

    def send(self, octets: bytes, *, shown: bytes | None = None) -> None:
        """Send all of it in one write where the kernel takes it; waits where it does not.

        A peer that is gone is told by the next `receive`, after what it said last (a 421, for the most part).

        Args:
            shown: What evidence shows instead.

        Raises:
            TimedOut: The peer does not read.
        """
        self._deadline_s = monotonic() + self.timeout_s
        shown = octets if shown is None else shown
        self._log.append((True, shown if len(shown) <= HELD_OCTETS else shown[:HELD_OCTETS]))
        if self._tls is not None:
            octets = self._tls.encrypt(octets)
        try:
            sent = self._send(octets)
        except OSError:
            # Whatever it is, it will be said again.
            sent = 0
        if sent < len(octets):
            self._write(memoryview(octets)[sent:])

    def expect(self, within_s: float) -> None:
        """Allow what is awaited now so much time instead of `timeout_s` from the last `send`."""
        self._deadline_s = monotonic() + within_s

    def receive(self, enough: Enough | None = None) -> bytes:
        """The octets that come next: some, never none.

        Args:
            enough: Where it is given, what comes in several pieces is waited for until this is true of all of it, and
                one wakes once. It may be asked of none of them, and what is given may be less: in TLS, at the end of
                the stream, when time is up.

        Raises:
            TimedOut: Nothing came by the deadline.
            ConnectionLost: `Reset` or `Closed`.
            TlsFailed: The peer broke TLS.
        """
        octets = self._next(enough) if self._tls is None else self._next_decrypted(self._tls)
        self._log.append((False, octets if len(octets) <= HELD_OCTETS else octets[:HELD_OCTETS]))
        return octets

    def start_tls(self, context: ssl.SSLContext, server_hostname: str | None) -> None:
        """The handshake. What the peer said in the clear before it and nobody received is part of no dialogue.

        Raises:
            TlsFailed: It failed, or the certificate was refused.
            TimedOut, ConnectionLost: As in `receive`.
        """
        self._deadline_s = monotonic() + self.timeout_s
        layer = TlsLayer(context, server_hostname)
        try:
            done = layer.shake_hands()
            self._write(layer.outgoing())
            while not done:
                layer.feed(self._next())
                done = layer.shake_hands()
                self._write(layer.outgoing())
        except ssl.SSLError as exc:
            raise TlsFailed(self.where, _tls_problem(exc)) from exc
        self._tls = layer

    def close(self) -> None:
        """Close it now; what the kernel holds is still delivered."""
        if not self.closed:
            self.closed = True
            self._armed = False
            _deadlines().forget(self)
            self._io.stop()
            self._io.close()
            self._socket.close()

    def reset(self) -> None:
        """Close with RST."""
        if not self.closed:
            self._socket.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
            self.close()

    def conceal(self, text: str) -> str:
        """A text that the peer may have had a hand in, without what is to be hidden."""
        for secret in self._secrets:
            text = text.replace(secret.decode("latin-1"), HIDDEN)
        return text

    def evidence(self) -> Callable[[], str]:
        """The last exchanges as they are now, to be rendered by calling it."""
        exchanges, secrets, where = tuple(self._log), self._secrets, self.where
        return lambda: render(where, exchanges, secrets)

    # Waiting

    def _next(self, enough: Enough | None = None) -> bytes:
        if not self._armed:
            if self.closed:
                raise Closed(self.where, "closed by us")
            self._io.start(self._ready)
            self._armed = True
        self._enough = enough
        self._switch = getcurrent().switch
        try:
            octets = self._piece() if enough is None else self._pieces()
        finally:
            self._switch = None
        if octets:
            return octets
        if self._failed is not None:
            raise Reset(self.where, f"the connection is gone: {self._failed.strerror}") from self._failed
        raise Closed(self.where, "closed by the peer while an answer was awaited")

    def _piece(self) -> bytes:
        """What comes next; nothing at the end of the stream."""
        while True:
            # Somebody else's watcher may wake us for nothing.
            self._to_hub()
            try:
                octets = self._recv(_RECEIVED_AT_ONCE)
            except BlockingIOError:
                continue
            except OSError as exc:
                self._failed = exc
                octets = b""
            self.arrived_s = monotonic()
            return octets

    def _pieces(self) -> bytes:
        """What the event loop gathers, until it is enough."""
        while not (self._held or self._over):
            self._to_hub()
        octets, self._held = self._held, b""
        return octets

    def _next_decrypted(self, layer: TlsLayer) -> bytes:
        try:
            while (octets := layer.read(_RECEIVED_AT_ONCE)) is None:
                layer.feed(self._next())
        except ssl.SSLError as exc:
            raise TlsFailed(self.where, _tls_problem(exc)) from exc
        if not octets:
            raise Closed(self.where, "closed by the peer while an answer was awaited")
        return octets

    def _ready(self) -> None:
        """In the event loop: there is something to be read."""
        if self._switch is None:
            # Nobody waits: what came is left in the kernel, and the loop does not ask again.
            self._io.stop()
            self._armed = False
        elif self._enough is None or self._gathered(self._enough):
            self._switch()

    def _gathered(self, enough: Enough) -> bool:
        """Take what has come; whether one need not wait for more."""
        try:
            octets = self._recv(_RECEIVED_AT_ONCE)
        except BlockingIOError:
            return False
        except OSError as exc:
            self._failed = exc
            octets = b""
        if not octets:
            self._over = True
            return True
        if b"\n" not in self._held:
            self.arrived_s = monotonic()
        self._held += octets
        return enough(self._held)

    def _write(self, rest: bytes | memoryview) -> None:
        """Write all of it, waiting as often as the kernel wants it."""
        while rest:
            try:
                rest = rest[self._send(rest) :]
            except BlockingIOError:
                self._await_writable()
            except OSError as exc:
                self._failed = self._failed or exc
                return

    def _await_writable(self) -> None:
        """Wait until the kernel takes more, or the connection has been made or has failed."""
        # What can be read would wake us again and again.
        self._io.stop()
        self._armed = False
        writable = get_hub().loop.io(self._socket.fileno(), _WRITE)
        self._switch = getcurrent().switch
        writable.start(self._switch)
        try:
            self._to_hub()
        finally:
            self._switch = None
            writable.stop()
            writable.close()

    def _overdue(self, now_s: float) -> bool:
        return self._switch is not None and now_s > self._deadline_s

    def _time_out(self) -> None:
        """In the event loop: end the wait, with what came by now where that is something."""
        if self._held and self._switch is not None:
            self._switch()
            return
        greenlet = self._switch.__self__  # type: ignore[union-attr]  # a greenlet's bound `switch`, which is waiting
        greenlet.throw(TimedOut(self.where, "no answer in the time allowed"))


class _Deadlines:
    """One timer that ends the waits which have lasted too long."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._timer = get_hub().loop.timer(LOOK_EVERY_S, LOOK_EVERY_S, ref=False)

    def watch(self, connection: Connection) -> None:
        if not self._open:
            self._timer.start(self._look)
        self._open.add(connection)

    def forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._timer.stop()

    def _look(self) -> None:
        now_s = monotonic()
        for connection in [each for each in self._open if each._overdue(now_s)]:
            # One that ended may have ended the wait of another.
            if connection._overdue(now_s):
                connection._time_out()


@lru_cache(maxsize=1)
def _deadlines() -> _Deadlines:
    return _Deadlines()


@lru_cache(maxsize=64)
def _place(endpoint: Endpoint) -> tuple[str, Sequence[tuple[int, tuple[str, int]]]]:
    """What an endpoint is called, and its addresses, asked for once: a load run measures no name server."""
    where = str(endpoint)
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise ConnectFailed(where, f"the host's address cannot be found: {exc.strerror}") from exc
    return where, [(family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found]


def _not_connected(where: str, number: int) -> ConnectFailed:
    problem = f"cannot connect: {errno.errorcode.get(number, number)}"
    if number in {errno.ECONNREFUSED, errno.ECONNRESET}:
        return Refused(where, problem)
    if number in _GENERATOR:
        return OutOfResources(where, f"{problem} on this machine")
    return ConnectFailed(where, problem)


def _tls_problem(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate was refused: {exc.verify_message}"
    return f"TLS failed: {exc.reason or exc}"
