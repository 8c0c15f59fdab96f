"""Whole load runs, as a user starts them: short, and true to what they leave behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from harness.results.load import SUMMARY_FILE, LoadSummary
from harness.results.load_store import read_load_run
from harness.target import Protocol
from loadtests.control.verdict import EXIT_CODES
from loadtests.plan import Plan
from reference_server import Server

BOUND_S = 180

# A machine that is busy with something else may be too slow for any rate; what was found is true all the same.
AS_FAR_AS_IT_GOES = ("kept", "generator saturated")


def start(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness.cli", "load", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    process = start(*words)
    try:
        out, err = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for_sessions(out: Path, process: subprocess.Popen[str]) -> None:
    """Until a few have come to their end: a run that goes on writes what it has found every few seconds."""
    pause = threading.Event()
    for _ in range(BOUND_S * 10):
        if (out / SUMMARY_FILE).exists() and read_load_run(out).summary.completed >= 5:
            return
        assert process.poll() is None, process.stderr and process.stderr.read()
        pause.wait(0.1)
    pytest.fail("no session came to its end")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def target(server: Server, tmp_path: Path) -> Path:
    pem = tmp_path / "ca.pem"
    pem.write_text(server.target.ca_pem or "")
    path = tmp_path / "target.toml"
    path.write_text(server.target.with_ca(pem).to_toml())
    return path


def found(out: Path) -> LoadSummary:
    summary = read_load_run(out).summary
    audit = summary.audit
    assert audit.done, audit.why_not
    assert audit.owed > 0
    assert (audit.found_once, audit.lost, audit.duplicated, audit.corrupted) == (audit.owed, 0, 0, 0)
    return summary


def test_a_run_without_a_target(tmp_path: Path) -> None:
    out = tmp_path / "out"

    done = run("lmtp", "--rate", "5", "--duration", "3", "--seed", "7", "--out", out)

    summary = found(out)
    assert summary.verdict in AS_FAR_AS_IT_GOES
    assert done.returncode == EXIT_CODES[summary.verdict], done.stderr
    assert (summary.scenario, summary.seed, summary.arrivals.made) == ("lmtp", 7, 15)
    assert summary.target.software["lmtp"].startswith("mail.example.test ")
    assert summary.command.endswith(f"load lmtp --rate 5 --duration 3 --seed 7 --out {out}")
    assert (out / "report.html").exists()
    assert re.sub(r"\s+", " ", done.stdout).casefold().startswith(summary.sentence[:40].casefold())
    plan = msgspec.json.decode((out / "plan.json").read_bytes(), type=Plan)
    assert [process.pid for process in summary.target.processes] == list(plan.pids)
    assert all(map(gone, plan.pids))
    assert "secret" not in (out / "plan.json").read_text()
    assert not Path(plan.target).exists()


def test_ctrl_c_drains_audits_and_reports(tmp_path: Path, target: Path) -> None:
    out = tmp_path / "out"
    process = start("inbound", target, "--rate", "8", "--duration", "10m", "--out", out)
    try:
        wait_for_sessions(out, process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()

    assert process.returncode == 3, stderr
    summary = found(out)
    assert summary.verdict in ("unfinished", "generator saturated")
    assert "stopped: asked to end" in summary.notes
    assert summary.arrivals.given_up > 0
    assert stderr.count("ending: ") == 1, stderr
    assert "Report: " in stdout
    assert "Traceback" not in stderr, stderr


def test_what_a_run_left_is_removed_by_its_token(tmp_path: Path, target: Path, server: Server) -> None:
    out, profile = tmp_path / "out", tmp_path / "profile.toml"
    profile.write_text("[audit]\ndelete = false\n")

    done = run("lmtp", target, "--profile", profile, "--rate", "4", "--duration", "2", "--out", out)
    summary = found(out)
    left = kept(server)
    cleaned = run("--clean", out, target)

    assert done.returncode == EXIT_CODES[summary.verdict]
    assert left == summary.audit.owed
    assert cleaned.returncode == 0, cleaned.stderr
    assert f"run {summary.run}: {left} messages removed" in cleaned.stdout
    assert kept(server) == 0


def kept(server: Server) -> int:
    """Messages in all mailboxes."""
    return sum(
        len(server.store.messages(mailbox.id))
        for user in server.store.users()
        for mailbox in server.store.mailboxes(user)
    )


def test_a_master_and_its_workers(tmp_path: Path, target: Path) -> None:
    out, meeting = tmp_path / "out", f"127.0.0.1:{free_port()}"
    workers = [start("lmtp", target, "--worker", "--master-host", meeting) for _ in range(2)]
    try:
        done = run(
            "lmtp", target, "--master", "--bind", meeting, "--expect-workers", "2", "--rate", "6",
            "--duration", "3", "--out", out,
        )  # fmt: skip
        said = [worker.communicate(timeout=BOUND_S) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()

    summary = found(out)
    assert done.returncode == EXIT_CODES[summary.verdict], done.stderr
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert summary.arrivals.made == 18
    assert sorted(worker.worker for worker in summary.generator.workers) == [0, 1]


def test_a_target_that_goes_down_leaves_what_was_found(tmp_path: Path, target: Path, server: Server) -> None:
    out, profile = tmp_path / "out", tmp_path / "profile.toml"
    profile.write_text("drain_s = 2\ntimeout_s = 2\n[audit]\nwait_s = 1\n")
    process = start("inbound", target, "--profile", profile, "--rate", "8", "--duration", "20", "--out", out)
    try:
        wait_for_sessions(out, process)
        server.stop()
        _, stderr = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()

    summary = read_load_run(out).summary
    assert process.returncode == EXIT_CODES[summary.verdict] != 0, stderr
    assert summary.errors["refused"] > 0
    assert summary.completed > 0
    assert summary.audit.lost == 0
    assert "Traceback" not in stderr, stderr


def test_a_run_ends_with_the_command_that_started_it(tmp_path: Path, target: Path) -> None:
    out = tmp_path / "out"
    process = start("lmtp", target, "--rate", "4", "--duration", "10m", "--out", out)
    try:
        wait_for_sessions(out, process)
    finally:
        process.kill()
        process.communicate()

    pause = threading.Event()
    summary = read_load_run(out).summary
    for _ in range(BOUND_S * 10):
        summary = read_load_run(out).summary
        if summary.audit.done:
            break
        pause.wait(0.1)
    assert "stopped: the command that started it has gone" in summary.notes
    assert summary.audit.found_once == summary.audit.owed > 0


@pytest.mark.parametrize("how", [("--users", "2", "--think", "0"), ("--rate", "6")], ids=["closed", "open"])
def test_a_locustfile_of_ones_own(tmp_path: Path, target: Path, how: tuple[str, ...]) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine.py"
    mine.write_text(
        "from locust import task\n"
        "from loadtests import ImapUser\n"
        "class Looks(ImapUser):\n"
        "    @task\n"
        "    def look(self):\n"
        "        with self.login() as session:\n"
        "            session.select(b'INBOX')\n"
    )

    done = run(mine, target, *how, "--duration", "5", "--no-audit", "--out", out)

    summary = read_load_run(out).summary
    assert summary.scenario == "mine"
    assert (summary.arrivals.mode == "closed") == (how[0] == "--users")
    assert summary.latency_ms["imap.select"].count > 0, done.stderr
    assert summary.verdict in AS_FAR_AS_IT_GOES
    assert done.returncode == EXIT_CODES[summary.verdict]


def test_a_locustfile_that_is_wrong_says_why(tmp_path: Path, target: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("import nothing_of_this_name\n")

    done = run(mine, target, "--out", tmp_path / "out")

    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("mailproof: ")]
    assert "nothing_of_this_name" in line
    assert "locust.log" in line


def test_a_wrong_password_is_one_line_before_anything_is_run(tmp_path: Path, target: Path) -> None:
    target.write_text(target.read_text().replace('"secret"', '"guessed"'))

    done = run("office", target, "--out", tmp_path / "out")

    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("mailproof: ")]
    assert "refuses the login of alice@example.test" in line
    assert list((tmp_path / "out").iterdir()) == []


def test_nobody_there_is_one_line(tmp_path: Path, target: Path, server: Server) -> None:
    server.stop()

    done = run("inbound", target, "--out", tmp_path / "out")

    assert done.returncode == 3
    assert f"{server.target.endpoints[Protocol.SMTP]}: cannot connect: connection refused" in done.stderr
