"""QRESYNC (RFC 7162 §3.2)."""

import pytest


@pytest.fixture
def mailbox(login):
    """A session that enabled QRESYNC; six messages came (mod-sequences 2 to 7), of which 2 and 3 are gone (8)."""
    other = login()
    for number in range(1, 7):
        other.append(b"Subject: %d\r\n\r\n" % number)
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    other.ok(b"UNSELECT")
    return login(enable=b"QRESYNC")


def news(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if b"VANISHED" in line or b"FETCH" in line]


def test_enable_says_so_and_switches_condstore_on(login) -> None:
    dialogue = login()
    assert dialogue.ok(b"ENABLE QRESYNC") == [b"* ENABLED QRESYNC"]
    dialogue.append(b"x")
    dialogue.ok(b"SELECT INBOX")
    assert dialogue.ok(b"STORE 1 +FLAGS (\\Seen)") == [
        b"* 1 FETCH (UID 1 FLAGS (\\Recent \\Seen) MODSEQ (3))"
    ]


@pytest.mark.parametrize(
    "command", [b"SELECT INBOX (QRESYNC (1 1))", b"UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)"]
)
def test_without_enable_it_is_bad(login, command) -> None:
    dialogue = login(select=b"INBOX")
    assert dialogue.completion(command).startswith(b"BAD")


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (b"1 1", [b"* VANISHED (EARLIER) 2:3", 1, 4, 5, 6]),
        (b"1 6", [b"* VANISHED (EARLIER) 2:3", 6]),
        (b"1 6 3:5", [b"* VANISHED (EARLIER) 3"]),
        (b"1 6 (1,2 1,4)", [6]),
        (b"1 6 (1,2 1,2)", [b"* VANISHED (EARLIER) 2:3", 6]),
        (b"1 99", []),
        (b"9 1", []),
    ],
)
def test_select_tells_what_changed(mailbox, known, expected) -> None:
    told = news(mailbox.ok(b"SELECT INBOX (QRESYNC (%s))" % known))
    seen = [line if b"VANISHED" in line else int(line.split(b"UID ")[1].split(b" ")[0]) for line in told]
    assert seen == expected


@pytest.mark.parametrize("known", [b"1 1 1:*", b"1 1 (1:2 1)", b"0 1", b"1 0", b"1"])
def test_wrong_arguments_are_bad(mailbox, known) -> None:
    assert mailbox.completion(b"SELECT INBOX (QRESYNC (%s))" % known).startswith(b"BAD")


def test_uid_fetch_tells_removals_first(mailbox) -> None:
    mailbox.ok(b"SELECT INBOX")
    assert mailbox.ok(b"UID FETCH 1:4 (FLAGS) (CHANGEDSINCE 4 VANISHED)") == [
        b"* VANISHED (EARLIER) 2:3",
        b"* 2 FETCH (UID 4 MODSEQ (5) FLAGS ())",
    ]
    for command in (b"FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", b"UID FETCH 1 FLAGS (VANISHED)"):
        assert mailbox.completion(command).startswith(b"BAD")


def test_expunge_is_told_by_vanished_and_highestmodseq(mailbox) -> None:
    mailbox.ok(b"SELECT INBOX")
    mailbox.ok(b"UID STORE 4,6 +FLAGS.SILENT (\\Deleted)")
    assert mailbox.send(b"EXPUNGE") == [b"* VANISHED 4,6", b"OK [HIGHESTMODSEQ 13] EXPUNGE completed"]
    assert mailbox.ok(b"FETCH 2 UID") == [b"* 2 FETCH (UID 5)"]


def test_removals_of_others_are_told_by_vanished(mailbox, login) -> None:
    mailbox.ok(b"SELECT INBOX")
    other = login(select=b"INBOX")
    other.ok(b"UID STORE 5 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    assert news(mailbox.ok(b"SEARCH ALL")) == []
    assert news(mailbox.ok(b"UID SEARCH 1:2")) == []
    assert news(mailbox.ok(b"NOOP")) == [b"* VANISHED 5"]


def test_move_is_told_by_vanished(mailbox) -> None:
    mailbox.ok(b"CREATE box")
    mailbox.ok(b"SELECT INBOX")
    assert mailbox.send(b"UID MOVE 5 box") == [
        b"* OK [COPYUID 4 5 1] Moved",
        b"* VANISHED 5",
        b"OK [HIGHESTMODSEQ 11] UID MOVE completed",
    ]
