"""RFC 3461 §5.1: the parameters of delivery status notifications."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import Unclear
from suites.covers import covers
from suites.mail import forward_path, reverse_path
from suites.needs import accounts, needs, smtp_offers
from suites.smtp.steps import judged

# RFC 3461 §5.4, in octets.
_LONGEST_ENVID: Final = 100
_LONGEST_ORCPT: Final = 500

_LONG_ORCPT: Final = b"ORCPT=rfc822;".ljust(len(b"ORCPT=") + _LONGEST_ORCPT, b"x")
_SYNTAX_ERRORS: Final = (500, 501, 555)

# RFC 3461 §4.4 asks for printable characters before the encoding.
_printable: Final = st.lists(
    st.sampled_from([b"a", b"B", b"7", b".", b"@", b"/", b"~", b"+20", b"+2B", b"+3D", b"+41"]),
    min_size=1,
    max_size=12,
).map(b"".join)
_at_mail: Final = st.lists(st.sampled_from([b"RET=FULL", b"RET=HDRS", b"ret=hdrs"]), max_size=1).flatmap(
    lambda ret: st.lists(_printable.map(lambda text: b"ENVID=" + text), max_size=1).map(
        lambda envid: ret + envid
    )
)
_notify: Final = st.one_of(
    st.just(b"NEVER"),
    st.lists(st.sampled_from([b"SUCCESS", b"FAILURE", b"DELAY"]), min_size=1, unique=True).map(b",".join),
).map(lambda value: b"NOTIFY=" + value)
_orcpt: Final = _printable.map(lambda text: b"ORCPT=rfc822;" + text)

# Values that RFC 3461 §4 does not allow, and repetitions.
_BAD_AT_MAIL: Final = (
    b"ENVID=a+2", b"ENVID=+GG", b"ENVID=a+", b"ENVID=+0a",
)  # fmt: skip
_BAD_AT_RCPT: Final = (
    b"NOTIFY=NEVER,FAILURE", b"NOTIFY=SOMETIMES", b"ORCPT=nobody", b"ORCPT=rfc822;a+2",
)  # fmt: skip


def _after_mail(target: LiveTarget) -> SmtpClient:
    smtp = target.smtp()
    if (reply := smtp.mail(reverse_path(target))).klass != 2:
        raise Unclear(f"MAIL was answered {reply}")
    return smtp


@covers("RFC3461-5.1-a", "RFC3461-5.1-b", fault="smtp.envid-refused")
@needs(smtp_offers("DSN"))
@given(parameters=_at_mail)
def test_envid_and_ret_do_not_change_the_reply(target: LiveTarget, parameters: list[bytes]) -> None:
    plain = target.smtp().mail(reverse_path(target))

    reply = judged(target.smtp().mail(reverse_path(target), *parameters))

    what = b" ".join(parameters).decode()
    assert reply.code == judged(plain).code, f"MAIL with {what} was answered {reply}, without it {plain}"


@covers("RFC3461-5.1-d", "RFC3461-5.1-e", fault="smtp.orcpt-refused")
@needs(smtp_offers("DSN"), accounts(1))
@given(notify=_notify, orcpt=_orcpt, known=st.booleans())
def test_notify_and_orcpt_do_not_change_the_reply(
    target: LiveTarget, notify: bytes, orcpt: bytes, known: bool
) -> None:
    nobody = f"<{target.unique('nobody')}@{target.domain}>".encode()
    path = forward_path(target) if known else nobody
    plain = judged(_after_mail(target).rcpt(path))

    reply = judged(_after_mail(target).rcpt(path, notify, orcpt))

    parameters = b" ".join([notify, orcpt]).decode()
    assert reply.code == plain.code, f"RCPT with {parameters} was answered {reply}, without {plain}"


@covers("RFC3461-5.1-c", fault="smtp.bad-envid-gets-555")
@needs(smtp_offers("DSN"))
@given(parameter=st.sampled_from(_BAD_AT_MAIL))
def test_a_bad_envid_or_ret_gets_501(target: LiveTarget, parameter: bytes) -> None:
    reply = judged(target.smtp().mail(reverse_path(target), parameter))

    assert reply.code == 501, f"MAIL with {parameter.decode()} was answered {reply}"


@covers("RFC3461-5.1-f", fault="smtp.bad-notify-gets-555")
@needs(smtp_offers("DSN"), accounts(1))
@given(parameter=st.sampled_from(_BAD_AT_RCPT))
def test_a_bad_notify_or_orcpt_gets_501(target: LiveTarget, parameter: bytes) -> None:
    reply = judged(_after_mail(target).rcpt(forward_path(target), parameter))

    assert reply.code == 501, f"RCPT with {parameter.decode()} was answered {reply}"


@covers("RFC3461-5.1-c", "RFC3461-4.5-b", fault="smtp.second-envid-taken", also=("smtp.bad-envid-gets-555",))
@needs(smtp_offers("DSN"))
@given(parameters=st.sampled_from([b"ENVID=a ENVID=b", b"ENVID=a RET=FULL ENVID=a", b"RET=FULL RET=HDRS"]))
def test_a_second_envid_or_ret_gets_501(target: LiveTarget, parameters: bytes) -> None:
    reply = judged(target.smtp().mail(reverse_path(target), parameters))

    assert reply.code == 501, f"MAIL with {parameters.decode()} was answered {reply}"


@covers(
    "RFC3461-5.1-f", "RFC3461-4.5-d", fault="smtp.second-notify-taken", also=("smtp.bad-notify-gets-555",)
)
@needs(smtp_offers("DSN"), accounts(1))
@given(parameters=st.sampled_from([b"NOTIFY=NEVER NOTIFY=NEVER", b"ORCPT=rfc822;a ORCPT=rfc822;a"]))
def test_a_second_notify_or_orcpt_gets_501(target: LiveTarget, parameters: bytes) -> None:
    reply = judged(_after_mail(target).rcpt(forward_path(target), parameters))

    assert reply.code == 501, f"RCPT with {parameters.decode()} was answered {reply}"


@covers("RFC3461-5.4-d", fault="smtp.three-parameters-at-most")
@needs(smtp_offers("DSN"))
@given(envid=_printable)
def test_all_parameters_are_taken_together(target: LiveTarget, envid: bytes) -> None:
    plain = judged(target.smtp().mail(reverse_path(target)))
    smtp = target.smtp()
    offered = {"SIZE": b"SIZE=1000", "8BITMIME": b"BODY=8BITMIME", "SMTPUTF8": b"SMTPUTF8"}
    parameters = [words for keyword, words in offered.items() if keyword in smtp.extensions]

    reply = judged(smtp.mail(reverse_path(target), b"RET=HDRS", b"ENVID=" + envid, *parameters))

    what = b" ".join(parameters).decode()
    assert reply.code == plain.code, f"MAIL with RET, ENVID, {what} was answered {reply}, without {plain}"


@covers("RFC3461-5.4-a", fault="smtp.envid-of-99-octets")
@needs(smtp_offers("DSN"), accounts(1))
def test_the_longest_envid_and_orcpt_are_taken(target: LiveTarget) -> None:
    sender, path = reverse_path(target), forward_path(target)
    envid = b"ENVID=".ljust(len(b"ENVID=") + _LONGEST_ENVID, b"x")
    short_and_long = (
        (target.smtp().mail(sender, b"ENVID=x"), target.smtp().mail(sender, envid)),
        (_after_mail(target).rcpt(path, b"ORCPT=rfc822;x"), _after_mail(target).rcpt(path, _LONG_ORCPT)),
    )

    for short, long in short_and_long:
        if short.code in _SYNTAX_ERRORS:
            raise Unclear(f"a short value was answered {short}")
        assert long.code not in _SYNTAX_ERRORS, f"the longest value was answered {long}, a short one {short}"


@covers("RFC3461-5.4-c", fault="smtp.command-line-of-600-octets")
@needs(smtp_offers("DSN"))
def test_the_longest_rcpt_is_taken(target: LiveTarget) -> None:
    path = b"<" + 64 * b"m" + b"@" + target.domain.encode() + b">"
    notify = b"NOTIFY=SUCCESS,FAILURE,DELAY"
    short = _after_mail(target).rcpt(path, notify)
    if short.code in _SYNTAX_ERRORS:
        raise Unclear(f"RCPT with a local part of 64 octets was answered {short}")

    reply = _after_mail(target).rcpt(path, notify, _LONG_ORCPT)

    octets = len(b" ".join([b"RCPT", b"TO:" + path, notify, _LONG_ORCPT])) + 2
    assert reply.code not in _SYNTAX_ERRORS, (
        f"a RCPT of {octets} octets was answered {reply}, without ORCPT {short}"
    )
