"""The server is killed while mail waits for its filters: what was accepted arrives, scanned, and once."""

import contextlib
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from reference_server.clock import Clock
from reference_server.ports import free_port
from reference_server.relay.model import Transport
from reference_server.relay.queue import Queue
from reference_server.store import Store

MESSAGES = 60
KILLS = 3
PATIENCE_S = 60.0
WORLD = """
cheap_hashes = true

[network]
dns_port = {dns}
smtp_port = {smtp}

[[hosts]]
name = "mail.example.test"
address = "127.0.0.1"
listeners = ["smtp"]

[[domains]]
name = "example.test"
mailboxes = "mail.example.test"
mx = ["10 mail.example.test"]
aliases = {{ postmaster = "bob" }}

[[users]]
address = "bob@example.test"
password = "secret"

[[filters]]
stage = "batch"
name = "hold"
interval_s = 0.1
most = 5

[[filters]]
stage = "built-in"
batch = "hold"
"""


@pytest.fixture
def server(tmp_path):
    """Starts, kills and starts again."""
    smtp = free_port(["127.0.0.1"], socket.SOCK_STREAM)
    dns = free_port(["127.0.0.1"], socket.SOCK_DGRAM, socket.SOCK_STREAM)
    world = tmp_path / "world.toml"
    world.write_text(WORLD.format(dns=dns, smtp=smtp))
    running = Killable(world, tmp_path / "data", smtp)
    yield running
    running.kill()


class Killable:
    def __init__(self, world: Path, data: Path, port: int) -> None:
        self._world, self.data, self.port = world, data, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "harness.cli", "serve", "--world", str(self._world)]
        command += ["--data", str(self.data), "--out", str(self.data.with_suffix(".toml"))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def send(self, content: bytes) -> bool:
        """Whether the server has taken it, as far as the client was told."""
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE_S) as client:
                client.sendmail("alice@example.org", ["bob@example.test"], content)
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def store(self) -> Store:
        return Store(str(self.data / "mail.example.test.sqlite"), Clock())


def numbers(contents: list[bytes]) -> Counter[int]:
    return Counter(int(found[1]) for each in contents if (found := re.search(rb"X-Number: (\d+)", each)))


def test_accepted_mail_is_scanned_and_arrives_once_whatever_is_killed(tools, server) -> None:
    server.start()
    accepted: set[int] = set()
    for number in range(MESSAGES):
        virus = number % 4 == 3
        content = tools.with_file(tools.EICAR) if virus else tools.HAM
        if server.send(b"X-Number: %d\r\n" % number + content):
            accepted.add(number)
        if number % (MESSAGES // KILLS) == MESSAGES // KILLS // 2:
            server.kill()
            server.start()
    end = time.monotonic() + PATIENCE_S
    store = server.store()
    queue = Queue(store, Clock())
    while any(e.recipients[0].next_hop.transport is Transport.BATCH for e in queue.entries()):
        assert time.monotonic() < end, "the batches did not come to an end"
        time.sleep(0.05)
    server.kill()

    delivered = numbers(tools.inbox(store))
    held = numbers([queue.content(entry.queue_id) or b"" for entry in queue.entries()])
    store.close()
    assert len(accepted) >= MESSAGES - KILLS
    assert accepted <= {*delivered, *held}
    assert set((delivered + held).values()) == {1}
    assert all(number % 4 != 3 for number in delivered)
    assert all(number % 4 == 3 for number in held)
