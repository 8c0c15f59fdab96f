"""RFC 4954 §5: the AUTH parameter of MAIL."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.strategies.addresses import mailboxes
from harness.wire.smtp.xtext import encode_xtext
from suites import expect
from suites.covers import covers
from suites.mail import forward_path


@covers("RFC4954-5-b", fault="submission.mail-auth-refused")
@given(submitter=st.just(b"<>") | mailboxes.map(encode_xtext), login=st.booleans())
def test_mail_takes_an_auth_parameter(target: LiveTarget, submitter: bytes, login: bool) -> None:
    smtp = target.submission(login=login)
    own = forward_path(target)
    if smtp.mail(own).klass != 2:
        if login:
            raise Unclear("MAIL with the user's own address is refused")
        return  # no MAIL without login, with or without the parameter
    smtp.rset()
    reply = smtp.command(b"MAIL FROM:%s AUTH=%s" % (own, submitter))
    expect.no_policy(reply, about="MAIL with AUTH=")
    assert reply.klass == 2, f"MAIL without AUTH= is taken; with AUTH={submitter!r} it was answered {reply}"
