"""What has changed, told to pages that are open: server-sent events."""

from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import Response

from reference_server.console.site import Site
from reference_server.web.streaming import Put, Streamed

__all__ = ["EventPages"]

# Ours: how long nothing is said at most, so that whoever is gone is noticed; and how long changes are gathered.
_SILENCE_S: Final = 20.0
_GATHER_S: Final = 0.1


class EventPages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def stream(self, _request: Request) -> Response:
        """``changed``: the topics that have changed, with a space between them."""
        return Streamed(self._write, media_type="text/event-stream")

    async def _write(self, put: Put) -> None:
        with self._site.news.listening() as listener:
            await put(b"retry: 2000\n\n")
            while True:
                try:
                    with trio.fail_after(_SILENCE_S):
                        topics = await listener.changed()
                except trio.TooSlowError:
                    await put(b": still here\n\n")
                    continue
                await put(b"event: changed\ndata: %s\n\n" % " ".join(topics).encode())
                await trio.sleep(_GATHER_S)
