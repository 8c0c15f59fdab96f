"""A process that is killed at any step of its work leaves no half message, and loses none.

The work is done in a child that kills itself at its n-th call of the system; n goes up until the work is done first.
A write is done by half before the kill.
"""

import datetime as dt
import errno
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reference_server.mda.files import deliver_to_mbox, move_read, read_mbox, recover
from reference_server.mda.files.locks import locked

NOON = dt.datetime(2026, 1, 3, 12, 30, 5, tzinfo=dt.UTC)

_CALLS = ("open", "pwrite", "fsync", "ftruncate", "link", "unlink", "close")
# More calls than any of these works has.
_MANY = 200

READ, UNREAD = b"Status: RO\r\nSubject: a\r\n\r\n", b"Subject: b\r\n\r\n"


def deliver(path: Path, content: bytes) -> None:
    """A message that begins with the mark of a read one is made a read one."""
    flags = {r"\Seen"} if content is READ else set()
    deliver_to_mbox(path, content, sender="a@example.org", date=NOON, flags=flags, wait_s=0.0)


def contents(path: Path) -> list[bytes]:
    return [entry.content for entry in read_mbox(path, wait_s=0.0)]


def die_at(number: int, work: Callable[[], object]) -> None:
    """In the child: count calls, and be killed at this one."""
    done = 0

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **keywords: Any) -> Any:
            nonlocal done
            done += 1
            if done < number:
                return real(*args, **keywords)
            if name == "pwrite":
                real(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("the dead do not go on")

        return call

    for name in _CALLS:
        setattr(os, name, counted(name))
    work()


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Whether the work was cut short."""
    child = multiprocessing.get_context("fork").Process(target=die_at, args=(number, work))
    child.start()
    child.join(30)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def at_every_step(tmp_path: Path, work: Callable[[Path], object], check: Callable[[Path], None]) -> int:
    """Kill the work at each step in a place of its own; returns how many steps it has."""
    for number in range(1, _MANY):
        place = tmp_path / str(number)
        place.mkdir()
        for message in (UNREAD, READ, b"third\r\n"):
            deliver(place / "spool", message)
        deliver(place / "mbox", b"old\r\n")
        cut = killed_at(number, lambda place=place: work(place))
        check(place)
        if not cut:
            return number
    raise AssertionError(f"not done after {_MANY} calls")


def test_a_delivery_is_there_or_not_and_the_next_one_works(tmp_path: Path) -> None:
    before = [UNREAD, READ, b"third\r\n"]
    large = b"x" * 300_000 + b"\r\n"
    seen = set()

    def check(place: Path) -> None:
        found = contents(place / "spool")
        seen.add(len(found))
        assert found in (before, [*before, large])
        deliver(place / "spool", b"next\r\n")
        assert contents(place / "spool") == [*found, b"next\r\n"]

    steps = at_every_step(tmp_path, lambda place: deliver(place / "spool", large), check)

    assert seen == {3, 4}
    assert steps > 10


def test_read_mail_that_is_moved_is_in_one_place_or_for_a_moment_in_both(tmp_path: Path) -> None:
    def check(place: Path) -> None:
        spool, mbox = contents(place / "spool"), contents(place / "mbox")
        assert spool in ([UNREAD, READ, b"third\r\n"], [UNREAD, b"third\r\n"])
        assert mbox in ([b"old\r\n"], [b"old\r\n", READ])
        assert READ in spool + mbox
        move_read(place / "spool", place / "mbox", wait_s=0.0)
        assert contents(place / "spool") == [UNREAD, b"third\r\n"]
        assert set(contents(place / "mbox")) == {b"old\r\n", READ}

    steps = at_every_step(
        tmp_path, lambda place: move_read(place / "spool", place / "mbox", wait_s=0.0), check
    )

    assert steps > 20


def test_what_a_recovery_leaves_undone_the_next_one_does(tmp_path: Path) -> None:
    """The recovery itself is killed at every step."""
    before = [UNREAD, READ, b"third\r\n"]

    def work(place: Path) -> None:
        with locked(place / "spool", wait_s=0.0) as file:
            file._note(b"cut %d" % file.octets)
            os.pwrite(file.fd, b"From a\nhalf a mess", file.octets)
            os.kill(os.getpid(), signal.SIGKILL)

    for number in range(1, _MANY):
        place = tmp_path / str(number)
        place.mkdir()
        for message in before:
            deliver(place / "spool", message)
        assert killed_at(_MANY, lambda place=place: work(place))
        assert b"half" in (place / "spool").read_bytes()
        cut = killed_at(number, lambda place=place: recover(place / "spool"))
        assert recover(place / "spool") is cut or not (place / "spool.lock").exists()
        assert contents(place / "spool") == before
        if not cut:
            break
    assert number < _MANY - 1


def test_a_disk_that_is_full_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path / "spool", b"first\r\n")
    before = (tmp_path / "spool").read_bytes()
    real = os.pwrite

    def full(fd: int, data: bytes, position: int) -> int:
        if position < len(before):
            return real(fd, data, position)
        if len(data) > 10:
            return real(fd, data[:10], position)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            deliver(tmp_path / "spool", b"second\r\n")

    assert (tmp_path / "spool").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]


def test_without_a_lock_there_is_nothing_to_recover(tmp_path: Path) -> None:
    deliver(tmp_path / "spool", b"first\r\n")

    assert recover(tmp_path / "spool") is False
    assert contents(tmp_path / "spool") == [b"first\r\n"]


def test_the_lock_of_the_living_is_not_recovered(tmp_path: Path) -> None:
    deliver(tmp_path / "spool", b"first\r\n")

    with locked(tmp_path / "spool"):
        assert recover(tmp_path / "spool") is False
        assert (tmp_path / "spool.lock").exists()
