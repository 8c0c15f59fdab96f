"""What POP3 and IMAP sessions ride on: a trio stream, read with an idle limit, upgraded to TLS when asked."""

import ssl
from typing import Final

import trio

from harness.wire.tls import TlsFacts
from reference_server.tls.facts import stream_facts

__all__ = ["StreamCarrier"]

_READ_OCTETS: Final = 64 * 1024
# Ours, and asyncio's: how long a handshake may take.
_HANDSHAKE_S: Final = 60.0


class StreamCarrier:
    """One connection; a batch of responses is one write."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    @property
    def encrypted(self) -> bool:
        return isinstance(self._stream, trio.SSLStream)

    async def read(self, idle_s: float) -> bytes | None:
        """The next octets, ``b""`` at the end of stream, None when nothing came within `idle_s`."""
        octets: bytes | None = None
        with trio.move_on_after(idle_s):
            try:
                octets = bytes(await self._stream.receive_some(_READ_OCTETS))
            except trio.BrokenResourceError:
                octets = b""  # reset, or TLS left without close_notify: gone all the same
        return octets

    async def write(self, octets: bytes) -> None:
        if octets:
            await self._stream.send_all(octets)

    async def start_tls(self, context: ssl.SSLContext) -> TlsFacts:
        """Run the handshake as the server; raises `trio.BrokenResourceError` when it fails or takes too long."""
        secure = trio.SSLStream(self._stream, context, server_side=True)
        try:
            with trio.fail_after(_HANDSHAKE_S):
                await secure.do_handshake()
        except trio.TooSlowError:
            raise trio.BrokenResourceError(f"no handshake within {_HANDSHAKE_S:g} s") from None
        self._stream = secure
        return stream_facts(secure)

    async def close(self) -> None:
        """An orderly end: what was written reaches the client, under TLS close_notify too (RFC 8314 §3.4)."""
        with trio.move_on_after(1):
            await self._stream.aclose()
