"""Answers that are written piece by piece, until they end or whoever asked is gone."""

from collections.abc import Awaitable, Callable, Mapping

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

__all__ = ["Put", "Streamed"]

Put = Callable[[bytes], Awaitable[None]]


class Streamed(Response):
    """An answer that `write` writes; it is cancelled when nobody listens any more.

    An async generator, as Starlette's own has it, is left to the garbage collector then; what it holds, too.

    Args:
        write: Gets what to call with each piece.
        octets: How many there will be, where that is known: a reader sees then that an end came too soon.
    """

    def __init__(
        self,
        write: Callable[[Put], Awaitable[None]],
        *,
        media_type: str,
        octets: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._write = write
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        length = {} if octets is None else {"Content-Length": str(octets)}
        self.init_headers({**(headers or {}), **length})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def put(octets: bytes) -> None:
            await send({"type": "http.response.body", "body": octets, "more_body": True})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
            await self._write(put)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            nursery.cancel_scope.cancel()


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
