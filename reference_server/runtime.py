"""Two threads: asyncio carries SMTP and LMTP, trio carries POP3 and IMAP; each starts, tells its ports, and stops."""

import asyncio
import contextlib
import logging
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Final
from typing import Protocol as Shape

import trio

from harness.target import Protocol
from reference_server.context import Context
from reference_server.imap.session import serve_imap
from reference_server.pop3.session import serve_pop3
from reference_server.smtp.carrier import Carrier
from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession

__all__ = ["AsyncioSide", "TrioSide"]

_log = logging.getLogger(__name__)

_ROLES: Final[Mapping[Protocol, Role]] = {
    Protocol.SMTP: Role.MX,
    Protocol.SUBMISSION: Role.SUBMISSION,
    Protocol.SUBMISSIONS: Role.SUBMISSION,
    Protocol.LMTP: Role.LMTP,
}


class _Session(Shape):
    """How a session on trio begins: `serve_pop3` and `serve_imap`; it returns when the session is over."""

    def __call__(
        self, stream: trio.abc.Stream, context: Context, /, *, implicit_tls: bool
    ) -> Awaitable[None]: ...


_SESSIONS: Final[Mapping[Protocol, _Session]] = {
    Protocol.POP3: serve_pop3,
    Protocol.POP3S: serve_pop3,
    Protocol.IMAP: serve_imap,
    Protocol.IMAPS: serve_imap,
}

# Ours: more than a burst of clients; and how long a stop waits for a peer to end TLS before it drops the connection.
_BACKLOG: Final = 256
_STOP_S: Final = 0.2


class _Side(ABC):
    """A thread with its event loop."""

    def __init__(self, context: Context, host: str) -> None:
        self._context = context
        self._host = host
        self._started: Future[dict[Protocol, int]] = Future()
        self._thread = threading.Thread(
            target=self._run, name=f"mailproof-{type(self).__name__}", daemon=True
        )

    def start(self) -> dict[Protocol, int]:
        """Listen; returns protocol -> port. Raises `OSError` when the address cannot be listened on."""
        self._thread.start()
        try:
            return self._started.result()
        except BaseException:
            self._thread.join()
            raise

    def stop(self) -> None:
        """End every session and the thread."""
        self._ask_to_stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException as exc:
            if self._started.done():
                raise
            self._started.set_exception(exc)

    @abstractmethod
    def _loop(self) -> None:
        """Run until asked to stop; sets `_started`."""

    @abstractmethod
    def _ask_to_stop(self) -> None:
        """Called from another thread, after the start."""


class AsyncioSide(_Side):
    """The SMTP and LMTP listeners; open sessions end with 421."""

    def __init__(self, context: Context, host: str) -> None:
        super().__init__(context, host)
        self._connections: set[Carrier] = set()

    def _loop(self) -> None:
        asyncio.run(self._main())

    def _ask_to_stop(self) -> None:
        self._asyncio.call_soon_threadsafe(self._stopping.set)

    async def _main(self) -> None:
        self._asyncio = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        servers = {protocol: await self._listen(protocol) for protocol in _ROLES}
        self._started.set_result({p: server.sockets[0].getsockname()[1] for p, server in servers.items()})
        await self._stopping.wait()
        for server in servers.values():
            server.close()
        await self._end_sessions()

    async def _end_sessions(self) -> None:
        for connection in tuple(self._connections):
            connection.say_and_close(lambda session: session.shut_down())
        if sessions := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(sessions, timeout=_STOP_S)
        for connection in tuple(self._connections):
            connection.abort()
        await asyncio.sleep(0)  # the loop tells the aborted connections that they are lost

    async def _listen(self, protocol: Protocol) -> asyncio.Server:
        role = _ROLES[protocol]

        def make_session(peer: str, tls: bool) -> SmtpSession:
            return self._context.variant(SmtpSession)(self._context, role, peer, tls)

        def carrier() -> Carrier:
            return self._context.variant(Carrier)(
                make_session,
                tls=self._context.tls,
                idle_s=self._context.world.limits.smtp_idle_s,
                loop=self._asyncio,
                connections=self._connections,
            )

        tls = self._context.tls if protocol.implicit_tls else None
        return await self._asyncio.create_server(carrier, self._host, 0, ssl=tls, backlog=_BACKLOG)


class TrioSide(_Side):
    """The POP3 and IMAP listeners; open sessions are cancelled, and say their last words themselves."""

    def _loop(self) -> None:
        trio.run(self._main)

    def _ask_to_stop(self) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._scope.cancel)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        ports: dict[Protocol, int] = {}
        with trio.CancelScope() as self._scope:
            async with trio.open_nursery() as nursery:
                for protocol, session in _SESSIONS.items():
                    (listener,) = await trio.open_tcp_listeners(0, host=self._host, backlog=_BACKLOG)
                    ports[protocol] = listener.socket.getsockname()[1]
                    handler = self._handler(session, implicit_tls=protocol.implicit_tls)
                    nursery.start_soon(trio.serve_listeners, handler, [listener])
                self._started.set_result(ports)

    def _handler(
        self, session: _Session, *, implicit_tls: bool
    ) -> Callable[[trio.SocketStream], Awaitable[None]]:
        async def handle(stream: trio.SocketStream) -> None:
            try:
                if implicit_tls:
                    secure = trio.SSLStream(stream, self._context.tls, server_side=True)
                    await session(secure, self._context, implicit_tls=True)
                else:
                    await session(stream, self._context, implicit_tls=False)
            except (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError) as exc:
                _log.debug("connection lost: %s", exc)
            except Exception:  # noqa: BLE001 (logged; one broken session must not end the server)
                _log.exception("a fault of the reference server; the connection is closed")
            finally:
                await trio.aclose_forcefully(stream)

        return handle
