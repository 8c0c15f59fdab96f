"""One message: to be read, its HTML in a frame, its attachments, its source."""

import re
from typing import Final
from urllib.parse import quote

from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from harness.mua.html_text import html_to_text
from harness.mua.message import file_name
from harness.mua.screen import line, safe
from harness.wire.imap.responses import Fetch
from harness.wire.imap.results import fetched
from reference_server.web.http import to_policy
from reference_server.web.mail import changes
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import Gone, NotPossible
from reference_server.web.mail.html import frame_policy
from reference_server.web.mail.message import Letter
from reference_server.web.mail.places import Place
from reference_server.web.pages.site import Site
from reference_server.web.streaming import Put, Streamed

__all__ = ["MessagePages"]

# Ours: octets in one piece when a message is saved whole.
_PIECE_OCTETS: Final = 1024 * 1024

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'`{}|\\^\x00-\x1f]{1,2000}")
_QUOTED: Final = re.compile(r"^(?:>.*\n?)+", re.MULTILINE)
_FRAME: Final = (
    '<!doctype html><html><head><meta charset="utf-8"><title>Message</title>'
    '<meta name="viewport" content="width=device-width"><style>'
    "body{margin:.9rem;background:#fff;color:#1d1e20;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}"
    "blockquote{margin:.6rem 0;padding-left:.8rem;border-left:2px solid #dedbd4}</style></head><body>"
)
_TOO_INTRICATE: Final = "<p><i>This HTML is too intricate to be cleaned; here is what it says.</i></p>"

# What a browser is told of a part: nothing in it is run, nothing is fetched, it is a file.
_FILE_POLICY: Final = to_policy({"sandbox": "", "default-src": "'none'"})


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
                **_shown(message.letter),
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
        number = _number(query.get("text", ""))
        text = next((each for each in message.letter.texts if each.number == number and each.html), None)
        if text is None:
            raise Gone("There is no such text.")
        remote = query.get("pictures") == "yes"
        cleaned = await self._site.cleaner.clean(text.text, message.letter.by_content_id(), remote=remote)
        if cleaned is None:
            body = _TOO_INTRICATE + f"<pre>{escape(safe(html_to_text(text.text)))}</pre>"
        else:
            body = cleaned.html
        headers = {"Content-Security-Policy": frame_policy(pictures=remote)}
        return HTMLResponse(f"{_FRAME}{body}</body></html>", headers=headers)

    async def part(self, request: Request) -> Response:
        """An attachment, as a file to be saved."""
        session = self._site.session(request)
        message = await self._site.message(session, Place.parse(request.query_params.get("at", "")))
        leaf = message.letter.leaves.get(_number(request.query_params.get("number", "")))
        if leaf is None:
            raise Gone("There is no such attachment.")
        return Response(leaf.octets, media_type="application/octet-stream", headers=_as_file(leaf.name))

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
            write, media_type="application/octet-stream", octets=size, headers=_as_file("message.eml")
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


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise HTTPException(404, "There is no such part.")
    return int(text)


def _as_file(name: str) -> dict[str, str]:
    """RFC 6266 §4.1, §4.3: a plain name for every browser, the whole one for those of today."""
    safe_name = file_name(name, "file")
    plain = re.sub(r"[^ !#$&+\-.0-9A-Z^_`a-z~()]", "_", safe_name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe_name, safe='')}"
    return {"Content-Disposition": disposition, "Content-Security-Policy": _FILE_POLICY}


def _shown(letter: Letter) -> dict[str, object]:
    """A letter as the template has it; every text of strangers is made harmless to look at."""
    header = letter.header
    fields = [
        (name, line(text, 2000)) for name in ("From", "To", "Cc", "Reply-To") if (text := header.text(name))
    ]
    if _same_as_sender(header.raw("Reply-To"), header.raw("From")):
        fields = [field for field in fields if field[0] != "Reply-To"]
    return {
        "subject": line(header.text("Subject"), 300) or "(no subject)",
        "fields": fields,
        "date": header.date,
        "texts": [
            {"number": each.number, "html": each.html, "markup": None if each.html else linked(each.text)}
            for each in letter.texts
        ],
        "html_shown": any(each.html for each in letter.texts),
        "attachments": letter.attachments,
    }


def _same_as_sender(reply_to: str, sender: str) -> bool:
    return reply_to.strip().lower() == sender.strip().lower()


def linked(text: str) -> Markup:
    """Plain text for a page: escaped, addresses as links, what is quoted in its own colour."""
    shown = safe(text)
    pieces: list[Markup] = []
    at = 0
    for found in _QUOTED.finditer(shown):
        pieces.append(_with_links(shown[at : found.start()]))
        pieces.append(Markup('<span class="quoted">{}</span>').format(_with_links(found[0])))
        at = found.end()
    pieces.append(_with_links(shown[at:]))
    return Markup("").join(pieces)


def _with_links(text: str) -> Markup:
    pieces: list[Markup] = []
    at = 0
    for found in _ADDRESS.finditer(text):
        url = found[0].rstrip(".,;:!?)]")
        pieces.append(escape(text[at : found.start()]))
        pieces.append(Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(url))
        at = found.start() + len(url)
    pieces.append(escape(text[at:]))
    return Markup("").join(pieces)
