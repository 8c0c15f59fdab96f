"""Submission against peers that play a script: what is sent, and what each recipient is told of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.mua.envelope import Envelope, Fate, Outcome
from harness.mua.session import Manner
from harness.mua.submit import submit
from harness.mua.terms import AuthMode, Declined, Terms, TlsMode, is_loopback
from harness.target import Account, Endpoint, Protocol
from harness.wire.smtp.address import Mailbox

Scripted = Callable[..., Endpoint]

GREETING = b"220 mx.example.test ESMTP\r\n"
EHLO = b"EHLO [127.0.0.1]\r\n"
PLAIN = b"250 mx.example.test\r\n"
PIPELINING = b"250-mx.example.test\r\n250 PIPELINING\r\n"
MAIL = b"MAIL FROM:<a@example.org>\r\n"
QUIT = b"QUIT\r\n"
BYE = b"221 bye\r\n"

BOB = Mailbox(b"bob", b"example.test")
EVE = Mailbox(b"eve", b"example.test")
ENVELOPE = Envelope(Mailbox(b"a", b"example.org"), (BOB, EVE))
CONTENT = b"Subject: x\r\n\r\n.\r\n"
ON_THE_WIRE = b"Subject: x\r\n\r\n..\r\n.\r\n"

RCPT_BOB = b"RCPT TO:<bob@example.test>\r\n"
RCPT_EVE = b"RCPT TO:<eve@example.test>\r\n"


def told(outcomes: list[Outcome]) -> list[tuple[str, Fate, str, int | None]]:
    return [
        (each.recipient.local_part.decode(), each.fate, each.stage, each.reply.code if each.reply else None)
        for each in outcomes
    ]


def test_commands_go_one_by_one_and_each_recipient_has_its_own_reply(
    scripted: Scripted, terms: Terms
) -> None:
    where = scripted(
        GREETING, EHLO, PIPELINING, MAIL, b"250 ok\r\n", RCPT_BOB, b"450 later\r\n", RCPT_EVE, b"250 ok\r\n",
        b"DATA\r\n", b"354 go\r\n", ON_THE_WIRE, b"250 taken\r\n", QUIT, BYE,
    )  # fmt: skip

    assert told(submit(where, ENVELOPE, CONTENT, terms, Manner())) == [
        ("bob", Fate.REFUSED, "RCPT", 450),
        ("eve", Fate.ACCEPTED, "content", 250),
    ]


def test_a_group_where_nobody_is_accepted_ends_with_a_dot_alone(scripted: Scripted, terms: Terms) -> None:
    where = scripted(
        GREETING, EHLO, PIPELINING, MAIL + RCPT_BOB + RCPT_EVE + b"DATA\r\n",
        b"250 ok\r\n550 no\r\n551 no\r\n354 go\r\n", b".\r\n", b"554 nobody\r\n", QUIT, BYE,
    )  # fmt: skip

    assert told(submit(where, ENVELOPE, CONTENT, terms, Manner(pipeline=True))) == [
        ("bob", Fate.REFUSED, "RCPT", 550),
        ("eve", Fate.REFUSED, "RCPT", 551),
    ]


def test_a_group_whose_sender_is_refused_tells_the_senders_reply(scripted: Scripted, terms: Terms) -> None:
    where = scripted(
        GREETING, EHLO, PIPELINING, MAIL + RCPT_BOB + RCPT_EVE + b"DATA\r\n",
        b"550 not you\r\n503 no\r\n503 no\r\n503 no\r\n", QUIT, BYE,
    )  # fmt: skip

    assert told(submit(where, ENVELOPE, CONTENT, terms, Manner(pipeline=True))) == [
        ("bob", Fate.REFUSED, "MAIL", 550),
        ("eve", Fate.REFUSED, "MAIL", 550),
    ]


def test_a_group_goes_one_by_one_where_pipelining_is_not_offered(scripted: Scripted, terms: Terms) -> None:
    where = scripted(GREETING, EHLO, PLAIN, MAIL, b"550 no\r\n", QUIT, BYE)

    outcomes = submit(where, ENVELOPE, CONTENT, terms, Manner(pipeline=True))

    assert {each.stage for each in outcomes} == {"MAIL"}


def test_lmtp_tells_of_each_recipient_after_the_content(scripted: Scripted, terms: Terms) -> None:
    where = scripted(
        GREETING, b"LHLO [127.0.0.1]\r\n", PIPELINING, MAIL, b"250 ok\r\n", RCPT_BOB, b"250 ok\r\n", RCPT_EVE,
        b"250 ok\r\n", b"DATA\r\n", b"354 go\r\n", ON_THE_WIRE, b"250 taken\r\n452 full\r\n", QUIT, BYE,
        protocol=Protocol.LMTP,
    )  # fmt: skip

    assert told(submit(where, ENVELOPE, CONTENT, terms, Manner())) == [
        ("bob", Fate.ACCEPTED, "content", 250),
        ("eve", Fate.REFUSED, "content", 452),
    ]


def test_a_connection_lost_after_the_content_leaves_it_open_whether_it_arrived(
    scripted: Scripted, terms: Terms
) -> None:
    where = scripted(
        GREETING, EHLO, PLAIN, MAIL, b"250 ok\r\n", RCPT_BOB, b"550 no\r\n", RCPT_EVE, b"250 ok\r\n",
        b"DATA\r\n", b"354 go\r\n", ON_THE_WIRE,
    )  # fmt: skip
    outcomes = submit(where, ENVELOPE, CONTENT, terms, Manner())

    assert told(outcomes) == [
        ("bob", Fate.REFUSED, "RCPT", 550),
        ("eve", Fate.UNREACHABLE, "content", None),
    ]
    assert "may have arrived" in outcomes[1].problem


def test_a_connection_lost_before_the_content_says_nothing_of_arriving(
    scripted: Scripted, terms: Terms
) -> None:
    outcomes = submit(scripted(GREETING, EHLO, PLAIN, MAIL), ENVELOPE, CONTENT, terms, Manner())

    assert {each.fate for each in outcomes} == {Fate.UNREACHABLE}
    assert not [each for each in outcomes if "arrived" in each.problem]


def test_a_greeting_that_refuses_is_the_answer_for_all_and_is_left_politely(
    scripted: Scripted, terms: Terms
) -> None:
    where = scripted(b"554 go away\r\n", QUIT, BYE)

    assert told(submit(where, ENVELOPE, CONTENT, terms, Manner())) == [
        ("bob", Fate.REFUSED, "greeting", 554),
        ("eve", Fate.REFUSED, "greeting", 554),
    ]


def test_a_server_that_knows_no_ehlo_gets_helo(scripted: Scripted, terms: Terms) -> None:
    where = scripted(
        GREETING, b"EHLO me.example.org\r\n", b"502 what\r\n", b"HELO me.example.org\r\n", b"250 hi\r\n", MAIL,
        b"550 no\r\n", QUIT, BYE,
    )  # fmt: skip

    assert submit(where, ENVELOPE, CONTENT, terms, Manner(b"me.example.org"))[0].stage == "MAIL"


def test_what_is_no_smtp_is_unreachable(scripted: Scripted, terms: Terms) -> None:
    outcomes = submit(scripted(b"SSH-2.0\r\n"), ENVELOPE, CONTENT, terms, Manner())

    assert {each.fate for each in outcomes} == {Fate.UNREACHABLE}


def test_an_address_beyond_ascii_is_not_sent_to_a_server_without_smtputf8(
    scripted: Scripted, terms: Terms
) -> None:
    where = scripted(GREETING, EHLO, PLAIN, QUIT, BYE)
    envelope = replace(ENVELOPE, recipients=(Mailbox("用户".encode(), b"example.test"),))
    (outcome,) = submit(where, envelope, CONTENT, terms, Manner())

    assert outcome.fate is Fate.REFUSED
    assert "SMTPUTF8" in outcome.problem


def test_tls_that_is_asked_for_and_not_offered_ends_it(scripted: Scripted, terms: Terms) -> None:
    where = scripted(GREETING, EHLO, PLAIN, QUIT, BYE)
    outcomes = submit(where, ENVELOPE, CONTENT, replace(terms, tls=TlsMode.REQUIRE), Manner())

    assert {(each.fate, each.stage) for each in outcomes} == {(Fate.REFUSED, "STARTTLS")}


def test_a_refused_starttls_ends_it(scripted: Scripted, terms: Terms) -> None:
    where = scripted(
        GREETING, EHLO, b"250-mx.example.test\r\n250 STARTTLS\r\n", b"STARTTLS\r\n", b"454 no\r\n", QUIT, BYE
    )

    assert submit(where, ENVELOPE, CONTENT, terms, Manner())[0].stage == "STARTTLS"


def test_login_is_taken_where_plain_is_not_offered(scripted: Scripted, terms: Terms) -> None:
    where = scripted(
        GREETING, EHLO, b"250-mx.example.test\r\n250 AUTH LOGIN\r\n", b"AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n",
        b"YWxpY2U=\r\n", b"334 UGFzc3dvcmQ6\r\n", b"c2VjcmV0\r\n", b"535 wrong\r\n", QUIT, BYE,
    )  # fmt: skip
    account = Account("alice", "secret", "alice@example.test")

    assert told(submit(where, ENVELOPE, CONTENT, replace(terms, account=account), Manner()))[0] == (
        "bob",
        Fate.REFUSED,
        "AUTH",
        535,
    )


def test_chunks_that_are_refused_end_the_message(scripted: Scripted, terms: Terms) -> None:
    where = scripted(
        GREETING, EHLO, b"250-mx.example.test\r\n250 CHUNKING\r\n", MAIL, b"250 ok\r\n", RCPT_BOB, b"250 ok\r\n",
        RCPT_EVE, b"250 ok\r\n", b"BDAT 262144\r\n" + b"x" * 262144, b"552 too much\r\n", QUIT, BYE,
    )  # fmt: skip

    assert told(submit(where, ENVELOPE, b"x" * 300000, terms, Manner(chunking=True))) == [
        ("bob", Fate.REFUSED, "BDAT", 552),
        ("eve", Fate.REFUSED, "BDAT", 552),
    ]


class Clear:
    """A connection without TLS, for terms to judge."""

    tls = False


@pytest.mark.parametrize(
    ("auth", "host", "sent"),
    [
        (AuthMode.AUTO, "127.0.0.1", True),
        (AuthMode.AUTO, "192.0.2.1", False),
        (AuthMode.PLAIN, "192.0.2.1", True),
        (AuthMode.LOGIN, "192.0.2.1", True),
    ],
)
def test_a_password_goes_over_a_network_in_the_clear_only_when_forced(
    terms: Terms, auth: AuthMode, host: str, sent: bool
) -> None:
    account = Account("alice", "secret", "alice@example.test")
    judged = replace(terms, account=account, auth=auth)
    endpoint = Endpoint(Protocol.SUBMISSION, host, 587)

    if sent:
        assert judged.login(Clear(), endpoint) is account  # type: ignore[arg-type]  # all it is asked is tls
    else:
        with pytest.raises(Declined, match="--auth plain"):
            judged.login(Clear(), endpoint)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("192.0.2.1", False),
        ("mx.example.test", False),
    ],
)
def test_loopback_is_known_by_its_address(host: str, here: bool) -> None:
    assert is_loopback(host) is here
