"""`mailproof queue`, run as a person would, on the files of a server that runs and of one that does not."""

import datetime as dt
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli.queue import listing
from harness.results.waiting import WaitingMessage, WaitingRecipient
from reference_server.clock import Clock
from reference_server.envelope import Envelope, Recipient
from reference_server.relay.model import Fate, NextHop, Outcome, Transport
from reference_server.relay.queue import Deferral, Queue
from reference_server.store import Store

BOUND_S = 60
HOUR = dt.timedelta(hours=1)
NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
HOSTS = ("mail1.example.test", "mail2.example.test")


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def mailproof_queue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process, whose start costs less."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["mailproof", "queue", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def listed(mailproof_queue: Command, tmp_path: Path) -> Callable[..., list[dict]]:
    def run(*arguments: str) -> list[dict]:
        done = mailproof_queue("list", *arguments, "--data", tmp_path, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[dict[str, Queue]]:
    """The queues of two hosts, open as a server would have them."""
    clock = Clock()
    stores = {host: Store(str(tmp_path / f"{host}.sqlite"), clock) for host in HOSTS}
    yield {host: Queue(store, clock) for host, store in stores.items()}
    for store in stores.values():
        store.close()


def add(queue: Queue, recipient: bytes = b"wqp@example.org") -> str:
    hop = NextHop(Transport.SMTP, "example.org")
    queue_id = queue.add(Envelope(b"eric@example.test", (Recipient(recipient),)), b"text", {recipient: hop})
    outcome = Outcome(Fate.DEFERRED, "4.3.2", "421 4.3.2 \x1b[31mbusy\u202e", "mx.example.org", by_peer=True)
    queue.defer(queue_id, {recipient: Deferral(outcome, Clock().now() + HOUR)})
    return queue_id


def test_what_waits_is_listed_host_by_host(queues: dict[str, Queue], tmp_path: Path) -> None:
    first, second = (add(queues[host]) for host in HOSTS)

    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "queue", "list", "--data", tmp_path],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [f"{host}: 1 message" for host in HOSTS]
    assert first in lines[1]
    assert "<eric@example.test>" in lines[1]
    assert "<wqp@example.org>  smtp to example.org, 1 attempt, next try" in lines[2]
    assert lines[3] == r"      mx.example.org: 421 4.3.2 \x1b[31mbusy\u202e (4.3.2)"
    assert second in lines[5]


def test_what_waits_is_json_for_tools(
    listed: Callable[..., list[dict]], queues: dict[str, Queue], tmp_path: Path
) -> None:
    add(queues[HOSTS[0]])
    queue_id = add(queues[HOSTS[1]], b"\xff\n@example.org")

    (message,) = listed("--host", HOSTS[1])

    assert (message["host"], message["queue_id"], message["octets"]) == (HOSTS[1], queue_id, 4)
    (recipient,) = message["recipients"]
    assert recipient["address"] == "\\xff\n@example.org"
    assert recipient["state"] == "queued"
    assert recipient["attempts"] == 1
    assert recipient["status"] == "4.3.2"
    assert listed(queue_id) == [message]


def test_hold_release_flush_and_remove(
    mailproof_queue: Command, listed: Callable[..., list[dict]], queues: dict[str, Queue], tmp_path: Path
) -> None:
    queue = queues[HOSTS[0]]
    chosen, other = add(queue), add(queue)

    assert mailproof_queue("hold", chosen, "--data", tmp_path).stdout == "1 message held\n"
    assert [m["recipients"][0]["state"] for m in listed()] == ["held", "queued"]
    assert queue.due_hops() == []

    assert mailproof_queue("flush", "--data", tmp_path).stdout == "2 messages due now\n"
    assert queue.due(NextHop(Transport.SMTP, "example.org")) == [other]

    assert mailproof_queue("release", "--all", "--data", tmp_path).stdout == "2 messages released\n"
    assert set(queue.due(NextHop(Transport.SMTP, "example.org"))) == {chosen, other}
    assert "next try now" in mailproof_queue("list", "--data", tmp_path).stdout

    removed = mailproof_queue("remove", chosen, "--data", tmp_path, "--json")
    assert json.loads(removed.stdout) == [chosen]
    assert [entry.queue_id for entry in queue.entries()] == [other]
    assert queue.changed_elsewhere()


def test_an_empty_queue_says_so(
    mailproof_queue: Command, listed: Callable[..., list[dict]], queues: dict[str, Queue], tmp_path: Path
) -> None:
    assert mailproof_queue("list", "--data", tmp_path).stdout == "nothing waits\n"
    assert listed() == []


def test_one_unknown_id_changes_nothing(
    mailproof_queue: Command, queues: dict[str, Queue], tmp_path: Path
) -> None:
    queue_id = add(queues[HOSTS[0]])

    done = mailproof_queue("remove", queue_id, "NOSUCHID", "--data", tmp_path)

    assert done.returncode == 2
    assert done.stderr == (
        f"mailproof: NOSUCHID: no such id in the queue of {', '.join(HOSTS)}; nothing was done\n"
    )
    assert len(queues[HOSTS[0]].entries()) == 1


@pytest.mark.parametrize("action", ["hold", "release", "remove"])
def test_all_is_said_in_so_many_words(
    mailproof_queue: Command, queues: dict[str, Queue], tmp_path: Path, action: str
) -> None:
    done = mailproof_queue(action, "--data", tmp_path)

    assert done.returncode == 2
    assert done.stderr == f"mailproof: queue {action}: say which messages, by their ids, or --all\n"


def test_ids_and_all_contradict(mailproof_queue: Command, queues: dict[str, Queue], tmp_path: Path) -> None:
    done = mailproof_queue("hold", "X", "--all", "--data", tmp_path)

    assert (done.returncode, done.stderr) == (2, "mailproof: give ids or --all, not both\n")


def test_a_wrong_directory_or_host_is_named(
    mailproof_queue: Command, queues: dict[str, Queue], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    missing = tmp_path / "missing"

    for arguments, problem in [
        (("--data", missing), f"{missing}: no such directory; give the one of `mailproof serve --data`"),
        (("--data", empty), f"{empty}: no queue here; give the directory of `mailproof serve --data`"),
        (
            ("--data", tmp_path, "--host", "x.test"),
            f"--host x.test: {tmp_path} has no queue of such a host; there is: {', '.join(HOSTS)}",
        ),
    ]:
        done = mailproof_queue("list", *arguments)
        assert (done.returncode, done.stderr) == (2, f"mailproof: {problem}\n")


def test_files_of_others_are_left_alone(mailproof_queue: Command, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    (tmp_path / "text.sqlite").write_text("no database")
    before = foreign.read_bytes()

    assert mailproof_queue("list", "--data", tmp_path).returncode == 2

    assert foreign.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign.sqlite", "text.sqlite"]


def test_a_server_that_has_stopped(listed: Callable[..., list[dict]], tmp_path: Path) -> None:
    clock = Clock()
    store = Store(str(tmp_path / f"{HOSTS[0]}.sqlite"), clock)
    queue_id = add(Queue(store, clock))
    store.close()

    assert [message["queue_id"] for message in listed()] == [queue_id]


def test_nothing_that_acts_on_a_terminal_is_shown() -> None:
    nasty = "\x1b[2J\u202e\r\n\x00x"
    recipient = WaitingRecipient(
        address=nasty,
        transport="smtp",
        next_hop=nasty,
        state="queued",
        attempts=1,
        next_attempt=NOW + HOUR,
        status=nasty,
        reason=nasty,
        remote=nasty,
    )
    message = WaitingMessage(
        host="mail.example.test",
        queue_id="X",
        arrived=NOW,
        octets=1234,
        sender=nasty,
        recipients=(recipient,),
    )

    text = listing([message], NOW)

    assert text.replace("\n", "").isprintable()
    assert len(text.splitlines()) == 4
    assert "next try 2026-11-24 13:00:00Z" in text
