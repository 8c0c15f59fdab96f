"""RFC 5321 §4.1.4: the order of commands."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.strategies.addresses import BadPath, bad_paths, domains
from harness.target import Protocol
from suites.covers import covers, proves
from suites.mail import forward_path, open_transaction, reverse_path
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import judged

_NO_DOMAINS: Final = st.sampled_from(
    [b"", b" ", b" not_a!name", b" -", b" two words", b" [192.0.2.256]", b" [", b" a..example.test", b" <x>"]
)
_MISMATCH: Final = re.compile(r"\b(mis)?match|does(n't| not) (belong|resolve|verify)|not your", re.IGNORECASE)


@covers("RFC5321-4.1.4-b", fault="smtp.noop-needs-ehlo", also=("smtp.rset-needs-ehlo",))
@needs(endpoint(Protocol.SMTP))
@given(line=st.sampled_from([b"NOOP", b"RSET", b"HELP", b"VRFY postmaster"]))
def test_commands_without_transaction_work_before_ehlo(target: LiveTarget, line: bytes) -> None:
    before = target.smtp(hello=False).command(line)
    after = target.smtp().command(line)

    assert after.klass != 2 or before.klass in (2, 4), f"{line.decode()} before EHLO was answered {before}"


@covers("RFC5321-4.1.4-k", fault="smtp.rset-needs-ehlo", also=("smtp.noop-needs-ehlo",))
@needs(endpoint(Protocol.SMTP))
def test_session_commands_before_ehlo_are_not_out_of_order(target: LiveTarget) -> None:
    smtp = target.smtp(hello=False)

    for line in (b"NOOP", b"HELP", b"EXPN postmaster", b"VRFY postmaster", b"RSET"):
        reply = smtp.command(line)
        assert reply.code != 503, f"{line.decode()} before EHLO was answered {reply}"


@covers("RFC5321-4.1.4-d", fault="smtp.second-ehlo-keeps-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_later_ehlo_clears_the_transaction(target: LiveTarget) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)

    if (hello := smtp.ehlo()).code != 250:
        raise NotOffered(f"a second EHLO was answered {hello}")
    reply = smtp.command(b"RCPT TO:" + forward_path(target))

    assert reply.klass in (4, 5), f"RCPT behind a second EHLO was answered {reply}"


@covers("RFC5321-4.1.4-e", fault="smtp.second-ehlo-gets-503")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(in_transaction=st.booleans())
def test_a_later_ehlo_is_not_out_of_order(target: LiveTarget, in_transaction: bool) -> None:
    smtp = target.smtp()
    if in_transaction:
        open_transaction(target, smtp)

    reply = smtp.ehlo()

    allowed = reply.klass in (2, 4) or reply.code in (500, 501, 502, 504, 550)
    assert allowed, f"a second EHLO was answered {reply}"


@covers("RFC5321-4.1.4-e", fault="smtp.refused-ehlo-gets-553")
@needs(endpoint(Protocol.SMTP))
@given(name=_NO_DOMAINS)
def test_a_refused_ehlo_gets_one_of_its_codes(target: LiveTarget, name: bytes) -> None:
    reply = target.smtp(hello=False).command(b"EHLO" + name)

    allowed = reply.klass in (2, 4) or reply.code in (500, 501, 502, 504, 550)
    assert allowed, f"EHLO{name.decode()} was answered {reply}"


@covers("RFC5321-4.1.4-f", fault="smtp.refused-ehlo-clears-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(name=_NO_DOMAINS)
def test_a_refused_ehlo_leaves_the_transaction(target: LiveTarget, name: bytes) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)

    hello = smtp.command(b"EHLO" + name)
    if hello.klass == 2:
        raise NotOffered(f"EHLO{name.decode()} was answered {hello}")
    reply = judged(smtp.command(b"RCPT TO:" + forward_path(target)))

    assert reply.klass == 2, f"RCPT after an EHLO that was answered {hello.code} was answered {reply}"


@covers("RFC5321-4.1.4-j", fault="smtp.client-name-held-against-address")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(name=domains)
def test_mail_is_not_refused_for_the_name_in_ehlo(target: LiveTarget, name: bytes) -> None:
    smtp = target.smtp(hello=False)
    lines = [b"EHLO " + name, b"MAIL FROM:" + reverse_path(target), b"RCPT TO:" + forward_path(target)]

    for line in lines:
        reply = smtp.command(line)
        if reply.klass != 2:
            assert not _MISMATCH.search(reply.text), f"after EHLO {name.decode()}: {reply}"
            raise Unclear(f"{line.decode()} was answered {reply}")


@covers("RFC5321-4.1.4-m", fault="smtp.bad-mail-argument-gets-500", also=("smtp.refused-mail-gets-3yz",))
@needs(endpoint(Protocol.SMTP))
@given(path=bad_paths)
def test_a_mail_argument_that_is_refused_gets_501(target: LiveTarget, path: BadPath) -> None:
    reply = judged(target.smtp().command(b"MAIL FROM:" + path.octets))

    # 550, 553 and 555 say as much in other sections; acceptance is the server's to decide.
    right = reply.klass == 2 or reply.code in (501, 550, 552, 553, 554, 555)
    assert right, f"MAIL FROM:{path.octets!r} ({path.broken}) was answered {reply}"


@covers("RFC5321-4.1.4-m", fault="smtp.refused-mail-opens-transaction")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(path=bad_paths)
def test_a_refused_mail_opens_no_transaction(target: LiveTarget, path: BadPath) -> None:
    smtp = target.smtp()

    if (mail := smtp.command(b"MAIL FROM:" + path.octets)).klass == 2:
        return
    reply = smtp.command(b"RCPT TO:" + forward_path(target))

    assert reply.klass in (4, 5), f"after MAIL was answered {mail}, RCPT was answered {reply}"


@covers("RFC5321-3.3-h", "RFC5321-4.1.4-n", fault="smtp.rcpt-before-mail-gets-550")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_rcpt_before_mail_is_answered_503(target: LiveTarget) -> None:
    reply = judged(target.smtp().command(b"RCPT TO:" + forward_path(target)))

    assert reply.code == 503, f"RCPT before MAIL was answered {reply}"


@covers("RFC5321-4.1.4-n", "RFC5321-3.3-i", fault="smtp.data-before-rcpt-gets-501")
@needs(endpoint(Protocol.SMTP))
def test_data_before_rcpt_is_answered_503_or_554(target: LiveTarget) -> None:
    smtp = target.smtp()
    before_mail = judged(smtp.command(b"DATA"))
    if (mail := smtp.command(b"MAIL FROM:" + reverse_path(target))).klass != 2:
        raise Unclear(f"MAIL was answered {mail}")

    replies = (before_mail, judged(smtp.command(b"DATA")))

    with proves("RFC5321-4.1.4-n"):
        for reply in replies:
            # 354 without a recipient is judged by RFC 2920 §3.2.
            assert reply.code in (503, 554, 354), f"DATA before RCPT was answered {reply}"


@covers("RFC5321-4.5.1-a", "RFC5321-4.5.1-b", fault="smtp.rcpt-unknown-before-ehlo")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_the_minimum_of_commands_is_known(target: LiveTarget) -> None:
    path = forward_path(target)
    sender = reverse_path(target)
    for line in (b"NOOP", b"RSET", b"MAIL FROM:" + sender, b"RCPT TO:" + path, b"DATA", b"QUIT"):
        smtp = target.smtp(hello=False)
        reply = smtp.command(line)
        assert reply.code not in (500, 502), f"{line.decode()} was answered {reply}"
