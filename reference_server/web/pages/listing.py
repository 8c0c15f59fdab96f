"""The list of a folder, and what is done to the messages in it."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from harness.errors import LocalProtocolError
from harness.mua.reply import addresses_in
from harness.mua.screen import line
from harness.wire.imap.encode import to_astring
from reference_server.web.mail import changes
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import Gone
from reference_server.web.mail.folders import Use, folder_for, name_on_wire, shown_name
from reference_server.web.mail.listing import Order, Row, Wanted, read_page
from reference_server.web.mail.login import said
from reference_server.web.mail.places import Place
from reference_server.web.mail.search import MAX_QUERY
from reference_server.web.pages.site import Site, listing_url

__all__ = ["ListPages"]

# Ours: messages that one form names.
_MAX_CHOSEN: Final = 1000

_FLAGS: Final = {
    "read": ("\\Seen", True),
    "unread": ("\\Seen", False),
    "flag": ("\\Flagged", True),
    "unflag": ("\\Flagged", False),
}
_MOVES: Final = {"archive": Use.ARCHIVE, "junk": Use.JUNK, "inbox": Use.INBOX, "delete": Use.TRASH}
_MOVED: Final = {
    "archive": "archived",
    "junk": "moved to Junk",
    "inbox": "moved to the inbox",
    "delete": "moved to Trash",
}


class ListPages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def home(self, request: Request) -> Response:
        self._site.session(request)
        return RedirectResponse(listing_url(b"INBOX"), 303)

    async def show(self, request: Request) -> Response:
        session = self._site.session(request)
        mailbox, wanted = _mailbox(request.query_params), _wanted(request.query_params)
        async with session.who.person.reading(mailbox) as imap:
            page = await read_page(imap, wanted)
            rows = [_shown(row, mailbox, page.uidvalidity) for row in page.rows]
            context = {
                "listing": page,
                "rows": rows,
                "orders": list(Order),
                "folder_name": shown_name(mailbox),
                "mailbox": mailbox,
                "page_url": lambda number: _page_url(mailbox, page.wanted, number),
            }
            return await self._site.page(request, session, "list.html.j2", context, imap=imap, folder=mailbox)

    async def act(self, request: Request) -> Response:
        """Flags, moves and deletions of the messages that were chosen; then the list again."""
        session = self._site.session(request)
        form = await self._site.form(request, session.csrf)
        places = [Place.parse(str(text)) for text in form.getlist("at")[:_MAX_CHOSEN]]
        back = RedirectResponse(_back(form), 303)
        if not places:
            session.notes.append("No message was chosen.")
            return back
        if len({(place.mailbox, place.uidvalidity) for place in places}) > 1:
            raise HTTPException(400, "The messages are in different folders.")
        async with session.who.person.reading(places[0].mailbox) as imap:
            if imap.uidvalidity != places[0].uidvalidity:
                raise Gone("The folder is another one now; look at its list again.")
            uids = [place.uid for place in places]
            if note := await _done(imap, uids, str(form.get("action", "")), str(form.get("target", ""))):
                session.notes.append(note)
        session.who.recent.clear()
        return back

    async def make_folder(self, request: Request) -> Response:
        session = self._site.session(request)
        form = await self._site.form(request, session.csrf)
        name = " ".join(str(form.get("name", ""))[:200].split())
        try:
            mailbox = name_on_wire(name)
        except LocalProtocolError as exc:
            raise HTTPException(400, "That is no name for a folder.") from exc
        if not mailbox:
            raise HTTPException(400, "Give the folder a name.")
        async with session.who.person.reading() as imap:
            made = await imap.command(b"CREATE", to_astring(mailbox))
            if not made.ok:
                session.notes.append(f"The folder cannot be made: {said(made.text)}")
                return RedirectResponse(listing_url(b"INBOX"), 303)
            await imap.command(b"SUBSCRIBE", to_astring(mailbox))
        session.notes.append(f"The folder {line(name, 80)} is made.")
        return RedirectResponse(listing_url(mailbox), 303)


async def _done(imap: Connection, uids: Sequence[int], action: str, target: str) -> str:
    """Do it; what to say of it. Raises `NotPossible`."""
    many = f"{len(uids)} messages" if len(uids) > 1 else "1 message"
    if action in _FLAGS:
        flag, on = _FLAGS[action]
        await changes.set_flag(imap, uids, flag, on=on)
        return ""
    if action == "move":
        mailbox = target.encode("latin-1", "replace")
        if not mailbox or mailbox == imap.mailbox:
            return "Choose another folder to move to."
        return await changes.move(imap, uids, mailbox) or f"{many} moved to {line(shown_name(mailbox), 80)}."
    if action not in _MOVES:
        raise HTTPException(400, "There is no such action.")
    folder = await folder_for(imap, _MOVES[action])
    if folder.mailbox != imap.mailbox:
        return await changes.move(imap, uids, folder.mailbox) or f"{many} {_MOVED[action]}."
    if action == "delete":
        return await changes.delete_for_good(imap, uids) or f"{many} deleted for good."
    return ""


def _mailbox(query: QueryParams) -> bytes:
    try:
        mailbox = query.get("folder", "INBOX")[:1000].encode("latin-1")
    except UnicodeEncodeError as exc:
        raise Gone("There is no such folder.") from exc
    if not mailbox or b"\0" in mailbox:
        raise Gone("There is no such folder.")
    return mailbox


def _wanted(query: QueryParams) -> Wanted:
    page, order = query.get("page", "1"), query.get("order", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) <= 7 else 1
    known = order in list(Order)
    return Wanted(
        max(1, number), query.get("q", "")[:MAX_QUERY].strip(), Order(order) if known else Order.NEWEST
    )


def _page_url(mailbox: bytes, wanted: Wanted, number: int) -> str:
    order = "" if wanted.order is Order.NEWEST else wanted.order.value
    return listing_url(mailbox, page=number, q=wanted.query, order=order)


def _back(form: FormData) -> str:
    """The list that the form was on, put together anew: nothing leads elsewhere."""
    query = dict(parse_qsl(str(form.get("back", ""))[:4000]))
    mailbox = query.get("folder", "INBOX").encode("latin-1", "replace")
    return listing_url(mailbox, **{key: query[key] for key in ("page", "q", "order") if key in query})


def _shown(row: Row, mailbox: bytes, uidvalidity: int) -> dict[str, object]:
    """A row as the template has it."""
    media_type = row.header.raw("Content-Type").lower()
    return {
        "place": Place(mailbox, uidvalidity, row.uid),
        "who": _names(row.header.raw("From")),
        "to": _names(row.header.raw("To")),
        "subject": line(row.header.text("Subject"), 200) or "(no subject)",
        "date": row.date,
        "octets": row.octets,
        "depth": min(row.depth, 6),
        "unread": "\\seen" not in row.flags,
        "flagged": "\\flagged" in row.flags,
        "answered": "\\answered" in row.flags,
        "forwarded": "$forwarded" in row.flags,
        "deleted": "\\deleted" in row.flags,
        "attached": media_type.startswith(("multipart/mixed", "application/", "image/", "audio/", "video/")),
        "sealed": media_type.startswith(
            ("multipart/signed", "multipart/encrypted", "application/pkcs7-mime")
        ),
    }


def _names(field: str) -> str:
    """Who it is, by name where there is one."""
    found = addresses_in(field[:2000])
    names = [line(each.name, 60) or each.mailbox.encode().decode() for each in found[:4]]
    return ", ".join(names) or line(field, 60) or "(nobody)"
