"""A thousand messages while an exchanger goes down and the sender is killed: each arrives, or is answered once."""

import contextlib
import random
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reference_server import Server
from reference_server.clock import Clock
from reference_server.ports import free_port
from reference_server.relay.queue import Queue
from reference_server.store import INBOX, Store
from reference_server.world.load import load_world

MESSAGES = 1000
TROUBLES = 10
PATIENCE_S = 60.0

WORLD = """
name = "a thousand messages"
cheap_hashes = true

[network]
dns_address = "127.0.0.1"
dns_port = {dns}
smtp_port = {smtp}

[relay]
retry_s = [0.2, 0.5]
delay_notice_s = 0

[[domains]]
name = "windchaser.example"
mx = ["10 mail1.windchaser.example", "20 mail2.windchaser.example"]
mailboxes = "mail1.windchaser.example"

[[domains]]
name = "pangxie.example"
mx = ["10 mail.pangxie.example"]
mailboxes = "mail.pangxie.example"

[[hosts]]
name = "mail1.windchaser.example"
address = "127.0.0.2"
listeners = ["smtp"]

[[hosts]]
name = "mail2.windchaser.example"
address = "127.0.0.3"
listeners = ["smtp"]

[[hosts]]
name = "mail.pangxie.example"
address = "127.0.0.1"
listeners = {{ smtp = 0, submissions = {submissions} }}

[[users]]
address = "wqp@windchaser.example"
password = "secret"

[[users]]
address = "eric@pangxie.example"
password = "secret"
"""

NUMBER = re.compile(rb"^Subject: number (\d+)", re.MULTILINE)


class SendingHost:
    """The host that is killed: a process of its own, with its queue on disk."""

    def __init__(self, world: Path, directory: Path) -> None:
        self._command = [
            *(sys.executable, "-m", "harness.cli", "serve", "--world", str(world)),
            *(
                "--data",
                str(directory),
                "--only",
                "mail.pangxie.example",
                "--out",
                str(directory / "target.toml"),
            ),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert any(b"Ctrl-C" in line for line in self._process.stdout), "the sending host did not start"

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.communicate(timeout=PATIENCE_S)


class Submitter:
    """A client that gives up what it saw no reply for, and connects again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._session: smtplib.SMTP_SSL | None = None
        self._tls = ssl._create_unverified_context()

    def accepted(self, number: int, recipient: str) -> bool:
        message = f"Subject: number {number}\r\n\r\n{'x' * random.Random(number).randrange(2000)}\r\n"
        try:
            session = self._session = self._session or self._connected()
            session.sendmail("eric@pangxie.example", [recipient], message)
        except (OSError, smtplib.SMTPException):
            self.close()
            return False
        return True

    def _connected(self) -> smtplib.SMTP_SSL:
        session = smtplib.SMTP_SSL("127.0.0.1", self._port, timeout=PATIENCE_S, context=self._tls)
        session.login("eric@pangxie.example", "secret")
        return session

    def close(self) -> None:
        if self._session is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._session.close()
        self._session = None


@pytest.fixture
def world_file(tmp_path: Path) -> Path:
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    text = WORLD.format(
        dns=free_port(addresses[:1], socket.SOCK_DGRAM, socket.SOCK_STREAM),
        smtp=free_port(addresses, socket.SOCK_STREAM),
        submissions=free_port(addresses[:1], socket.SOCK_STREAM),
    )
    path = tmp_path / "world.toml"
    path.write_text(text)
    return path


@pytest.fixture
def sending(world_file: Path, tmp_path: Path) -> Iterator[SendingHost]:
    host = SendingHost(world_file, tmp_path)
    try:
        host.start()
        yield host
    finally:
        host.end()


def until(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.05)


def inbox(store: Store, user: str) -> list[bytes]:
    mailbox = store.mailbox(user, INBOX)
    assert mailbox is not None
    return [store.content(row.content_id) or b"" for row in store.messages(mailbox.id)]


def numbers(contents: list[bytes]) -> Counter[int]:
    return Counter(int(found) for content in contents for found in NUMBER.findall(content))


def test_every_accepted_message_arrives_or_is_answered_once(
    world_file: Path, tmp_path: Path, sending: SendingHost
) -> None:
    world = load_world(world_file)
    submissions = world.host("mail.pangxie.example").listeners
    client = Submitter(next(port for port in submissions.values() if port))
    rng = random.Random(7)
    kills = set(rng.sample(range(20, MESSAGES - 20), TROUBLES))
    turns = sorted(rng.sample(range(10, MESSAGES - 10), 2 * TROUBLES))
    accepted: dict[int, str] = {}
    with Server(world, only=["dns", "mail1.windchaser.example", "mail2.windchaser.example"]) as server:
        mail1, mail2 = (server.hosts[f"mail{n}.windchaser.example"] for n in (1, 2))
        for number in range(MESSAGES):
            if number in turns:
                (mail1.bring_up, mail1.take_down)[turns.index(number) % 2 == 0]()
            if number in kills:
                sending.end()
                sending.start()
            recipient = f"{'nobody' if number % 20 == 0 else 'wqp'}@windchaser.example"
            if client.accepted(number, recipient):
                accepted[number] = recipient
        client.close()
        store = Store(str(tmp_path / "mail.pangxie.example.sqlite"))
        queue = Queue(store, Clock())
        until("the sending host's queue is empty", lambda: not queue.entries())
        until("the backup's queue is empty", lambda: not mail2.context.queue.entries())
        arrived = numbers(inbox(mail1.store, "wqp"))
        answers = numbers(inbox(store, "eric"))
        store.close()

    assert len(accepted) >= MESSAGES - 3 * TROUBLES, "the kills ate more than what was under way"
    to_nobody = {number for number, recipient in accepted.items() if recipient.startswith("nobody")}
    assert {n for n in to_nobody if answers[n] != 1} == set(), "answered by one report each"
    assert {n for n in accepted if n not in to_nobody and not arrived[n]} == set(), "nothing is lost"
    assert not set(answers) & set(arrived), "nothing both arrives and bounces"
    assert sum(arrived.values()) - len(arrived) <= TROUBLES, "at most one arrives twice for each kill"
