"""The queues and the quarantine of the world, by the functions of `mailproof queue`."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harness.errors import UsageError
from harness.results.waiting import WaitingMessage
from reference_server.console.site import Site
from reference_server.relay.model import Transport
from reference_server.relay.queue_files import Change

__all__ = ["QueuePages"]

_CHANGES: Final[Mapping[str, tuple[Change, str]]] = {
    "flush": ("flush", "due now"),
    "hold": ("hold", "held"),
    "release": ("release", "released"),
    "remove": ("remove", "removed"),
}


class QueuePages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def index(self, request: Request) -> Response:
        waiting = await self._site.aside(self._site.queues.waiting)
        quarantine = [message for message in waiting if _in_quarantine(message)]
        context = {
            "waiting": [message for message in waiting if not _in_quarantine(message)],
            "quarantine": quarantine,
            "now": dt.datetime.now(dt.UTC),
        }
        return self._site.page(request, "queue.html.j2", context)

    async def show(self, request: Request) -> Response:
        """One message, with its octets."""
        ids = (request.path_params["queue_id"],)
        try:
            (message,) = await self._site.aside(lambda: self._site.queues.waiting(ids))
        except UsageError as exc:
            raise HTTPException(404, "This message is not in a queue any more.") from exc
        content = await self._site.aside(lambda: self._site.queues.content(message.queue_id))
        context = {"message": message, "content": content, "now": dt.datetime.now(dt.UTC)}
        return self._site.page(request, "waiting.html.j2", context)

    async def change(self, request: Request) -> Response:
        """What is chosen; to flush, all where nothing is."""
        form = await self._site.form(request)
        asked, ids = str(form.get("action", "")), tuple(str(each) for each in form.getlist("id"))
        if asked not in _CHANGES:
            raise HTTPException(404, "There is no such action.")
        change, done = _CHANGES[asked]
        if not ids and change != "flush":
            return self._site.done("/queue", "Choose messages first.")
        try:
            changed = await self._site.aside(lambda: self._site.queues.change(change, ids))
        except UsageError as exc:
            return self._site.done("/queue", str(exc))
        self._site.news.tell(["queue"])
        return self._site.done("/queue", f"{len(changed)} of the queue: {done}.")


def _in_quarantine(message: WaitingMessage) -> bool:
    return any(recipient.transport == Transport.QUARANTINE for recipient in message.recipients)
