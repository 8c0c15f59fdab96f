"""HTTP on the trio loop that runs: hypercorn carries an ASGI application, and every answer is guarded alike."""

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.target import SocketAddress

__all__ = ["GUARDS", "Certificate", "Guarded", "serve_http", "to_policy"]

# Ours: what a request may have, its files included; and how long a stop waits for answers under way.
MAX_BODY_OCTETS: Final = 40 * 1024 * 1024
_STOP_S: Final = 0.2

_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def to_policy(directives: Mapping[str, str]) -> str:
    """A Content-Security-Policy as it stands in its header."""
    return "; ".join(f"{name} {sources}".strip() for name, sources in directives.items())


# What an answer carries unless the application says otherwise: nothing from elsewhere, no script within a page.
_PAGE_POLICY: Final = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "frame-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
)
GUARDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": to_policy(_PAGE_POLICY),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": "no-store",
    }
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files that make it HTTPS: the chain, and its key."""

    chain: Path
    key: Path


class TooLarge(HTTPException):
    """A request of more than `MAX_BODY_OCTETS`; Starlette answers it as it comes, so nothing else must."""

    def __init__(self) -> None:
        super().__init__(413, f"More than {MAX_BODY_OCTETS // 2**20} MB.")


class Guarded:
    """An application whose answers carry `GUARDS` and whose requests are bounded.

    Args:
        names: The host names that requests may be for; None for any. A page of elsewhere whose name is made to lead
            to a loopback address gets nothing from us.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(f"{scope['type']} is not served here")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, text in GUARDS.items():
                    headers.setdefault(name, text)
            await send(message)

        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            answer: ASGIApp = PlainTextResponse("This server has another name.", 421)
        elif _declared(headers) > MAX_BODY_OCTETS:
            answer = _TOO_LARGE
        else:
            answer = self._app
        try:
            await answer(scope, _bounded(receive), guarded)
        except TooLarge:
            await _TOO_LARGE(scope, receive, guarded)

    def _is_ours(self, host: str) -> bool:
        try:
            return self._names is None or urlsplit(f"//{host}").hostname in self._names
        except ValueError:
            return False


async def _live(receive: Receive, send: Send) -> None:
    """What lives as long as the server does is in the caller's nursery: there is nothing to begin or to end."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


_TOO_LARGE: Final = PlainTextResponse(TooLarge().detail, 413)


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _bounded(receive: Receive) -> Receive:
    """A body without a declared length is bounded as it comes."""
    octets = 0

    async def received() -> Message:
        nonlocal octets
        message = await receive()
        octets += len(message.get("body", b""))
        if octets > MAX_BODY_OCTETS:
            raise TooLarge
        return message

    return received


async def serve_http(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    certificate: Certificate | None = None,
    names: frozenset[str] = frozenset(),
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an application until cancelled; `task_status` gets its URL, without a slash at the end.

    Args:
        host: An address of this host; loopback unless told otherwise.
        port: 0 for any.
        certificate: Makes it HTTPS.
        names: Further names that requests may be for. On a loopback address only its own names are answered
            besides; elsewhere, where no names are given, any.

    Raises:
        OSError: The address cannot be listened at; `ssl.SSLError` where the certificate cannot be used.
    """
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger(__name__)
    config.include_server_header = False
    config.graceful_timeout = _STOP_S
    if certificate is not None:
        config.certfile, config.keyfile = str(certificate.chain), str(certificate.key)
        config.create_ssl_context()  # raises before anything is open
    is_local = ipaddress.ip_address(host).is_loopback
    known = _LOCAL_NAMES | {host, *map(str.lower, names)} if names or is_local else None
    (listener,) = await trio.open_tcp_listeners(port, host=host)
    scheme = "http" if certificate is None else "https"
    url = f"{scheme}://{SocketAddress(*listener.socket.getsockname()[:2])}"
    config.bind = [f"fd://{listener.socket.detach()}"]
    async with trio.open_nursery() as nursery:
        await nursery.start(_serve, Guarded(app, known), config)
        task_status.started(url)


async def _serve(app: ASGIApp, config: Config, *, task_status: trio.TaskStatus[list[str]]) -> None:
    # hypercorn has types of its own for what is the same protocol.
    await serve(app, config, task_status=task_status, mode="asgi")  # type: ignore[arg-type]
