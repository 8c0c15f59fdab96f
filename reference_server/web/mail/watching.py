"""New mail as it comes: one connection for each person who looks, kept up for as long as somebody does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from harness.errors import ProtocolError, TransportError
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import Gone, LogInRefused
from reference_server.web.mail.person import Person

__all__ = ["Watcher"]

# Ours: how long after a lost connection the next is tried, at first and at most.
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 60.0


class Watcher:
    """Tells those who listen that something changed in the INBOX.

    Args:
        nursery: Where the connection lives.
    """

    def __init__(self, person: Person, nursery: trio.Nursery) -> None:
        self._person = person
        self._nursery = nursery
        self._listeners: set[trio.MemorySendChannel[None]] = set()
        self._running: trio.CancelScope | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[trio.MemoryReceiveChannel[None]]:
        """A channel on which something comes at first and after each change; it ends with `stop`."""
        # One that is not taken yet says all that a second would.
        send, receive = trio.open_memory_channel[None](1)
        self._listeners.add(send)
        # Between what somebody sees and now there may have been news.
        send.send_nowait(None)
        if self._running is None:
            self._running = trio.CancelScope()
            self._nursery.start_soon(self._watch, self._running)
        try:
            yield receive
        finally:
            self._listeners.discard(send)
            if not self._listeners:
                self.stop()

    def stop(self) -> None:
        """End it for everybody; twice is once."""
        if self._running is not None:
            self._running.cancel()
            self._running = None
        for send in self._listeners:
            send.close()
        self._listeners.clear()

    def _tell(self) -> None:
        for send in self._listeners:
            try:
                send.send_nowait(None)
            except (trio.WouldBlock, trio.BrokenResourceError):
                continue

    async def _watch(self, scope: trio.CancelScope) -> None:
        with scope:
            await self._keep_listening()
        if self._running is scope:
            self._running = None  # nobody is let in any more; whoever listens next tries again

    async def _keep_listening(self) -> None:
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                imap = await self._person.open()
                retry_s = _FIRST_RETRY_S
                await self._listen(imap)
            except LogInRefused as exc:
                if not exc.temporary:
                    return
            except (TransportError, ProtocolError, Gone):
                pass  # the pages say it themselves; here it is tried again
            await trio.sleep(retry_s)
            retry_s = min(2 * retry_s, _LAST_RETRY_S)

    async def _listen(self, imap: Connection) -> None:
        try:
            await imap.select(b"INBOX")
            self._tell()
            while True:
                if await imap.news():
                    self._tell()
        finally:
            await imap.wire.close()
