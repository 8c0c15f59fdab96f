"""The session without I/O: octets in, replies out."""

import base64
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.wire.smtp.replies import Reply, ReplyReader, read_extensions
from reference_server import ONE_SERVER
from reference_server.smtp import Role, SmtpSession

MAIL = b"MAIL FROM:<a@example.org>\r\n"
RCPT = b"RCPT TO:<alice@example.test>\r\n"
ENVELOPE = b"EHLO client.example.org\r\n" + MAIL + RCPT


def talk(session: SmtpSession, octets: bytes) -> list[Reply]:
    replies = ReplyReader().feed(session.receive(octets))
    assert not [reply for reply in replies if reply.faults]
    return replies


def codes(session: SmtpSession, octets: bytes) -> list[str]:
    """``250 2.1.0`` for each reply."""
    return [f"{reply.code} {reply.enhanced or ''}".strip() for reply in talk(session, octets)]


def small(**limits: int):
    return replace(ONE_SERVER, limits=replace(ONE_SERVER.limits, **limits))


def test_ehlo_offers_what_the_server_does(start) -> None:
    (reply,) = talk(start(), b"EHLO client.example.org\r\n")
    offered = {line.split()[0] for line in reply.lines[1:]}
    assert offered >= {
        b"PIPELINING", b"SIZE", b"8BITMIME", b"ENHANCEDSTATUSCODES", b"CHUNKING", b"BINARYMIME", b"SMTPUTF8",
        b"DSN", b"STARTTLS",
    }  # fmt: skip
    assert b"AUTH" not in offered


@pytest.mark.parametrize(
    ("role", "tls", "auth", "starttls"),
    [
        (Role.SUBMISSION, False, set(), True),
        (
            Role.SUBMISSION,
            True,
            {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"},
            False,
        ),
        (Role.LMTP, True, set(), False),
    ],
)
def test_auth_is_offered_to_users_behind_tls_only(start, role, tls, auth, starttls) -> None:
    hello = b"LHLO" if role is Role.LMTP else b"EHLO"
    (reply,) = talk(start(role, tls=tls), hello + b" client.example.org\r\n")
    assert set(read_extensions(reply).get("AUTH", "").split()) == auth
    assert ("STARTTLS" in reply.text) == starttls


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"NOOP whatever", "250 2.0.0"),
        (b"RSET", "250 2.0.0"),
        (b"RSET now", "501 5.5.4"),
        (b"VRFY alice", "252 2.5.0"),
        (b"VRFY", "501 5.5.4"),
        (b"EXPN list", "252 2.5.0"),
        (b"HELP", "214 2.0.0"),
        (b"LHLO client.example.org", "500 5.5.1"),
        (b"WHAT is this", "500 5.5.1"),
        (b"", "500 5.5.2"),
        (b"NOOP\0", "501 5.5.2"),
        (b"NOOP\nRSET", "501 5.5.2"),
        (b"EHLO", "501"),
        (b"EHLO not_a_domain!", "501"),
        (b"EHLO [192.0.2.1]", "250"),
        (b"QUIT now", "501 5.5.4"),
        (b"QUIT", "221 2.0.0"),
        (b"DATA", "503 5.5.1"),
        (b"RCPT TO:<alice@example.test>", "503 5.5.1"),
        (b"AUTH PLAIN", "502 5.5.1"),
        (b"MAIL FROM:<>", "250 2.1.0"),
        (b"MAIL FROM:<a@example.org> SIZE=1 BODY=8BITMIME RET=HDRS ENVID=x", "250 2.1.0"),
        (b"MAIL FROM:a@example.org", "501 5.1.7"),
        (b"MAIL FROM:<a\x80@example.org>", "501 5.1.7"),
        (b"MAIL FROM:<\xc3\xa4@example.org>", "550 5.6.7"),
        (b"MAIL FROM:<\xc3\xa4@example.org> SMTPUTF8", "250 2.1.0"),
        (b"MAIL FROM:<a@example.org> NEW=1", "555 5.5.4"),
        (b"MAIL FROM:<a@example.org> SIZE=99999999999", "552 5.3.4"),
        (b"STARTTLS now", "501 5.5.2"),
    ],
)
def test_each_command_has_its_reply(start, line: bytes, expected: str) -> None:
    session = start()
    talk(session, b"EHLO client.example.org\r\n")
    assert codes(session, line + b"\r\n") == [expected]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"<alice@example.test>", "250 2.1.5"),
        (b"<ALICE+lists@Example.TEST>", "250 2.1.5"),
        (b'<"alice"@example.test>', "250 2.1.5"),
        (b'<"al\\ice"@example.test>', "250 2.1.5"),
        (b"<@relay.example.org:alice@example.test>", "250 2.1.5"),
        (b"<alice@[127.0.0.1]>", "250 2.1.5"),
        (b"<Postmaster>", "250 2.1.5"),
        (b"<postmaster@example.test>", "250 2.1.5"),
        (b"<nobody@example.test>", "550 5.1.1"),
        (b"<alice@example.org>", "550 5.7.1"),
        (b"<alice%example.org@example.test>", "550 5.1.1"),
        (b"<>", "501 5.1.3"),
        (b"<\xc3\xa4@example.test>", "553 5.6.7"),
        (b"<alice@example.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@example.test", "250 2.1.5"),
        (b"<alice@example.test> NOTIFY=NEVER,DELAY", "501 5.5.4"),
    ],
)
def test_each_recipient_has_its_reply(start, path: bytes, expected: str) -> None:
    session = start()
    talk(session, b"EHLO client.example.org\r\n" + MAIL)
    assert codes(session, b"RCPT TO:" + path + b"\r\n") == [expected]


def test_all_spellings_of_a_recipient_get_one_copy(start, inbox) -> None:
    session = start()
    talk(session, ENVELOPE + b'RCPT TO:<"alice"@example.test>\r\nRCPT TO:<alice+x@example.test>\r\nDATA\r\n')
    assert codes(session, b"x\r\n.\r\n") == ["250 2.0.0"]
    assert len(inbox(session.context.store, "alice")) == 1


def test_a_message_is_kept_octet_for_octet_below_its_trace(start, inbox) -> None:
    session = start()
    talk(session, ENVELOPE + b"DATA\r\n")
    assert codes(session, b"Subject: x\r\n\r\n..dot \xff\0\r\n.\r\n") == ["250 2.0.0"]
    (message,) = inbox(session.context.store, "alice")
    trace, _, body = message.partition(b"Subject")
    assert body == b": x\r\n\r\n.dot \xff\0\r\n"
    assert trace.startswith(
        b"Return-Path: <a@example.org>\r\nReceived: from client.example.org ([192.0.2.7])\r\n"
        b" by mail.example.test with ESMTP id "
    )
    assert b" for <alice@example.test>; " in trace


@given(cuts=st.lists(st.integers(1, 40), max_size=12))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cutting_the_stream_elsewhere_changes_nothing(start, cuts: list[int]) -> None:
    stream = (
        ENVELOPE
        + b"DATA\r\na\r\n..\r\n.\r\nNOOP\r\n"
        + MAIL
        + RCPT
        + b"BDAT 4\r\nab\r\nBDAT 0 LAST\r\nQUIT\r\n"
    )
    session, whole, at = start(), start(), 0
    replies = b""
    for cut in [*cuts, len(stream)]:
        replies += session.receive(stream[at : at + cut])
        at += cut
    assert replies == whole.receive(stream)


def test_pipelined_commands_are_answered_in_one_batch(start) -> None:
    assert codes(start(), ENVELOPE + b"NOOP\r\n") == ["250", "250 2.1.0", "250 2.1.5", "250 2.0.0"]


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n.\0\r\n"],
)
def test_data_ends_at_crlf_dot_crlf_only_and_bare_line_ends_are_refused(start, inbox, end: bytes) -> None:
    session = start()
    talk(session, ENVELOPE + b"DATA\r\n")
    assert codes(session, b"x" + end + b"NOOP\r\n") == []
    (reply,) = codes(session, b"\r\n.\r\n")
    bare = end != b"\r\n.\0\r\n"
    assert reply == ("550 5.6.0" if bare else "250 2.0.0")
    assert len(inbox(session.context.store, "alice")) == (not bare)


def test_rset_and_ehlo_forget_the_transaction(start) -> None:
    session = start()
    for forget in (b"RSET\r\n", b"EHLO client.example.org\r\n"):
        talk(session, ENVELOPE + forget)
        assert codes(session, b"DATA\r\n") == ["503 5.5.1"]


def test_helo_turns_extensions_off(start) -> None:
    session = start()
    (reply,) = talk(session, b"HELO client.example.org\r\n")
    assert reply.lines == (b"mail.example.test",)
    assert codes(session, b"MAIL FROM:<a@example.org> SIZE=1\r\n") == ["555 5.5.4"]


def test_a_long_line_is_answered_once_and_the_session_goes_on(start) -> None:
    session = start()
    assert codes(session, b"NOOP " + b"x" * 50_000 + b"\r\nNOOP\r\n") == ["500 5.5.2", "250 2.0.0"]


def test_too_many_recipients_keep_the_earlier_ones(start) -> None:
    session = start(world=small(recipients=1))
    assert codes(session, ENVELOPE + RCPT + b"DATA\r\n")[-2:] == ["452 4.5.3", "354"]


@pytest.mark.parametrize("tail", [b"DATA\r\n" + b"x" * 60 + b"\r\n.\r\n", b"BDAT 60 LAST\r\n" + b"x" * 60])
def test_a_message_that_is_too_large_is_refused_and_not_kept(start, inbox, tail: bytes) -> None:
    session = start(world=small(message_octets=50))
    assert codes(session, ENVELOPE + tail)[-1] == "552 5.3.4"
    assert inbox(session.context.store, "alice") == []


def test_a_loop_is_detected(start) -> None:
    session = start(world=small(received_fields=2))
    hops = b"Received: from x by y; date\r\n" * 3
    assert codes(session, ENVELOPE + b"DATA\r\n" + hops + b"\r\nx\r\n.\r\n")[-1] == "554 5.4.6"


def test_bdat_takes_any_octets_and_answers_each_chunk(start, inbox) -> None:
    session = start()
    mail = b"EHLO c.example.org\r\nMAIL FROM:<a@example.org> BODY=BINARYMIME\r\n" + RCPT
    assert codes(session, mail + b"DATA\r\n")[-1] == "503 5.5.1"
    assert codes(session, b"BDAT 6\r\n\n.\r\n\0\rBDAT 2 LAST\r\n\r\nNOOP\r\n") == ["250 2.0.0"] * 3
    (message,) = inbox(session.context.store, "alice")
    assert message.endswith(b"\r\n\n.\r\n\0\r\r\n")


def test_bdat_out_of_sequence_reads_its_octets_all_the_same(start) -> None:
    session = start()
    talk(session, b"EHLO client.example.org\r\n")
    assert codes(session, b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n") == ["503 5.5.1", "250 2.0.0"]


def test_after_a_failed_bdat_only_rset_clears_the_way(start) -> None:
    session = start(world=small(message_octets=5))
    talk(session, ENVELOPE)
    expected = ["552 5.3.4", "503 5.5.1", "503 5.5.1", "250 2.0.0", "250 2.1.0"]
    assert codes(session, b"BDAT 6\r\nabcdefBDAT 0 LAST\r\n" + MAIL + b"RSET\r\n" + MAIL) == expected


@pytest.mark.parametrize("content", [b"DATA\r\nx\r\n.\r\n", b"BDAT 3 LAST\r\nx\r\n"])
def test_lmtp_answers_for_each_accepted_recipient(start, inbox, content: bytes) -> None:
    session = start(Role.LMTP)
    more = b"RCPT TO:<nobody@example.test>\r\nRCPT TO:<bob@example.test>\r\n"
    talk(session, b"LHLO client.example.org\r\n" + MAIL + RCPT + more)
    replies = [code for code in codes(session, content) if code != "354"]
    assert replies == ["250 2.0.0", "250 2.0.0"]
    assert [len(inbox(session.context.store, user)) for user in ("alice", "bob")] == [1, 1]


def test_lmtp_knows_no_helo_and_refuses_data_without_recipients(start) -> None:
    session = start(Role.LMTP)
    assert codes(session, b"HELO x.example.org\r\nEHLO x.example.org\r\n") == ["500 5.5.1"] * 2
    assert codes(session, b"LHLO x.example.org\r\n" + MAIL + b"DATA\r\n")[-1] == "503 5.5.1"


# AUTH


def plain(password: str = "secret", authorization: str = "") -> bytes:
    return base64.b64encode(f"{authorization}\0alice\0{password}".encode())


def test_submission_asks_for_tls_then_for_login(start) -> None:
    clear, secure = start(Role.SUBMISSION), start(Role.SUBMISSION, tls=True)
    hello = b"EHLO client.example.org\r\n"
    for session in (clear, secure):
        assert codes(session, hello + MAIL)[-1] == "530 5.7.0"
    assert codes(clear, b"AUTH PLAIN " + plain() + b"\r\n") == ["538 5.7.11"]
    assert codes(secure, b"AUTH PLAIN " + plain() + b"\r\n" + MAIL) == ["235 2.7.0", "250 2.1.0"]


@pytest.mark.parametrize(
    ("dialogue", "expected"),
    [
        (b"AUTH PLAIN\r\n" + plain() + b"\r\n", ["334", "235 2.7.0"]),
        (b"AUTH login\r\nYWxpY2U=\r\nc2VjcmV0\r\n", ["334", "334", "235 2.7.0"]),
        (b"AUTH PLAIN\r\n*\r\n", ["334", "501 5.7.0"]),
        (b"AUTH PLAIN =\r\n", ["535 5.7.8"]),
        (b"AUTH PLAIN\r\n!!!\r\n", ["334", "501 5.5.2"]),
        (b"AUTH PLAIN " + plain("wrong") + b"\r\n", ["535 5.7.8"]),
        (b"AUTH PLAIN " + plain(authorization="bob") + b"\r\n", ["535 5.7.8"]),
        (b"AUTH PLAIN " + plain(authorization="alice") + b"\r\n", ["235 2.7.0"]),
        (b"AUTH NONESUCH\r\n", ["504 5.5.4"]),
        (b"AUTH\r\n", ["501 5.5.4"]),
        (b"AUTH PLAIN " + plain() + b"\r\nAUTH PLAIN " + plain() + b"\r\n", ["235 2.7.0", "503 5.5.1"]),
        (
            b"AUTH PLAIN " + plain() + b"\r\n" + MAIL + b"AUTH PLAIN\r\n",
            ["235 2.7.0", "250 2.1.0", "503 5.5.1"],
        ),
        (b"AUTH PLAIN\r\n" + b"x" * 13_000 + b"\r\nNOOP\r\n", ["334", "500 5.5.6", "250 2.0.0"]),
        (
            b"AUTH PLAIN " + plain() + b"\r\nMAIL FROM:<a@example.test> AUTH=<>\r\n",
            ["235 2.7.0", "250 2.1.0"],
        ),
    ],
)
def test_auth_follows_its_rfc(start, dialogue: bytes, expected: list[str]) -> None:
    session = start(Role.SUBMISSION, tls=True)
    talk(session, b"EHLO client.example.org\r\n")
    assert codes(session, dialogue) == expected


def test_starttls_forgets_everything_and_drops_what_came_in_the_clear(start) -> None:
    session = start(Role.SUBMISSION)
    talk(session, b"EHLO client.example.org\r\n")
    assert codes(session, b"STARTTLS\r\nEHLO injected.example.org\r\n") == ["220 2.0.0"]
    assert session.wants_tls
    session.tls_started()
    assert (session.receive(b""), session.client_name) == (b"", "")
    assert codes(session, MAIL + b"STARTTLS\r\n") == ["530 5.7.0", "503 5.5.1"]
