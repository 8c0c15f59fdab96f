"""Two threads: asyncio carries SMTP and LMTP, trio carries POP3 and IMAP; each starts, tells its ports, and stops."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Final

import trio

from harness.target import Protocol
from reference_server.context import Context
from reference_server.imap.session import serve_imap
from reference_server.pop3.session import serve_pop3
from reference_server.smtp.carrier import Carrier
from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession

__all__ = ["AsyncioSide", "TrioSide"]

_ROLES: Final[Mapping[Protocol, Role]] = {
    Protocol.SMTP: Role.MX,
    Protocol.SUBMISSION: Role.SUBMISSION,
    Protocol.SUBMISSIONS: Role.SUBMISSION,
    Protocol.LMTP: Role.LMTP,
}

_SERVES: Final[Mapping[Protocol, Callable[..., Awaitable[None]]]] = {
    Protocol.POP3: serve_pop3,
    Protocol.POP3S: serve_pop3,
    Protocol.IMAP: serve_imap,
    Protocol.IMAPS: serve_imap,
}

# Ours: how long a stop waits for sessions to take their last words.
_STOP_S: Final = 1.0


class AsyncioSide:
    """The SMTP and LMTP listeners in a thread with its own loop."""

    def __init__(self, context: Context, host: str) -> None:
        self._context = context
        self._host = host
        self._started: Future[dict[Protocol, int]] = Future()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: set[Carrier] = set()
        self._thread = threading.Thread(target=self._run, name="mailproof-smtp", daemon=True)

    def start(self) -> dict[Protocol, int]:
        """Listen; returns protocol -> port. Raises `OSError` when an address is taken."""
        self._thread.start()
        return self._started.result()

    def stop(self) -> None:
        """Say 421 to every open session, close, and end the thread."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as exc:
            if self._started.done():
                raise
            self._started.set_exception(exc)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        servers = {protocol: await self._listen(self._loop, protocol) for protocol in _ROLES}
        self._started.set_result({p: server.sockets[0].getsockname()[1] for p, server in servers.items()})
        await self._stop.wait()
        for server in servers.values():
            server.close()
        for connection in tuple(self._connections):
            connection.say_and_close(SmtpSession.shut_down)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)

    async def _listen(self, loop: asyncio.AbstractEventLoop, protocol: Protocol) -> asyncio.Server:
        role = _ROLES[protocol]

        def make_session(peer: str, tls: bool) -> SmtpSession:
            return self._context.variant(SmtpSession)(self._context, role, peer, tls)

        def carrier() -> Carrier:
            return Carrier(
                make_session,
                tls=self._context.tls,
                idle_s=self._context.world.limits.smtp_idle_s,
                loop=loop,
                connections=self._connections,
            )

        context = self._context.tls if protocol.implicit_tls else None
        return await loop.create_server(carrier, self._host, 0, ssl=context, backlog=256)


class TrioSide:
    """The POP3 and IMAP listeners in a thread of trio's."""

    def __init__(self, context: Context, host: str) -> None:
        self._context = context
        self._host = host
        self._started: Future[dict[Protocol, int]] = Future()
        self._token: trio.lowlevel.TrioToken | None = None
        self._cancel: trio.CancelScope | None = None
        self._thread = threading.Thread(target=self._run, name="mailproof-trio", daemon=True)

    def start(self) -> dict[Protocol, int]:
        """Listen; returns protocol -> port. Raises `OSError` when an address is taken."""
        self._thread.start()
        return self._started.result()

    def stop(self) -> None:
        """End every session and the thread."""
        if self._token is not None and self._cancel is not None:
            self._token.run_sync_soon(self._cancel.cancel)
        self._thread.join()

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as exc:
            if self._started.done():
                raise
            self._started.set_exception(exc)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        ports: dict[Protocol, int] = {}
        with trio.CancelScope() as self._cancel:
            async with trio.open_nursery() as nursery:
                for protocol in _SERVES:
                    (listener,) = await trio.open_tcp_listeners(0, host=self._host, backlog=256)
                    ports[protocol] = listener.socket.getsockname()[1]
                    nursery.start_soon(trio.serve_listeners, self._handler(protocol), [listener])
                self._started.set_result(ports)

    def _handler(self, protocol: Protocol) -> Callable[[trio.SocketStream], Awaitable[None]]:
        serve = _SERVES[protocol]

        async def handle(stream: trio.SocketStream) -> None:
            try:
                if protocol.implicit_tls:
                    secure = trio.SSLStream(
                        stream, self._context.tls, server_side=True, https_compatible=True
                    )
                    await secure.do_handshake()
                    await serve(secure, self._context, implicit_tls=True)
                else:
                    await serve(stream, self._context, implicit_tls=False)
            except (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
                return  # the client went away; what it said so far is done
            finally:
                await trio.aclose_forcefully(stream)

        return handle
