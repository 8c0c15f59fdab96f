"""What submission and LMTP do beyond the MX: complete, refuse, name."""

import base64

import pytest

from harness.wire.smtp.replies import Reply, ReplyReader
from reference_server.smtp import Role, SmtpSession

LOGIN = b"EHLO [192.0.2.7]\r\nAUTH PLAIN " + base64.b64encode(b"\0alice\0secret") + b"\r\n"
ENVELOPE = b"MAIL FROM:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"


def talk(session: SmtpSession, octets: bytes) -> list[Reply]:
    return ReplyReader().feed(session.receive(octets))


@pytest.mark.parametrize(
    ("header", "dates", "ids"),
    [
        (b"Subject: x\r\n", 1, 1),
        (b"DATE: Tue, 24 Nov 2026 12:00:00 +0000\r\n", 1, 1),
        (b"message-id: <1@example.org>\r\nSubject: x\r\n", 1, 1),
        (b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n", 1, 1),
    ],
)
def test_submission_completes_date_and_message_id_once(start, inbox, header, dates, ids) -> None:
    session = start(Role.SUBMISSION, tls=True)
    replies = talk(session, LOGIN + ENVELOPE + header + b"\r\nDate: in the body\r\n.\r\n")
    assert replies[-1].code == 250
    (delivered,) = inbox(session.context.store, "bob")
    top, _, body = delivered.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].lower() for line in top.split(b"\r\n")]
    assert (names.count(b"date"), names.count(b"message-id")) == (dates, ids)
    assert body == b"Date: in the body\r\n"


def test_the_mx_completes_nothing(start, inbox) -> None:
    session = start(Role.MX)
    talk(session, b"EHLO [192.0.2.7]\r\n" + ENVELOPE + b"Subject: x\r\n\r\n.\r\n")
    (delivered,) = inbox(session.context.store, "bob")
    assert b"message-id:" not in delivered.lower()


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        (b"<user@sales>", 554),
        (b"<user@example.org>", 250),
        (b"<user@[192.0.2.7]>", 250),
        (b"<>", 250),
    ],
)
def test_submission_refuses_a_sender_of_one_label(start, sender: bytes, code: int) -> None:
    session = start(Role.SUBMISSION, tls=True)
    *_, reply = talk(session, LOGIN + b"MAIL FROM:" + sender + b"\r\n")
    assert reply.code == code


def test_lmtp_replies_name_their_recipients_in_order(start) -> None:
    session = start(Role.LMTP)
    recipients = [b"<bob@example.test>", b"<alice@example.test>", b"<bob@example.test>"]
    lines = b"".join(b"RCPT TO:" + path + b"\r\n" for path in recipients)
    replies = talk(
        session, b"LHLO [192.0.2.7]\r\nMAIL FROM:<>\r\n" + lines + b"DATA\r\nSubject: x\r\n\r\n.\r\n"
    )
    assert [path in reply.raw for path, reply in zip(recipients, replies[-3:], strict=True)] == [True] * 3
