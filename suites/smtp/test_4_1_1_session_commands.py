"""RFC 5321 §4.1.1: RSET, NOOP, HELP and QUIT; white space and arguments."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from harness.target import Protocol
from suites.covers import covers, proves
from suites.mail import forward_path, open_transaction, reverse_path
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import answers, ask, judged

_arguments: Final = st.text("abcdefgh0123456789.-<>@ ", min_size=1, max_size=20).map(
    lambda text: ("x" + text).strip().encode()
)
_white_space: Final = st.text(" \t", min_size=1, max_size=4).map(str.encode)
_neutral: Final = st.lists(
    st.sampled_from([b"NOOP", b"NOOP mailproof", b"HELP", b"VRFY postmaster", b"EXPN postmaster"]),
    min_size=1,
    max_size=4,  # some servers count commands without mail
)


def _send_rcpt(target: LiveTarget, smtp: SmtpClient) -> tuple[int, str]:
    reply = smtp.command(b"RCPT TO:" + forward_path(target))
    return reply.klass, str(reply)


# RSET


@covers("RFC5321-4.1.1.5-a", fault="smtp.rset-keeps-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(with_recipient=st.booleans())
def test_rset_discards_the_transaction(target: LiveTarget, with_recipient: bool) -> None:
    smtp = target.smtp()
    if with_recipient:
        open_transaction(target, smtp)
    elif (reply := smtp.mail(reverse_path(target))).klass != 2:
        raise Unclear(f"MAIL was answered {reply}")

    smtp.command(b"RSET")
    klass, reply_text = _send_rcpt(target, smtp)

    assert klass in (4, 5), f"RCPT after RSET was answered {reply_text}"


@covers("RFC5321-4.1.1.5-b", fault="smtp.rset-gets-252")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_rset_is_answered_250(target: LiveTarget) -> None:
    smtp = target.smtp()
    outside = smtp.rset()
    open_transaction(target, smtp)
    inside = smtp.rset()

    for reply in (outside, inside):
        assert judged(reply).code == 250, f"RSET was answered {reply}"


@covers("RFC5321-4.1.1.5-c", fault="smtp.rset-closes")
@needs(endpoint(Protocol.SMTP))
def test_rset_closes_nothing(target: LiveTarget) -> None:
    smtp = target.smtp()
    for _ in range(3):
        reply = smtp.command(b"RSET")
        if reply.klass != 2:
            raise Unclear(f"RSET was answered {reply}")

    assert answers(smtp), "the connection was closed after RSET"


# NOOP and HELP


@covers("RFC5321-4.1.1.9-nk1", fault="smtp.noop-gets-214")
@needs(endpoint(Protocol.SMTP))
def test_noop_is_answered_250(target: LiveTarget) -> None:
    reply = judged(target.smtp().noop())

    assert reply.code == 250, f"NOOP was answered {reply}"


@covers("RFC5321-4.1.1.9-a", fault="smtp.noop-with-argument-gets-501")
@needs(endpoint(Protocol.SMTP))
@given(argument=_arguments)
def test_noop_ignores_its_argument(target: LiveTarget, argument: bytes) -> None:
    reply = judged(target.smtp().command(b"NOOP " + argument))

    assert reply.klass == 2, f"NOOP {argument.decode()} was answered {reply}"


@covers("RFC5321-4.1.1.6-nk1", fault="smtp.noop-ends-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(lines=_neutral)
def test_vrfy_expn_help_and_noop_leave_the_transaction(target: LiveTarget, lines: list[bytes]) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)

    codes = [smtp.command(line).code for line in lines]
    if 421 in codes:
        raise Unclear("closed by the target")
    reply = judged(smtp.command(b"RCPT TO:" + forward_path(target)))

    assert reply.klass == 2, f"RCPT after {b', '.join(lines).decode()} was answered {reply}"


@covers("RFC5321-4.1.1.8-b", "RFC5321-4.1.1.8-a", fault="smtp.no-help", also=("smtp.help-gets-600",))
@needs(endpoint(Protocol.SMTP))
def test_help_is_supported(target: LiveTarget) -> None:
    smtp = target.smtp()
    alone, about = judged(smtp.help()), smtp.help(b"MAIL")

    with proves("RFC5321-4.1.1.8-a"):
        ask(about.klass == 2, f"HELP MAIL was answered {about}")
    with proves("RFC5321-4.1.1.8-b"):
        assert alone.klass == 2, f"HELP was answered {alone}"


# QUIT, and closing


@covers("RFC5321-4.1.1.10-a", fault="smtp.quit-gets-250")
@needs(endpoint(Protocol.SMTP))
def test_quit_is_answered_221_and_closes(target: LiveTarget) -> None:
    smtp = target.smtp()

    reply = smtp.quit()

    assert reply.code == 221, f"QUIT was answered {reply}"
    assert smtp.at_eof(target.limits.timeout_s), "the connection stays open after QUIT was answered 221"


@covers("RFC5321-3.8-a", fault="smtp.closes-after-unknown-command")
@needs(endpoint(Protocol.SMTP))
@given(word=st.text("abcdefgh", min_size=3, max_size=8).map(lambda text: b"XMP" + text.encode()))
def test_an_unknown_command_does_not_close(target: LiveTarget, word: bytes) -> None:
    smtp = target.smtp()
    if (reply := smtp.command(word)).klass == 4:
        raise Unclear(f"{word.decode()} was answered {reply}")

    assert answers(smtp), f"the connection was closed after {reply}"


@covers("RFC5321-4.1.1.10-b", fault="smtp.closes-after-bad-argument")
@needs(endpoint(Protocol.SMTP))
def test_an_error_does_not_close(target: LiveTarget) -> None:
    smtp = target.smtp()
    for line in (b"MAIL FROM:<a b@example.org>", b"RCPT"):
        if (reply := smtp.command(line)).klass == 4:
            raise Unclear(f"{line.decode()} was answered {reply}")
        assert answers(smtp), f"the connection was closed after {reply}"


# White space and arguments


@covers("RFC5321-4.1.1-a", fault="smtp.trailing-space-gets-501")
@needs(endpoint(Protocol.SMTP))
@given(space=_white_space, line=st.sampled_from([b"NOOP", b"RSET", b"EHLO [127.0.0.1]", b"MAIL FROM:<>"]))
def test_white_space_before_crlf_is_borne(target: LiveTarget, space: bytes, line: bytes) -> None:
    plain = target.smtp().command(line)
    if plain.klass != 2:
        raise Unclear(f"{line.decode()} was answered {plain}")

    reply = judged(target.smtp().command(line + space))

    assert reply.klass == 2, f"{line + space!r} was answered {reply}"


@covers("RFC5321-4.1.1-c", fault="smtp.rset-with-argument-gets-250")
@needs(endpoint(Protocol.SMTP))
@given(verb=st.sampled_from([b"RSET", b"DATA", b"QUIT"]), argument=_arguments)
def test_arguments_where_none_belong_are_refused(target: LiveTarget, verb: bytes, argument: bytes) -> None:
    reply = judged(target.smtp().command(verb + b" " + argument))

    assert reply.klass == 5, f"{verb.decode()} {argument.decode()} was answered {reply}"


@covers(
    "RFC5321-4.3.2-d", fault="smtp.data-with-argument-gets-504", also=("smtp.rset-with-argument-gets-250",)
)
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(verb=st.sampled_from([b"DATA", b"RSET", b"QUIT"]), argument=_arguments)
def test_arguments_where_none_belong_get_501(target: LiveTarget, verb: bytes, argument: bytes) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)

    reply = judged(smtp.command(verb + b" " + argument))

    assert reply.code == 501, f"{verb.decode()} {argument.decode()} was answered {reply}"


@covers("RFC5321-3.5.1-a", "RFC5321-3.5.2-g", "RFC5321-7.3-c", fault="smtp.no-expn")
@needs(endpoint(Protocol.SMTP))
def test_vrfy_and_expn_are_supported(target: LiveTarget) -> None:
    smtp = target.smtp()

    expn = judged(smtp.expn(b"postmaster"))
    assert expn.code not in (500, 502), f"EXPN was answered {expn}"

    vrfy = judged(smtp.vrfy(b"postmaster"))
    with proves("RFC5321-3.5.1-a", "RFC5321-3.5.2-g"):
        assert vrfy.code not in (500, 502), f"VRFY was answered {vrfy}"
