"""A stream of a host that is slow."""

import trio

from reference_server.link import Link

__all__ = ["SlowStream"]


class SlowStream(trio.abc.Stream):
    """Holds back what is sent as long as the link says."""

    def __init__(self, stream: trio.abc.Stream, link: Link) -> None:
        self._stream = stream
        self._link = link

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.sleep(self._link.delay_s)
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()
