"""RFC 4954 §4 and §6: the codes of AUTH, and of commands that need it."""

from collections.abc import Sequence
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.wire import sasl
from harness.wire.smtp.replies import Reply
from suites import expect
from suites.covers import covers
from suites.mail import forward_path
from suites.submission.sessions import (
    auth_plain,
    before_login,
    foreign_domain,
    login_failure,
    needs_enhanced_codes,
    plain,
)

# RFC 4954 §4: 535 unless another is more specific; §6 has the others.
CREDENTIALS_REFUSED: Final = {534, 535, 538}


@covers("RFC4954-4-u", fault="submission.wrong-password-550")
def test_a_wrong_password_is_answered_535(target: LiveTarget) -> None:
    reply = login_failure(before_login(target), target.account().user, target.unique("wrong"))
    expect.not_temporary(reply, about="a wrong password")
    assert reply.code in CREDENTIALS_REFUSED, f"a wrong password was answered {reply}"


@covers("RFC4954-6-a", fault="submission.wrong-password-5.7.0")
def test_wrong_credentials_get_5_7_8(target: LiveTarget) -> None:
    smtp = before_login(target)
    needs_enhanced_codes(smtp)
    reply = login_failure(smtp, target.unique("nobody"), "wrong")
    if reply.code != 535:
        raise Unclear(f"wrong credentials were answered {reply}, not 535")
    assert str(reply.enhanced) == "5.7.8", f"wrong credentials were answered {reply}"


@covers("RFC4954-6-a", fault="submission.login-2.0.0")
def test_true_credentials_get_2_7_0(target: LiveTarget) -> None:
    smtp = before_login(target)
    needs_enhanced_codes(smtp)
    reply = auth_plain(smtp, sasl.encode(plain(target.account())))
    if reply.code != 235:
        raise Unclear(f"true credentials were answered {reply}, not 235")
    assert str(reply.enhanced) == "2.7.0", f"true credentials were answered {reply}"


@covers("RFC4954-6-f", fault="submission.login-due-550")
def test_what_needs_a_login_is_answered_530(target: LiveTarget) -> None:
    there = b"<user@%s>" % foreign_domain(target)
    lines = (b"MAIL FROM:" + forward_path(target), b"RCPT TO:" + there)
    refused = first_refusal(before_login(target), lines)
    if refused is None:
        raise NotOffered("nothing is refused without login")
    line, reply = refused
    after = first_refusal(target.submission(), lines)
    if after is not None and (after[0], after[1].code, after[1].enhanced) == (
        line,
        reply.code,
        reply.enhanced,
    ):
        raise NotOffered(f"{line.decode()} is answered {after[1]} after login too")
    assert reply.code == 530, f"{line.decode()} without login was answered {reply}"


def first_refusal(smtp: SmtpClient, lines: Sequence[bytes]) -> tuple[bytes, Reply] | None:
    """The first of these commands that is refused, and its reply."""
    for line in lines:
        reply = expect.not_temporary(smtp.command(line), about=line.decode())
        if reply.klass == 5:
            return line, reply
    return None


@covers("RFC4954-6-f", fault="submission.session-commands-need-login")
@given(commands=st.lists(st.sampled_from([b"NOOP", b"RSET", b"EHLO [127.0.0.1]"]), min_size=1, max_size=4))
def test_session_commands_need_no_login(target: LiveTarget, commands: list[bytes]) -> None:
    smtp = before_login(target)
    for command in commands:
        reply = smtp.command(command)
        assert reply.code != 530, f"{command.decode()} without login was answered {reply}"
