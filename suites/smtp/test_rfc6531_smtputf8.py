"""RFC 6531 §3: SMTPUTF8; RFC 6152 §3: BODY."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.strategies.addresses import utf8_mailboxes
from suites.covers import covers
from suites.mail import reverse_path
from suites.needs import needs, smtp_offers
from suites.smtp.steps import judged, spellings


@covers("RFC6531-3.2-a", fault="smtp.utf8-mailbox-gets-501")
@needs(smtp_offers("SMTPUTF8"))
@given(mailbox=utf8_mailboxes)
def test_a_utf8_mailbox_is_understood(target: LiveTarget, mailbox: bytes) -> None:
    smtp = target.smtp()
    local_part = mailbox.partition(b"@")[0]

    mail = judged(smtp.mail(b"<" + mailbox + b">", b"SMTPUTF8"))
    assert mail.code not in (500, 501, 555), f"MAIL FROM:<{mailbox.decode()}> SMTPUTF8 was answered {mail}"

    if mail.klass == 2:
        rcpt = smtp.rcpt(b"<" + local_part + b"@" + target.domain.encode() + b">")
        assert rcpt.code not in (500, 501, 555), f"RCPT for {local_part.decode()} was answered {rcpt}"


@covers("RFC6531-3.4-b", fault="smtp.smtputf8-takes-a-value")
@needs(smtp_offers("SMTPUTF8"))
@given(value=st.text("abcdefgh01", min_size=1, max_size=6).map(str.encode))
def test_smtputf8_takes_no_value(target: LiveTarget, value: bytes) -> None:
    reply = judged(target.smtp().mail(reverse_path(target), b"SMTPUTF8=" + value))

    assert reply.klass != 2, f"MAIL with SMTPUTF8={value.decode()} was answered {reply}"


@covers("RFC6152-3-nk1", fault="smtp.body-in-upper-case-only")
@needs(smtp_offers("8BITMIME"))
@given(body=st.sampled_from(["7BIT", "8BITMIME"]).flatmap(spellings))
def test_body_does_not_change_the_reply(target: LiveTarget, body: bytes) -> None:
    plain = target.smtp().mail(reverse_path(target))

    reply = judged(target.smtp().mail(reverse_path(target), b"BODY=" + body))

    assert reply.klass == plain.klass, f"MAIL with BODY={body.decode()} was answered {reply}, without {plain}"
