"""RFC 5321 §3.5: VRFY and EXPN; §7.3 where they are switched off."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire.smtp.address import parse_mailbox
from harness.wire.smtp.errors import AddressError
from harness.wire.smtp.replies import Reply
from suites.covers import covers, proves
from suites.mail import reverse_path
from suites.needs import accounts, endpoint, needs

_BRACKETED: Final = re.compile(rb"<([^<>]*)>")
_BARE: Final = re.compile(rb"(?:[245]\.[0-9]+\.[0-9]+ +)?([^ <>]+@[^ <>]+)")


def _local_part(target: LiveTarget, account: int = 0) -> bytes:
    return target.account(account).address.partition("@")[0].encode()


def _nobody(target: LiveTarget) -> bytes:
    return target.unique("nobody").encode() + b"@" + target.domain.encode()


def _recipient_refused(target: LiveTarget, smtp: SmtpClient, mailbox: bytes) -> bool:
    """Whether RCPT refuses it for good; `Unclear` where the MAIL before it is not taken."""
    smtp.rset()
    if (reply := smtp.mail(reverse_path(target))).klass != 2:
        raise Unclear(f"MAIL was answered {reply}")
    refused = smtp.rcpt(b"<" + mailbox + b">").klass == 5
    smtp.rset()
    return refused


def _verified(target: LiveTarget) -> Reply:
    """What VRFY says of the first account where it says who that is; `NotOffered` elsewhere."""
    reply = target.smtp().vrfy(_local_part(target))
    if reply.code not in (250, 251, 551):
        raise NotOffered(f"VRFY was answered {reply}")
    return reply


@covers(
    "RFC5321-3.5.1-b",
    "RFC5321-3.5.1-c",
    "RFC5321-3.5.2-a",
    "RFC5321-3.5.2-c",
    "RFC5321-3.5.2-f",
    fault="smtp.vrfy-250-without-mailbox",
    also=("smtp.vrfy-250-with-broken-mailbox",),
)
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_vrfy_reply_that_says_who_holds_the_mailbox(target: LiveTarget) -> None:
    reply = _verified(target)
    bracketed = _BRACKETED.search(reply.lines[0])
    bare = _BARE.fullmatch(reply.lines[0])
    mailbox = next((found[1] for found in (bracketed, bare) if found is not None), b"")

    with proves("RFC5321-3.5.1-b", "RFC5321-3.5.1-c", "RFC5321-3.5.2-a"):
        assert mailbox, f"no mailbox stands in {reply}"
    with proves("RFC5321-3.5.2-f"):
        assert not mailbox.startswith(b"@"), f"a source route stands in {reply}"
    with proves("RFC5321-3.5.2-a"):
        assert _has_domain(mailbox), f"no mailbox with a domain stands in {reply}"
    with proves("RFC5321-3.5.2-c"):
        assert bracketed is not None, f"no pointed brackets in {reply}"


@covers("RFC5321-3.5.2-d", fault="smtp.vrfy-250-with-broken-mailbox")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_a_mailbox_that_vrfy_gives_can_be_sent_to(target: LiveTarget) -> None:
    found = _BRACKETED.search(_verified(target).lines[0])
    if found is None:
        raise NotOffered("VRFY gives no mailbox in pointed brackets")
    smtp = target.smtp()
    if (mail := smtp.mail(reverse_path(target))).klass != 2:
        raise Unclear(f"MAIL was answered {mail}")

    reply = smtp.rcpt(found[0])

    assert reply.code not in (500, 501, 553), (
        f"RCPT TO:{found[0].decode()}, as VRFY has it, was answered {reply}"
    )


@covers("RFC5321-3.5.1-h", fault="smtp.vrfy-knows-one-user")
@needs(endpoint(Protocol.SMTP), accounts(2))
def test_vrfy_knows_local_users(target: LiveTarget) -> None:
    first, second = (target.smtp().vrfy(_local_part(target, account)) for account in (0, 1))
    if first.code != 250:
        first, second = second, first
    if first.code != 250:
        raise NotOffered(f"VRFY was answered {first}")

    assert second.klass in (2, 4), f"VRFY of one user was answered {first}, of another {second}"


@covers("RFC5321-3.5.1-i", fault="smtp.vrfy-refuses-addresses")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_vrfy_takes_an_address(target: LiveTarget) -> None:
    bare = target.smtp().vrfy(_local_part(target))
    if bare.klass != 2:
        raise NotOffered(f"VRFY of a user name was answered {bare}")

    whole = target.smtp().vrfy(target.account().address.encode())

    assert whole.code not in (500, 501, 504), f"VRFY of an address was answered {whole}, of the name {bare}"


def _has_domain(mailbox: bytes) -> bool:
    try:
        return bool(parse_mailbox(mailbox, smtputf8=True).domain)
    except AddressError:
        return False


@covers("RFC5321-3.5.3-a", "RFC5321-3.5.3-b", "RFC5321-7.3-a", fault="smtp.vrfy-250-for-anybody")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(whole=st.booleans())
def test_vrfy_verifies_nobody_whom_rcpt_refuses(target: LiveTarget, whole: bool) -> None:
    smtp = target.smtp()
    nobody = _nobody(target)

    reply = smtp.vrfy(nobody if whole else nobody.partition(b"@")[0])

    if reply.code == 250 and not _recipient_refused(target, smtp, nobody):
        raise Unclear("RCPT takes every local part here")
    assert reply.code != 250, f"VRFY of a mailbox that RCPT refuses was answered {reply}"


@covers("RFC5321-7.3-b", fault="smtp.vrfy-off-gets-550")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_vrfy_that_is_switched_off_says_252(target: LiveTarget) -> None:
    smtp = target.smtp()
    nobody = _nobody(target)

    known = smtp.vrfy(target.account().address.encode())
    unknown = smtp.vrfy(nobody)

    if known.code not in (550, 551, 553):
        return
    if unknown.code != known.code or not _recipient_refused(target, smtp, nobody):
        raise Unclear(f"VRFY was answered {known}, and {unknown} for nobody")
    if _recipient_refused(target, smtp, target.account().address.encode()):
        raise Unclear("RCPT refuses the account")
    raise AssertionError(f"VRFY of a mailbox that RCPT takes was answered {known}, as for one it refuses")


@covers("RFC6531-3.7.4.2-c", fault="smtp.vrfy-answers-in-utf8")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(line=st.sampled_from([b"VRFY postmaster", b"EXPN postmaster", b"VRFY account"]))
def test_vrfy_and_expn_replies_are_ascii(target: LiveTarget, line: bytes) -> None:
    reply = target.smtp().command(line.replace(b"account", _local_part(target)))

    assert reply.raw.isascii(), f"{line.decode()} was answered {reply.raw!r}"
