"""The webmail as a whole: its pages, its clock, and the way in for the command line."""

import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from harness.errors import MailproofError
from harness.target import SocketAddress, Target
from reference_server.runtime import TrioSide
from reference_server.web.http import Certificate, serve_http
from reference_server.web.mail.errors import Gone, LogInRefused, NotPossible
from reference_server.web.mail.person import MailSystem
from reference_server.web.pages.compose import ComposePages
from reference_server.web.pages.events import EventPages
from reference_server.web.pages.listing import ListPages
from reference_server.web.pages.login import LogInPages
from reference_server.web.pages.message import MessagePages
from reference_server.web.pages.site import NotSignedIn, Site

if TYPE_CHECKING:
    from harness.sealed.keys import Keys

__all__ = ["make_application", "open_webmail", "serve_webmail"]

# Ours: how often sessions that nobody uses are looked for.
_LOOK_S: Final = 30.0

LOOPBACK: Final = SocketAddress("127.0.0.1", 0)

_STATIC: Final = Path(__file__).with_name("static")


def make_application(site: Site) -> Starlette:
    """The pages of a site."""
    login, lists, message = LogInPages(site), ListPages(site), MessagePages(site)
    compose, events = ComposePages(site), EventPages(site)

    async def not_signed_in(request: Request, _exc: Exception) -> Response:
        if request.method == "GET" and request.url.path != "/events":
            return RedirectResponse("/login", 303)
        return PlainTextResponse("Log in first.", 401)

    async def refused(request: Request, exc: Exception) -> Response:
        return site.problem(request, _status(exc), str(exc))

    async def http_problem(request: Request, exc: Exception) -> Response:
        problem = exc if isinstance(exc, HTTPException) else HTTPException(500)
        return site.problem(request, problem.status_code, problem.detail)

    return Starlette(
        routes=[
            Route("/", lists.home),
            Route("/login", login.show),
            Route("/login", login.enter, methods=["POST"]),
            Route("/logout", login.leave, methods=["POST"]),
            Route("/mail", lists.show),
            Route("/mail", lists.act, methods=["POST"]),
            Route("/folders", lists.make_folder, methods=["POST"]),
            Route("/message", message.show),
            Route("/frame", message.frame),
            Route("/part", message.part),
            Route("/source", message.source),
            Route("/compose", compose.show),
            Route("/compose", compose.take, methods=["POST"]),
            Route("/events", events.stream),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={
            NotSignedIn: not_signed_in,
            MailproofError: refused,
            HTTPException: http_problem,
        },
    )


def _status(exc: Exception) -> int:
    match exc:
        case Gone():
            return 404
        case NotPossible():
            return 409
        case LogInRefused():
            return 503 if exc.temporary else 403
        case _:
            return 502


async def serve_webmail(
    target: Target,
    context: ssl.SSLContext,
    *,
    listen: SocketAddress = LOOPBACK,
    certificate: tuple[Path, Path] | None = None,
    names: frozenset[str] = frozenset(),
    keys: "Keys | None" = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the webmail of a target until cancelled; `task_status` gets its URL.

    Args:
        context: What the target's certificates are held against.
        listen: Port 0 for any.
        certificate: A PEM chain and its key, for HTTPS.
        names: As in `serve_http`.
        keys: What signatures are held against, and sealed mail is opened with.

    Raises:
        UsageError: The target has no IMAP.
        OSError: As `serve_http`.
    """
    system = MailSystem.of(target, context)
    async with trio.open_nursery() as nursery:
        site = Site(system, nursery, keys)

        async def serve(*, task_status: trio.TaskStatus[str]) -> None:
            await serve_http(
                make_application(site),
                listen.host,
                listen.port,
                certificate=Certificate(*certificate) if certificate else None,
                names=names,
                task_status=task_status,
            )

        task_status.started(await nursery.start(serve))
        try:
            while True:
                await trio.sleep(_LOOK_S)
                for session in site.sessions.take_expired():
                    nursery.start_soon(site.dismiss, session)
        finally:
            with trio.CancelScope(shield=True):
                for session in site.sessions.all():
                    await site.dismiss(session)


@contextmanager
def open_webmail(
    target: Target,
    context: ssl.SSLContext,
    *,
    listen: SocketAddress = LOOPBACK,
    certificate: tuple[Path, Path] | None = None,
    names: frozenset[str] = frozenset(),
    keys: "Keys | None" = None,
) -> Iterator[str]:
    """A webmail that runs beside the caller; its URL. Raises as `serve_webmail`."""
    serve = partial(
        serve_webmail, target, context, listen=listen, certificate=certificate, names=names, keys=keys
    )
    side = TrioSide()
    side.start()
    try:
        yield _started(side, serve)
    finally:
        side.stop()


def _started(side: TrioSide, serve: Callable[..., Awaitable[None]]) -> str:
    """The URL; what went wrong in nurseries within nurseries is told as it is."""
    try:
        return str(side.start_task(serve))
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None
