"""Greeting, capabilities, TLS, login, ENABLE, syntax errors, framing."""

import pytest

from harness.wire.imap.command_reader import MAX_COMMAND_LINE
from harness.wire.sasl import encode

PLAIN = encode(b"\0alice\0secret")


def test_the_greeting_lists_capabilities(connect) -> None:
    assert connect().greeting.startswith(b"* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ")


@pytest.mark.parametrize("command", [b"CAPABILITY", b"cApAbIlItY"])
def test_capability_is_one_untagged_response(connect, command) -> None:
    (line,) = connect().ok(command)
    assert line.startswith(b"* CAPABILITY IMAP4rev1 IMAP4rev2 ")
    assert {b"STARTTLS", b"AUTH=PLAIN"} <= set(line.split())
    assert b"LITERAL-" not in line


def test_login_is_disabled_where_the_world_says_so(connect) -> None:
    plain = connect(plaintext_login=False)
    (line,) = plain.ok(b"CAPABILITY")
    assert b"LOGINDISABLED" in line
    offered = {word for word in line.split() if word.startswith(b"AUTH=")}
    assert offered == {b"AUTH=SCRAM-SHA-256", b"AUTH=SCRAM-SHA-1", b"AUTH=CRAM-MD5"}
    assert plain.completion(b"LOGIN alice secret").startswith(b"NO [PRIVACYREQUIRED]")
    assert plain.completion(b"AUTHENTICATE PLAIN " + PLAIN).startswith(b"NO [PRIVACYREQUIRED]")


def test_login_takes_quoted_strings_and_literals(connect) -> None:
    dialogue = connect()
    assert dialogue.raw(b"a LOGIN {5}\r\n") == b"+ Ready for the literal\r\n"
    assert dialogue.raw(b"alice {6}\r\n") == b"+ Ready for the literal\r\n"
    assert dialogue.raw(b"secret\r\n").startswith(b"a OK [CAPABILITY ")


def test_literals_that_wait_for_nobody_get_no_continuation(connect) -> None:
    answer = connect().raw(b'a LOGIN {5+}\r\nalice "secret"\r\n')
    assert answer.startswith(b"a OK")


def test_wrong_credentials_are_refused_with_a_code(connect) -> None:
    assert connect().completion(b"LOGIN alice wrong").startswith(b"NO [AUTHENTICATIONFAILED]")


def test_plain_without_and_with_an_initial_response(connect) -> None:
    dialogue = connect()
    assert dialogue.raw(b"a AUTHENTICATE PLAIN\r\n") == b"+ \r\n"
    assert dialogue.raw(PLAIN + b"\r\n").startswith(b"a OK")
    assert connect().completion(b"AUTHENTICATE plain " + PLAIN).startswith(b"OK")


def test_login_mechanism_asks_twice(connect) -> None:
    dialogue = connect()
    assert dialogue.raw(b"a AUTHENTICATE LOGIN\r\n") == b"+ " + encode(b"Username:") + b"\r\n"
    assert dialogue.raw(encode(b"alice") + b"\r\n") == b"+ " + encode(b"Password:") + b"\r\n"
    assert dialogue.raw(encode(b"secret") + b"\r\n").startswith(b"a OK")


@pytest.mark.parametrize("line", [b"*", b"!!!", b"", b"YQ"])
def test_a_cancelled_or_unreadable_response_is_bad(connect, line) -> None:
    dialogue = connect()
    dialogue.raw(b"a AUTHENTICATE PLAIN\r\n")
    expected = b"a NO" if line == b"" else b"a BAD"
    assert dialogue.raw(line + b"\r\n").startswith(expected)
    assert dialogue.completion(b"LOGIN alice secret").startswith(b"OK")


def test_an_unreadable_initial_response_is_bad(connect) -> None:
    assert connect().completion(b"AUTHENTICATE PLAIN !!!").startswith(b"BAD")


def test_an_unknown_mechanism_is_no(connect) -> None:
    assert connect().completion(b"AUTHENTICATE NOSUCH").startswith(b"NO")


def test_starttls_forgets_what_came_behind_it(connect) -> None:
    dialogue = connect()
    answer = dialogue.raw(b"a STARTTLS\r\nb NOOP\r\n")
    assert answer.startswith(b"a OK")
    assert b"b " not in answer
    dialogue.session.tls_started()
    assert dialogue.raw(b"c NOOP\r\n") == b"c OK NOOP completed\r\n"
    (capabilities,) = dialogue.ok(b"CAPABILITY")
    assert b"STARTTLS" not in capabilities


def test_starttls_within_tls_is_bad(connect) -> None:
    assert connect(tls=True).completion(b"STARTTLS").startswith(b"BAD")


def test_enable_lists_what_it_knows_and_changes_no_capability(alice) -> None:
    before = alice.ok(b"CAPABILITY")
    assert alice.ok(b"ENABLE X-NOPE condstore imap4REV2") == [b"* ENABLED CONDSTORE IMAP4rev2"]
    assert alice.ok(b"ENABLE X-NOPE CONDSTORE") == [b"* ENABLED"]
    assert alice.ok(b"CAPABILITY") == before


def test_logout_says_bye_and_closes(alice) -> None:
    bye, completion = alice.send(b"LOGOUT")
    assert bye.startswith(b"* BYE")
    assert completion.startswith(b"OK")
    assert alice.session.closing


def test_id_and_namespace(alice) -> None:
    assert alice.ok(b'ID ("name" "x")') == [b'* ID ("name" "mailproof")']
    assert alice.ok(b"ID NIL") == [b'* ID ("name" "mailproof")']
    assert alice.ok(b"NAMESPACE") == [b'* NAMESPACE (("" "/")) NIL NIL']


@pytest.mark.parametrize(
    "line",
    [
        b"a NOSUCH",
        b"a  NOOP",
        b"a NOOP ",
        b"a",
        b"a LOGIN alice",
        b"a SELECT INBOX",
        b"a FETCH 1 FLAGS",
        b"a NOOP x",
    ],
)
def test_wrong_commands_are_bad_with_their_tag(connect, line) -> None:
    assert connect().raw(line + b"\r\n").startswith(b"a BAD")


@pytest.mark.parametrize("line", [b"", b"+ NOOP", b"* OK", b"(", b" NOOP", b"\0"])
def test_lines_without_a_tag_are_bad_without_one(connect, line) -> None:
    assert connect().raw(line + b"\r\n").startswith(b"* BAD")


def test_a_tag_may_be_used_again(alice) -> None:
    assert alice.raw(b"x NOOP\r\nx NOOP\r\n") == b"x OK NOOP completed\r\n" * 2


def test_commands_in_one_write_are_answered_in_order(alice) -> None:
    answer = alice.raw(b"a NOOP\r\nb CAPABILITY\r\nc NOOP\r\n")
    assert [line[:2] for line in answer.split(b"\r\n")[:-1]] == [b"a ", b"* ", b"b ", b"c "]


def test_a_line_ends_at_crlf_only(alice) -> None:
    assert alice.raw(b"a NOOP\nb NOOP\r\n").startswith(b"a BAD")


def test_an_endless_line_ends_the_session(connect) -> None:
    dialogue = connect()
    assert dialogue.raw(b"a" * (MAX_COMMAND_LINE + 2)).startswith(b"* BYE")
    assert dialogue.session.closing


@pytest.mark.parametrize("sign", [b"", b"+"])
def test_a_literal_that_is_too_large_is_refused_and_the_session_goes_on(connect, sign) -> None:
    dialogue = connect()
    size = 100_000
    answer = dialogue.raw(b"a LOGIN {%d%s}\r\n" % (size, sign))
    if sign:
        assert answer == b""
        answer = dialogue.raw(b"x" * size + b" y\r\n")
    assert answer.startswith(b"a NO [LIMIT]")
    assert dialogue.completion(b"NOOP").startswith(b"OK")


def test_a_client_that_says_nothing_is_told_bye(alice) -> None:
    assert alice.session.timed_out().startswith(b"* BYE")
    assert alice.session.closing
