"""Clients that log in by IMAP at a steady rate, and neighbours who only talk; in a process of its own.

    python many_log_ins_program.py IMAP_PORT SMTP_PORT DIRECTORY_PORT PROXY_PORT RATE SECONDS

In front of the directory it plays a proxy that lets every answer wait for 200 ms. What came of it goes to standard
output, as JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

DELAY_S = 0.2
PAUSE_S = 0.02
HOST = "127.0.0.1"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def delay(client: asyncio.StreamReader, to_client: asyncio.StreamWriter, directory_port: int) -> None:
    """Questions pass at once, answers late."""
    directory, to_directory = await asyncio.open_connection(HOST, directory_port)

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, late_s: float) -> None:
        try:
            while octets := await source.read(65536):
                await asyncio.sleep(late_s)
                sink.write(octets)
        except ConnectionError:
            pass
        finally:
            sink.close()

    await asyncio.gather(pass_on(client, to_directory, 0.0), pass_on(directory, to_client, DELAY_S))


async def log_in(port: int) -> str:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        await reader.readline()
        writer.write(b"a LOGIN alice secret\r\n")
        return (await reader.readline()).decode().split()[1]
    finally:
        writer.close()


async def neighbour(streams: Streams, command: bytes, waits_ms: list[float]) -> None:
    """Say something again and again, and note how long the answer takes."""
    reader, writer = streams
    while True:
        asked_s = time.perf_counter()
        writer.write(command)
        await reader.readline()
        waits_ms.append((time.perf_counter() - asked_s) * 1000)
        await asyncio.sleep(PAUSE_S)


async def steadily(rate: int, seconds: int, act: Callable[[], Awaitable[str]]) -> Counter[str]:
    """Begin at the intended times, whatever the earlier ones do."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    tasks = []
    for number in range(rate * seconds):
        await asyncio.sleep(max(0.0, began_s + number / rate - loop.time()))
        tasks.append(asyncio.ensure_future(act()))
    return Counter(await asyncio.gather(*tasks))


async def main(imap: int, smtp: int, directory: int, proxy: int, rate: int, seconds: int) -> None:
    async with await asyncio.start_server(lambda r, w: delay(r, w, directory), HOST, proxy, backlog=512):
        reader, writer = await asyncio.open_connection(HOST, imap)
        await reader.readline()
        writer.write(b"a LOGIN bob secret\r\n")
        await reader.readline()
        at_smtp = await asyncio.open_connection(HOST, smtp)
        await at_smtp[0].readline()
        waits: dict[str, list[float]] = {"imap": [], "smtp": []}
        neighbours = [
            asyncio.ensure_future(neighbour((reader, writer), b"b NOOP\r\n", waits["imap"])),
            asyncio.ensure_future(neighbour(at_smtp, b"NOOP\r\n", waits["smtp"])),
        ]
        began_s = time.perf_counter()
        outcomes = await steadily(rate, seconds, lambda: log_in(imap))
        took_s = time.perf_counter() - began_s
        for each in neighbours:
            each.cancel()
        await asyncio.gather(*neighbours, return_exceptions=True)
        for stream in (writer, at_smtp[1]):
            stream.close()
    sys.stdout.write(json.dumps({"outcomes": outcomes, "took_s": took_s, "waits_ms": waits}))


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
