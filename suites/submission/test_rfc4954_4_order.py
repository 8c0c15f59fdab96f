"""RFC 4954 §4: when AUTH may come."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered
from harness.wire import sasl
from suites import expect
from suites.covers import covers
from suites.mail import forward_path
from suites.submission.sessions import SECRET, auth_plain, before_login, cased, challenge, plain

# None of them ends the session in which a login stands.
BETWEEN: Final = (b"RSET", b"NOOP", b"EHLO [127.0.0.1]")


@covers("RFC4954-4-b", fault="submission.auth-twice")
@given(
    between=st.lists(st.sampled_from(BETWEEN), max_size=3),
    word=cased("AUTH PLAIN"),
    user=st.none() | st.binary(max_size=8),
)
def test_auth_after_auth_is_answered_503(
    target: LiveTarget, between: list[bytes], word: bytes, user: bytes | None
) -> None:
    smtp = target.submission()
    for line in between:
        smtp.command(line)
    response = b"" if user is None else b" " + sasl.encode(b"\0" + user + b"\0x")
    reply = smtp.command(word + response)
    about = b", ".join([b"a successful AUTH", *between]).decode()
    expect.rejected(reply, 503, about=f"AUTH after {about}")


@covers("RFC4954-4-c", fault="submission.auth-in-a-transaction")
def test_auth_in_a_mail_transaction_is_answered_503(target: LiveTarget) -> None:
    smtp = before_login(target)
    opened = smtp.mail(forward_path(target))
    if opened.klass != 2:
        raise NotOffered(f"MAIL before AUTH is answered {opened}")
    reply = auth_plain(smtp, sasl.encode(plain(target.account())))
    expect.rejected(reply, 503, about="AUTH after MAIL")


@covers("RFC4954-4-nk4", fault="submission.auth-in-a-group-refused")
@given(behind=st.lists(st.sampled_from([b"RSET", b"MAIL"]), min_size=1, max_size=3))
def test_commands_pipelined_behind_auth_plain_are_run(target: LiveTarget, behind: list[bytes]) -> None:
    smtp = before_login(target)
    if "PIPELINING" not in smtp.extensions:
        raise NotOffered("PIPELINING is not offered")
    commands = [b"MAIL FROM:" + forward_path(target) if verb == b"MAIL" else verb for verb in behind]
    response = sasl.encode(plain(target.account()))
    shown = b"".join(line + b"\r\n" for line in (b"AUTH PLAIN " + SECRET, *commands))
    first, *others = smtp.pipeline([b"AUTH PLAIN " + response, *commands], shown=shown)
    expect.not_temporary(first, about="AUTH PLAIN")
    assert first.klass == 2, f"AUTH PLAIN with true credentials, at the head of a group, was answered {first}"
    reply = expect.not_temporary(others[0], about=commands[0].decode())
    assert reply.klass == 2, f"{commands[0].decode()} in a group behind AUTH PLAIN was answered {reply}"


FAILURES: Final = ("a cancelled exchange", "a response that is no base64", "an unknown mechanism")


@covers("RFC4954-4-nk3", fault="submission.one-auth-a-session")
@given(failures=st.lists(st.sampled_from(FAILURES), min_size=1, max_size=2))
def test_another_auth_may_follow_a_failed_one(target: LiveTarget, failures: list[str]) -> None:
    smtp = before_login(target)
    for failure in failures:
        fail(smtp, failure)
    reply = auth_plain(smtp, sasl.encode(plain(target.account())))
    expect.not_temporary(reply, about="AUTH")
    assert reply.klass == 2, f"after {', '.join(failures)} true credentials were answered {reply}"


def fail(smtp: SmtpClient, failure: str) -> None:
    match failure:
        case "a cancelled exchange":
            challenge(smtp, "PLAIN")
            smtp.command(sasl.CANCEL)
        case "a response that is no base64":
            challenge(smtp, "PLAIN")
            smtp.command(b"?")
        case _:
            smtp.command(b"AUTH X-NONE")
