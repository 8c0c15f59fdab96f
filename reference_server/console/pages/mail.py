"""All mail of the world, whoever's it is: the newest at once, one message in every form, and a way to send some."""

from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from harness.target import Protocol
from reference_server.console.mailboxes import MAX_SEARCHED, Box, Boxes, Place, Row
from reference_server.console.site import Site
from reference_server.console.trial import Kind, Trial, TrialFailed, send
from reference_server.web.mail.html import frame_policy
from reference_server.web.mail.message import Letter, read_letter
from reference_server.web.pages.showing import as_file, frame_document, part_number, shown

__all__ = ["MailPages"]

# Ours: messages of a list.
_ROWS: Final = 200


class MailPages:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._boxes = Boxes(site.server.hosts)

    # Lists

    async def index(self, request: Request) -> Response:
        """The newest first; of a mailbox or of all, with these words or all."""
        query = request.query_params.get("q", "").strip()
        boxes = await self._site.aside(self._boxes.boxes)
        box = _box(boxes, request.query_params.get("box", ""))
        rows = await self._site.aside(lambda: self._boxes.latest(_ROWS, box, query))
        context = {
            "rows": rows,
            "boxes": [each for each in boxes if each.messages or each.name == "INBOX"],
            "box": box,
            "query": query,
            "total": sum(each.messages for each in boxes if box is None or each == box),
            "searched": MAX_SEARCHED,
            "several": len(self._site.server.hosts) > 1,
        }
        return self._site.page(request, "mail.html.j2", context)

    async def remove(self, request: Request) -> Response:
        """What is chosen, or all."""
        form = await self._site.form(request)
        if form.get("action") == "clear":
            boxes = await self._site.aside(self._boxes.boxes)
            box = _box(boxes, str(form.get("box", "")))
            removed = await self._site.aside(lambda: self._boxes.clear(box))
        else:
            places = [place for each in form.getlist("at") if (place := Place.parse(str(each))) is not None]
            removed = await self._site.aside(lambda: self._boxes.remove(places))
        return self._site.done("/", f"{removed} deleted.")

    # One message

    async def show(self, request: Request) -> Response:
        row, content, letter = await self._letter(request)
        context = {
            **shown(letter),
            "row": row,
            "letter": letter,
            "at": str(row.place),
            "prefer_html": request.query_params.get("as") != "text",
            "source": content if request.query_params.get("as") == "source" else None,
        }
        return self._site.page(request, "message.html.j2", context)

    async def frame(self, request: Request) -> Response:
        """The HTML of one text, for the sandbox; pictures from elsewhere are not fetched."""
        _row, _content, letter = await self._letter(request)
        number = part_number(request.query_params.get("text", ""))
        text = next((each for each in letter.texts if each.number == number and each.html), None)
        if text is None:
            raise HTTPException(404, "There is no such text.")
        cleaned = await self._site.cleaner.clean(text.text, letter.by_content_id(), remote=False)
        headers = {"Content-Security-Policy": frame_policy(pictures=False)}
        return HTMLResponse(frame_document(text.text, cleaned), headers=headers)

    async def part(self, request: Request) -> Response:
        """An attachment, as a file to be saved."""
        _row, _content, letter = await self._letter(request)
        leaf = letter.leaves.get(part_number(request.query_params.get("number", "")))
        if leaf is None:
            raise HTTPException(404, "There is no such part.")
        return Response(leaf.octets, media_type="application/octet-stream", headers=as_file(leaf.name))

    async def save(self, request: Request) -> Response:
        """All of a message, as a file."""
        _row, content, _letter = await self._letter(request)
        return Response(content, media_type="application/octet-stream", headers=as_file("message.eml"))

    async def _letter(self, request: Request) -> tuple[Row, bytes, Letter]:
        place = Place.parse(request.query_params.get("at", ""))
        found = await self._site.aside(lambda: self._boxes.content(place) if place is not None else None)
        if found is None:
            raise HTTPException(404, "The message is not there any more.")
        row, content = found
        prefer_html = request.query_params.get("as") != "text"
        letter = await self._site.aside(partial(read_letter, content, prefer_html=prefer_html))
        return row, content, letter

    # A message to try the world with

    async def write(self, request: Request) -> Response:
        trial = Trial("sender@example.org", "", "A test message", "Hello from the console.\n")
        return self._written(request, trial)

    async def send(self, request: Request) -> Response:
        form = await self._site.form(request)
        sender, recipient, subject, text, kind = (
            str(form.get(name, "")) for name in ("sender", "recipient", "subject", "text", "kind")
        )
        if kind not in set(Kind):
            raise HTTPException(404, "There is no such kind of message.")
        trial = Trial(sender.strip(), recipient, subject.strip(), text, Kind(kind))
        host = next((h for h in self._site.server.hosts.values() if h.context.site.user(recipient)), None)
        if host is None or Protocol.SMTP not in host.target.endpoints:
            return self._written(request, trial, f"Nobody here takes mail for {recipient} by SMTP.")
        door = host.target.endpoints[Protocol.SMTP]
        try:
            reply = await self._site.aside(lambda: send(trial, door))
        except TrialFailed as exc:
            return self._written(request, trial, f"{host.host.name} did not take it: {exc}")
        return self._site.done("/", f"{host.host.name} took it: {reply}")

    def _written(self, request: Request, trial: Trial, problem: str = "") -> Response:
        users = [
            user.address for host in self._site.server.hosts.values() for user in host.context.site.users
        ]
        context = {"trial": trial, "users": users, "kinds": list(Kind), "problem": problem}
        return self._site.page(request, "send.html.j2", context, status=422 if problem else 200)


def _box(boxes: list[Box], wanted: str) -> Box | None:
    return next((each for each in boxes if str(each) == wanted), None)
