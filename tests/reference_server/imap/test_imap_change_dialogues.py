"""APPEND, COPY, MOVE, STORE."""

import pytest


def test_append_keeps_flags_date_and_octets(alice) -> None:
    content = b"Subject: \xe4\r\n\r\nlast line not ended"
    completion = alice.append(content, before=b'(\\Seen Custom) "17-Jul-1996 02:44:25 -0700" ')
    assert completion.startswith(b"OK [APPENDUID 1 1]")
    alice.ok(b"SELECT INBOX")
    (line,) = alice.ok(b"FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    assert b"FLAGS (Custom \\Recent \\Seen)" in line
    assert b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"' in line
    assert b"RFC822.SIZE %d " % len(content) in line
    assert line.endswith(b"BODY[] {%d}\r\n%s)" % (len(content), content))


def test_append_to_the_selected_mailbox_is_told(inbox) -> None:
    assert inbox.raw(b"a APPEND INBOX {1+}\r\nx\r\n") == (
        b"* 4 EXISTS\r\n* 4 RECENT\r\na OK [APPENDUID 1 4] APPEND completed\r\n"
    )


def test_append_to_a_missing_mailbox_does_not_create_it(alice) -> None:
    assert alice.append(b"x", b"nosuch").startswith(b"NO [TRYCREATE]")
    assert alice.ok(b'LIST "" nosuch') == []


@pytest.mark.parametrize(
    "arguments",
    [
        b"INBOX x",
        b"INBOX (\\Recent) {1+}\r\nx",
        b'INBOX "32-Jan-2026 00:00:00 +0000" {1+}\r\nx',
        b"INBOX {1+}\r\n\0",
        b"INBOX {1+}\r\nxy",
    ],
)
def test_a_wrong_append_leaves_nothing(alice, arguments) -> None:
    assert alice.completion(b"APPEND " + arguments).startswith(b"BAD")
    assert alice.ok(b"STATUS INBOX (MESSAGES UIDNEXT)") == [b"* STATUS INBOX (MESSAGES 0 UIDNEXT 1)"]


def test_binary_content_is_refused_where_it_has_nul(alice) -> None:
    assert alice.completion(b"APPEND INBOX ~{3+}\r\na\0b").startswith(b"NO [UNKNOWN-CTE]")
    assert alice.completion(b"APPEND INBOX ~{3+}\r\nabc").startswith(b"OK")


def test_a_message_beyond_the_limit_is_refused(alice) -> None:
    size = alice.session.context.world.limits.message_octets + 10**6
    assert alice.raw(b"a APPEND INBOX {%d}\r\n" % size).startswith(b"a NO [LIMIT]")
    alice.ok(b"NOOP")


def test_copy_takes_flags_and_dates_along(inbox) -> None:
    inbox.ok(b"CREATE box")
    inbox.ok(b"STORE 2 +FLAGS.SILENT (\\Answered)")
    assert inbox.completion(b"COPY 1:2 box").startswith(b"OK [COPYUID 4 1:2 1:2]")
    assert inbox.completion(b"UID COPY 3 box").startswith(b"OK [COPYUID 4 3 3]")
    assert inbox.completion(b"UID COPY 99 box") == b"OK UID COPY completed"
    inbox.ok(b"EXAMINE box")
    assert inbox.ok(b"FETCH 2 FLAGS") == [b"* 2 FETCH (FLAGS (\\Answered \\Recent))"]


@pytest.mark.parametrize("verb", [b"COPY", b"MOVE", b"UID COPY", b"UID MOVE"])
def test_copy_and_move_to_a_missing_mailbox(inbox, verb) -> None:
    assert inbox.completion(verb + b" 1 nosuch").startswith(b"NO [TRYCREATE]")
    assert inbox.ok(b"SEARCH ALL") == [b"* SEARCH 1 2 3"]


def test_move_tells_the_uids_before_the_expunges(inbox) -> None:
    inbox.ok(b"CREATE box")
    assert inbox.send(b"MOVE 1,3 box") == [
        b"* OK [COPYUID 4 1,3 1:2] Moved",
        b"* 1 EXPUNGE",
        b"* 2 EXPUNGE",
        b"OK [HIGHESTMODSEQ 5] MOVE completed",
    ]
    assert inbox.ok(b"STATUS box (MESSAGES DELETED)") == [b"* STATUS box (MESSAGES 2 DELETED 0)"]


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        (b"+FLAGS (\\Flagged)", b"\\Flagged \\Seen"),
        (b"-FLAGS (\\Seen)", b""),
        (b"FLAGS (\\Draft)", b"\\Draft"),
        (b"FLAGS ()", b""),
        (b"+FLAGS \\Flagged $Junk", b"$Junk \\Flagged \\Seen"),
        (b"flags (\\SEEN)", b"\\Seen"),
    ],
)
def test_store_changes_and_shows_flags(inbox, change, flags) -> None:
    inbox.ok(b"STORE 1 FLAGS.SILENT (\\Seen)")
    assert inbox.ok(b"STORE 1 " + change) == [b"* 1 FETCH (FLAGS (%s))" % b" ".join(
        sorted([*flags.split(), b"\\Recent"])
    )]  # fmt: skip


def test_store_silent_says_nothing_but_what_others_did(login) -> None:
    one, two = login(), login()
    one.append(b"x")
    one.ok(b"SELECT INBOX")
    two.ok(b"SELECT INBOX")
    assert one.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)") == []
    two.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
    assert one.ok(b"STORE 1 +FLAGS.SILENT (\\Draft)") == [
        b"* 1 FETCH (UID 1 FLAGS (\\Draft \\Flagged \\Recent \\Seen))"
    ]


def test_uid_store_shows_uids(inbox) -> None:
    inbox.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    inbox.ok(b"EXPUNGE")
    assert inbox.ok(b"UID STORE 3 +FLAGS (\\Seen)") == [b"* 2 FETCH (UID 3 FLAGS (\\Recent \\Seen))"]


def test_a_keyword_keeps_its_spelling(inbox) -> None:
    inbox.ok(b"STORE 1 +FLAGS.SILENT (Work)")
    assert inbox.ok(b"STORE 2 +FLAGS (WORK)") == [b"* 2 FETCH (FLAGS (Work \\Recent))"]


def test_a_conditional_store_leaves_what_changed_alone(login) -> None:
    one, two = login(), login()
    for _ in range(2):
        one.append(b"x")
    one.ok(b"SELECT INBOX (CONDSTORE)")
    two.ok(b"SELECT INBOX")
    two.ok(b"STORE 2 +FLAGS (\\Flagged)")
    *untagged, completion = one.send(b"STORE 1:2 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Seen)")
    assert completion.startswith(b"OK [MODIFIED 2]")
    assert untagged == [
        b"* 1 FETCH (UID 1 MODSEQ (5))",
        b"* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent) MODSEQ (4))",
    ]
    assert one.completion(b"UID STORE 2 (UNCHANGEDSINCE 0) +FLAGS (\\Seen)").startswith(b"OK [MODIFIED 2]")


def test_modseq_is_in_every_change_once_condstore_is_on(login) -> None:
    one, two = login(), login()
    one.append(b"x")
    one.ok(b"SELECT INBOX")
    one.ok(b"FETCH 1 MODSEQ")
    two.ok(b"SELECT INBOX")
    two.ok(b"STORE 1 +FLAGS (\\Flagged)")
    assert one.ok(b"NOOP") == [b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent) MODSEQ (3))"]
    assert one.ok(b"STORE 1 +FLAGS (\\Seen)") == [
        b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent \\Seen) MODSEQ (4))"
    ]
    assert one.ok(b"FETCH 1 (FLAGS) (CHANGEDSINCE 4)") == []
    assert one.ok(b"FETCH 1 (UID) (CHANGEDSINCE 3)") == [b"* 1 FETCH (MODSEQ (4) UID 1)"]
