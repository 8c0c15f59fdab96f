"""Several programs at one mbox file: each waits for the others, and not for ever."""

import datetime as dt
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from reference_server.mda.files import MailboxBusy, deliver_to_mbox, read_mbox

NOON = dt.datetime(2026, 1, 3, 12, 30, 5, tzinfo=dt.UTC)

# Another program: takes a lock, says so, and keeps it until its standard input ends.
_FCNTL_ONLY = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""
_STANDARD_LIBRARY = """
import mailbox, sys
box = mailbox.mbox(sys.argv[1])
box.lock()
print("locked", flush=True)
sys.stdin.read()
box.unlock()
"""

Holder = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    deliver_to_mbox(tmp_path / "eric", b"first\r\n", sender="a@example.org", date=NOON)
    return tmp_path / "eric"


@pytest.fixture
def held(path: Path) -> Holder:
    @contextmanager
    def hold(program: str) -> Iterator[None]:
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            yield
            other.stdin.close()
            assert other.wait(10) == 0

    return hold


def deliver(path: Path, content: bytes, wait_s: float = 30.0) -> None:
    deliver_to_mbox(path, content, sender="a@example.org", date=NOON, wait_s=wait_s)


@pytest.mark.parametrize("program", [_FCNTL_ONLY, _STANDARD_LIBRARY], ids=["fcntl", "standard library"])
def test_a_file_that_another_program_has_is_busy_and_stays_as_it_is(
    path: Path, held: Holder, program: str
) -> None:
    before = path.read_bytes()

    with held(program):
        with pytest.raises(MailboxBusy, match=str(path)):
            deliver(path, b"second\r\n", wait_s=0.1)
        assert path.read_bytes() == before

    deliver(path, b"second\r\n")
    assert [entry.octets for entry in read_mbox(path)] == [b"first\n", b"second\n"]
    assert [each.name for each in path.parent.iterdir()] == ["eric"]


@pytest.mark.parametrize("lock", [b"", b"1\n", b"999999999\n", b"no number\nat all\n"])
def test_the_lock_of_another_program_is_not_broken(path: Path, lock: bytes) -> None:
    dot_lock = path.with_name("eric.lock")
    dot_lock.write_bytes(lock)

    with pytest.raises(MailboxBusy):
        deliver(path, b"second\r\n", wait_s=0)

    assert dot_lock.read_bytes() == lock


def test_who_waits_gets_the_file_when_it_is_free(path: Path) -> None:
    dot_lock = path.with_name("eric.lock")
    dot_lock.touch()
    waiting = threading.Thread(target=deliver, args=(path, b"second\r\n"))
    waiting.start()

    dot_lock.unlink()
    waiting.join(30)

    assert not waiting.is_alive()
    assert len(read_mbox(path)) == 2


def test_other_programs_see_both_locks_while_we_have_it(path: Path) -> None:
    from reference_server.mda.files.locks import locked

    probe = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'ab'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with locked(path):
        assert path.with_name("eric.lock").read_bytes().startswith(b"%d\n" % os.getpid())
        other = subprocess.run([sys.executable, "-c", probe, str(path)], capture_output=True, check=False)

    assert b"BlockingIOError" in other.stderr


def test_of_many_who_deliver_at_once_nobody_loses(path: Path) -> None:
    messages = [[b"thread %d, message %d\r\n" % (t, m) for m in range(10)] for t in range(6)]
    threads = [
        threading.Thread(target=lambda own=own: [deliver(path, each) for each in own]) for own in messages
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    found = Counter(entry.content for entry in read_mbox(path))

    assert found == Counter([b"first\r\n", *(each for own in messages for each in own)])
