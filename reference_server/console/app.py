"""The console as a whole: its pages, what it listens to, and the way in for the command line."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import reference_server.web.webmail
from harness.target import SocketAddress
from reference_server.console.news import News
from reference_server.console.pages.activity import ActivityPages
from reference_server.console.pages.events import EventPages
from reference_server.console.pages.faults import FaultPages
from reference_server.console.pages.hosts import HostPages
from reference_server.console.pages.lint import Linter, LintPages
from reference_server.console.pages.mail import MailPages
from reference_server.console.pages.queue import QueuePages
from reference_server.console.pages.sessions import SessionPages
from reference_server.console.recorder import Recorder
from reference_server.console.site import Site
from reference_server.console.watched import watchers
from reference_server.runtime import TrioSide
from reference_server.web.http import serve_http

if TYPE_CHECKING:
    from reference_server.server import Server

__all__ = ["make_application", "open_console"]

_OWN: Final = Path(__file__).with_name("static")
# Colours, buttons and the choice of light and dark are the webmail's.
_SHARED: Final = Path(reference_server.web.webmail.__file__).with_name("static")


def make_application(site: Site) -> Starlette:
    """The pages of a site."""
    linter = Linter()
    hosts, sessions, queue = HostPages(site), SessionPages(site, linter), QueuePages(site)
    activity, faults, events = ActivityPages(site), FaultPages(site), EventPages(site)
    mail, lint = MailPages(site), LintPages(site, linter)

    async def http_problem(request: Request, exc: Exception) -> Response:
        problem = exc if isinstance(exc, HTTPException) else HTTPException(500)
        return site.problem(request, problem.status_code, problem.detail)

    return Starlette(
        routes=[
            Route("/", mail.index),
            Route("/mail", mail.remove, methods=["POST"]),
            Route("/message", mail.show),
            Route("/frame", mail.frame),
            Route("/part", mail.part),
            Route("/save", mail.save),
            Route("/send", mail.write),
            Route("/send", mail.send, methods=["POST"]),
            Route("/hosts", hosts.show),
            Route("/hosts", hosts.change, methods=["POST"]),
            Route("/sessions", sessions.index),
            Route("/sessions/clear", sessions.clear, methods=["POST"]),
            Route("/sessions/{number:int}", sessions.show),
            Route("/lint", lint.show),
            Route("/queue", queue.index),
            Route("/queue", queue.change, methods=["POST"]),
            Route("/queue/{queue_id}", queue.show),
            Route("/dns", activity.dns),
            Route("/activity", activity.show),
            Route("/faults", faults.show),
            Route("/faults", faults.change, methods=["POST"]),
            Route("/events", events.stream),
            Mount("/static/console", StaticFiles(directory=_OWN)),
            Mount("/static", StaticFiles(directory=_SHARED)),
        ],
        exception_handlers={HTTPException: http_problem},
    )


@contextmanager
def open_console(server: "Server", listen: SocketAddress) -> Iterator[str]:
    """A console of a running server, beside the caller, in a thread of its own; its URL.

    Raises:
        OSError: The address cannot be listened at.
    """
    news = News()
    recorder = Recorder(server.clock, news)
    watching = watchers(recorder)
    with ExitStack() as opened:
        opened.callback(server.journal.listen(recorder.hear))
        for host in server.hosts.values():
            opened.callback(host.store.listen(None, partial(news.tell, ("mail", "queue"))))
        server.faults.watch(*watching)
        opened.callback(server.faults.unwatch, *watching)
        side = TrioSide()
        side.start()
        opened.callback(side.stop)
        application = make_application(Site(server, recorder, news))
        yield str(side.start_task(serve_http, application, listen.host, listen.port))
