"""How fast the reference server takes mail and starts, beside aiosmtpd as it comes."""

import contextlib
import smtplib
import socket
import time
from collections.abc import Iterator
from typing import Final

from aiosmtpd.controller import Controller
from figures import Figure, compare, rate

from harness.target import Protocol
from reference_server import Server

__all__ = ["messages", "start_up"]

MESSAGES: Final = 300


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
