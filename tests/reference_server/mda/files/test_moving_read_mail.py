"""Read mail moves from the spool to the user's mbox; a model of two lists."""

import datetime as dt
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reference_server.mda.files import MailboxBusy, MailFiles, deliver_to_mbox, move_read, read_mbox
from reference_server.mda.files.locks import locked
from reference_server.world.model import MailboxKind

NOON = dt.datetime(2026, 1, 3, 12, 30, 5, tzinfo=dt.UTC)

_bodies = st.sampled_from(
    [b"plain\r\n", b"From a\r\n", b"\r\nFrom b", b">From c\r\n\r\n", b"", b"Status: RO\r\n"]
)


class Spool(RuleBasedStateMachine):
    """A spool, the mbox beside it, and what should be in each."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.spool = Path(self.directory.name) / "eric"
        self.mbox = Path(self.directory.name) / "mbox"
        self.waiting: list[tuple[bytes, bool]] = []
        self.moved: list[bytes] = []

    @rule(body=_bodies, seen=st.booleans())
    def deliver(self, body: bytes, seen: bool) -> None:
        flags = {r"\Seen"} if seen else set()
        deliver_to_mbox(
            self.spool, b"Subject: x\r\n\r\n" + body, sender="a@example.org", date=NOON, flags=flags
        )
        mark = b"Status: RO\r\n" if seen else b""
        end = b"" if body.endswith(b"\r\n") or not body else b"\r\n"
        self.waiting.append((mark + b"Subject: x\r\n\r\n" + body + end, seen))

    @rule()
    def move(self) -> None:
        moved = [content for content, seen in self.waiting if seen]
        assert move_read(self.spool, self.mbox) == len(moved)
        self.moved += moved
        self.waiting = [(content, seen) for content, seen in self.waiting if not seen]

    @invariant()
    def each_message_is_where_it_should_be(self) -> None:
        assert [entry.content for entry in read_mbox(self.spool)] == [content for content, _ in self.waiting]
        assert [entry.content for entry in read_mbox(self.mbox)] == self.moved

    def teardown(self) -> None:
        self.directory.cleanup()


TestSpool = Spool.TestCase
TestSpool.settings = settings(max_examples=15, stateful_step_count=12)


def test_without_a_spool_nothing_is_moved_or_made(tmp_path: Path) -> None:
    assert move_read(tmp_path / "eric", tmp_path / "mbox") == 0
    assert list(tmp_path.iterdir()) == []


def test_what_stood_before_the_first_message_stays(tmp_path: Path) -> None:
    spool, mbox = tmp_path / "eric", tmp_path / "mbox"
    spool.write_bytes(b"what is this\n\nFrom a@example.org Sat Jan  3 12:30:05 2026\nStatus: RO\n\nx\n\n")

    assert move_read(spool, mbox) == 1

    assert spool.read_bytes() == b"what is this\n\n"
    assert mbox.read_bytes() == b"From a@example.org Sat Jan  3 12:30:05 2026\nStatus: RO\n\nx\n\n"


def test_an_mbox_that_is_in_use_leaves_everything_in_the_spool(tmp_path: Path) -> None:
    spool, mbox = tmp_path / "eric", tmp_path / "mbox"
    deliver_to_mbox(spool, b"Subject: x\r\n\r\n", sender="", date=NOON, flags={r"\Seen"})
    before = spool.read_bytes()

    with locked(mbox), pytest.raises(MailboxBusy):
        move_read(spool, mbox, wait_s=0)

    assert spool.read_bytes() == before
    assert mbox.read_bytes() == b""


def test_a_user_has_a_spool_by_name_and_an_mbox_at_home(tmp_path: Path) -> None:
    files = MailFiles(tmp_path, MailboxKind.MBOX)
    files.deliver("eric", "INBOX", b"Subject: a\r\n\r\n", sender="", date=NOON, flags={r"\Seen"})

    assert files.spool("eric") == tmp_path / "spool" / "eric"
    assert files.move_read("eric") == 1
    assert (tmp_path / "spool" / "eric").read_bytes() == b""
    assert len(read_mbox(tmp_path / "home" / "eric" / "mbox")) == 1
