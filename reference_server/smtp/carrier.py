"""aiosmtpd's connection around our session: it keeps the life of a connection, we keep the protocol."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Final, cast

from aiosmtpd.smtp import SMTP

from harness.tls import facts_of
from harness.wire.tls import TlsFacts
from reference_server.link import Link
from reference_server.smtp.session import SmtpSession

__all__ = ["Carrier", "Connections"]

_log = logging.getLogger(__name__)

# Ours: what one read may bring.
_READ_OCTETS: Final = 64 * 1024


class Connections(set["Carrier"]):
    """The open connections of one host's listeners.

    Attributes:
        closed: The host has left: who was on the way in when it did is turned away.
    """

    closed = False

    def add(self, connection: "Carrier") -> None:
        super().add(connection)
        if self.closed:
            connection.abort()


class Carrier(SMTP):
    """One connection.

    Keeps aiosmtpd's `Session`, its idle timer and its task per connection; replaces its reading, its verbs and its
    STARTTLS. The idle timer says 421 before it closes (RFC 5321 §3.8), which aiosmtpd does not.
    """

    def __init__(
        self,
        make_session: Callable[[str, bool], SmtpSession],
        *,
        tls: ssl.SSLContext,
        idle_s: float,
        link: Link,
        loop: asyncio.AbstractEventLoop,
        connections: "Connections",
    ) -> None:
        super().__init__(handler=object(), hostname="localhost", timeout=idle_s, loop=loop)
        self._make_session = make_session
        self._tls = tls
        self._link = link
        self._connections = connections
        self._dialogue: SmtpSession | None = None

    @property
    def task(self) -> "asyncio.Task[None] | None":
        """What serves this connection."""
        return self._handler_coroutine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """Let the task read what came before the end of stream; aiosmtpd cancels it."""
        asyncio.StreamReaderProtocol.eof_received(self)
        return self._writer.get_extra_info("ssl_object") is None

    async def _handle_client(self) -> None:
        peer = self._writer.get_extra_info("peername")
        in_tls = self._writer.get_extra_info("ssl_object") is not None
        dialogue = self._make_session(peer[0] if peer else "127.0.0.1", in_tls)
        self._dialogue = dialogue
        dialogue.tls_facts = self._tls_facts()
        try:
            await self._send(dialogue.greet())
            while not dialogue.closing and (data := await self._reader.read(_READ_OCTETS)):
                self._reset_timeout()
                await self._send(dialogue.receive(data))
                await self._run_errands(dialogue)
                if dialogue.wants_tls:
                    await self._start_tls(dialogue)
        except (ConnectionError, ssl.SSLError) as exc:
            _log.debug("connection with %s lost: %s", peer, exc)
        except Exception:  # noqa: BLE001 (logged; one broken session must not end the server)
            _log.exception("a fault of the reference server; the connection with %s is closed", peer)
        finally:
            dialogue.lost()
            self.end_of_connection()

    def end_of_connection(self) -> None:
        """An orderly close: under TLS close_notify goes first (RFC 8314 §3.4)."""
        self._writer.close()

    async def _send(self, octets: bytes) -> None:
        if octets:
            if delay_s := self._link.delay_s:
                await asyncio.sleep(delay_s)
            self._writer.write(octets)
            await self._writer.drain()

    async def _run_errands(self, dialogue: SmtpSession) -> None:
        """The client is not held to be idle meanwhile: it waits for us."""
        while (errand := dialogue.errand) is not None:
            self._stop_timer()
            result = await asyncio.wrap_future(errand.workers.submit(errand.run))
            if dialogue.closing:
                return  # 421 was said meanwhile: nothing is done any more
            self._reset_timeout()
            await self._send(dialogue.errand_done(result))

    def _stop_timer(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    async def _start_tls(self, dialogue: SmtpSession) -> None:
        """The handshake; octets that came in the clear behind STARTTLS are dropped (RFC 3207 §6)."""
        buffered: bytearray = self._reader._buffer  # type: ignore[attr-defined]  # asyncio has no other way
        buffered.clear()
        await self._writer.drain()
        # None where the client left at the end of its handshake, which StreamWriter.start_tls does not expect.
        secure = await asyncio.get_running_loop().start_tls(
            self._writer.transport, self, self._tls, server_side=True
        )
        if secure is None:
            raise ConnectionResetError("the connection was lost in the handshake")
        self._writer._transport = secure  # type: ignore[attr-defined]  # as StreamWriter.start_tls does it
        self._replace_writer(self._writer)  # type: ignore[attr-defined]  # the same
        self.transport = secure
        dialogue.tls_facts = self._tls_facts()
        dialogue.tls_started()

    def _tls_facts(self) -> TlsFacts | None:
        connection: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return None if connection is None else facts_of(connection)

    def _timeout_cb(self) -> None:
        self.say_and_close(lambda session: session.timed_out())

    def say_and_close(self, last_words: Callable[[SmtpSession], bytes]) -> None:
        """End the connection with a last reply."""
        dialogue = self._dialogue
        handshaking = dialogue is not None and dialogue.wants_tls
        if dialogue is not None and not (dialogue.closing or handshaking or self._writer.is_closing()):
            self._writer.write(last_words(dialogue))
        self._writer.close()

    def abort(self) -> None:
        """End the connection now, whatever is still to be sent."""
        if self.transport is not None:
            cast("asyncio.WriteTransport", self.transport).abort()
