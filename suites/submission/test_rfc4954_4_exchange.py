"""RFC 4954 §4: challenges, responses, and how an exchange ends."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from harness.wire import sasl
from harness.wire.smtp.replies import Reply
from suites import expect
from suites.covers import covers
from suites.submission.base64 import is_base64
from suites.submission.sessions import auth_plain, before_login, mechanisms, plain


def begun(smtp: SmtpClient) -> Iterator[tuple[str, Reply]]:
    """Every mechanism that begins with a challenge, and the challenge; the exchange is open."""
    found = False
    for name in mechanisms(smtp):
        reply = smtp.command(b"AUTH " + name.encode())
        if reply.code == 334:
            found = True
            yield name, reply
    if not found:
        raise Unclear("no mechanism begins with a challenge")


@covers("RFC4954-4-e", fault="submission.challenge-in-clear-text")
def test_a_challenge_is_base64_and_nothing_else(target: LiveTarget) -> None:
    smtp = before_login(target)
    for name, reply in begun(smtp):
        assert len(reply.lines) == 1, f"AUTH {name} was answered {reply.raw!r}"
        assert is_base64(reply.lines[0]), f"AUTH {name} was answered {reply.raw!r}"
        smtp.command(sasl.CANCEL)


@covers("RFC4954-4-f", fault="submission.cancel-answered-535")
def test_a_cancelled_exchange_is_answered_501(target: LiveTarget) -> None:
    smtp = before_login(target)
    for name, _challenge in begun(smtp):
        expect.rejected(smtp.command(sasl.CANCEL), 501, about=f"AUTH {name}, then *")


@covers("RFC4954-4-g", fault="submission.plain-challenge-not-empty")
def test_plain_without_a_response_gets_an_empty_challenge(target: LiveTarget) -> None:
    reply = before_login(target).command(b"AUTH PLAIN")
    expect.not_temporary(reply, about="AUTH PLAIN")
    assert reply.raw == b"334 \r\n", f"AUTH PLAIN was answered {reply.raw!r}"


@covers("RFC4954-4-nk1", fault="submission.login-answered-250", also=("submission.response-line-refused",))
@given(initial=st.booleans())
def test_true_credentials_are_answered_235(target: LiveTarget, initial: bool) -> None:
    reply = auth_plain(before_login(target), sasl.encode(plain(target.account())), initial=initial)
    expect.not_temporary(reply, about="AUTH PLAIN with true credentials")
    assert reply.code == 235, f"AUTH PLAIN with true credentials was answered {reply}"


@covers("RFC4954-4-ae", "RFC4616-2-nk2", fault="submission.response-line-refused")
@given(initial=st.booleans())
def test_plain_over_tls_logs_in_with_the_response_in_either_place(target: LiveTarget, initial: bool) -> None:
    reply = auth_plain(before_login(target), sasl.encode(plain(target.account())), initial=initial)
    expect.not_temporary(reply, about="AUTH PLAIN with true credentials")
    place = "in the command" if initial else "on a line of their own"
    assert reply.klass == 2, f"true credentials {place} were answered {reply}"
