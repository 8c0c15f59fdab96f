"""Two threads for all hosts: asyncio carries SMTP and LMTP, trio carries POP3, IMAP, relays and the DNS."""

import asyncio
import contextlib
import logging
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final
from typing import Protocol as Shape

import trio
from trio import TaskStatus

from harness.target import Protocol
from reference_server.context import Context
from reference_server.filters.chain import queue_stages
from reference_server.imap.session import serve_imap
from reference_server.pop3.session import serve_pop3
from reference_server.slow import SlowStream
from reference_server.smtp.carrier import Carrier, Connections
from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession
from reference_server.world.filters import Place

__all__ = ["AsyncioSide", "Task", "TrioSide"]

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
        self, stream: trio.abc.Stream, context: Context, /, *, implicit_tls: bool, peer: str
    ) -> Awaitable[None]: ...


_SESSIONS: Final[Mapping[Protocol, _Session]] = {
    Protocol.POP3: serve_pop3,
    Protocol.POP3S: serve_pop3,
    Protocol.IMAP: serve_imap,
    Protocol.IMAPS: serve_imap,
}

# What runs beside the sessions of a host: its relay; and the DNS.
Task = Callable[[], Awaitable[None]]

# Ours: more than a burst of clients; and how long a stop waits for a peer to end TLS before it drops the connection.
_BACKLOG: Final = 256
_STOP_S: Final = 0.2
# asyncio takes so many turns of its loop from accepting a connection to telling us of it.
_TURNS_OF_ACCEPT: Final = 4


class _Side(ABC):
    """A thread with its event loop."""

    def __init__(self) -> None:
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, name=f"mailproof-{type(self).__name__}", daemon=True
        )

    def start(self) -> None:
        """Returns when the loop runs."""
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            self._thread.join()
            raise

    def stop(self) -> None:
        """End everything and the thread."""
        self._ask_to_stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException as exc:
            if self._ready.done():
                raise
            self._ready.set_exception(exc)

    @abstractmethod
    def _loop(self) -> None:
        """Run until asked to stop; sets `_ready`."""

    @abstractmethod
    def _ask_to_stop(self) -> None:
        """Called from another thread, after the start."""


@dataclass
class _Listening:
    """A host's SMTP and LMTP."""

    servers: list[asyncio.Server] = field(default_factory=list)
    connections: Connections = field(default_factory=Connections)


class AsyncioSide(_Side):
    """The SMTP and LMTP listeners; open sessions end with 421."""

    def __init__(self) -> None:
        super().__init__()
        self._hosts: dict[str, _Listening] = {}

    def open(self, context: Context, ports: Mapping[Protocol, int]) -> dict[Protocol, int]:
        """Listen for a host; returns protocol -> port. Raises `OSError`, and listens to nothing then."""
        opening = self._open(context, {p: port for p, port in ports.items() if p in _ROLES})
        return asyncio.run_coroutine_threadsafe(opening, self._asyncio).result()

    def close(self, context: Context) -> None:
        """End a host's sessions and listeners; twice is once."""
        asyncio.run_coroutine_threadsafe(self._close(context.hostname), self._asyncio).result()

    def _loop(self) -> None:
        asyncio.run(self._main())

    def _ask_to_stop(self) -> None:
        self._asyncio.call_soon_threadsafe(self._stopping.set)

    async def _main(self) -> None:
        self._asyncio = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._ready.set_result(None)
        await self._stopping.wait()
        for name in tuple(self._hosts):
            await self._close(name)
        if shaking_hands := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(shaking_hands, timeout=_STOP_S)

    async def _open(self, context: Context, ports: Mapping[Protocol, int]) -> dict[Protocol, int]:
        listening = self._hosts[context.hostname] = _Listening()
        found: dict[Protocol, int] = {}
        try:
            for protocol, port in ports.items():
                server = await self._listen(context, protocol, port, listening.connections)
                listening.servers.append(server)
                found[protocol] = server.sockets[0].getsockname()[1]
            for stage in queue_stages(context.site):
                if stage.take_back is not None:
                    back = await self._take_back(context, stage.name, stage.take_back, listening.connections)
                    listening.servers.append(back)
        except OSError:
            await self._close(context.hostname)
            raise
        return found

    async def _listen(
        self, context: Context, protocol: Protocol, port: int, connections: Connections
    ) -> asyncio.Server:
        role = _ROLES[protocol]

        def make_session(peer: str, tls: bool) -> SmtpSession:
            return context.variant(SmtpSession)(context, role, peer, tls)

        carrier = self._carrier(context, make_session, context.tls.of(protocol), connections)
        tls = context.tls.of(protocol) if protocol.implicit_tls else None
        return await self._asyncio.create_server(
            carrier, context.host.address, port, ssl=tls, backlog=_BACKLOG
        )

    async def _take_back(
        self, context: Context, stage: str, place: Place, connections: Connections
    ) -> asyncio.Server:
        """Where an after-queue filter gives the mail back that it was handed."""

        def make_session(peer: str, tls: bool) -> SmtpSession:
            return context.variant(SmtpSession)(context, Role.MX, peer, tls, returned_by=stage)

        carrier = self._carrier(context, make_session, context.tls.of(Protocol.SMTP), connections)
        return await self._asyncio.create_server(carrier, place.host, place.port, backlog=_BACKLOG)

    def _carrier(
        self,
        context: Context,
        make_session: Callable[[str, bool], SmtpSession],
        tls: ssl.SSLContext,
        connections: Connections,
    ) -> Callable[[], Carrier]:
        def carrier() -> Carrier:
            return context.variant(Carrier)(
                make_session,
                tls=tls,
                idle_s=context.world.limits.smtp_idle_s,
                link=context.link,
                loop=self._asyncio,
                connections=connections,
            )

        return carrier

    async def _close(self, hostname: str) -> None:
        listening = self._hosts.pop(hostname, None)
        if listening is None:
            return
        await self._stop_accepting(listening)
        for connection in tuple(listening.connections):
            connection.say_and_close(lambda session: session.shut_down())
        if tasks := [each.task for each in tuple(listening.connections) if each.task is not None]:
            await asyncio.wait(tasks, timeout=_STOP_S)
        for connection in tuple(listening.connections):
            connection.abort()
        await asyncio.sleep(0)  # the loop tells the aborted connections that they are lost

    async def _stop_accepting(self, listening: _Listening) -> None:
        """Close the listeners; asyncio forgets a connection that it is just accepting when its server closes."""
        for listener in (listener for server in listening.servers for listener in server.sockets):
            self._asyncio.remove_reader(listener.fileno())
        for _ in range(_TURNS_OF_ACCEPT):
            await asyncio.sleep(0)
        listening.connections.closed = True
        for server in listening.servers:
            server.close()


class TrioSide(_Side):
    """POP3, IMAP and what else runs on trio; open sessions are cancelled, and say their last words themselves."""

    def __init__(self) -> None:
        super().__init__()
        self._hosts: dict[str, tuple[trio.CancelScope, trio.Event]] = {}

    def open(self, context: Context, ports: Mapping[Protocol, int], *tasks: Task) -> dict[Protocol, int]:
        """Listen for a host and run its tasks; returns protocol -> port. Raises `OSError`, and runs nothing then."""
        wanted = {p: port for p, port in ports.items() if p in _SESSIONS}
        return trio.from_thread.run(self._open, context, wanted, tasks, trio_token=self._token)

    def close(self, context: Context) -> None:
        """End a host's sessions, listeners and tasks; twice is once."""
        trio.from_thread.run(self._close, context.hostname, trio_token=self._token)

    def run(self, task: Task) -> None:
        """Run something until the end."""
        trio.from_thread.run_sync(self._nursery.start_soon, _guarded, task, trio_token=self._token)

    def start_task(self, task: Callable[..., Awaitable[object]], *arguments: object) -> object:
        """Run something that says when it has started (`trio.Nursery.start`); returns what it says."""

        async def begin() -> object:
            return await self._nursery.start(task, *arguments)

        return trio.from_thread.run(begin, trio_token=self._token)

    def _loop(self) -> None:
        trio.run(self._main)

    def _ask_to_stop(self) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._scope.cancel)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as self._scope:
            async with trio.open_nursery() as self._nursery:
                self._ready.set_result(None)
                await trio.sleep_forever()

    async def _open(
        self, context: Context, ports: Mapping[Protocol, int], tasks: tuple[Task, ...]
    ) -> dict[Protocol, int]:
        listeners: dict[Protocol, trio.SocketListener] = {}
        try:
            for protocol, port in ports.items():
                (listeners[protocol],) = await trio.open_tcp_listeners(
                    port, host=context.host.address, backlog=_BACKLOG
                )
        except OSError:
            for listener in listeners.values():
                await listener.aclose()
            raise
        await self._nursery.start(self._serve, context, listeners, tasks)
        return {protocol: each.socket.getsockname()[1] for protocol, each in listeners.items()}

    async def _serve(
        self,
        context: Context,
        listeners: Mapping[Protocol, trio.SocketListener],
        tasks: tuple[Task, ...],
        task_status: TaskStatus[None],
    ) -> None:
        ended = trio.Event()
        try:
            with trio.CancelScope() as scope:
                self._hosts[context.hostname] = (scope, ended)
                async with trio.open_nursery() as nursery:
                    for protocol, listener in listeners.items():
                        handler = self._handler(context, protocol)
                        nursery.start_soon(trio.serve_listeners, handler, [listener])
                    for task in tasks:
                        nursery.start_soon(_guarded, task)
                    task_status.started()
                    await trio.sleep_forever()
        finally:
            ended.set()

    async def _close(self, hostname: str) -> None:
        if (running := self._hosts.pop(hostname, None)) is not None:
            scope, ended = running
            scope.cancel()
            await ended.wait()

    @staticmethod
    def _handler(context: Context, protocol: Protocol) -> Callable[[trio.SocketStream], Awaitable[None]]:
        session = _SESSIONS[protocol]

        async def handle(socket_stream: trio.SocketStream) -> None:
            stream: trio.abc.Stream = socket_stream
            if context.link.delay_s:
                stream = SlowStream(socket_stream, context.link)
            try:
                peer = _address(socket_stream)
                await session(stream, context, implicit_tls=protocol.implicit_tls, peer=peer)
            except (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError) as exc:
                _log.debug("connection lost: %s", exc)
            except Exception:  # noqa: BLE001 (logged; one broken session must not end the server)
                _log.exception("a fault of the reference server; the connection is closed")
            finally:
                await trio.aclose_forcefully(socket_stream)

        return handle


def _address(stream: trio.SocketStream) -> str:
    """The client's; none where it has reset the connection already."""
    try:
        return str(stream.socket.getpeername()[0])
    except OSError:
        return ""


async def _guarded(task: Task) -> None:
    try:
        await task()
    except Exception:  # noqa: BLE001 (logged; the sessions of the host go on)
        _log.exception(
            "a fault of the reference server; %s has ended", getattr(task, "__qualname__", "a task")
        )
