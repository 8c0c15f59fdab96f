"""What all pages share: who asks, the forms that may be believed, templates, and what is said when it goes wrong."""

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import trio
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from harness.mua.screen import line
from reference_server.web.forms import believed_form
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.folders import Folder, Use, list_folders
from reference_server.web.mail.html import Cleaner
from reference_server.web.mail.person import MailSystem, Person
from reference_server.web.mail.places import Place
from reference_server.web.mail.reading import Message, fetch_message, keys_for
from reference_server.web.mail.watching import Watcher
from reference_server.web.sessions import Attempts, Session, Sessions
from reference_server.web.templates_of import templates_of

if TYPE_CHECKING:
    import jinja2

    from harness.sealed.keys import Keys

__all__ = ["Desk", "NotSignedIn", "Site", "listing_url"]

# Ours: messages that are kept for the next request about them, and their octets.
_RECENT: Final = 4
_RECENT_OCTETS: Final = 16 * 1024 * 1024

# Ours: fields and files of one form.
_MAX_FIELDS: Final = 1200
_MAX_FILES: Final = 50


class NotSignedIn(Exception):
    """Whoever asks has to log in first."""


@dataclass(slots=True)
class Desk:
    """What belongs to somebody who is logged in."""

    person: Person
    watcher: Watcher
    recent: OrderedDict[tuple[Place, bool], Message] = field(default_factory=OrderedDict)

    def keep(self, message: Message, *, prefer_html: bool) -> None:
        """Its frame and its parts will be asked for next."""
        self.recent[message.place, prefer_html] = message
        self.recent.move_to_end((message.place, prefer_html))
        while len(self.recent) > 1 and (
            len(self.recent) > _RECENT or sum(len(m.octets) for m in self.recent.values()) > _RECENT_OCTETS
        ):
            self.recent.popitem(last=False)


class Site:
    """The webmail of one mail system.

    Args:
        nursery: Where connections that outlive a request run.
        keys: What signatures are held against, and sealed mail is opened with; None to look at neither.
    """

    def __init__(self, system: MailSystem, nursery: trio.Nursery, keys: "Keys | None" = None) -> None:
        self.system = system
        self.keys = keys
        self.sessions: Sessions[Desk] = Sessions(trio.current_time)
        self.attempts = Attempts(trio.current_time)
        self.cleaner = Cleaner()
        self._nursery = nursery
        self._templates = _environment()

    # Who asks

    def session(self, request: Request, *, used: bool = True) -> Session[Desk]:
        """The session of a request. Raises `NotSignedIn`."""
        session = self.sessions.get(request.cookies.get(cookie_name(request)), used=used)
        if session is None:
            raise NotSignedIn
        return session

    async def form(self, request: Request, csrf: str) -> FormData:
        """The form of a request that carries this token and was filled in on a page of ours.

        Raises:
            HTTPException: 403 for a form of elsewhere, 400 for what is no form.
        """
        return await believed_form(
            request,
            csrf,
            most_files=_MAX_FILES,
            most_fields=_MAX_FIELDS,
            too_old="This form is too old. Go back, load the page again, and send it once more.",
        )

    def welcome(self, person: Person) -> Session[Desk]:
        """A session for somebody whom the server let in."""
        return self.sessions.begin(Desk(person, Watcher(person, self._nursery)))

    async def dismiss(self, session: Session[Desk]) -> None:
        """End a session and all its connections."""
        self.sessions.end(session)
        session.who.watcher.stop()
        session.who.recent.clear()
        with trio.move_on_after(2):
            await session.who.person.leave()

    # Messages

    async def message(
        self,
        session: Session[Desk],
        place: Place,
        *,
        prefer_html: bool = True,
        imap: Connection | None = None,
    ) -> Message:
        """A message, from the last few that were fetched where nobody lends a connection. Raises `Gone`."""
        desk = session.who
        known = desk.recent.get((place, prefer_html))
        if known is not None and imap is None:
            return known
        if imap is None:
            async with desk.person.reading(place.mailbox) as own:
                return await self.message(session, place, prefer_html=prefer_html, imap=own)
        keys = keys_for(self.keys, desk.person.address) if self.keys is not None else None
        message = await fetch_message(imap, place, keys=keys, prefer_html=prefer_html)
        desk.keep(message, prefer_html=prefer_html)
        return message

    # Pages

    async def page(
        self,
        request: Request,
        session: Session[Desk],
        template: str,
        context: Mapping[str, object],
        *,
        imap: Connection,
        folder: bytes | None = None,
    ) -> Response:
        """A page with the folders at its side."""
        folders = await list_folders(imap)
        notes, session.notes = session.notes, []
        around = {
            "folders": folders,
            "current": next((each for each in folders if each.mailbox == folder), None),
            "uses": {each.use: each for each in folders if each.use},
            "notes": notes,
            "session": session,
        }
        return self.plain_page(request, template, {**around, **context})

    def plain_page(
        self, request: Request, template: str, context: Mapping[str, object], *, status: int = 200
    ) -> HTMLResponse:
        """A page that needs no mail server."""
        around = {"system": self.system, "path": request.url.path, "Use": Use, "notes": [], "session": None}
        return HTMLResponse(self._templates.get_template(template).render({**around, **context}), status)

    def problem(self, request: Request, status: int, text: str) -> HTMLResponse:
        """A page that says what went wrong."""
        session = self.sessions.get(request.cookies.get(cookie_name(request)), used=False)
        context = {"title": HTTPStatus(status).phrase, "text": line(text, 600), "session": session}
        return self.plain_page(request, "problem.html.j2", context, status=status)


def cookie_name(request: Request) -> str:
    """A cookie does not say where it is from; browsers hold ``__Host-`` to this host and to TLS."""
    return "__Host-mailproof" if request.url.scheme == "https" else "mailproof"


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie that no script reads and no other site sends."""
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=secure, path="/")


def listing_url(folder: Folder | bytes, **more: str | int) -> str:
    """The list of a folder; what is empty is left out."""
    mailbox = folder.mailbox if isinstance(folder, Folder) else folder
    return "/mail?" + urlencode({"folder": mailbox.decode("latin-1")} | {k: v for k, v in more.items() if v})


def _environment() -> "jinja2.Environment":
    filters: dict[str, Callable[..., object]] = {"octets": _octets, "day": _day, "moment": _moment}
    environment = templates_of("reference_server.web", filters)
    environment.globals |= {"listing_url": listing_url, "urlencode": urlencode}
    return environment


def _octets(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _day(moment: dt.datetime | None) -> str:
    """A date in a list: the nearer, the closer."""
    if moment is None:
        return ""
    now = dt.datetime.now().astimezone()
    local = _local(moment)
    if local.date() == now.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local:%Y-%m-%d}"


def _moment(moment: dt.datetime | None) -> str:
    return f"{_local(moment):%A, %d %B %Y, %H:%M}" if moment else ""


def _local(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return moment  # at the ends of the calendar there is no local time
