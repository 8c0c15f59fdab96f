"""What goes into an mbox file comes out of it, whoever reads it."""

import contextlib
import datetime as dt
import mailbox
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.mda.files import Entry, MailboxBusy, deliver_to_mbox, read_mbox
from reference_server.mda.files.mbox import read_entries

NOON = dt.datetime(2026, 1, 3, 12, 30, 5, tzinfo=dt.UTC)

_hard = [
    b"From ",
    b">From ",
    b">>From x",
    b"from ",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b".",
    b"\xff\xfe",
]
contents = st.lists(st.sampled_from(_hard) | st.binary(max_size=6), max_size=12).map(b"".join)


def kept(content: bytes) -> bytes:
    """What a mailbox file gives back: every line with CRLF, the last one too."""
    octets = content.replace(b"\r\n", b"\n")
    return (octets if octets.endswith(b"\n") else octets + b"\n").replace(b"\n", b"\r\n")


@contextlib.contextmanager
def spool() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "eric"


def deliver(path: Path, content: bytes, sender: str = "wqp@example.org", **keywords: object) -> None:
    deliver_to_mbox(path, content, sender=sender, date=NOON, **keywords)


@settings(max_examples=40)
@given(st.lists(contents, min_size=1, max_size=4))
def test_every_message_comes_back_as_it_was(messages: list[bytes]) -> None:
    with spool() as path:
        for message in messages:
            deliver(path, message)

        assert [entry.content for entry in read_mbox(path)] == [kept(message) for message in messages]


@settings(max_examples=40)
@given(st.lists(contents, min_size=1, max_size=4))
def test_the_standard_library_finds_the_same_messages(messages: list[bytes]) -> None:
    with spool() as path:
        for message in messages:
            deliver(path, message)
        with contextlib.closing(mailbox.mbox(path, create=False)) as box:
            found = [box.get_bytes(key) for key in box.keys()]  # noqa: SIM118 - a mailbox iterates over messages

        assert found == [entry.octets for entry in read_mbox(path)]


@given(st.lists(contents | st.just(b"\n\nFrom a\n")).map(b"".join))
def test_any_file_is_read_and_none_of_it_is_lost(octets: bytes) -> None:
    head, entries = read_entries(octets)

    whole = head + b"".join(entry.whole for entry in entries)
    assert whole.startswith(octets.rstrip(b"\n"))
    assert read_entries(whole) == (head, entries)


def test_the_file_is_exactly_this(tmp_path: Path) -> None:
    deliver(tmp_path / "eric", b"Subject: a\r\n\r\nFrom me\r\n>From you\r\n >From us\r\nlast")
    deliver(tmp_path / "eric", b"Subject: b\r\n\r\n", sender="")

    assert (tmp_path / "eric").read_bytes() == (
        b"From wqp@example.org Sat Jan  3 12:30:05 2026\n"
        b"Subject: a\n\n>From me\n>>From you\n >From us\nlast\n\n"
        b"From MAILER-DAEMON Sat Jan  3 12:30:05 2026\n"
        b"Subject: b\n\n\n"
    )


def test_the_date_is_utc_wherever_the_clock_stands(tmp_path: Path) -> None:
    date = NOON.astimezone(dt.timezone(dt.timedelta(hours=-14)))

    deliver_to_mbox(tmp_path / "eric", b"x", sender="a@example.org", date=date)

    assert read_mbox(tmp_path / "eric")[0].separator == b"From a@example.org Sat Jan  3 12:30:05 2026\n"


@pytest.mark.parametrize("sender", ["a\nFrom b", "a\r\nb", "a\x00b", "a\x85b", "a\u2028b", "\ud800"])
def test_no_sender_makes_a_line_of_its_own(tmp_path: Path, sender: str) -> None:
    deliver(tmp_path / "eric", b"x\r\n", sender=sender)

    assert (tmp_path / "eric").read_bytes().count(b"\n") == 3
    assert len(read_mbox(tmp_path / "eric")) == 1


def test_flags_are_the_fields_of_classic_readers(tmp_path: Path) -> None:
    path = tmp_path / "eric"
    deliver(path, b"Subject: a\r\n\r\n", flags={r"\Seen", r"\FLAGGED", r"\answered", "$Junk"})

    with contextlib.closing(mailbox.mbox(path, create=False)) as box:
        assert set(box[0].get_flags()) == {"R", "O", "F", "A"}
    assert read_mbox(path)[0].seen


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        (b"Status: RO\n\n", True),
        (b"status:R\n\n", True),
        (b"Subject: x\nStatus: RO\n", True),
        (b"Status: O\n\n", False),
        (b"Subject: Status: RO\n\n", False),
        (b"Subject: x\n\nStatus: RO\n", False),
        (b"\nStatus: RO\n\n", False),
    ],
)
def test_only_the_header_says_that_a_message_was_read(message: bytes, seen: bool) -> None:
    assert Entry(b"From a\n", message).seen is seen


@pytest.mark.parametrize(
    "note", [b"Status: RO", b"x-status : A", b"Content-Length: 7\r\n 7", b"X-UID:\r\n\t1", b"X-IMAPbase: 1 1"]
)
def test_a_sender_writes_no_notes_for_the_reader(tmp_path: Path, note: bytes) -> None:
    path = tmp_path / "eric"

    deliver(path, b"Subject: a\r\n" + note + b"\r\nTo: b\r\n\r\n" + note + b"\r\n")
    deliver(path, note + b"\r\n\r\n" + note + b"\r\n")

    assert [entry.content for entry in read_mbox(path)] == [
        b"Subject: a\r\nTo: b\r\n\r\n" + note + b"\r\n",
        b"\r\n" + note + b"\r\n",
    ]
    assert not any(entry.seen for entry in read_mbox(path))


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_what_another_program_left_unended_is_no_part_of_the_next_message(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "eric"
    path.write_bytes(b"From a Sat Jan  3 12:30:05 2026\nSubject: a\n\nhalf" + end)

    deliver(path, b"Subject: b\r\n\r\n")

    assert [entry.octets for entry in read_mbox(path)] == [b"Subject: a\n\nhalf\n", b"Subject: b\n\n"]


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    deliver(tmp_path / "eric", b"x")

    assert stat.S_IMODE((tmp_path / "eric").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["eric"]


def test_no_file_has_no_messages_and_stays_no_file(tmp_path: Path) -> None:
    assert read_mbox(tmp_path / "eric") == []
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "eric").symlink_to(tmp_path / "other")

    with pytest.raises(OSError, match="symbolic link"):
        deliver(tmp_path / "eric", b"x")

    assert (tmp_path / "other").read_bytes() == b"precious"
    assert not (tmp_path / "eric.lock").exists()


def test_what_is_no_file_is_refused_and_is_not_busy(tmp_path: Path) -> None:
    (tmp_path / "eric").mkdir()

    with pytest.raises(OSError, match="eric") as caught:
        deliver(tmp_path / "eric", b"x")

    assert not isinstance(caught.value, MailboxBusy)
