"""Every command and state of the POP3 session, without a network."""

import pytest

from harness.wire.sasl import encode

PLAIN = encode(b"\0alice\0secret")


def capabilities(session) -> set[bytes]:
    return set(session.receive(b"CAPA\r\n").split(b"\r\n")[1:-2])


def test_capabilities_before_login_hold_after_it(connect, login) -> None:
    before, after = capabilities(connect()), capabilities(login())
    assert before - after == {b"STLS"}
    assert {b"TOP", b"UIDL", b"USER", b"RESP-CODES", b"PIPELINING"} <= after
    assert {b"PLAIN", b"LOGIN", b"CRAM-MD5", b"SCRAM-SHA-256"} <= mechanisms(connect())


def mechanisms(session) -> set[bytes]:
    (line,) = [each for each in capabilities(session) if each.startswith(b"SASL ")]
    return set(line.split()[1:])


def test_nothing_that_shows_a_password_is_offered_where_it_is_refused(connect) -> None:
    session = connect(plaintext_login=False)
    assert b"USER" not in capabilities(session)
    assert mechanisms(session) == {b"SCRAM-SHA-256", b"SCRAM-SHA-1", b"CRAM-MD5"}
    assert session.receive(b"USER alice\r\n").startswith(b"-ERR")
    assert session.receive(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"-ERR")
    inside = connect(tls=True, plaintext_login=False)
    assert b"USER" in capabilities(inside)
    assert {b"PLAIN", b"LOGIN"} <= mechanisms(inside)


@pytest.mark.parametrize(
    "octets",
    [
        b"user ALICE\r\npass secret\r\n",
        b"AUTH PLAIN " + PLAIN + b"\r\n",
        b"AUTH plain\r\n" + PLAIN + b"\r\n",
        b"AUTH LOGIN\r\n" + encode(b"alice") + b"\r\n" + encode(b"secret") + b"\r\n",
        b"AUTH LOGIN " + encode(b"alice") + b"\r\n" + encode(b"secret") + b"\r\n",
    ],
)
def test_ways_to_log_in(connect, octets) -> None:
    session = connect()
    session.receive(octets)
    assert session.receive(b"STAT\r\n") == b"+OK 0 0\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"USER alice\r\nPASS wrong\r\n",
        b"USER nobody\r\nPASS secret\r\n",
        b"AUTH PLAIN " + encode(b"\0alice\0wrong") + b"\r\n",
    ],
)
def test_wrong_credentials_have_a_code(connect, octets) -> None:
    session = connect()
    assert session.receive(octets).splitlines()[-1].startswith(b"-ERR [AUTH]")
    assert session.receive(b"STAT\r\n").startswith(b"-ERR")


@pytest.mark.parametrize("line", [b"*", b"!!!", b"YQ", b"="])
def test_a_cancelled_or_unreadable_response_is_refused(connect, line) -> None:
    session = connect()
    assert session.receive(b"AUTH PLAIN\r\n") == b"+ \r\n"
    assert session.receive(line + b"\r\n").startswith(b"-ERR")
    assert session.receive(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"+OK")


@pytest.mark.parametrize(
    "line",
    [
        b"AUTH NOSUCH",
        b"AUTH",
        b"AUTH PLAIN !!!",
        b"PASS secret",
        b"STAT",
        b"APOP a b",
        b"XYZW",
        b"STLS x",
        b"",
    ],
)
def test_what_is_refused_before_login(connect, line) -> None:
    assert connect().receive(line + b"\r\n").startswith(b"-ERR")


def test_pass_comes_right_behind_user(connect) -> None:
    session = connect()
    answers = session.receive(b"USER alice\r\nCAPA\r\nPASS secret\r\n")
    assert answers.splitlines()[-1].startswith(b"-ERR")


def test_what_came_behind_stls_is_forgotten(connect) -> None:
    session = connect()
    answer = session.receive(b"USER alice\r\nSTLS\r\nPASS secret\r\nQUIT\r\n")
    assert answer.count(b"\r\n") == 2
    session.tls_started()
    assert session.receive(b"PASS secret\r\n").startswith(b"-ERR")
    assert session.receive(b"STLS\r\n").startswith(b"-ERR")
    assert b"STLS" not in capabilities(session)


def test_listings(login, fill) -> None:
    fill()
    session = login()
    assert session.receive(b"STAT\r\n") == b"+OK 3 72\r\n"
    assert session.receive(b"LIST\r\n") == b"+OK 3 messages\r\n1 32\r\n2 27\r\n3 13\r\n.\r\n"
    assert session.receive(b"LIST 2\r\n") == b"+OK 2 27\r\n"
    ids = session.receive(b"UIDL\r\n").splitlines()[1:-1]
    assert len({line.partition(b" ")[2] for line in ids}) == 3
    assert session.receive(b"UIDL 2\r\n") == b"+OK " + ids[1] + b"\r\n"


def test_sizes_are_those_of_what_is_sent(login, fill) -> None:
    fill()
    session = login()
    for number in (1, 2, 3):
        _, octets = session.receive(b"LIST %d\r\n" % number).rsplit(b" ", 1)
        status, _, rest = session.receive(b"RETR %d\r\n" % number).partition(b"\r\n")
        assert status.startswith(b"+OK")
        content = rest.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        assert len(content) == int(octets)


def test_lines_that_begin_with_a_dot_are_stuffed(login, fill) -> None:
    fill()
    assert login().receive(b"RETR 1\r\n").endswith(b"\r\n\r\n..dot\r\n...\r\nlast\r\n.\r\n")


@pytest.mark.parametrize(
    ("command", "content"),
    [
        (b"TOP 1 0", b"Subject: one\r\n\r\n"),
        (b"TOP 1 1", b"Subject: one\r\n\r\n..dot\r\n"),
        (b"TOP 1 99", b"Subject: one\r\n\r\n..dot\r\n...\r\nlast\r\n"),
        (b"TOP 2 1", b"Subject: two\r\n\r\nnot ended\r\n"),
        (b"TOP 3 0", b"\r\n"),
        (b"TOP 3 1", b"\r\nno header\r\n"),
    ],
)
def test_top(login, fill, command, content) -> None:
    fill()
    assert login().receive(command + b"\r\n").partition(b"\r\n")[2] == content + b".\r\n"


@pytest.mark.parametrize(
    "command",
    [b"TOP 1", b"RETR", b"RETR 0", b"RETR 4", b"RETR x", b"DELE -1", b"LIST 9", b"UIDL 9", b"STAT x"],
)
def test_wrong_arguments(login, fill, command) -> None:
    fill()
    assert login().receive(command + b"\r\n").startswith(b"-ERR")


def test_a_marked_message_is_as_good_as_gone_until_rset(login, fill) -> None:
    fill()
    session = login()
    assert session.receive(b"DELE 1\r\n").startswith(b"+OK")
    for command in (b"DELE 1", b"RETR 1", b"LIST 1", b"UIDL 1", b"TOP 1 0"):
        assert session.receive(command + b"\r\n").startswith(b"-ERR"), command
    assert session.receive(b"STAT\r\n") == b"+OK 2 40\r\n"
    assert session.receive(b"RSET\r\nSTAT\r\n").endswith(b"+OK 3 72\r\n")


def test_quit_removes_and_a_lost_connection_does_not(login, fill) -> None:
    fill()
    lost = login()
    lost.receive(b"DELE 1\r\n")
    lost.lost()
    polite = login()
    assert polite.receive(b"STAT\r\n").startswith(b"+OK 3 ")
    assert polite.receive(b"DELE 1\r\nQUIT\r\n").count(b"+OK") == 2
    assert polite.closing
    assert login().receive(b"STAT\r\n").startswith(b"+OK 2 ")


def test_quit_before_login_removes_nothing(connect) -> None:
    session = connect()
    assert session.receive(b"QUIT\r\n").startswith(b"+OK")
    assert session.closing


def test_a_maildrop_is_for_one_session(connect, login) -> None:
    first = login()
    second = connect()
    assert second.receive(b"USER alice\r\nPASS secret\r\n").splitlines()[-1].startswith(b"-ERR [IN-USE]")
    first.lost()
    assert second.receive(b"USER alice\r\nPASS secret\r\n").splitlines()[-1].startswith(b"+OK")


def test_unique_ids_last_over_sessions(login, fill) -> None:
    fill()
    first = login()
    ids = first.receive(b"UIDL\r\n")
    first.receive(b"DELE 1\r\nQUIT\r\n")
    assert (
        login().receive(b"UIDL\r\n").splitlines()[1].partition(b" ")[2]
        == ids.splitlines()[2].partition(b" ")[2]
    )


def test_a_message_that_others_removed_is_not_made_up(login, fill, context) -> None:
    fill()
    session = login()
    mailbox = context.store.mailbox("alice", "INBOX")
    context.store.expunge(mailbox.id, [1])
    assert session.receive(b"RETR 1\r\n").startswith(b"-ERR")
    assert session.receive(b"RETR 2\r\n").startswith(b"+OK")
    assert session.receive(b"DELE 1\r\nQUIT\r\n").count(b"+OK") == 2


def test_an_endless_line_ends_the_session(connect) -> None:
    session = connect()
    assert session.receive(b"A" * 20_000).startswith(b"-ERR")
    assert session.closing


def test_commands_in_one_write_are_answered_in_order(login, fill) -> None:
    fill()
    answers = login().receive(b"STAT\r\nNOOP\r\nDELE 1\r\nLIST\r\nRSET\r\n")
    assert [line[:4] for line in answers.splitlines()] == [
        b"+OK ",
        b"+OK",
        b"+OK ",
        b"+OK ",
        b"2 27",
        b"3 13",
        b".",
        b"+OK ",
    ]
