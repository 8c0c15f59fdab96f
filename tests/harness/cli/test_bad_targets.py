"""What is wrong with a target ends in one clear line and the right exit code; what was done is kept."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.results import read_run
from harness.target import Protocol
from reference_server import Server

BOUND_S = 60

# A shell's background job ignores SIGINT, and so does all that it starts; a user's foreground job does not.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from harness.cli import main; main()"
)


def mailproof(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        env={**os.environ, **(env or {})},
        check=False,
    )


@contextmanager
def peer(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A listener whose every connection is handled by `behave`, and closed after it."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def handle(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(BOUND_S)
            try:
                behave(connection)
            except OSError:
                return  # the client has gone, as it may

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(BOUND_S)


def target_file(directory: Path, port: int, protocol: str = "smtp", **limits: float) -> Path:
    path = directory / "target.toml"
    lines = ['domain = "example.test"', "[endpoints]", f'{protocol} = "127.0.0.1:{port}"']
    lines += ["[[accounts]]", 'user = "alice@example.test"', 'password = "wrong"']
    lines += ["[limits]", *(f"{key} = {value}" for key, value in {"timeout_s": 0.5, **limits}.items())]
    path.write_text("\n".join(lines))
    return path


def hang(connection: socket.socket) -> None:
    connection.recv(1)
    connection.recv(1_000_000)
    connection.recv(1_000_000)


def speak_imap(connection: socket.socket) -> None:
    connection.sendall(b"* OK IMAP4rev1 ready\r\n")
    connection.recv(1000)


def send_endless_line(connection: socket.socket) -> None:
    for _ in range(1600):
        connection.sendall(b"220 " + b"x" * 65536)


def close_in_the_middle(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example.test ESMTP\r\n")
    connection.recv(1000)
    connection.sendall(b"250-mail.exam")


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (hang, "nothing came within 0.5 s"),
        (speak_imap, "does not speak this protocol"),
        (send_endless_line, "does not speak this protocol"),
        (close_in_the_middle, "closed by the peer"),
    ],
)
def test_a_target_that_misbehaves_is_told_in_one_line(
    tmp_path: Path, behave: Callable[[socket.socket], None], says: str
) -> None:
    with peer(behave) as port:
        done = mailproof(
            "check", target_file(tmp_path, port), "--only", "smtp.the", "--out", tmp_path / "run"
        )

    assert done.returncode == 3, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("mailproof: ")]
    assert "smtp could not be tried" in line
    assert says in line
    assert "Traceback" not in done.stderr
    run = read_run(tmp_path / "run")
    assert {finding.verdict.value for check in run.checks for finding in check.findings} <= {
        "inconclusive",
        "not_tested",
    }


def test_nobody_there_is_told_in_one_line(tmp_path: Path) -> None:
    with peer(hang) as port:
        pass
    done = mailproof("check", target_file(tmp_path, port), "--only", "smtp.the", "--out", tmp_path / "run")

    assert done.returncode == 3
    assert "connection refused" in done.stderr
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize("area", ["imap", "pop3", "submission"])
def test_a_wrong_password_closes_the_area_and_says_so(tmp_path: Path, area: str) -> None:
    with Server() as server:
        protocol = Protocol.SUBMISSION if area == "submission" else Protocol(area)
        path = target_file(tmp_path, server.target.endpoints[protocol].port, area, timeout_s=5)
        path.write_text("verify_tls = false\n" + path.read_text())
        done = mailproof("check", path, "--only", area, "--out", tmp_path / "run")

    assert done.returncode == 3, done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("mailproof: ")]
    assert f"{area} could not be tried" in line
    assert "alice@example.test" in line
    assert "wrong" not in line.replace("Wrong", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "--profile", "huge"], "quick"),
        (["check", "--only", "RFC9999-1"], "RFC9999-1"),
        (["check", "--only", "ftp"], "there are smtp"),
        (["check", "--smtp", "127.0.0.1:25"], "--domain"),
        (["check", "nowhere.toml"], "cannot be read"),
        (["report", "nowhere"], "cannot be read"),
        (["replay", "nowhere", "smtp.x"], "cannot be read"),
        (["explain", "RFC5321-99"], "no requirement"),
    ],
)
def test_a_usage_error_is_one_line_and_code_2(arguments: list[str], says: str) -> None:
    done = mailproof(*arguments)

    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_target_elsewhere_needs_authorization(tmp_path: Path) -> None:
    path = target_file(tmp_path, 25)
    path.write_text(path.read_text().replace("127.0.0.1", "192.0.2.1"))

    done = mailproof("check", path)

    assert done.returncode == 2
    assert "--authorized" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.jsonl").symlink_to("/dev/full")

    done = mailproof("check", "--only", "lmtp", "--out", tmp_path / "run")

    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_keeps_the_results_and_leaves_nothing_in_the_mailboxes(tmp_path: Path) -> None:
    with Server() as server:
        path = tmp_path / "target.toml"
        pem = tmp_path / "ca.pem"
        pem.write_text(server.target.ca_pem or "")
        path.write_text(server.target.with_ca(pem).to_toml())
        command = [sys.executable, "-c", INTERRUPTIBLE, "check", str(path), "--profile", "standard"]
        process = subprocess.Popen(
            [*command, "--only", "pop3", "--out", str(tmp_path / "run")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for_results(tmp_path / "run" / "result.jsonl", process)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=BOUND_S)
        finally:
            process.kill()
        left = [row for user in server.store.users() for m in server.store.mailboxes(user)
                for row in server.store.messages(m.id)]  # fmt: skip

    assert process.returncode == 3, stderr
    assert "Traceback" not in stderr
    run = read_run(tmp_path / "run")
    assert run.checks
    assert run.end is not None
    assert not run.end.finished
    assert left == []


def wait_for_results(path: Path, process: subprocess.Popen[str]) -> None:
    """Until three records are there."""
    waited = threading.Event()
    for _ in range(BOUND_S * 20):
        if path.exists() and path.read_bytes().count(b"\n") >= 3:
            return
        assert process.poll() is None, process.stderr and process.stderr.read()
        waited.wait(0.05)
    pytest.fail("no results came")
