"""RFC 6409 §4.2: the domains of the envelope are whole."""

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites import expect
from suites.covers import covers
from suites.mail import fetch, forward_path, plain_message, transact


@covers("RFC6409-4.2-a", fault="submission.unqualified-sender")
def test_a_sender_of_one_label_is_refused_or_completed(target: LiveTarget) -> None:
    token = target.unique()
    own = forward_path(target)
    smtp = target.submission()
    last = transact(smtp, b"<user@sales>", [own], plain_message(token, to=target.account().address))[-1]
    expect.not_temporary(last, about="a sender of one label")
    if last.klass == 5:
        return
    if last.klass != 2:
        raise Unclear(f"a sender of one label was answered {last}")
    delivered = fetch(target, token)
    returns = [line for line in delivered.split(b"\r\n") if line.lower().startswith(b"return-path:")]
    if not returns:
        raise Unclear("the delivered message has no Return-Path to tell by")
    assert b"@sales>" not in returns[0].lower(), f"MAIL FROM:<user@sales> was delivered with {returns[0]!r}"
