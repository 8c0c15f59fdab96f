"""A running world with its console, somebody who asks for pages, and a browser that looks at them."""

import re
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from harness.target import Protocol, SocketAddress
from reference_server.server import Server

_PATIENCE_S = 20.0


@dataclass
class Visitor:
    """Asks for pages without a browser."""

    server: Server
    url: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=30, follow_redirects=True)

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.text

    def post(self, path: str, /, **fields: str | list[str]) -> httpx.Response:
        """A form that carries its token."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.get("/sessions"))
        assert token
        return self.client.post(path, data={"csrf": token[1]} | fields)

    def wait_for(self, path: str, text: str) -> str:
        """The page, once it has the text."""
        deadline = time.monotonic() + _PATIENCE_S
        while text not in (page := self.get(path)):
            assert time.monotonic() < deadline, f"{text!r} is not on {path}:\n{page}"
            time.sleep(0.02)
        return page

    def place(self, protocol: Protocol) -> tuple[str, int]:
        end = self.server.target.endpoints[protocol]
        return end.host, end.port


@pytest.fixture
def console() -> Iterator[Visitor]:
    """Of the world of one server."""
    with Server() as server, server.open_console(SocketAddress("127.0.0.1", 0)) as url:
        visitor = Visitor(server, url)
        yield visitor
        visitor.client.close()


@pytest.fixture
def deliver(console: Visitor) -> Callable[[bytes], None]:
    """Puts a message into alice's mailbox by SMTP."""

    def put(message: bytes) -> None:
        with smtplib.SMTP(*console.place(Protocol.SMTP), timeout=_PATIENCE_S) as smtp:
            smtp.sendmail("x@example.org", ["alice@example.test"], message)

    return put
