"""Web applications that run, mail systems they are about, and a browser that looks at them.

Real servers are started by the scripts in the directory that MAILPROOF_LAB names (docs/neighbours.md says what they
must do); without it, what needs one is skipped, as is what needs a browser where there is none.
"""

import imaplib
import json
import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from harness.clients.tls import client_context
from harness.target import Account, Endpoint, Protocol, Target
from reference_server import serve
from reference_server.runtime import TrioSide
from reference_server.web.http import serve_http
from reference_server.web.webmail import open_webmail

_PATIENCE_S = 20.0
_LAB_PORT_BASE = "27300"


@pytest.fixture
def trio_side() -> Iterator[TrioSide]:
    side = TrioSide()
    side.start()
    yield side
    side.stop()


@pytest.fixture
def served(trio_side: TrioSide) -> Callable[[ASGIApp], str]:
    """Serves an application on a free port until the end of the test; gives its URL."""

    def serve_it(app: ASGIApp) -> str:
        return str(trio_side.start_task(serve_http, app))

    return serve_it


# Mail systems


@pytest.fixture(scope="session")
def embedded() -> Iterator[Target]:
    with serve() as target:
        yield target


@pytest.fixture(scope="session")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Postfix and Dovecot."""
    scripts = os.environ.get("MAILPROOF_LAB")
    if not scripts:
        pytest.skip("MAILPROOF_LAB names no directory with the scripts that start real servers")
    script, place = str(Path(scripts) / "postfix_dovecot.sh"), str(tmp_path_factory.mktemp("dovecot"))
    environment = os.environ | {"LAB_PORT_BASE": _LAB_PORT_BASE}
    subprocess.run([script, "start", place], check=True, env=environment, stdout=subprocess.DEVNULL)
    try:
        info = json.loads((Path(place) / "info.json").read_text())
        yield Target(
            name="Postfix and Dovecot",
            domain=info["domain"],
            endpoints={each: Endpoint.parse(each, info[each]) for each in Protocol if each in info},
            accounts=tuple(Account(**{"address": a["user"], **a}) for a in info["accounts"]),
            ca=Path(info["ca"]),
        )
    finally:
        subprocess.run([script, "stop", place], check=True, env=environment, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module", params=["embedded", "dovecot"])
def target(request: pytest.FixtureRequest) -> Target:
    """Each mail system in turn."""
    return request.getfixturevalue(request.param)


# Webmail without a browser


@dataclass
class Visitor:
    """Somebody who asks for pages without a browser."""

    url: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def csrf(self, path: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def log_in(self, user: str, password: str) -> httpx.Response:
        fields = {"csrf": self.csrf("/login"), "user": user, "password": password}
        return self.client.post("/login", data=fields)

    def post(
        self, path: str, /, files: list[tuple[str, bytes]] = (), **fields: str | list[str]
    ) -> httpx.Response:
        """A form that carries its token."""
        form = {"csrf": self.csrf("/compose")} | fields
        uploads = [("files", each) for each in files]
        return self.client.post(path, data=form, files=uploads or None)


@pytest.fixture
def webmail(target: Target) -> Iterator[str]:
    """The webmail of a target."""
    with open_webmail(target, client_context(target)) as url:
        yield url


@pytest.fixture
def alice(webmail: str, target: Target) -> Iterator[Visitor]:
    """Logged in as the first account."""
    visitor = Visitor(webmail)
    assert visitor.log_in(target.accounts[0].user, target.accounts[0].password).status_code == 303
    yield visitor
    visitor.client.close()


@pytest.fixture
def stranger(webmail: str) -> Iterator[Visitor]:
    """Not logged in."""
    visitor = Visitor(webmail)
    yield visitor
    visitor.client.close()


# Mailboxes


class Mailbox:
    """An account's mail, by the standard library's own IMAP client."""

    def __init__(self, target: Target, account: Account) -> None:
        end = target.endpoints[Protocol.IMAPS]
        context = ssl._create_unverified_context()
        self.imap = imaplib.IMAP4_SSL(end.host, end.port, ssl_context=context)
        self.imap.login(account.user, account.password)

    def put(self, messages: list[bytes], folder: str = "INBOX") -> None:
        for message in messages:
            status, said = self.imap.append(folder, "", "", message)
            assert status == "OK", said

    def empty(self, folder: str = "INBOX") -> None:
        if self.imap.select(folder)[0] == "OK" and self.imap.search(None, "ALL")[1] != [b""]:
            self.imap.store("1:*", "+FLAGS.SILENT", r"(\Deleted)")
            self.imap.expunge()

    def messages(self, folder: str = "INBOX") -> list[bytes]:
        if self.imap.select(folder, readonly=True)[0] != "OK":
            return []
        numbers = self.imap.search(None, "ALL")[1][0].split()
        return [self.imap.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in numbers]

    def flags(self, folder: str = "INBOX") -> list[set[bytes]]:
        self.imap.select(folder, readonly=True)
        _status, data = self.imap.fetch("1:*", "(FLAGS)")
        return [set(imaplib.ParseFlags(line)) - {rb"\Recent"} for line in data if line]

    def wait_for(self, text: bytes, folder: str = "INBOX") -> bytes:
        """The message that has this text, once it is there."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (found := [each for each in self.messages(folder) if text in each]):
            assert time.monotonic() < deadline, f"no message with {text!r} in {folder}"
            self.imap.noop()
        return found[-1]


@pytest.fixture
def mailboxes(target: Target) -> Iterator[list[Mailbox]]:
    """Those of the accounts, their folders empty."""
    boxes = [Mailbox(target, account) for account in target.accounts[:2]]
    for box in boxes:
        for folder in ("INBOX", "Sent", "Drafts", "Trash", "Archive", "Junk"):
            box.empty(folder)
    yield boxes
    for box in boxes:
        box.imap.logout()
