"""What the reference server delivers is whole, by every way in and out."""

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Iterator

import pytest

from harness.target import Protocol, Target
from loadtests.content.letters import Letters
from loadtests.ledger import Token, read
from loadtests.plan import Content
from reference_server import serve

RUN = "0a1b2c3d"


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with serve() as target:
        yield target


@pytest.fixture(scope="module")
def sent(target: Target) -> set[Token]:
    """Twenty messages by SMTP and as many by LMTP."""
    account = target.accounts[0]
    letters = Letters(Content(pool=20, max_octets=200_000), 1, RUN, 0)
    tokens = set()
    for client, protocol in ((smtplib.SMTP, Protocol.SMTP), (smtplib.LMTP, Protocol.LMTP)):
        where = target.endpoints[protocol]
        with client(where.host, where.port) as connection:
            connection.ehlo("client.example")
            for _ in range(20):
                letter = letters.compose(
                    len(tokens), target.policy.sender.encode(), [account.address.encode()]
                )
                assert connection.docmd(f"MAIL FROM:<{target.policy.sender}>")[0] == 250
                assert connection.docmd(f"RCPT TO:<{account.address}>")[0] == 250
                assert connection.docmd("DATA")[0] == 354
                connection.send(letter.wire)
                assert connection.getreply()[0] == 250
                tokens.add(Token(RUN, 0, len(tokens)))
    return tokens


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_over_pop3_every_letter_is_whole(target: Target, sent: set[Token]) -> None:
    where, account = target.endpoints[Protocol.POP3], target.accounts[0]
    connection = poplib.POP3(where.host, where.port)
    connection.stls(_trusting())
    connection.user(account.user)
    connection.pass_(account.password)
    contents = [b"\r\n".join(connection.retr(number + 1)[1]) for number in range(connection.stat()[0])]
    connection.quit()
    assert {read(content) for content in contents} == {(token, True) for token in sent}
    assert len(contents) == len(sent)


def test_over_imap_every_letter_is_whole(target: Target, sent: set[Token]) -> None:
    where, account = target.endpoints[Protocol.IMAP], target.accounts[0]
    with imaplib.IMAP4(where.host, where.port) as connection:
        connection.starttls(_trusting())
        connection.login(account.user, account.password)
        connection.select("INBOX")
        fetched = connection.fetch("1:*", "(BODY.PEEK[])")[1]
    contents = [part[1] for part in fetched if isinstance(part, tuple)]
    assert {read(content) for content in contents} == {(token, True) for token in sent}
    assert len(contents) == len(sent)
