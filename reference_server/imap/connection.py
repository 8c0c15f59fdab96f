"""An IMAP session on its stream: one task converses, one pushes what IDLE waits for."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from reference_server.carrier import StreamCarrier
from reference_server.errand import trio_result
from reference_server.imap.core import ImapCore

__all__ = ["Alarm", "Connection"]

# Ours: how long the last words to a client may take.
_LAST_WORDS_S: Final = 1.0


class Alarm:
    """Rung in any thread, waited for in trio's."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._event = trio.Event()

    def ring(self) -> None:
        self._token.run_sync_soon(self._set)

    def _set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Until it has rung since the last wait."""
        await self._event.wait()
        self._event = trio.Event()


class Connection:
    """Carries a session to its end; the session is told when the connection is lost."""

    def __init__(
        self,
        session: ImapCore,
        carrier: StreamCarrier,
        alarm: Alarm,
        tls: ssl.SSLContext,
    ) -> None:
        self._session = session
        self._carrier = carrier
        self._alarm = alarm
        self._tls = tls
        self._writing = trio.Lock()

    async def run(self, idle_s: float) -> None:
        """Until the session closes, the client is gone, or it says nothing for `idle_s`."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._push)
                await self._converse(idle_s)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
            pass  # the client went away; what it said so far is done
        finally:
            self._session.lost()
            await self._carrier.close()

    async def _push(self) -> None:
        while True:
            await self._alarm.wait()
            async with self._writing:
                await self._carrier.write(self._session.push())

    async def _converse(self, idle_s: float) -> None:
        session = self._session
        if session.tls:
            session.tls_facts = await self._carrier.start_tls(self._tls)
        await self._write(session.greet())
        while not session.closing:
            data = await self._read(idle_s)
            if data is None:
                await self._write(session.timed_out())
            elif data:
                await self._write(session.receive(data))
                await self._run_errands()
            else:
                return
            if session.wants_tls:
                session.tls_facts = await self._carrier.start_tls(self._tls)
                session.tls_started()

    async def _read(self, idle_s: float) -> bytes | None:
        async with self._last_words():
            return await self._carrier.read(idle_s)

    async def _run_errands(self) -> None:
        while (errand := self._session.errand) is not None:
            async with self._last_words():
                result = await trio_result(errand.workers.submit(errand.run))
            await self._write(self._session.errand_done(result))

    @asynccontextmanager
    async def _last_words(self) -> AsyncIterator[None]:
        """A stop of the server is said to the client first (RFC 3501 §3.4)."""
        try:
            yield
        except trio.Cancelled:
            with trio.CancelScope(deadline=trio.current_time() + _LAST_WORDS_S, shield=True):
                await self._write(self._session.shut_down())
            raise

    async def _write(self, octets: bytes) -> None:
        async with self._writing:
            await self._carrier.write(octets)
