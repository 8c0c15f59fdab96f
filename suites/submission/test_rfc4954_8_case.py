"""RFC 4954 §8: case of letters."""

from hypothesis import given

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.wire import sasl
from suites import expect
from suites.covers import covers
from suites.mail import forward_path
from suites.submission.sessions import SECRET, before_login, cased, plain


@covers("RFC4954-8-a", fault="submission.mechanisms-in-capitals")
@given(words=cased("AUTH PLAIN"), keyword=cased("AUTH"))
def test_auth_is_taken_in_any_case_of_letters(target: LiveTarget, words: bytes, keyword: bytes) -> None:
    smtp = before_login(target)
    response = sasl.encode(plain(target.account()))
    reply = smtp.command(words + b" " + response, shown=words + b" " + SECRET)
    expect.not_temporary(reply, about=words.decode())
    assert reply.klass == 2, f"{words.decode()} with true credentials was answered {reply}"
    own = forward_path(target)
    usual = smtp.mail(own, b"AUTH=<>")
    if usual.klass != 2:
        raise Unclear(f"MAIL with AUTH=<> was answered {usual}")
    smtp.rset()
    reply = smtp.mail(own, keyword + b"=<>")
    expect.no_policy(reply, about="MAIL")
    assert reply.klass == 2, f"MAIL with {keyword.decode()}=<> was answered {reply}"
