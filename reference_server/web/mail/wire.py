"""One connection on trio: TLS from the start or later, and every wait bounded."""

import ssl
from typing import Final

import trio

from harness.errors import ConnectFailed, ConnectionLost, TimedOut, TlsFailed
from harness.target import Endpoint

__all__ = ["Wire", "connect"]

_READ_OCTETS: Final = 64 * 1024

_BROKEN: Final = (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError)


class Wire:
    """A connected stream to an endpoint, in the clear or under TLS.

    Args:
        timeout_s: How long one send, one receive or one handshake may take.
    """

    def __init__(self, stream: trio.abc.Stream, endpoint: Endpoint, *, timeout_s: float) -> None:
        self._stream = stream
        self.endpoint = endpoint
        self.timeout_s = timeout_s

    @property
    def tls(self) -> bool:
        return isinstance(self._stream, trio.SSLStream)

    async def send(self, octets: bytes) -> None:
        """Raises `TimedOut`, `ConnectionLost`."""
        try:
            with trio.fail_after(self.timeout_s):
                await self._stream.send_all(octets)
        except trio.TooSlowError as exc:
            raise TimedOut(str(self.endpoint), f"did not take {len(octets)} octets in time") from exc
        except _BROKEN as exc:
            raise ConnectionLost(str(self.endpoint), "connection lost while sending") from exc

    async def receive(self, timeout_s: float | None = None) -> bytes:
        """The next octets, at least one. Raises `TimedOut`, `ConnectionLost` (the peer closed, too)."""
        allowed_s = self.timeout_s if timeout_s is None else timeout_s
        try:
            with trio.fail_after(allowed_s):
                octets = await self._stream.receive_some(_READ_OCTETS)
        except trio.TooSlowError as exc:
            raise TimedOut(str(self.endpoint), f"nothing came within {allowed_s:g} s") from exc
        except _BROKEN as exc:
            raise ConnectionLost(str(self.endpoint), "connection lost") from exc
        if not octets:
            raise ConnectionLost(str(self.endpoint), "closed by the server")
        return bytes(octets)

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Run the handshake; `name` is what the certificate must carry. Raises `TlsFailed`."""
        secured = trio.SSLStream(self._stream, context, server_hostname=name, https_compatible=True)
        try:
            with trio.fail_after(self.timeout_s):
                await secured.do_handshake()
        except trio.TooSlowError as exc:
            raise TlsFailed(str(self.endpoint), "the TLS handshake took too long") from exc
        except (*_BROKEN, OSError, ValueError) as exc:
            cause = exc.__cause__ or exc
            problem = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else str(cause)
            raise TlsFailed(str(self.endpoint), f"TLS handshake failed: {problem}") from exc
        self._stream = secured

    async def close(self) -> None:
        """Drop the connection; twice is once."""
        await trio.aclose_forcefully(self._stream)


async def connect(
    endpoint: Endpoint, context: ssl.SSLContext, *, name: str | None = None, timeout_s: float
) -> Wire:
    """Open a connection; where the endpoint implies TLS it starts at once (RFC 8314 §3).

    Args:
        name: What the certificate must carry; None for the endpoint's host.

    Raises:
        ConnectFailed: Nobody answers in time at any address of the host.
        TlsFailed: The handshake failed or the certificate was refused.
    """
    try:
        with trio.fail_after(timeout_s):
            stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
    except trio.TooSlowError as exc:
        raise ConnectFailed(str(endpoint), f"no connection within {timeout_s:g} s") from exc
    except OSError as exc:
        problem = exc.strerror or "nobody answers"
        raise ConnectFailed(str(endpoint), f"cannot connect: {problem.lower()}") from exc
    wire = Wire(stream, endpoint, timeout_s=timeout_s)
    if endpoint.implicit_tls:
        try:
            await wire.start_tls(context, name or endpoint.host)
        except BaseException:
            await wire.close()
            raise
    return wire
