"""What clients are told that they did; and that nobody is accused who did nothing."""

import datetime as dt
import imaplib
import poplib
import smtplib

import pytest

from harness.spec import load_register, load_sections
from harness.target import Protocol
from reference_server.console.lint import RULES, lint
from reference_server.console.recorder import Moved, Session
from reference_server.journal import Direction

_NOW = dt.datetime(2026, 3, 3, tzinfo=dt.UTC)
_EHLO = [
    ("C", b"EHLO example.org\r\n"),
    ("S", b"250-mail.example.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
]
_HELO = [("C", b"HELO example.org\r\n"), ("S", b"250 mail.example.test\r\n")]
_DATA = [("C", b"DATA\r\n"), ("S", b"354 Go on\r\n")]


def found(protocol: str, pieces: list[tuple[str, bytes]]) -> set[str]:
    sides = {"C": Direction.RECEIVED, "S": Direction.SENT}
    moved = tuple(Moved(_NOW, sides[side], octets) for side, octets in pieces)
    session = Session(1, "mail.example.test", protocol, "192.0.2.1", _NOW, moved=moved)
    return {finding.rule.name for finding in lint(session)}


@pytest.mark.parametrize(
    ("rule", "pieces"),
    [
        ("smtp.bare-lf", [*_EHLO, ("C", b"MAIL FROM:<a@example.org>\nNOOP\r\n")]),
        ("smtp.bare-lf", [*_EHLO, *_DATA, ("C", b"Subject: x\n\nHello\r\n.\r\n")]),
        ("smtp.bare-cr", [*_EHLO, *_DATA, ("C", b"Subject: x\rHello\r\n.\r\n")]),
        ("smtp.mail-before-hello", [("C", b"MAIL FROM:<a@example.org>\r\n")]),
        ("smtp.hello-name", [("C", b"EHLO my_machine\r\n")]),
        ("smtp.colon-spaces", [*_EHLO, ("C", b"MAIL FROM: <a@example.org>\r\n")]),
        ("smtp.no-angle-brackets", [*_EHLO, ("C", b"RCPT TO:a@example.org\r\n")]),
        (
            "smtp.pipelining-not-offered",
            [*_HELO, ("C", b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n")],
        ),
        ("smtp.not-last-in-group", [*_EHLO, ("C", b"NOOP\r\nRSET\r\n")]),
        ("smtp.starttls-not-last", [*_EHLO, ("C", b"STARTTLS\r\nEHLO x.example\r\n")]),
        ("smtp.auth-not-last", [*_EHLO, ("C", b"AUTH CRAM-MD5\r\nMAIL FROM:<a@example.org>\r\n")]),
        ("smtp.command-too-long", [*_EHLO, ("C", b"NOOP " + b"x" * 600 + b"\r\n")]),
        ("smtp.text-line-too-long", [*_EHLO, *_DATA, ("C", b"x" * 999 + b"\r\n.\r\n")]),
        ("smtp.unstuffed-dot", [*_EHLO, *_DATA, ("C", b"Hello\r\n.hidden\r\n.\r\n")]),
        ("smtp.8bit-not-offered", [*_HELO, *_DATA, ("C", "Grüße\r\n.\r\n".encode())]),
        ("sasl.plain-in-clear", [*_EHLO, ("C", b"AUTH PLAIN <secret>\r\n")]),
        ("pop3.bare-lf", [("C", b"USER alice\n")]),
        ("pop3.command-too-long", [("C", b"USER " + b"x" * 300 + b"\r\n")]),
        ("pop3.pass-without-user", [("C", b"PASS <secret>\r\n")]),
        ("imap.bare-lf", [("C", b"a NOOP\n")]),
        ("imap.literal-not-awaited", [("C", b"a APPEND INBOX {5}\r\nHello\r\n")]),
        (
            "imap.login-disabled",
            [("S", b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n"), ("C", b"a LOGIN <secret>\r\n")],
        ),
        ("imap.command-in-idle", [("C", b"a IDLE\r\n"), ("S", b"+ idling\r\n"), ("C", b"b NOOP\r\n")]),
    ],
)
def test_what_a_client_did_is_told(rule: str, pieces: list[tuple[str, bytes]]) -> None:
    assert found(rule.partition(".")[0] if rule != "sasl.plain-in-clear" else "smtp", pieces) == {rule}


@pytest.mark.parametrize(
    ("protocol", "pieces"),
    [
        (
            "smtp",
            [
                *_EHLO,
                ("C", b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
                ("S", b"250 OK\r\n250 OK\r\n354 Go\r\n"),
                ("C", b"..a dot\r\n.\r"),
                ("C", b"\nRSET\r\nQUIT\r\n"),
            ],
        ),
        ("smtp", [*_EHLO, *_DATA, ("C", "Grüße ".encode() + b"x" * 900 + b"\r\n.\r\n")]),
        ("smtp", [*_EHLO, *_DATA, ("C", b"..\r\n." + b"x" * 10 + b"\r\n")][:3]),
        ("smtp", [*_EHLO, ("C", b"BDAT 9\r\n.a\nb\n\r\r\n"), ("S", b"250 OK\r\n"), ("C", b"x\n")]),
        ("smtp", [("C", b"EHLO [IPv6:2001:db8::1]\r\n")]),
        ("smtp", [*_EHLO, ("C", b"AUTH PLAIN <secret>\r\nMAIL FROM: <a@example.org>\r\n")][:2]),
        ("smtp", [*_EHLO, *_DATA, ("C", b"never "), ("S", b"451 Enough\r\n"), ("C", b"MAIL FROM: x\n")]),
        (
            "lmtp",
            [
                ("C", b"LHLO example.org\r\n"),
                ("S", b"250-a\r\n250 PIPELINING\r\n"),
                ("C", b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n"),
            ],
        ),
        (
            "pop3",
            [("C", b"USER alice\r\nPASS <secret>\r\n"), ("S", b"+OK\r\n+OK\r\n"), ("C", b"STAT\r\nQUIT\r\n")],
        ),
        (
            "pop3",
            [("C", b"AUTH CRAM-MD5\r\n"), ("S", b"+ abc=\r\n"), ("C", b"<secret>\r\n"), ("S", b"+OK\r\n")],
        ),
        ("imap", [("C", b"a IDLE\r\nDONE\r\n"), ("S", b"+ idling\r\na OK\r\n"), ("C", b"b NOOP\r\n")]),
        (
            "imap",
            [
                ("C", b"a IDLE\r\n"),
                ("S", b"+ idling\r\n"),
                ("C", b"done\r\n"),
                ("S", b"a OK\r\n"),
                ("C", b"b NOOP\r\n"),
            ],
        ),
        (
            "imap",
            [
                ("C", b"a APPEND INBOX {6}\r\n"),
                ("S", b"+ go\r\n"),
                ("C", b"a\nb\n\r\n\r\n"),
                ("S", b"a OK\r\n"),
                ("C", b"b LOGOUT\r\n"),
            ],
        ),
        ("imap", [("C", b"a APPEND INBOX {4+}\r\na\nb\n\r\nb NOOP\r\n")]),
        ("imap", [("S", b"* OK [CAPABILITY IMAP4rev1] hi\r\n"), ("C", b"a LOGIN <secret>\r\n")]),
        ("imap", [("C", b"a LOGIN {5}\r\n"), ("S", b"+ go\r\n"), ("C", b"<secret>\n")]),
    ],
)
def test_nobody_is_accused_who_did_nothing(protocol: str, pieces: list[tuple[str, bytes]]) -> None:
    assert found(protocol, pieces) == set()


def test_clients_that_are_much_used_are_not_accused(console) -> None:
    with smtplib.SMTP(*console.place(Protocol.SUBMISSION)) as smtp:
        smtp.starttls()
        smtp.login("alice@example.test", "secret")
        smtp.sendmail(
            "alice@example.test", ["bob@example.test"], b"Subject: x\r\n\r\n.dots\r\n..more\r\n.\r\n"
        )
    imap = imaplib.IMAP4(*console.place(Protocol.IMAP))
    imap.login("bob@example.test", "secret")
    imap.append("INBOX", "", "", b"Subject: y\r\n\r\na\nb\r\n")
    imap.logout()
    pop = poplib.POP3(*console.place(Protocol.POP3))
    pop.user("bob@example.test")
    pop.pass_("secret")
    pop.quit()
    console.wait_for("/sessions/3", ", closed ")
    assert "Nothing was found." in console.get("/lint")


def test_every_rule_stands_where_it_says() -> None:
    sections, register = load_sections(), load_register()
    for rule in RULES.values():
        document, section = rule.place.removeprefix("RFC ").split(" §")
        assert section in sections[int(document)], rule
        assert not rule.requirement or register[rule.requirement].place == rule.place, rule
