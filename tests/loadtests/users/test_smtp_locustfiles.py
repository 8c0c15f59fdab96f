"""A locustfile of one's own with the sending users: plain ``locust -f``, without a plan."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., Any]

SENDER = """
from locust import constant, task
from loadtests import SmtpUser


class Sender(SmtpUser):
    wait_time = constant(0.1)
    recipients = ("alice@example.test", "bob@example.test")

    def on_start(self):
        self.smtp = self.open()

    @task
    def send(self):
        self.smtp.send(self.letter())
"""

DEFAULT = """
from locust import constant
from loadtests import LmtpUser


class Deliverer(LmtpUser):
    wait_time = constant(0.1)
    recipients = ("alice@example.test",)
"""

NOBODY = """
from loadtests import SmtpUser


class Sender(SmtpUser):
    pass
"""


def command(directory: Path, text: str, *options: str) -> list[str]:
    file = directory / "mine.py"
    file.write_text(text)
    users = ["--headless", "--users", "2", "--spawn-rate", "2"]
    return [sys.executable, "-m", "locust", "-f", str(file), *users, *options]


def locust(
    directory: Path, text: str, *options: str, until: Callable[[], bool] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it until it ends by itself, or, by a signal, when so much has been seen."""
    words = command(directory, text, *options)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=directory, **pipes) as process:
        deadline = time.monotonic() + 60
        while until is not None and not until() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if until is not None:
            process.terminate()
        try:
            out, said = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess(words, process.returncode, out, said)


def requests(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """How often each operation was done, by Locust's own final table."""
    return {row["name"]: row["num_requests"] for row in json.loads(done.stdout)}


def test_tasks_of_ones_own_over_a_connection_that_is_kept(smtp_peer: Make, tmp_path: Path) -> None:
    peer = smtp_peer()

    host = f"smtp://127.0.0.1:{peer.port}"
    done = locust(tmp_path, SENDER, "--host", host, "--json", until=lambda: len(peer.contents) >= 10)

    assert done.returncode == 0, done.stderr
    table = requests(done)
    assert table["smtp.connect"] == 2
    assert table["smtp.message"] >= 2
    assert table["smtp.message"] <= len(peer.contents) <= table["smtp.message"] + 2
    assert "Traceback" not in done.stderr


def test_a_class_without_tasks_has_a_session_as_its_task(smtp_peer: Make, tmp_path: Path) -> None:
    peer = smtp_peer()

    host = f"lmtp://127.0.0.1:{peer.port}"
    done = locust(tmp_path, DEFAULT, "--host", host, "--json", until=lambda: len(peer.contents) >= 10)

    assert done.returncode == 0, done.stderr
    table = requests(done)
    assert table["lmtp.session"] >= 2
    assert table["lmtp.message"] >= table["lmtp.session"]


def test_errors_end_the_task_without_a_traceback(smtp_peer: Make, tmp_path: Path) -> None:
    peer = smtp_peer(RCPT=b"450 not now\r\n")

    def refused() -> bool:
        return sum(line.startswith(b"RCPT") for line in peer.lines) >= 4

    done = locust(tmp_path, SENDER, "--host", f"smtp://127.0.0.1:{peer.port}", until=refused)

    assert done.returncode == 1, done.stderr
    assert re.search(r"^\d+ +SMTP smtp\.rcpt: 450 *$", done.stdout + done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (SENDER, (), "nothing says where to connect"),
        (SENDER, ("--host", "http://127.0.0.1:1"), "not PROTOCOL://HOST:PORT"),
        (SENDER, ("--host", "imap://127.0.0.1:1"), "needs an endpoint for smtp"),
        (SENDER, ("--host", "smtp://127.0.0.1:1/path"), "nothing behind it"),
        (NOBODY, ("--host", "smtp://127.0.0.1:1"), "needs somebody to send to"),
        (SENDER, ("--mail-target", "missing.toml"), "missing.toml"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_line(
    tmp_path: Path, text: str, options: tuple[str, ...], said: str
) -> None:
    done = locust(tmp_path, text, *options)

    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
