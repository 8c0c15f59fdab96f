"""Signed and encrypted mail through a real server: what it keeps for its reader is bit for bit what was signed."""

import datetime as dt
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.clients.tls import client_context
from harness.mua.box import Box
from harness.mua.imap_box import ImapBox, open_imap
from harness.mua.pop3_box import Pop3Box, open_pop3
from harness.mua.terms import Terms
from harness.sealed import Keys, Scheme, Standing, Wish, load_keys, open_message, seal
from harness.sealed.make_keys import make_keys
from harness.target import Protocol

ALICE, BOB = "alice@example.test", "bob@example.test"

# RFC 1847 §2.1: what an agent on the way must not touch, and likes to.
AWKWARD = {
    "blanks": b"Content-Type: text/plain\r\n\r\ntrailing \t \r\n \r\n\t\r\nx  \r\n",
    "From lines": b"Content-Type: text/plain\r\n\r\nFrom me\r\n>From you\r\n\r\nFrom \r\n",
    "dots": b"Content-Type: text/plain\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n",
    "long lines": b"Content-Type: text/plain\r\n\r\n" + b"x" * 998 + b"\r\n" + b"y " * 499 + b"\r\n",
    "eight bits": b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    b"\r\ncaf\xc3\xa9 \xe2\x98\x95\r\n",
    "folding": b"Content-Type:\r\n\ttext/plain;\r\n  charset=us-ascii\r\nX-Odd:\r\n \ta  \r\n   b\r\n\r\nx\r\n",
    "empty lines": b"Content-Type: text/plain\r\n\r\n\r\n\r\n\r\n",
}


@pytest.fixture(scope="module")
def keys_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_keys(tmp_path_factory.mktemp("keys"), [ALICE, BOB], dt.datetime.now(dt.UTC))


@pytest.fixture(scope="module")
def keys(keys_directory: Path) -> Keys:
    return load_keys([keys_directory])


def standing(content: bytes, keys: Keys) -> Standing:
    return open_message(content, keys, dt.datetime.now(dt.UTC)).seal.standing


def boxes(neighbour) -> Iterator[Box]:
    """Bob's mailbox, by IMAP and by POP3, where there are readers."""
    target = neighbour.target
    if Protocol.IMAPS not in target.endpoints:
        return
    account = next(account for account in target.accounts if account.address == BOB)
    terms = Terms(context=client_context(target), account=account, server_name=target.server_name)
    with open_imap(target.endpoints[Protocol.IMAPS], terms) as imap, ImapBox(imap, "INBOX") as box:
        yield box
    with open_pop3(target.endpoints[Protocol.POP3S], terms) as pop3, Pop3Box(pop3, "pop3") as maildrop:
        yield maildrop


@dataclass(frozen=True)
class Sealed:
    """A message, and the word in it that nobody else uses."""

    token: str
    content: bytes


def arrives(neighbour, eventually: Callable[..., list[bytes]], keys: Keys, sealed: Sealed) -> None:
    """Send it from Alice to Bob; look at it as it is kept, and as it is read by IMAP and by POP3."""
    token = sealed.token
    neighbour.send(ALICE, BOB, sealed, mail=[b"BODY=8BITMIME"])
    kept = eventually(lambda: neighbour.inbox(BOB, token), f"a copy of {token}")
    assert [standing(copy, keys) for copy in kept] == [Standing.GOOD], kept
    for box in boxes(neighbour):
        found = (box.content(number) for number in range(box.count, 0, -1))
        copy = next(each for each in found if token.encode() in each)
        assert standing(copy, keys) is Standing.GOOD, copy


@pytest.mark.parametrize("kind", AWKWARD)
def test_what_openssl_signed_arrives_as_it_was_signed(
    neighbour, eventually, keys: Keys, keys_directory: Path, kind: str
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: nobody else signs what we would not")
    signer = str(keys_directory / f"{ALICE}.smime.pem")
    command = [openssl, "cms", "-sign", "-binary", "-signer", signer]
    made = subprocess.run(command, input=AWKWARD[kind], capture_output=True, check=True, timeout=30).stdout
    token = f"s{secrets.token_hex(6)}"
    header = f"From: {ALICE}\r\nTo: {BOB}\r\nSubject: {token}\r\nMessage-ID: <{token}@example.test>\r\n"
    header += "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
    # What openssl writes around binary content ends its lines with LF.
    content = header.encode() + re.sub(rb"(?<!\r)\n", b"\r\n", made)
    assert standing(content, keys) is Standing.GOOD

    arrives(neighbour, eventually, keys, Sealed(token, content))


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("encrypt", [True, False])
def test_what_is_signed_and_sealed_here_is_opened_there(
    neighbour, eventually, keys: Keys, scheme: Scheme, encrypt: bool
) -> None:
    token = f"s{secrets.token_hex(6)}"
    message = f"From: {ALICE}\r\nTo: {BOB}\r\nSubject: {token}\r\nMessage-ID: <{token}@example.test>\r\n"
    message += "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nContent-Type: text/plain\r\n\r\nWe meet at noon.\r\n"
    wish = Wish(scheme, sign=True, encrypt=encrypt)
    at = dt.datetime.now(dt.UTC)

    content = seal(message.encode(), wish, keys, sender=ALICE, recipients=[BOB], at=at)
    arrives(neighbour, eventually, keys, Sealed(token, content))
