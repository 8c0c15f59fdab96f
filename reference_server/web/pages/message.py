"""One message: to be read, its HTML in a frame, its attachments, its source."""

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from harness.wire.imap.responses import Fetch
from harness.wire.imap.results import fetched
from reference_server.web.mail import changes
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import Gone, NotPossible
from reference_server.web.mail.html import frame_policy
from reference_server.web.mail.places import Place
from reference_server.web.pages.showing import as_file, frame_document, part_number, shown
from reference_server.web.pages.site import Site
from reference_server.web.streaming import Put, Streamed

__all__ = ["MessagePages"]

# Ours: octets in one piece when a message is saved whole.
_PIECE_OCTETS: Final = 1024 * 1024


class MessagePages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        session = self._site.session(request)
        place = Place.parse(request.query_params.get("at", ""))
        prefer_html = request.query_params.get("as") != "text"
        async with session.who.person.reading(place.mailbox) as imap:
            message = await self._site.message(session, place, prefer_html=prefer_html, imap=imap)
            if "\\seen" not in message.flags:
                await _mark_read(imap, place.uid)
            newer, older = await _neighbours(imap, place)
            context = {
                **shown(message.letter),
                "message": message,
                "place": place,
                "newer": newer,
                "older": older,
                "prefer_html": prefer_html,
                "pictures": request.query_params.get("pictures") == "yes",
                "back": request.query_params.get("back", "")[:4000],
                "flagged": "\\flagged" in message.flags,
                "is_draft": "\\draft" in message.flags,
            }
            return await self._site.page(
                request, session, "message.html.j2", context, imap=imap, folder=place.mailbox
            )

    async def frame(self, request: Request) -> Response:
        """The HTML of one text, for the sandbox."""
        query = request.query_params
        session = self._site.session(request)
        message = await self._site.message(session, Place.parse(query.get("at", "")))
        number = part_number(query.get("text", ""))
        text = next((each for each in message.letter.texts if each.number == number and each.html), None)
        if text is None:
            raise Gone("There is no such text.")
        remote = query.get("pictures") == "yes"
        cleaned = await self._site.cleaner.clean(text.text, message.letter.by_content_id(), remote=remote)
        headers = {"Content-Security-Policy": frame_policy(pictures=remote)}
        return HTMLResponse(frame_document(text.text, cleaned), headers=headers)

    async def part(self, request: Request) -> Response:
        """An attachment, as a file to be saved."""
        session = self._site.session(request)
        message = await self._site.message(session, Place.parse(request.query_params.get("at", "")))
        leaf = message.letter.leaves.get(part_number(request.query_params.get("number", "")))
        if leaf is None:
            raise Gone("There is no such attachment.")
        return Response(leaf.octets, media_type="application/octet-stream", headers=as_file(leaf.name))

    async def source(self, request: Request) -> Response:
        """The message as it came, of any size, piece by piece."""
        session = self._site.session(request)
        place = Place.parse(request.query_params.get("at", ""))
        async with session.who.person.reading(place.mailbox) as imap:
            size = await _size(imap, place)

        async def write(put: Put) -> None:
            for at in range(0, size, _PIECE_OCTETS):
                async with session.who.person.reading(place.mailbox) as imap:
                    await put(await _piece(imap, place.uid, at))

        return Streamed(
            write, media_type="application/octet-stream", octets=size, headers=as_file("message.eml")
        )


async def _mark_read(imap: Connection, uid: int) -> None:
    try:
        await changes.set_flag(imap, [uid], "\\Seen", on=True)
    except NotPossible:
        return  # a folder that is only to be read


async def _neighbours(imap: Connection, place: Place) -> tuple[Place | None, Place | None]:
    """The messages after and before this one in the order of arrival."""
    result = await imap.asked(b"UID FETCH", b"%d" % place.uid, b"(UID)")
    number = next((each.number for each in result.of(Fetch) if each.data.uid == place.uid), None)
    if number is None:
        return None, None
    low, high = max(1, number - 1), min(number + 1, imap.exists)
    around = fetched(await imap.asked(b"FETCH", b"%d:%d" % (low, high), b"(UID)"), uid=False)

    def at(wanted: int) -> Place | None:
        data = around.get(wanted)
        return Place(place.mailbox, place.uidvalidity, data.uid) if data and data.uid else None

    return at(number + 1), at(number - 1)


async def _size(imap: Connection, place: Place) -> int:
    if imap.uidvalidity != place.uidvalidity:
        raise Gone("The folder is another one now; look for the message in its list.")
    result = await imap.asked(b"UID FETCH", b"%d" % place.uid, b"(RFC822.SIZE)")
    known = fetched(result, uid=True).get(place.uid)
    if known is None:
        raise Gone("The message is not there any more.")
    return known.size or 0


async def _piece(imap: Connection, uid: int, at: int) -> bytes:
    item = b"(BODY.PEEK[]<%d.%d>)" % (at, _PIECE_OCTETS)
    data = fetched(await imap.asked(b"UID FETCH", b"%d" % uid, item), uid=True).get(uid)
    return (data.body(origin=at) if data is not None else None) or b""
