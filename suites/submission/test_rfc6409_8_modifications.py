"""RFC 6409 §8.1, §8.2 and §8.3: what a server adds to a message."""

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from suites import expect
from suites.covers import covers, proves
from suites.mail import fetch, plain_message
from suites.submission.sessions import submit


@covers("RFC6409-8.1-a", "RFC6409-8.2-a", "RFC6409-8.3-a", fault="submission.message-id-not-added")
def test_a_message_without_message_id_gets_one_and_may_get_date_and_sender(target: LiveTarget) -> None:
    token = target.unique()
    whole = plain_message(token, to=target.account().address)
    bare = b"\r\n".join(
        line for line in whole.split(b"\r\n") if not line.startswith((b"Date: ", b"Message-ID: "))
    )
    with proves("RFC6409-8.3-a"):
        reply = expect.not_temporary(submit(target, bare), about="a message without Date and Message-ID")
        assert reply.klass == 2, f"a message without Date and Message-ID was answered {reply}"
    header = b"\r\n" + fetch(target, token).partition(b"\r\n\r\n")[0].lower()
    with proves("RFC6409-8.1-a"):
        if b"\r\nsender:" not in header:
            raise NotOffered("no Sender was added")
    with proves("RFC6409-8.2-a"):
        if b"\r\ndate:" not in header:
            raise NotOffered("no Date was added")
    with proves("RFC6409-8.3-a"):
        assert b"\r\nmessage-id:" in header, "the message came back without Message-ID"
