"""What all pages of the console share: the world, forms that may be believed, templates."""

import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import trio
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from harness.mua.screen import line
from reference_server.console import words
from reference_server.console.news import News
from reference_server.console.recorder import Recorder
from reference_server.relay.queue_files import QueueFiles
from reference_server.web.forms import believed_form
from reference_server.web.mail.html import Cleaner
from reference_server.web.templates_of import templates_of

if TYPE_CHECKING:
    from reference_server.server import Server

__all__ = ["Site"]

# Ours: fields of one form.
_MAX_FIELDS: Final = 2000
# Ours: what is said on the next page, at most.
_MAX_NOTES: Final = 5

_PAGES: Final = (
    ("/", "Mail"),
    ("/sessions", "Sessions"),
    ("/lint", "Client lint"),
    ("/hosts", "Hosts"),
    ("/queue", "Queue"),
    ("/dns", "DNS"),
    ("/activity", "Activity"),
    ("/faults", "Faults"),
)

_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "octets": words.octets,
    "clock": words.clock,
    "day": words.day,
    "lines": words.wire_lines,
    "counted": words.counted,
}

T = TypeVar("T")


class Site:
    """The console of one running world.

    Attributes:
        csrf: What every form of it carries; whoever can read a page of it may fill one in.
    """

    def __init__(self, server: "Server", recorder: Recorder, news: News) -> None:
        self.server = server
        self.recorder = recorder
        self.news = news
        self.queues = QueueFiles({name: host.context.queue for name, host in server.hosts.items()})
        self.csrf = secrets.token_urlsafe(32)
        self.cleaner = Cleaner()
        self._notes: list[str] = []
        self._templates = templates_of("reference_server.console", _FILTERS)

    async def form(self, request: Request) -> FormData:
        """The form of a request, filled in on a page of ours.

        Raises:
            HTTPException: 403 for a form of elsewhere, 400 for what is no form.
        """
        return await believed_form(
            request,
            self.csrf,
            most_files=0,
            most_fields=_MAX_FIELDS,
            too_old="This form is too old. Load the page again, and send it once more.",
        )

    async def aside(self, work: Callable[[], T]) -> T:
        """What blocks: the store, a host that goes up or down."""
        return await trio.to_thread.run_sync(work)

    def say(self, text: str) -> None:
        """On the next page that is shown, once."""
        self._notes = [*self._notes, text][-_MAX_NOTES:]

    def done(self, path: str, text: str = "") -> Response:
        """The answer to a form that did what it says."""
        if text:
            self.say(text)
        return RedirectResponse(path, 303)

    def page(
        self, request: Request, template: str, context: Mapping[str, object], *, status: int = 200
    ) -> HTMLResponse:
        # What a script fetches is not read by anybody as a whole.
        notes: list[str] = []
        if request.headers.get("sec-fetch-dest", "document") == "document":
            notes, self._notes = self._notes, []
        around = {
            "world": self.server.world.name,
            "csrf": self.csrf,
            "pages": _PAGES,
            "path": request.url.path,
            "notes": notes,
            "faults_on": len(list(self.server.faults)),
            "open_sessions": self.recorder.open_sessions(),
        }
        return HTMLResponse(self._templates.get_template(template).render({**around, **context}), status)

    def problem(self, request: Request, status: int, text: str) -> HTMLResponse:
        """A page that says what went wrong."""
        context = {"title": HTTPStatus(status).phrase, "text": line(text, 600)}
        return self.page(request, "problem.html.j2", context, status=status)
