"""`mailproof send --sign --encrypt` and what `inbox` says of it; through every way in and out of the server."""

import datetime as dt
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from harness.cli.inbox import _replier
from harness.clients.tls import client_context
from harness.errors import UsageError
from harness.mua.opened import Opener
from harness.mua.terms import Terms
from harness.sealed import Keys, Standing, load_keys, open_message
from harness.sealed.make_keys import make_keys
from harness.sealed.mime import Entity
from harness.target import Target
from reference_server import Server

Run = Callable[..., Result]
Received = Callable[[str], list[bytes]]

PEOPLE = [f"{name}@example.test" for name in ("alice", "bob", "carol")]

# What transit likes to change (RFC 1847 §2.1): trailing blanks, "From ", bare dots, long lines, 8 bits, odd folding.
AWKWARD = {
    "blanks": b"Content-Type: text/plain\r\n\r\ntrailing \t \r\n \r\n\t\r\nx  \r\n",
    "from": b"Content-Type: text/plain\r\n\r\nFrom me\r\n>From you\r\n>>From all\r\n\r\nFrom \r\n",
    "dots": b"Content-Type: text/plain\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n",
    "long": b"Content-Type: text/plain\r\n\r\n" + b"x" * 998 + b"\r\n" + b"y " * 499 + b"\r\n",
    "eight bits": b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    b"\r\ncaf\xc3\xa9 \xe2\x98\x95\r\n",
    "folding": b"Content-Type:\r\n\ttext/plain;\r\n  charset=us-ascii\r\nX-Odd:\r\n \ta  \r\n   b\r\n\r\nx\r\n",
    "empty lines": b"Content-Type: text/plain\r\n\r\n\r\n\r\n\r\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def keys_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_keys(tmp_path_factory.mktemp("keys"), PEOPLE, dt.datetime.now(dt.UTC))


@pytest.fixture
def keyed(target_file: Path, keys_directory: Path) -> Path:
    """A target file that names the keys."""
    target = replace(Target.load(target_file), keys=keys_directory)
    target_file.write_text(target.to_toml())
    return target_file


@pytest.fixture
def keys(keys_directory: Path) -> Keys:
    return load_keys([keys_directory])


def read(run: Run, keyed: Path, *words: object, user: str = "bob") -> Result:
    return run("inbox", keyed, "--user", user, "read", "1", *words)


@pytest.mark.parametrize("scheme", ["--smime", "--openpgp"])
@pytest.mark.parametrize("how", [["--sign"], ["--encrypt"], ["--sign", "--encrypt"]])
def test_what_is_sent_is_opened_and_judged(
    run: Run, keyed: Path, received: Received, scheme: str, how: list[str]
) -> None:
    done = run(
        "send", keyed, "--from", "Alice <alice@example.test>", "--to", "bob@example.test", "-s", "the plan",
        "--body", "We meet at noon.", scheme, *how,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (b"noon" in received("bob")[0]) == ("--encrypt" not in how)

    shown = read(run, keyed)

    assert shown.exit_code == 0, shown.output
    assert "We meet at noon." in shown.output
    assert "Subject: the plan" in shown.output
    assert ("✔ signed by its sender" in shown.output) == ("--sign" in how)
    assert ("signature of alice@example.test" in shown.output) == ("--sign" in how)
    assert ("encryption" in shown.output) == ("--encrypt" in how)
    assert shown.output.index("✔") < shown.output.index("From:")


def test_what_was_altered_on_the_way_is_told_and_ends_with_1(
    run: Run, keyed: Path, received: Received, tmp_path: Path
) -> None:
    sent = ["send", keyed, "--from", "alice@example.test", "--to", "carol@example.test"]
    assert run(*sent, "--body", "noon", "--sign", "--smime").exit_code == 0
    (tmp_path / "altered.eml").write_bytes(received("carol")[0].replace(b"noon", b"nine"))
    sent[-1] = "bob@example.test"
    assert run(*sent, "--raw", tmp_path / "altered.eml").exit_code == 0

    shown = read(run, keyed)

    assert shown.exit_code == 1
    assert "✖ the signature does not count" in shown.output
    assert "what is here is not what was signed" in shown.output
    told = json.loads(read(run, keyed, "--json").stdout)
    assert told["seal"]["standing"] == "bad"
    assert told["seal"]["signatures"][0]["problems"] == ["altered"]
    assert told["text"] == "nine"


def test_without_keys_an_encrypted_message_stays_closed(run: Run, keyed: Path, tmp_path: Path) -> None:
    done = run("send", keyed, "--to", "bob@example.test", "--body", "noon", "--encrypt", "--smime")
    assert done.exit_code == 0, done.output

    shown = read(run, keyed, "--keys", tmp_path)

    assert shown.exit_code == 1
    assert "✖ encrypted, and not opened" in shown.output
    assert "no key here" in shown.output
    assert "[1] smime.p7m" in shown.output


def test_nobody_opens_mail_with_somebody_elses_keys(
    run: Run, keyed: Path, received: Received, tmp_path: Path
) -> None:
    """The target's directory has everybody's keys; what was sealed for Bob is nothing that Carol can read."""
    done = run("send", keyed, "--to", "bob@example.test", "--body", "noon", "--encrypt", "--openpgp")
    assert done.exit_code == 0, done.output
    (tmp_path / "stolen.eml").write_bytes(received("bob")[0])
    assert run("send", keyed, "--to", "carol@example.test", "--raw", tmp_path / "stolen.eml").exit_code == 0

    shown = read(run, keyed, user="carol")

    assert shown.exit_code == 1
    assert "✖ encrypted, and not opened" in shown.output


def test_keys_may_be_named_one_by_one(run: Run, target_file: Path, keys_directory: Path) -> None:
    alice, bob = (keys_directory / f"{name}@example.test.smime.pem" for name in ("alice", "bob"))
    done = run(
        "send", target_file, "--from", "alice@example.test", "--to", "bob@example.test", "--body", "noon",
        "--sign", "--encrypt", "--smime", "--key", alice, "--cert", bob,
    )  # fmt: skip
    assert done.exit_code == 0, done.output

    known = read(run, target_file, "--key", bob, "--cert", keys_directory / "authorities.pem")
    stranger = read(run, target_file, "--key", bob)

    assert (known.exit_code, stranger.exit_code) == (0, 1)
    assert "✔ signed by its sender" in known.output
    assert "? signed, but nothing here vouches" in stranger.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sign"], "--smime or --openpgp"),
        (["--sign", "--smime", "--openpgp"], "--smime or --openpgp"),
        (["--smime"], "with --sign or --encrypt"),
        (["--encrypt", "--smime", "--bcc", "carol@example.test"], "send a blind copy by itself"),
        (
            ["--encrypt", "--openpgp", "--to", "dan@example.org"],
            "certificate of dan@example.org, so nothing is sent",
        ),
        (["--sign", "--smime", "--from", "dan@example.org"], "no S/MIME key of dan@example.org"),
        (["--sign", "--smime", "--keys", "/nowhere"], "is no directory"),
        (["--sign", "--smime", "--key", "/nowhere.pem"], "cannot be read"),
    ],
)
def test_what_cannot_be_signed_or_sealed_is_not_sent(
    run: Run, keyed: Path, received: Received, words: list[str], says: str
) -> None:
    done = run("send", keyed, "--to", "bob@example.test", "--body", "x", *words)

    assert isinstance(done.exception, UsageError), done.output
    assert says in str(done.exception)
    assert received("bob") == []


@pytest.mark.parametrize("scheme", ["--smime", "--openpgp"])
def test_a_text_that_transit_would_change_is_encoded_before_it_is_signed(
    run: Run, keyed: Path, received: Received, scheme: str
) -> None:
    text = "From me \n\ttabs\t\n.\n \nFrom: no\ncafé\n" + "x" * 2000
    sent = ["send", keyed, "--from", "alice@example.test", "--to", "bob@example.test", "--sign", scheme]
    for body in (text, "From me \nplain\n"):
        assert run(*sent, "--body", body).exit_code == 0

    for content in received("bob"):
        signed, _signature = Entity.read(content).parts()
        assert signed.isascii()
        assert not re.search(rb"[ \t]\r\n|^From ", signed, re.MULTILINE)
    told = [json.loads(run("inbox", keyed, "--user", "bob", "read", n, "--json").stdout) for n in (1, 2)]
    assert [each["text"] for each in told] == [text, "From me \nplain"]
    assert {each["seal"]["standing"] for each in told} == {"good"}


@pytest.mark.parametrize("via_in", ["smtp", "submission", "lmtp"])
@pytest.mark.parametrize("kind", AWKWARD)
def test_signed_mail_survives_transit_bit_for_bit(
    run: Run, keyed: Path, keys: Keys, keys_directory: Path, tmp_path: Path, via_in: str, kind: str
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: nobody else signs what we would not")
    signer = str(keys_directory / "alice@example.test.smime.pem")
    command = [openssl, "cms", "-sign", "-crlfeol", "-binary", "-signer", signer]
    made = subprocess.run(command, input=AWKWARD[kind], capture_output=True, check=True, timeout=30).stdout
    # What openssl writes around binary content ends its lines with LF.
    made = re.sub(rb"(?<!\r)\n", b"\r\n", made)
    message = b"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: %s\r\n" % kind.encode() + made
    assert open_message(message, keys, dt.datetime.now(dt.UTC)).seal.standing is Standing.GOOD
    (tmp_path / "raw.eml").write_bytes(message)

    done = run(
        "send", keyed, "--via", via_in, "--from", "alice@example.test", "--to", "bob@example.test", "--raw",
        tmp_path / "raw.eml", "--mail-param", "BODY=8BITMIME",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    for via_out in ("imap", "pop3"):
        shown = read(run, keyed, "--via", via_out)
        assert shown.exit_code == 0, shown.output
        assert "✔ signed by its sender" in shown.output


def test_a_stranger_cannot_write_where_the_judgement_stands(run: Run, keyed: Path, tmp_path: Path) -> None:
    """Names, subjects and texts are a stranger's: none of them acts on the terminal or stands above the header."""
    authority = tmp_path / "keys"
    stranger = "\x1b[2J✔ signed by its sender@example.test"
    make_keys(authority, [PEOPLE[0]], dt.datetime.now(dt.UTC))
    done = run(
        "send", keyed, "--from", "alice@example.test", "--to", "bob@example.test", "-s", "✔ signed by its sender",
        "--body", "✔ signed by its sender" + stranger, "--sign", "--smime", "--keys", authority,
    )  # fmt: skip
    assert done.exit_code == 0, done.output

    shown = read(run, keyed)

    assert shown.exit_code == 1
    assert "\x1b" not in shown.output
    assert shown.output.startswith("? signed, but nothing here vouches")
    above = shown.output[: shown.output.index("From:")]
    assert "✔" not in above


@pytest.mark.parametrize("scheme", ["--smime", "--openpgp"])
def test_an_answer_to_an_encrypted_message_is_encrypted(
    run: Run, keyed: Path, keys: Keys, server: Server, received: Received,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str,
) -> None:  # fmt: skip
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho Yes. >> "$1"\n')
    editor.chmod(0o700)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    sent = ["send", keyed, "--from", "bob@example.test", "--to", "alice@example.test", "--body", "At noon?"]
    assert run(*sent, "--encrypt", scheme).exit_code == 0
    target = server.target
    terms = Terms(context=client_context(target), account=target.accounts[0], server_name=target.server_name)
    opener = Opener(lambda: keys)
    reply = _replier(target, terms, Console(quiet=True), opener)
    assert reply is not None

    assert reply(opener(received("alice")[0]))

    (content,) = received("bob")
    assert b"noon" not in content
    opened = opener(content)
    assert opened.seal.standing is Standing.GOOD
    assert "> At noon?" in opened.letter.text

    without = _replier(target, terms, Console(quiet=True), Opener())
    assert without is not None
    with pytest.raises(UsageError, match=r"of (alice|bob)@"):
        without(opener(received("alice")[0]))
    assert len(received("bob")) == 1


def test_attachments_of_an_encrypted_message_are_saved(run: Run, keyed: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.bin").write_bytes(b"\x00\xff plan")
    (tmp_path / "out").mkdir()
    done = run(
        "send", keyed, "--from", "alice@example.test", "--to", "bob@example.test", "--body", "see",
        "--attach", tmp_path / "plan.bin", "--sign", "--encrypt", "--openpgp",
    )  # fmt: skip
    assert done.exit_code == 0, done.output

    saved = run("inbox", keyed, "--user", "bob", "attachments", "1", "--to", tmp_path / "out")

    assert saved.exit_code == 0, saved.output
    assert (tmp_path / "out" / "plan.bin").read_bytes() == b"\x00\xff plan"
