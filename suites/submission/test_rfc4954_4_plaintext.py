"""RFC 4954 §4, §6 and §9: passwords in the clear."""

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.target import Protocol
from harness.wire import sasl
from suites import expect
from suites.covers import covers, proves
from suites.needs import endpoint, needs
from suites.submission.sessions import SECRET, in_the_clear, mechanisms, plain


@covers(
    "RFC4954-4-ac",
    "RFC4954-4-ad",
    "RFC4954-9-d",
    fault="submission.login-in-the-clear",
    also=("submission.plain-in-the-clear", "submission.login-outlives-starttls"),
)
@needs(endpoint(Protocol.SUBMISSION))
def test_a_password_in_the_clear_does_not_log_in(target: LiveTarget) -> None:
    smtp = in_the_clear(target)
    if not target.declared.on_this_host:
        raise NotOffered("a true password is not sent in the clear over a network")
    shown = b"AUTH PLAIN " + SECRET
    reply = smtp.command(b"AUTH PLAIN " + sasl.encode(plain(target.account())), shown=shown)
    expect.not_temporary(reply, about="AUTH PLAIN in the clear")
    with proves("RFC4954-4-ac", "RFC4954-9-d"):
        if reply.klass == 2:
            raise NotOffered("passwords in the clear are permitted; that they can be forbidden is not seen")
    with proves("RFC4954-4-ad"):
        assert reply.klass == 5, f"true credentials in the clear were answered {reply}"


@covers(
    "RFC4616-1-a",
    "RFC4616-5-a",
    fault="submission.plain-in-the-clear",
    also=("submission.plain-listed-too-early", "submission.login-outlives-starttls"),
)
@needs(endpoint(Protocol.SUBMISSION))
def test_plain_is_not_listed_in_the_clear(target: LiveTarget) -> None:
    smtp = in_the_clear(target)
    listed = mechanisms(smtp)
    assert "PLAIN" not in listed, f"EHLO in the clear lists AUTH {' '.join(listed)}"


@covers("RFC4954-6-g", fault="submission.plain-listed-too-early")
@needs(endpoint(Protocol.SUBMISSION))
def test_a_mechanism_listed_in_the_clear_is_not_refused_for_want_of_tls(target: LiveTarget) -> None:
    smtp = in_the_clear(target)
    for name in mechanisms(smtp):
        reply = smtp.command(b"AUTH " + name.encode())
        assert reply.code not in {503, 504, 530, 534, 538}, f"AUTH {name} is listed and answered {reply}"
        if reply.klass == 3:
            smtp.command(sasl.CANCEL)
