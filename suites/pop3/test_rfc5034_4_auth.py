"""RFC 5034 §4: AUTH; and PLAIN (RFC 4616 §2) in it."""

import re
from base64 import b64encode
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.errors import NotOffered, Unclear
from harness.strategies.smtp import any_case
from harness.target import Protocol
from harness.wire.pop3.states import Answer
from suites.covers import covers, proves
from suites.needs import accounts, endpoint, needs
from suites.pop3.maildrop import log_in, must_be_err, must_be_ok, offered, owner

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)

_CHALLENGE: Final = re.compile(rb"\+ (?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\r\n")
_SECRET: Final = b"<secret>"


def ready(target: LiveTarget, mechanism: str = "PLAIN", *, tls: bool = False) -> Pop3Client:
    """A session before login that lists this mechanism; `NotOffered` where it does not."""
    pop3 = target.pop3(login=False, tls=tls)
    if mechanism not in [name.upper() for name in offered(pop3, "SASL")]:
        raise NotOffered(f"SASL {mechanism} is not offered")
    return pop3


def begun(target: LiveTarget) -> Pop3Client:
    """A session in which AUTH PLAIN awaits the response."""
    pop3 = ready(target)
    if (status := pop3.command(b"AUTH PLAIN")).answer is not Answer.CHALLENGE:
        raise Unclear(f"AUTH PLAIN was answered {status}")
    return pop3


def credentials(target: LiveTarget) -> bytes:
    """PLAIN's message with the truth, in base64."""
    who = owner(target)
    return b64encode(f"\0{who.user}\0{who.password}".encode())


def answered(pop3: Pop3Client, message: bytes) -> None:
    """Assert that PLAIN with this message is refused."""
    status = pop3.command(b"AUTH PLAIN " + b64encode(message), shown=b"AUTH PLAIN " + _SECRET)
    assert not status.ok, f"AUTH PLAIN with {message.count(0)} NULs was answered {status}"


@covers("RFC5034-4-nk1", fault="pop3.auth-response-refused")
@needs(_POP3)
def test_auth_with_true_credentials_opens_the_maildrop(target: LiveTarget) -> None:
    log_in(target).command(b"QUIT")
    pop3 = begun(target)
    must_be_ok(pop3.command(credentials(target), shown=_SECRET), b"the response of AUTH PLAIN")
    must_be_ok(pop3.command(b"STAT"), b"STAT after AUTH")
    pop3.command(b"QUIT")


@covers("RFC5034-4-nk2", fault="pop3.unknown-mechanism-challenged")
@needs(_POP3)
@given(name=st.from_regex(r"X-[A-Z]{1,12}", fullmatch=True))
def test_auth_with_an_unknown_mechanism_is_answered_err(target: LiveTarget, name: str) -> None:
    pop3 = ready(target)
    must_be_err(pop3.command(b"AUTH " + name.encode()), b"AUTH " + name.encode())


@covers("RFC5034-4-e", fault="pop3.plain-wants-an-initial-response")
@needs(_POP3)
def test_auth_plain_without_initial_response_is_answered_by_a_challenge(target: LiveTarget) -> None:
    status = ready(target).command(b"AUTH PLAIN")
    assert status.answer is Answer.CHALLENGE, f"AUTH PLAIN was answered {status}"


@covers("RFC5034-4-f", fault="pop3.empty-challenge-without-space")
@needs(_POP3)
def test_the_empty_challenge_is_a_plus_and_a_space(target: LiveTarget) -> None:
    status = ready(target).command(b"AUTH PLAIN")
    if status.answer is not Answer.CHALLENGE:
        raise Unclear(f"AUTH PLAIN was answered {status}")
    assert status.raw == b"+ \r\n", f"AUTH PLAIN was answered {status.raw!r}"


@covers("RFC5034-4-c", fault="pop3.challenge-in-plain-words")
@needs(_POP3)
def test_a_challenge_holds_nothing_but_base64(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    talkative = [
        name for name in offered(pop3, "SASL") if name.upper() in {"LOGIN", "CRAM-MD5", "DIGEST-MD5"}
    ]
    if not talkative:
        raise NotOffered("no mechanism in which the server speaks first is offered")
    for name in talkative:
        status = pop3.command(b"AUTH " + name.encode())
        if status.answer is Answer.CHALLENGE:
            assert _CHALLENGE.fullmatch(status.raw), f"AUTH {name} was answered {status.raw!r}"
            pop3.command(b"*")


@covers("RFC5034-4-d", fault="pop3.cancel-ok")
@needs(_POP3)
def test_a_star_cancels_the_exchange(target: LiveTarget) -> None:
    pop3 = begun(target)
    must_be_err(pop3.command(b"*"), b"*")
    must_be_err(pop3.command(b"STAT"), b"STAT after a cancelled AUTH")


@covers("RFC5034-4-j", fault="pop3.bad-base64-answered-by-a-challenge")
@needs(_POP3)
@given(line=st.text("!#%&()-.:;?@[]^_{|}~", min_size=1, max_size=12), first=st.booleans())
def test_a_response_that_is_no_base64_is_answered_err(target: LiveTarget, line: str, first: bool) -> None:
    if first:
        must_be_err(ready(target).command(b"AUTH PLAIN " + line.encode()), b"AUTH PLAIN " + line.encode())
    else:
        must_be_err(begun(target).command(line.encode()), line.encode())


@covers("RFC5034-4-l", fault="pop3.base64-skips-strays")
@needs(_POP3)
@given(stray=st.sampled_from([b"!", b" ", b"=", b"-", b"_", b"."]), share=st.floats(0.1, 0.9))
def test_strays_in_base64_are_not_skipped(target: LiveTarget, stray: bytes, share: float) -> None:
    truth = credentials(target)
    place = max(1, int(len(truth.rstrip(b"=")) * share))
    pop3 = begun(target)
    status = pop3.command(truth[:place] + stray + truth[place:], shown=_SECRET)
    assert not status.ok, f"true credentials with {stray!r} at octet {place} were answered {status}"


@covers("RFC5034-4-m", fault="pop3.responses-of-255-octets")
@needs(_POP3)
def test_a_response_as_long_as_plain_can_make_it_is_one_response(target: LiveTarget) -> None:
    pop3 = begun(target)
    status = pop3.command(b64encode(b"\0".join([b"a" * 255, b"b" * 255, b"c" * 255])))
    assert not status.ok, f"false credentials were answered {status}"
    pop3.raw(b"QUIT\r\n")
    if not pop3.at_eof(target.limits.timeout_s):
        raise Unclear("QUIT did not close the connection")
    answers = pop3.responses_within(target.quiet_s)
    assert len(answers) == 1, f"a response of 1024 octets and QUIT were answered {1 + len(answers)} times"


@covers("RFC5034-4-n", fault="pop3.auth-takes-any-password")
@needs(_POP3)
def test_credentials_that_fail_are_answered_err(target: LiveTarget) -> None:
    who = owner(target)
    pop3 = ready(target)
    must_be_err(pop3.auth_plain(who.user, who.password + "x"), b"AUTH PLAIN with a wrong password")


@covers("RFC5034-4-i", fault="pop3.cram-md5-takes-an-initial-response")
@needs(_POP3)
def test_an_initial_response_where_the_server_speaks_first_is_answered_err(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    listed = {name.upper() for name in offered(pop3, "SASL")} & {"CRAM-MD5", "DIGEST-MD5"}
    if not listed:
        raise NotOffered("neither CRAM-MD5 nor DIGEST-MD5 is offered")
    line = b"AUTH %s %s" % (min(listed).encode(), b64encode(b"me first"))
    must_be_err(pop3.command(line), line)


@covers("RFC5034-4-u", "RFC5034-4-v", "RFC2595-2.3-a", fault="pop3.no-auth-inside-tls")
@needs(_POP3)
def test_plain_works_inside_tls(target: LiveTarget) -> None:
    with proves("RFC5034-4-v", "RFC2595-2.3-a"):
        _not_in_the_clear(target)
    pop3 = target.pop3(login=False, tls=True)
    if not pop3.transport.tls:
        _stls(target, pop3)
    if "PLAIN" not in offered(pop3, "SASL"):
        raise NotOffered("SASL PLAIN is not offered inside TLS")
    log_in(target).command(b"QUIT")
    who = owner(target)
    if not (status := pop3.auth_plain(who.user, who.password)).ok:
        status = pop3.auth_plain(who.user, who.password, initial=False)
    with proves("RFC5034-4-u"):
        must_be_ok(status, b"AUTH PLAIN inside TLS")
    pop3.command(b"QUIT")


def _not_in_the_clear(target: LiveTarget) -> None:
    """`NotOffered` where a password is taken without TLS: the server may have another configuration still."""
    pop3 = target.pop3(login=False)
    if pop3.transport.tls:
        raise NotOffered("there is no POP3 in the clear")
    if "PLAIN" in offered(pop3, "SASL") or pop3.user(owner(target).user).ok:
        raise NotOffered("a password is taken without TLS")


def _stls(target: LiveTarget, pop3: Pop3Client) -> None:
    if not pop3.stls(target.tls_context, target.declared.server_name or "localhost").ok:
        raise NotOffered("there is no TLS")


@covers("RFC5034-5-a", fault="pop3.mechanisms-in-capitals", also=("pop3.case-sensitive",))
@needs(_POP3)
@given(auth=any_case(b"AUTH"), mechanism=any_case(b"PLAIN"))
def test_auth_and_mechanisms_are_taken_in_any_case(target: LiveTarget, auth: bytes, mechanism: bytes) -> None:
    if ready(target).command(b"AUTH PLAIN").answer is not Answer.CHALLENGE:
        raise Unclear("AUTH PLAIN was refused in capitals too")
    status = target.pop3(login=False).command(auth + b" " + mechanism)
    assert status.answer is Answer.CHALLENGE, f"{auth + b' ' + mechanism!r} was answered {status}"


@covers("RFC4616-2-c", "RFC4616-2-nk1", fault="pop3.plain-counts-no-nuls")
@needs(_POP3)
def test_plain_has_exactly_two_nuls(target: LiveTarget) -> None:
    who = owner(target)
    with proves("RFC4616-2-nk1"):
        answered(ready(target), f"{who.user}\0{who.password}".encode())
    with proves("RFC4616-2-c"):
        answered(ready(target), f"\0{who.user}\0{who.password}\0".encode())


@covers("RFC4616-2-nk3", fault="pop3.acts-for-anybody")
@needs(_POP3, accounts(2))
def test_nobody_acts_for_another_account(target: LiveTarget) -> None:
    who = owner(target)
    other = next(account for account in target.declared.accounts if account.user != who.user)
    answered(ready(target), f"{other.user}\0{who.user}\0{who.password}".encode())
