"""A running reference server with its target file, and the command run in this process."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli.app import app
from harness.mua.terms import Terms
from harness.target import Endpoint, Protocol
from reference_server import Server

Run = Callable[..., Result]

BOUND_S = 10.0


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def target_file(server: Server, tmp_path: Path) -> Path:
    pem = tmp_path / "ca.pem"
    pem.write_text(server.target.ca_pem or "")
    path = tmp_path / "target.toml"
    path.write_text(server.target.with_ca(pem).to_toml())
    return path


@pytest.fixture
def run() -> Run:
    """Runs ``mailproof WORDS``; what was typed comes from `typed`. A raised error is the result's `exception`."""

    def run(*words: object, typed: str | bytes | None = None) -> Result:
        return CliRunner().invoke(
            app, [str(word) for word in words], input=typed, env={"COLUMNS": "120", "MBOX": "/dev/null"}
        )

    return run


@pytest.fixture
def received(server: Server) -> Callable[[str], list[bytes]]:
    """What is in a user's INBOX, below what the server put on top."""

    def received(user: str) -> list[bytes]:
        inbox = next(each for each in server.store.mailboxes(user) if each.name == "INBOX")
        contents = [server.store.content(row.content_id) or b"" for row in server.store.messages(inbox.id)]
        return [
            re.sub(rb"\A(?:(?:Return-Path|Received):(?:[^\r]|\r\n[ \t])*\r\n)*", b"", each)
            for each in contents
        ]

    return received


@pytest.fixture
def terms() -> Terms:
    return Terms(timeout_s=BOUND_S)


Scripted = Callable[..., Endpoint]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """Peers that play a script each: octets they send, octets they wait for, in turn; at its end they close.

    What did not come as expected fails the test.
    """
    problems: list[str] = []
    threads: list[threading.Thread] = []
    with contextlib.ExitStack() as stack:

        def serve(listener: socket.socket, script: tuple[bytes, ...]) -> None:
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(BOUND_S)
                for number, octets in enumerate(script):
                    if number % 2 == 0:
                        sock.sendall(octets)
                        continue
                    got = b""
                    while len(got) < len(octets) and (piece := sock.recv(len(octets) - len(got))):
                        got += piece
                    if got != octets:
                        problems.append(f"expected {octets!r}, got {got!r}")
                        return

        def play(
            *script: bytes, protocol: Protocol = Protocol.SMTP, host: str = "127.0.0.1", port: int = 0
        ) -> Endpoint:
            listener = stack.enter_context(socket.create_server((host, port)))
            listener.settimeout(BOUND_S)
            threads.append(threading.Thread(target=serve, args=(listener, script)))
            threads[-1].start()
            return Endpoint(protocol, host, listener.getsockname()[1])

        yield play
        for thread in threads:
            thread.join(BOUND_S)
            assert not thread.is_alive()
    assert problems == []
