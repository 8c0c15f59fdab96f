"""One blocking connection: every wait is bounded, every octet is written down."""

import socket
import ssl
import struct
import time
from types import TracebackType
from typing import Final, Self

from harness.clients.transcript import Direction, Transcript
from harness.errors import ConnectFailed, ConnectionLost, TimedOut, TlsFailed
from harness.target import Endpoint
from harness.tls import facts_of
from harness.tls.words import described, reason_of
from harness.wire.tls import TlsFacts

__all__ = ["Transport"]

_READ_OCTETS: Final = 64 * 1024


class Transport:
    """A connected socket, in the clear or under TLS, with its transcript.

    Args:
        sock: A connected TCP socket; the transport closes it.
        where: The endpoint, for error lines: ``smtp://192.0.2.7:25``.
        timeout_s: How long one `send` or TLS handshake may take.

    Attributes:
        truncated: The peer ended a TLS connection without close_notify (RFC 8446 §6.1).
        tls_facts: What is known of the TLS that it runs in, None in the clear.
        peer_address: The IP address of the other end, ``""`` where it has none.
    """

    tls_facts: TlsFacts | None = None

    def __init__(self, sock: socket.socket, where: str, *, timeout_s: float, transcript: Transcript) -> None:
        self._sock = sock
        self._where = where
        self._timeout_s = timeout_s
        self.transcript = transcript
        self.closed = False
        self.truncated = False
        name = sock.getpeername()
        self.peer_address: str = name[0] if isinstance(name, tuple) else ""

    @classmethod
    def connect(
        cls,
        endpoint: Endpoint,
        *,
        timeout_s: float,
        transcript: Transcript,
        tls_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        source: str | None = None,
    ) -> Self:
        """Open a connection; with `tls_context`, TLS starts at once (RFC 8314 §3).

        Args:
            source: The local address to connect from; None for the system's choice.

        Raises:
            ConnectFailed: Nobody answers, within `timeout_s`, at any address of the host.
            TlsFailed: The handshake failed or the certificate was refused.
        """
        try:
            sock = socket.create_connection(
                (endpoint.host, endpoint.port), timeout_s, source_address=(source, 0) if source else None
            )
        except TimeoutError as exc:
            raise ConnectFailed(str(endpoint), f"no connection within {timeout_s:g} s") from exc
        except OSError as exc:
            problem = exc.strerror or str(exc)
            raise ConnectFailed(str(endpoint), f"cannot connect: {problem.lower()}") from exc
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = cls(sock, str(endpoint), timeout_s=timeout_s, transcript=transcript)
        transcript.note(f"connected to {endpoint}")
        if tls_context is not None:
            transport.start_tls(tls_context, server_hostname or endpoint.host)
        return transport

    @property
    def tls(self) -> bool:
        return isinstance(self._sock, ssl.SSLSocket)

    @property
    def tls_version(self) -> str | None:
        """``TLSv1.3`` and the like, None in the clear."""
        return self._sock.version() if isinstance(self._sock, ssl.SSLSocket) else None

    @property
    def tls_session(self) -> ssl.SSLSession | None:
        """What another connection can go on with; in TLS 1.3 only after something was received."""
        return self._sock.session if isinstance(self._sock, ssl.SSLSocket) else None

    def send(self, octets: bytes, *, shown: bytes | None = None) -> None:
        """Send all octets; the transcript keeps `shown` in their place where they hold a secret.

        Raises:
            TimedOut: The peer did not take them within the time allowed.
            ConnectionLost: The peer closed or reset the connection.
        """
        self.transcript.add(Direction.SENT, octets if shown is None else shown, tls=self.tls)
        try:
            self._sock.settimeout(self._timeout_s)
            self._sock.sendall(octets)
        except TimeoutError as exc:
            raise TimedOut(
                self._where, f"did not take {len(octets)} octets within {self._timeout_s:g} s"
            ) from exc
        except OSError as exc:
            self.transcript.note("connection lost while sending", tls=self.tls)
            raise ConnectionLost(self._where, "connection lost while sending") from exc

    def receive(self, timeout_s: float) -> bytes:
        """The next octets, as many as came; ``b""`` when the peer closed the connection in an orderly way.

        Raises:
            TimedOut: Nothing came within `timeout_s`.
            ConnectionLost: The peer reset the connection.
        """
        try:
            self._sock.settimeout(max(timeout_s, 1e-6))
            octets = self._sock.recv(_READ_OCTETS)
        except (TimeoutError, ssl.SSLWantReadError) as exc:
            raise TimedOut(self._where, f"nothing came within {timeout_s:.3g} s") from exc
        except ssl.SSLEOFError:
            # Closed without close_notify: an end of stream all the same, and common.
            self.truncated = True
            octets = b""
        except ssl.SSLError as exc:
            problem = f"TLS broken: {reason_of(exc)}"
            self.transcript.note(problem, tls=True)
            raise ConnectionLost(self._where, problem) from exc
        except OSError as exc:
            self.transcript.note("connection reset by the target", tls=self.tls)
            raise ConnectionLost(self._where, "connection reset") from exc
        if octets:
            self.transcript.add(Direction.RECEIVED, octets, tls=self.tls)
        else:
            how = "closed by the target" + (" without close_notify" if self.truncated else "")
            self.transcript.note(how, tls=self.tls)
        return octets

    def start_tls(
        self,
        context: ssl.SSLContext,
        server_hostname: str | None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        """Run the TLS handshake on this connection.

        Args:
            session: An earlier one of the same context to go on with (`tls_session`).

        Raises:
            TlsFailed: The handshake failed, took too long, or the certificate was refused.
        """
        try:
            self._sock.settimeout(self._timeout_s)
            self._sock = context.wrap_socket(
                self._sock, server_hostname=server_hostname, suppress_ragged_eofs=False, session=session
            )
        except (OSError, ValueError) as exc:
            problem = reason_of(exc)
            self.transcript.note(f"TLS failed: {problem}")
            raise TlsFailed(self._where, f"TLS handshake failed: {problem}") from exc
        self.tls_facts = facts_of(self._sock)
        self.transcript.note(f"TLS started: {described(self.tls_facts)}", tls=True)

    def closed_within(self, timeout_s: float) -> bool:
        """True when the peer closes within `timeout_s`; what it says first is in the transcript."""
        deadline = time.monotonic() + timeout_s
        try:
            while self.receive(deadline - time.monotonic()):
                pass
        except TimedOut:
            return False
        except ConnectionLost:
            return True
        return True

    def end_of_sending(self) -> None:
        """Half-close: the peer reads an end of stream, we may still receive. In the clear only."""
        self.transcript.note("we end sending", tls=self.tls)
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close in an orderly way; twice is once."""
        if not self.closed:
            self.closed = True
            self.transcript.note("closed by us", tls=self.tls)
            self._sock.close()

    def reset(self) -> None:
        """Drop the line: the peer sees a reset, as when a client dies."""
        if not self.closed:
            self.closed = True
            self.transcript.note("reset by us", tls=self.tls)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
