"""Where each user's mail is, and that no name leads out of there."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference_server.mda.files import MailFiles, read_mbox
from reference_server.mda.files.layout import file_name
from reference_server.world.model import MailboxKind

NOON = dt.datetime(2026, 1, 3, 12, 30, 5, tzinfo=dt.UTC)

names = st.text(max_size=30) | st.sampled_from(
    ["..", ".", "../x", "/etc/passwd", "a/b", "eric.lock", ".eric.kept", "%2E"]
)


def named(name: str) -> str | None:
    try:
        return file_name(name)
    except ValueError:
        return None


@given(names)
def test_a_name_is_that_of_one_file_which_is_none_of_ours(name: str) -> None:
    found = named(name)

    assume(found is not None)
    assert found is not None
    assert Path(found).name == found
    assert not found.startswith(".")
    assert not found.endswith(".lock")
    assert "\0" not in found


@given(names, names)
def test_two_names_are_never_one_file(one: str, other: str) -> None:
    found = named(one)

    assert found is None or one == other or found != named(other)


@pytest.mark.parametrize("name", ["eric", "wqp+lists", "wqp@windchaser.example", "o'brien", "a.b-c_d"])
def test_usual_names_are_files_of_the_same_name(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 201, "ü" * 40])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        file_name(name)


@pytest.mark.parametrize(
    ("kind", "mailbox", "place"),
    [
        (MailboxKind.MBOX, "INBOX", "spool/eric"),
        (MailboxKind.MBOX, "inbox", "spool/eric"),
        (MailboxKind.MBOX, "Lists", "home/eric/mail/Lists"),
        (MailboxKind.MBOX, "Lists/Work", "home/eric/mail/Lists%2FWork"),
        (MailboxKind.MAILDIR, "INBOX", "home/eric/Maildir"),
        (MailboxKind.MAILDIR, "Lists", "home/eric/Maildir/.Lists"),
        (MailboxKind.MAILDIR, "..", "home/eric/Maildir/.%2E."),
    ],
)
def test_each_mailbox_has_its_place(tmp_path: Path, kind: MailboxKind, mailbox: str, place: str) -> None:
    files = MailFiles(tmp_path, kind)

    written = files.deliver("eric", mailbox, b"Subject: a\r\n\r\n", sender="", date=NOON)

    assert files.place("eric", mailbox) == tmp_path / place
    assert written == tmp_path / place or written.parent.parent == tmp_path / place


def test_messages_of_one_mailbox_are_in_one_file(tmp_path: Path) -> None:
    files = MailFiles(tmp_path, MailboxKind.MBOX)
    for number in range(3):
        files.deliver("eric", "INBOX", b"Subject: %d\r\n\r\n" % number, sender="", date=NOON)

    assert len(read_mbox(files.spool("eric"))) == 3
