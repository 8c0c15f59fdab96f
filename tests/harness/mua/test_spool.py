"""A spool at the end of a session: what was read is in the user's mbox, and nothing is ever lost."""

import mailbox
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import RunFailed, UsageError
from harness.mua import file_box
from harness.mua.file_box import open_spool

SEPARATOR = b"From bob@example.test Tue Nov 24 16:00:00 2026\n"


def message(number: int) -> bytes:
    return SEPARATOR + b"Subject: %d\n\n>From here\nno last line end is missing\n\n" % number


def marked(number: int) -> bytes:
    return message(number).replace(SEPARATOR, SEPARATOR + b"Status: RO\n")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.write_bytes(b"".join(message(number) for number in range(1, 5)))
    return path


def subjects(path: Path) -> list[str]:
    with closing(mailbox.mbox(path, create=False)) as box:
        return [str(each["Subject"]) for each in box]


def test_read_mail_moves_to_the_mbox_and_what_was_deleted_goes_nowhere(spool: Path, tmp_path: Path) -> None:
    kept = tmp_path / "mbox"
    kept.write_bytes(message(0))
    with open_spool(spool, kept) as box:
        told = box.finish(deleted={2}, read={1, 2, 4})

    assert told == f"{spool}: 2 moved to {kept}, 1 deleted"
    assert kept.read_bytes() == message(0) + marked(1) + marked(4)
    assert spool.read_bytes() == message(3)


def test_read_mail_stays_and_is_marked_where_it_is_held(spool: Path) -> None:
    with open_spool(spool, None) as box:
        box.finish(deleted=(), read={2})

    assert spool.read_bytes() == message(1) + marked(2) + message(3) + message(4)
    with open_spool(spool, None) as box:
        assert box.unread() == [1, 3, 4]


def test_what_is_delivered_meanwhile_stays(spool: Path, tmp_path: Path) -> None:
    with open_spool(spool, tmp_path / "mbox") as box:
        with spool.open("ab") as file:
            file.write(message(5))
        box.finish(deleted={1}, read={2})

    assert subjects(spool) == ["3", "4", "5"]
    assert subjects(tmp_path / "mbox") == ["2"]


def test_new_mail_is_found_and_gets_the_next_number(spool: Path) -> None:
    with open_spool(spool, None) as box:
        with spool.open("ab") as file:
            file.write(message(5))

        assert box.refresh() == 1
        assert box.content(5).startswith(b"Subject: 5\r\n")


def test_what_another_program_took_meanwhile_is_left_out_and_nothing_else_is_taken_for_it(
    spool: Path, tmp_path: Path
) -> None:
    with open_spool(spool, tmp_path / "mbox") as box:
        spool.write_bytes(message(2) + message(3))
        box.finish(deleted={3}, read={1, 2})

    assert spool.read_bytes() == b""
    assert subjects(tmp_path / "mbox") == ["2"]


def test_a_file_that_was_changed_meanwhile_is_not_read_wrongly(spool: Path) -> None:
    # Larger than what the system hands over at once, so that it is read anew.
    large = [message(number).replace(b"no last", b"no " * 100_000 + b"last") for number in range(3)]
    spool.write_bytes(b"".join(large))
    with open_spool(spool, None) as box:
        spool.write_bytes(large[2] + large[0])

        with pytest.raises(RunFailed, match="another program changed it"):
            box.content(2)


def test_messages_that_are_alike_are_told_apart(spool: Path) -> None:
    spool.write_bytes(message(1) * 3)
    with open_spool(spool, None) as box:
        assert box.count == 3
        box.finish(deleted={1, 3}, read=())

    assert spool.read_bytes() == message(1)


def test_a_mailbox_that_another_program_holds_is_not_touched(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_box, "_LOCK_WAIT_S", 0.2)
    before = spool.read_bytes()
    with open_spool(spool, tmp_path / "mbox") as box:
        Path(f"{spool}.lock").write_bytes(b"")
        with pytest.raises(RunFailed, match="another program"):
            box.finish(deleted={1}, read={2})

    assert spool.read_bytes() == before
    assert not (tmp_path / "mbox").exists()


def test_an_mbox_that_cannot_be_written_leaves_the_spool_whole(spool: Path, tmp_path: Path) -> None:
    before = spool.read_bytes()
    with open_spool(spool, tmp_path / "nowhere" / "mbox") as box, pytest.raises(RunFailed):
        box.finish(deleted={1}, read={2})

    assert spool.read_bytes() == before
    assert not Path(f"{spool}.lock").exists()


def test_a_maildir_moves_to_the_mbox_with_its_from_lines_quoted(tmp_path: Path) -> None:
    mailbox.Maildir(tmp_path / "box").add(
        b"Return-Path: <bob@example.test>\nSubject: 1\n\nFrom here\n>From there\n"
    )
    with open_spool(tmp_path / "box", tmp_path / "mbox") as box:
        box.finish(deleted=(), read={1})
        assert box.refresh() == 0

    separator, _, octets = (tmp_path / "mbox").read_bytes().partition(b"\n")
    assert separator.startswith(b"From bob@example.test ")
    assert octets == (
        b"Status: RO\nReturn-Path: <bob@example.test>\nSubject: 1\n\n>From here\n>>From there\n\n"
    )
    assert not [path for path in (tmp_path / "box").rglob("*") if path.is_file()]


def test_a_maildir_keeps_flags_in_names(tmp_path: Path) -> None:
    mailbox.Maildir(tmp_path / "box").add(b"Subject: 1\n\nx\n")
    with open_spool(tmp_path / "box", None) as box:
        box.mark_answered(1)
        box.mark_read(1)

    (path,) = (tmp_path / "box" / "cur").iterdir()
    assert path.name.endswith(":2,RS")


def test_what_is_no_mailbox_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such mailbox"):
        open_spool(tmp_path / "nowhere", None)
    with pytest.raises(UsageError, match="no Maildir"):
        open_spool(tmp_path, None)


def test_what_our_own_mda_wrote_is_read(tmp_path: Path) -> None:
    import datetime as dt

    from reference_server.mda.files.mbox import deliver_to_mbox

    content = b"Subject: 1\r\n\r\nFrom me\r\n>From you\r\n"
    deliver_to_mbox(tmp_path / "box", content, sender="bob@example.test", date=dt.datetime.now(dt.UTC))

    with open_spool(tmp_path / "box", None) as box:
        assert box.content(1) == content
