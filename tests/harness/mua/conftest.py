"""A running reference server with its target file, and the command run in this process."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli.app import app
from harness.mua.terms import Terms
from reference_server import Server

Run = Callable[..., Result]


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
    return Terms(timeout_s=10.0)
