"""SELECT and what follows from it; two sessions on one mailbox; IDLE."""

import pytest


def test_select_in_rev1(inbox) -> None:
    inbox.ok(b"STORE 1 +FLAGS.SILENT (\\Seen Custom)")
    lines = inbox.send(b"SELECT INBOX")
    assert lines[0].startswith(b"* OK [CLOSED]")
    assert lines[1:] == [
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Custom)",
        b"* 3 EXISTS",
        b"* 0 RECENT",
        b"* OK [UNSEEN 2] First unseen",
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Custom \\*)] Flags kept",
        b"* OK [UIDVALIDITY 1] UIDs valid",
        b"* OK [UIDNEXT 4] Predicted next UID",
        b"* OK [HIGHESTMODSEQ 5] Highest",
        b"OK [READ-WRITE] SELECT completed",
    ]


def test_select_in_rev2(login) -> None:
    lines = login(enable=b"IMAP4rev2").send(b"SELECT inbox")
    assert b'* LIST (\\HasNoChildren) "/" INBOX' in lines
    assert not [line for line in lines if b"RECENT" in line or b"UNSEEN" in line]


def test_examine_changes_nothing(login) -> None:
    writer, reader = login(), login()
    writer.append(b"x")
    *lines, completion = reader.send(b"EXAMINE INBOX")
    assert completion.startswith(b"OK [READ-ONLY]")
    assert b"* OK [PERMANENTFLAGS ()] Flags kept" in lines
    assert b"* 1 RECENT" in lines
    for command in (b"STORE 1 +FLAGS (\\Seen)", b"EXPUNGE", b"MOVE 1 INBOX"):
        assert reader.completion(command).startswith(b"NO")
    reader.ok(b"FETCH 1 BODY[]")
    assert b"* 1 RECENT" in writer.ok(b"SELECT INBOX")
    assert writer.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]


def test_a_failed_select_leaves_nothing_selected(inbox) -> None:
    assert inbox.completion(b"SELECT nosuch").startswith(b"NO")
    assert inbox.completion(b"FETCH 1 FLAGS").startswith(b"BAD")


def test_a_wrong_select_leaves_the_mailbox_selected(inbox) -> None:
    assert inbox.completion(b"SELECT").startswith(b"BAD")
    inbox.ok(b"FETCH 1 FLAGS")


def test_close_removes_without_a_word_and_unselect_removes_nothing(login) -> None:
    dialogue = login()
    dialogue.append(b"x", before=b"(\\Deleted) ")
    dialogue.ok(b"SELECT INBOX")
    assert dialogue.ok(b"UNSELECT") == []
    assert b"* 1 EXISTS" in dialogue.ok(b"EXAMINE INBOX")
    assert dialogue.ok(b"CLOSE") == []
    assert b"* 1 EXISTS" in dialogue.ok(b"SELECT INBOX")
    assert dialogue.ok(b"CLOSE") == []
    assert b"* 0 EXISTS" in dialogue.ok(b"SELECT INBOX")


def test_expunge_counts_each_number_anew(inbox) -> None:
    inbox.ok(b"STORE 1,3 +FLAGS.SILENT (\\Deleted)")
    assert inbox.ok(b"EXPUNGE") == [b"* 1 EXPUNGE", b"* 2 EXPUNGE"]
    assert inbox.ok(b"UID FETCH 1:* UID") == [b"* 1 FETCH (UID 2)"]


def test_uid_expunge_leaves_the_others(inbox) -> None:
    inbox.ok(b"STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    assert inbox.ok(b"UID EXPUNGE 2:3,99") == [b"* 2 EXPUNGE", b"* 2 EXPUNGE"]


def test_numbers_stay_under_fetch_store_and_search(login) -> None:
    one, two = login(), login()
    for _ in range(3):
        one.append(b"Subject: x\r\n\r\n")
    one.ok(b"SELECT INBOX")
    two.ok(b"SELECT INBOX")
    two.ok(b"STORE 1 +FLAGS (\\Deleted)")
    two.ok(b"EXPUNGE")
    for command in (b"FETCH 2:3 UID", b"STORE 2 +FLAGS (\\Seen)", b"SEARCH ALL"):
        assert not [line for line in one.send(command) if b"EXPUNGE" in line], command
    assert one.ok(b"FETCH 3 UID") == [b"* 3 FETCH (UID 3)"]
    assert one.completion(b"FETCH 1 BODY[]").startswith(b"NO [EXPUNGEISSUED]")
    assert one.completion(b"STORE 1 +FLAGS (\\Seen)").startswith(b"NO [EXPUNGEISSUED]")
    assert one.ok(b"SEARCH ALL") == [b"* SEARCH 2 3"]
    expunge, completion = one.send(b"COPY 1:3 INBOX")
    assert completion.startswith(b"NO [EXPUNGEISSUED]")
    assert expunge == b"* 1 EXPUNGE"
    assert one.ok(b"FETCH 2 UID") == [b"* 2 FETCH (UID 3)"]


def test_expunges_are_told_at_noop_and_at_uid_commands(login) -> None:
    one, two = login(), login()
    for _ in range(2):
        one.append(b"x")
    one.ok(b"SELECT INBOX")
    two.ok(b"SELECT INBOX")
    two.ok(b"STORE 1 +FLAGS (\\Deleted)")
    two.ok(b"EXPUNGE")
    assert one.ok(b"UID SEARCH ALL") == [b"* SEARCH 2", b"* 1 EXPUNGE"]


def test_flags_and_new_messages_of_other_sessions_are_told(login) -> None:
    one, two = login(), login()
    one.append(b"x")
    one.ok(b"SELECT INBOX")
    two.ok(b"SELECT INBOX")
    two.ok(b"STORE 1 +FLAGS (\\Flagged)")
    login().append(b"y")
    assert one.ok(b"NOOP") == [b"* 2 EXISTS", b"* 2 RECENT", b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))"]
    assert one.ok(b"NOOP") == []


def test_a_flag_that_fetch_shows_is_not_told_again(login) -> None:
    one, two = login(), login()
    one.append(b"x")
    one.ok(b"SELECT INBOX")
    two.ok(b"SELECT INBOX")
    two.ok(b"STORE 1 +FLAGS (\\Flagged)")
    assert one.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Flagged \\Recent))"]


def test_one_session_alone_sees_a_message_as_recent(login) -> None:
    one, two = login(), login()
    one.append(b"x")
    assert b"* 1 RECENT" in one.ok(b"SELECT INBOX")
    assert b"* 0 RECENT" in two.ok(b"SELECT INBOX")
    assert two.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS ())"]


def test_a_mailbox_deleted_elsewhere_empties(login) -> None:
    one, two = login(), login()
    one.ok(b"CREATE box")
    one.append(b"x", b"box")
    one.ok(b"SELECT box")
    two.ok(b"DELETE box")
    assert one.ok(b"NOOP") == [b"* 1 EXPUNGE"]
    one.ok(b"CLOSE")


def test_idle_pushes_what_happens(login) -> None:
    one, two = login(), login()
    one.append(b"x")
    one.ok(b"SELECT INBOX")
    assert one.raw(b"i IDLE\r\n") == b"+ idling\r\n"
    one.rang.clear()
    two.append(b"y")
    assert one.rang
    assert one.push() == b"* 2 EXISTS\r\n* 2 RECENT\r\n"
    two.ok(b"SELECT INBOX")
    two.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert one.push() == b"* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))\r\n"
    two.ok(b"EXPUNGE")
    assert one.push() == b"* 1 EXPUNGE\r\n"
    assert one.raw(b"done\r\n") == b"i OK IDLE completed\r\n"


def test_nothing_is_pushed_outside_of_idle(login) -> None:
    one, two = login(), login()
    one.ok(b"SELECT INBOX")
    two.append(b"y")
    assert one.push() == b""


@pytest.mark.parametrize("line", [b"NOOP", b"b NOOP", b""])
def test_what_is_not_done_ends_idle_with_bad(alice, line) -> None:
    alice.raw(b"i IDLE\r\n")
    assert alice.raw(line + b"\r\n").startswith(b"i BAD")
    alice.ok(b"NOOP")


def test_nobody_listens_after_the_connection_is_lost(login) -> None:
    one, two = login(), login()
    one.ok(b"SELECT INBOX")
    one.session.lost()
    one.rang.clear()
    two.append(b"x")
    assert not one.rang


def test_a_number_beyond_the_last_is_bad_and_an_unknown_uid_is_ignored(inbox) -> None:
    assert inbox.completion(b"FETCH 4 FLAGS").startswith(b"BAD")
    assert inbox.completion(b"STORE 1:4 +FLAGS (\\Seen)").startswith(b"BAD")
    assert inbox.ok(b"UID FETCH 4294967295 FLAGS") == []
    assert inbox.ok(b"UID FETCH 99:* UID") == [b"* 3 FETCH (UID 3)"]


def test_star_is_bad_in_an_empty_mailbox(alice) -> None:
    alice.ok(b"SELECT INBOX")
    assert alice.completion(b"FETCH * FLAGS").startswith(b"BAD")
    assert alice.ok(b"UID FETCH 1:* FLAGS") == []
