"""A message is in a Maildir when it is whole, under a name of its own."""

import contextlib
import datetime as dt
import errno
import mailbox
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.mda.files import deliver_to_maildir, remove_stale

NOON = dt.datetime(2026, 1, 3, 12, 30, 5, tzinfo=dt.UTC)

_hard = [b"From ", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b".", b"\xff\xfe"]
contents = st.lists(st.sampled_from(_hard) | st.binary(max_size=6), max_size=12).map(b"".join)


@settings(max_examples=40)
@given(contents)
def test_the_standard_library_reads_each_message_as_it_was(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        deliver_to_maildir(Path(directory) / "Maildir", content, date=NOON)
        with contextlib.closing(mailbox.Maildir(Path(directory) / "Maildir", create=False)) as box:
            (key,) = box.keys()
            found = box.get_bytes(key)

    expected = content.replace(b"\r\n", b"\n")
    assert found == (expected if expected.endswith(b"\n") else expected + b"\n")


def test_a_new_message_is_in_new_and_nothing_else_is_anywhere(tmp_path: Path) -> None:
    path = deliver_to_maildir(tmp_path / "Maildir", b"Subject: a\r\n\r\n", date=NOON)

    assert path.parent == tmp_path / "Maildir" / "new"
    assert list((tmp_path / "Maildir").glob("*/*")) == [path]
    assert path.read_bytes() == b"Subject: a\n\n"
    assert path.stat().st_mtime == NOON.timestamp()


def test_files_and_directories_are_their_owners_alone(tmp_path: Path) -> None:
    path = deliver_to_maildir(tmp_path / "Maildir", b"x", date=NOON)

    modes = {
        name: stat.S_IMODE((tmp_path / "Maildir" / name).stat().st_mode) for name in ("", "tmp", "new", "cur")
    }
    assert modes == {"": 0o700, "tmp": 0o700, "new": 0o700, "cur": 0o700}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_flags_are_in_the_name_and_in_their_order(tmp_path: Path) -> None:
    flags = {r"\Seen", r"\FLAGGED", r"\Answered", r"\deleted", r"\Draft", "$Junk"}

    path = deliver_to_maildir(tmp_path / "Maildir", b"x", date=NOON, flags=flags)

    assert path.parent.name == "cur"
    assert path.name.endswith(":2,DFRST")
    with contextlib.closing(mailbox.Maildir(tmp_path / "Maildir", create=False)) as box:
        assert [message.get_flags() for message in box] == ["DFRST"]


def test_a_flag_without_a_letter_leaves_a_message_new(tmp_path: Path) -> None:
    path = deliver_to_maildir(tmp_path / "Maildir", b"x", date=NOON, flags={"$Junk"})

    assert path.parent.name == "new"


def test_messages_of_one_moment_have_names_of_their_own(tmp_path: Path) -> None:
    def deliver() -> None:
        for _ in range(20):
            deliver_to_maildir(tmp_path / "Maildir", b"x", date=NOON)

    threads = [threading.Thread(target=deliver) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(list((tmp_path / "Maildir" / "new").iterdir())) == 100


def test_a_message_that_cannot_be_written_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver_to_maildir(tmp_path / "Maildir", b"first", date=NOON)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            deliver_to_maildir(tmp_path / "Maildir", b"second", date=NOON)

    assert [each.read_bytes() for each in (tmp_path / "Maildir").glob("*/*")] == [b"first\n"]


def test_what_died_on_its_way_in_is_removed_after_36_hours(tmp_path: Path) -> None:
    deliver_to_maildir(tmp_path / "Maildir", b"whole", date=NOON)
    dead = tmp_path / "Maildir" / "tmp" / "dead"
    dead.write_bytes(b"half")
    os.utime(dead, (NOON.timestamp(), NOON.timestamp()))

    assert remove_stale(tmp_path / "Maildir", NOON + dt.timedelta(hours=36)) == 0
    assert remove_stale(tmp_path / "Maildir", NOON + dt.timedelta(hours=36, seconds=1)) == 1

    assert not dead.exists()
    assert len(list((tmp_path / "Maildir" / "new").iterdir())) == 1
