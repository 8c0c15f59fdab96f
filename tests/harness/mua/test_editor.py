"""Text from the user's editor, for a new message and for an answer."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.inbox import _replier
from harness.clients.tls import client_context
from harness.errors import UsageError
from harness.mua.editor import edit
from harness.mua.opened import Opener
from harness.mua.terms import Terms
from reference_server import Server

LETTER = b"From: bob@example.test\r\nSubject: lunch\r\nMessage-ID: <1@example.test>\r\n\r\nAt noon?\r\n"


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a shell script the editor; the file to edit is its ``$1``."""

    def make(script: str) -> None:
        path = tmp_path / "my editor"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", f"'{path}'")

    return make


def test_what_was_saved_comes_back(editor: Callable[[str], None]) -> None:
    editor('printf "Grüße" >> "$1"')

    assert edit("Viele ") == "Viele Grüße"


@pytest.mark.parametrize(
    ("script", "says"),
    [("exit 3", "ended with 3"), (r'printf "\377" > "$1"', "UTF-8"), ('rm "$1"', "left no")],
)
def test_an_editor_that_fails_sends_nothing(editor: Callable[[str], None], script: str, says: str) -> None:
    editor(script)

    with pytest.raises(UsageError, match=says):
        edit()


def test_an_editor_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "/nowhere/vi")

    with pytest.raises(UsageError, match="set EDITOR"):
        edit()


def test_an_answer_is_sent_from_the_account(
    editor: Callable[[str], None], server: Server, received: Callable[[str], list[bytes]]
) -> None:
    target = server.target
    terms = Terms(context=client_context(target), account=target.accounts[0], server_name=target.server_name)
    opener = Opener()
    reply = _replier(target, terms, Console(quiet=True), opener)
    assert reply is not None

    editor('echo Yes. >> "$1"')
    assert reply(opener(LETTER))
    (content,) = received("bob")
    assert b"Subject: Re: lunch\r\n" in content
    assert b"In-Reply-To: <1@example.test>\r\n" in content
    assert content.endswith(b"\r\n> At noon?\r\n\r\nYes.\r\n")

    editor("true")
    with pytest.raises(UsageError, match="nothing was written"):
        reply(opener(LETTER))
