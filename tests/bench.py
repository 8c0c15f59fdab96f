"""`make bench`: each figure beside its anchor, measured in turn in one run; prints a table and writes bench.json.

Nothing here passes or fails: a machine's speed is no property of the program.
"""

import contextlib
import io
import json
import smtplib
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from aiosmtpd.controller import Controller
from imapclient.response_parser import parse_fetch_response
from rich.console import Console
from rich.table import Table

from harness.target import Protocol
from harness.wire.imap.reader import ResponseReader
from harness.wire.smtp.replies import ReplyReader
from reference_server import Server

ROUNDS = 5
MESSAGES = 300
REPLIES = 5_000
FETCHES = 2_000


@dataclass(frozen=True)
class Figure:
    """Medians over `runs` rounds, ours and the anchor's in turn; above 1 means more than the anchor."""

    name: str
    unit: str
    ours: float
    anchor: float
    anchor_name: str
    ratio: float
    runs: int


def rate(count: int, action: Callable[[], object]) -> float:
    """How many a second, when the action does so many."""
    started = time.perf_counter()
    action()
    return count / (time.perf_counter() - started)


def compare(
    name: str, unit: str, ours: Callable[[], float], anchor: Callable[[], float], anchor_name: str
) -> Figure:
    """Measure in turn, so that a machine that slows down slows both."""
    pairs = [(ours(), anchor()) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return Figure(name, unit, round(mine, 1), round(theirs, 1), anchor_name, round(ratio, 2), ROUNDS)


def smtp_replies() -> Figure:
    octets = b"250-mail.example.test\r\n250-PIPELINING\r\n250 SIZE 1000\r\n" * REPLIES

    def ours() -> None:
        reader = ReplyReader()
        for at in range(0, len(octets), 65536):
            reader.feed(octets[at : at + 65536])

    def stdlib() -> None:
        client = smtplib.SMTP()
        client.file = io.BufferedReader(io.BytesIO(octets))
        for _ in range(REPLIES):
            client.getreply()

    return compare(
        "SMTP replies read",
        "1/s",
        lambda: rate(REPLIES, ours),
        lambda: rate(REPLIES, stdlib),
        "smtplib.getreply",
    )


def imap_fetches() -> Figure:
    item = b'(UID 7 FLAGS (\\Seen) ENVELOPE ("d" "s" (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "<i@h>"))'
    octets = b"".join(b"* %d FETCH %s\r\n" % (n, item) for n in range(1, FETCHES + 1))
    lines = [b"%d %s" % (n, item) for n in range(1, FETCHES + 1)]
    return compare(
        "IMAP FETCH responses read",
        "1/s",
        lambda: rate(FETCHES, lambda: ResponseReader().feed(octets)),
        lambda: rate(FETCHES, lambda: [parse_fetch_response([line]) for line in lines]),
        "IMAPClient's parser",
    )


class Sink:
    """aiosmtpd as it comes: accepts and forgets."""

    async def handle_DATA(self, _server: object, _session: object, _envelope: object) -> str:  # noqa: N802 (its name)
        return "250 OK"


@contextlib.contextmanager
def plain_aiosmtpd() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def send_all(port: int) -> None:
    content = "Subject: x\r\n\r\n" + "x" * 998 + "\r\n"
    with smtplib.SMTP("127.0.0.1", port) as client:
        for _ in range(MESSAGES):
            client.sendmail("a@example.org", ["alice@example.test"], content)


def messages() -> Figure:
    with Server() as server, plain_aiosmtpd() as port:
        ours = server.target.endpoints[Protocol.SMTP].port
        return compare(
            "messages stored, one connection",
            "1/s",
            lambda: rate(MESSAGES, lambda: send_all(ours)),
            lambda: rate(MESSAGES, lambda: send_all(port)),
            "aiosmtpd 1.4.6, storing nothing",
        )


def start_up() -> Figure:
    def ours() -> float:
        started = time.perf_counter()
        server = Server().start()
        took_ms = (time.perf_counter() - started) * 1000
        server.stop()
        return took_ms

    def anchor() -> float:
        started = time.perf_counter()
        with plain_aiosmtpd():
            return (time.perf_counter() - started) * 1000

    return compare(
        "start until all eight listeners accept", "ms", ours, anchor, "aiosmtpd's controller, one listener"
    )


def main() -> None:
    figures = [smtp_replies(), imap_fetches(), messages(), start_up()]
    table = Table("figure", "unit", "ours", "anchor", "ratio", "anchor is")
    for figure in figures:
        table.add_row(
            figure.name,
            figure.unit,
            f"{figure.ours:,}",
            f"{figure.anchor:,}",
            f"{figure.ratio}",
            figure.anchor_name,
        )
    Console().print(table)
    Path("bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
