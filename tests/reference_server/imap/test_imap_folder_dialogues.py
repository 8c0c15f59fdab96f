"""Mailbox names, subscriptions, LIST in all its forms, STATUS."""

import pytest


def names(lines: list[bytes]) -> list[bytes]:
    return [line.rpartition(b'"/" ')[2] for line in lines]


@pytest.fixture
def tree(alice):
    """A few mailboxes, some subscribed."""
    for name in (b"a/b/c", b"a/d", b"e"):
        alice.ok(b"CREATE " + name)
    for name in (b"a/b/c", b"e"):
        alice.ok(b"SUBSCRIBE " + name)
    return alice


def test_an_empty_pattern_asks_for_the_separator(alice) -> None:
    assert alice.ok(b'LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (b'"" *', [b"INBOX", b"a", b"a/b", b"a/b/c", b"a/d", b"e"]),
        (b'"" %', [b"INBOX", b"a", b"e"]),
        (b'"" a/%', [b"a/b", b"a/d"]),
        (b'a/ "%"', [b"a/b", b"a/d"]),
        (b'"" "a*c"', [b"a/b/c"]),
        (b'"" inbox', [b"INBOX"]),
        (b'"" "i*x"', [b"INBOX"]),
        (b'"" E', []),
        (b'"" ("e" "INB%")', [b"INBOX", b"e"]),
        (b'"" .*', []),
    ],
)
def test_patterns(tree, arguments, found) -> None:
    assert names(tree.ok(b"LIST " + arguments)) == found


def test_children_are_told_of(tree) -> None:
    lines = tree.ok(b'LIST "" %')
    assert lines[1:] == [b'* LIST (\\HasChildren) "/" a', b'* LIST (\\HasNoChildren) "/" e']


def test_subscribed_mailboxes_are_selected_also_when_they_are_gone(tree) -> None:
    tree.ok(b"DELETE e")
    assert tree.ok(b'LIST (SUBSCRIBED) "" *') == [
        b'* LIST (\\HasNoChildren \\Subscribed) "/" a/b/c',
        b'* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" e',
    ]
    assert tree.ok(b'LSUB "" *') == [b'* LSUB () "/" a/b/c', b'* LSUB (\\Noselect) "/" e']


def test_recursivematch_tells_of_what_is_below(tree) -> None:
    assert tree.ok(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %') == [
        b'* LIST (\\HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))',
        b'* LIST (\\HasNoChildren \\Subscribed) "/" e',
    ]
    assert tree.completion(b'LIST (RECURSIVEMATCH) "" %').startswith(b"BAD")


def test_lsub_with_percent_shows_the_level_above(tree) -> None:
    assert names(tree.ok(b'LSUB "" %')) == [b"a", b"e"]


def test_return_options(tree) -> None:
    lines = tree.ok(b'LIST "" (a e) RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES UIDNEXT))')
    assert lines == [
        b'* LIST (\\HasChildren) "/" a',
        b"* STATUS a (MESSAGES 0 UIDNEXT 1)",
        b'* LIST (\\HasNoChildren \\Subscribed) "/" e',
        b"* STATUS e (MESSAGES 0 UIDNEXT 1)",
    ]


@pytest.mark.parametrize(
    "command", [b'LIST (ZORK) "" *', b'LIST "" * RETURN (ZORK)', b'LIST "" * RETURN', b"LIST"]
)
def test_unknown_options_are_bad(alice, command) -> None:
    assert alice.completion(command).startswith(b"BAD")


def test_special_use(alice) -> None:
    alice.ok(b"CREATE Papierkorb (USE (\\trash))")
    assert alice.ok(b'LIST (SPECIAL-USE) "" *') == [b'* LIST (\\HasNoChildren \\Trash) "/" Papierkorb']
    assert alice.completion(b"CREATE x (USE (\\Nonsense))").startswith(b"NO [USEATTR]")


@pytest.mark.parametrize(
    ("command", "completion"),
    [
        (b"CREATE INBOX", b"NO [ALREADYEXISTS]"),
        (b"CREATE inbox", b"NO [ALREADYEXISTS]"),
        (b"CREATE e", b"NO [ALREADYEXISTS]"),
        (b"CREATE f/", b"OK"),
        (b'CREATE ""', b"NO [CANNOT]"),
        (b"CREATE a//x", b"NO [CANNOT]"),
        (b'CREATE "x*"', b"NO [CANNOT]"),
        (b"CREATE x&y", b"NO [CANNOT]"),
        (b"DELETE INBOX", b"NO [CANNOT]"),
        (b"DELETE nosuch", b"NO [NONEXISTENT]"),
        (b"RENAME nosuch x", b"NO [NONEXISTENT]"),
        (b"RENAME a e", b"NO [ALREADYEXISTS]"),
        (b"RENAME a a/x", b"NO [CANNOT]"),
        (b"SUBSCRIBE nosuch", b"NO [NONEXISTENT]"),
        (b"UNSUBSCRIBE nosuch", b"OK"),
        (b"SELECT nosuch", b"NO [NONEXISTENT]"),
        (b"STATUS nosuch (MESSAGES)", b"NO [NONEXISTENT]"),
        (b"STATUS e ()", b"BAD"),
        (b"STATUS e (ZORK)", b"BAD"),
    ],
)
def test_what_can_and_cannot_be_done(tree, command, completion) -> None:
    assert tree.completion(command).startswith(completion)


def test_delete_spares_children_and_leaves_the_bare_name(tree) -> None:
    tree.ok(b"DELETE a")
    assert tree.ok(b'LIST "" a') == [b'* LIST (\\Noselect \\HasChildren) "/" a']
    assert tree.completion(b"SELECT a").startswith(b"NO")
    assert tree.completion(b"DELETE a").startswith(b"NO [HASCHILDREN]")
    tree.ok(b"SELECT a/b/c")


def test_rename_takes_children_along(tree) -> None:
    tree.ok(b"RENAME a z")
    assert names(tree.ok(b'LIST "" *')) == [b"INBOX", b"e", b"z", b"z/b", b"z/b/c", b"z/d"]


def test_rename_of_inbox_moves_its_messages(alice) -> None:
    alice.append(b"Subject: x\r\n\r\n")
    alice.ok(b"RENAME INBOX old")
    assert alice.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
    assert alice.ok(b"STATUS old (MESSAGES)") == [b"* STATUS old (MESSAGES 1)"]


def test_a_recreated_mailbox_has_a_greater_uidvalidity(tree) -> None:
    def uidvalidity() -> int:
        (line,) = tree.ok(b"STATUS e (UIDVALIDITY)")
        return int(line.rpartition(b" ")[2].rstrip(b")"))

    before = uidvalidity()
    tree.ok(b"DELETE e")
    tree.ok(b"CREATE e")
    assert uidvalidity() > before


def test_names_are_utf7_until_rev2_is_enabled(login) -> None:
    old = login()
    old.ok(b"CREATE Entw&APw-rfe")
    assert names(old.ok(b'LIST "" E*')) == [b"Entw&APw-rfe"]
    new = login(enable=b"IMAP4rev2")
    assert names(new.ok(b'LIST "" E*')) == ['"Entwürfe"'.encode()]
    new.ok('SELECT "Entwürfe"'.encode())
    assert old.completion('SELECT "Entwürfe"'.encode()).startswith(b"BAD")


def test_names_are_net_unicode_in_rev2(login) -> None:
    dialogue = login(enable=b"IMAP4rev2")
    assert dialogue.completion('CREATE "e\u0301"'.encode()).startswith(b"NO [CANNOT]")
    assert dialogue.completion('CREATE "\u2028"'.encode()).startswith(b"NO [CANNOT]")


def test_status_counts(alice) -> None:
    alice.append(b"x", before=b"(\\Seen \\Deleted) ")
    alice.append(b"yy")
    (line,) = alice.ok(b"STATUS INBOX (MESSAGES RECENT UNSEEN DELETED SIZE UIDNEXT HIGHESTMODSEQ)")
    assert line == b"* STATUS INBOX (MESSAGES 2 RECENT 2 UNSEEN 1 DELETED 1 SIZE 3 UIDNEXT 3 HIGHESTMODSEQ 3)"
    assert alice.ok(b"STATUS INBOX (RECENT)") == [b"* STATUS INBOX (RECENT 2)"]
