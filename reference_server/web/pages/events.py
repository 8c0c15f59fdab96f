"""New mail without asking: server-sent events, for as long as a page is open."""

from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import Response

from harness.errors import MailproofError
from reference_server.web.mail.folders import counts_of
from reference_server.web.pages.site import Desk, Site
from reference_server.web.sessions import Session
from reference_server.web.streaming import Put, Streamed

__all__ = ["EventPages"]

# Ours: how long nothing is said at most, so that whoever is gone is noticed.
_SILENCE_S: Final = 20.0


class EventPages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def stream(self, request: Request) -> Response:
        """``mail``: how many messages of the inbox are unread and how many there are, at first and after changes."""
        session = self._site.session(request, used=False)

        async def write(put: Put) -> None:
            await self._write(session, put)

        return Streamed(write, media_type="text/event-stream")

    async def _write(self, session: Session[Desk], put: Put) -> None:
        async with session.who.watcher.listening() as news:
            await put(b"retry: 5000\n\n")
            while self._site.sessions.get(session.token, used=False) is session:
                try:
                    with trio.fail_after(_SILENCE_S):
                        await news.receive()
                except trio.TooSlowError:
                    await put(b": still here\n\n")
                    continue
                except trio.EndOfChannel:
                    return
                if (counts := await self._counts(session)) is not None:
                    await put(b"event: mail\ndata: %d %d\n\n" % counts)

    async def _counts(self, session: Session[Desk]) -> tuple[int, int] | None:
        try:
            async with session.who.person.reading() as imap:
                return await counts_of(imap, b"INBOX")
        except MailproofError:
            return None  # the pages say it themselves; the next change may be told
