"""RFC 3501 §6.2: LOGIN, AUTHENTICATE and what a refusal may tell; RFC 9051 §6.2.2; §11.2."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Account, Protocol
from harness.wire.imap.encode import Literal, encode_quoted, is_atom
from harness.wire.imap.responses import Continuation
from harness.wire.imap.results import Result
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.dialogue import answers, challenge, plain_response, public, secret, tagged
from suites.needs import accounts, endpoint, imap_offers, needs

_IMAP: Final = endpoint(Protocol.IMAP, Protocol.IMAPS)
_WRONG: Final = "wrong-password"
_NUMBER: Final = re.compile(rb"[0-9.]+")


def _log_in(imap: ImapClient, user: bytes | Literal, password: bytes | Literal) -> Result:
    return imap.command(b"LOGIN", user, password, shown=b"LOGIN <secret>")


def _atom_or_quoted(octets: bytes) -> bytes | Literal:
    return octets if is_atom(octets) else encode_quoted(octets)


_FORMS: Final[dict[str, Callable[[bytes], bytes | Literal]]] = {
    "atom": _atom_or_quoted,
    "quoted string": encode_quoted,
    "literal": Literal,
}
_forms: Final = st.sampled_from(list(_FORMS))


@covers("RFC3501-6.2.3-nk1", fault="imap.login-without-literals")
@needs(_IMAP, accounts(1))
@given(user_form=_forms, password_form=_forms)
def test_login_takes_atoms_quoted_strings_and_literals(
    target: LiveTarget, user_form: str, password_form: str
) -> None:
    account = target.account()
    user = _FORMS[user_form](account.user.encode())
    password = _FORMS[password_form](account.password.encode())

    result = _log_in(public(target), user, password)

    assert result.ok, (
        f"LOGIN with user as {user_form}, password as {password_form} was answered {result.tagged}"
    )


@covers("RFC3501-6.2.3-nk1", fault="imap.login-of-anybody")
@needs(_IMAP, accounts(1))
def test_login_with_a_wrong_password_gets_no(target: LiveTarget) -> None:
    user = encode_quoted(target.account().user.encode())

    result = _log_in(public(target), user, _WRONG.encode())

    assert result.status is Answer.NO, f"LOGIN with a wrong password was answered {result.tagged}"


@covers("RFC3501-11.2-c", "RFC9051-11.7-c", fault="imap.login-names-the-user")
@needs(_IMAP, accounts(1))
def test_a_failed_login_tells_nothing_of_the_user(target: LiveTarget) -> None:
    known, unknown = _refusals(target, _failed_login)

    assert known == unknown, f"LOGIN was refused with {known!r} for a user and {unknown!r} for nobody"


@covers("RFC3501-6.2.3-c", fault="imap.logindisabled-and-login")
@needs(endpoint(Protocol.IMAP), accounts(1))
def test_login_is_refused_where_it_is_disabled(target: LiveTarget) -> None:
    imap = target.imap(login=False)
    if "LOGINDISABLED" not in imap.capabilities:
        raise NotOffered("LOGINDISABLED is not listed")
    account = target.account()

    result = _log_in(imap, encode_quoted(account.user.encode()), encode_quoted(account.password.encode()))

    assert not result.ok, f"LOGINDISABLED is listed and LOGIN was answered {result.tagged}"


def _authenticate_plain(target: LiveTarget, password: str) -> Result:
    imap = public(target)
    if "AUTH=PLAIN" not in imap.capabilities:
        raise NotOffered("AUTH=PLAIN is not listed")
    tag = challenge(imap, b"PLAIN")
    secret(imap, plain_response(replace(target.account(), password=password)))
    return imap.wait_tagged(tag)


@covers(
    "RFC3501-6.2.2-nk1", "RFC9051-6.2.2-t", "RFC3501-6.1.1-c", "RFC9051-6.1.1-d", fault="imap.plain-fails"
)
@needs(_IMAP, accounts(1))
def test_authenticate_plain_logs_in(target: LiveTarget) -> None:
    result = _authenticate_plain(target, target.account().password)

    assert result.ok, f"AUTHENTICATE PLAIN with true credentials was answered {result.tagged}"


@covers("RFC3501-6.2.2-nk1", fault="imap.authenticate-anybody")
@needs(_IMAP, accounts(1))
def test_authenticate_plain_with_a_wrong_password_gets_no(target: LiveTarget) -> None:
    result = _authenticate_plain(target, _WRONG)

    assert result.status is Answer.NO, (
        f"AUTHENTICATE PLAIN with a wrong password was answered {result.tagged}"
    )


def _failed_login(imap: ImapClient, user: str) -> Result:
    return _log_in(imap, encode_quoted(user.encode()), _WRONG.encode())


def _failed_authenticate(imap: ImapClient, user: str) -> Result:
    tag = challenge(imap, b"PLAIN")
    secret(imap, plain_response(Account(user, _WRONG, user)))
    return imap.wait_tagged(tag)


def _refusals(target: LiveTarget, attempt: Callable[[ImapClient, str], Result]) -> list[bytes]:
    """What a user's wrong password and an unknown user are told, code and text."""
    texts = []
    for user in (target.account().user, f"nobody-{target.account().user}"):
        result = attempt(public(target), user)
        if result.status is not Answer.NO:
            raise Unclear(f"a wrong password was answered {result.tagged}")
        # The name that was given, and numbers such as the time taken, tell nothing.
        told = result.tagged.raw.removeprefix(result.tag).replace(user.encode(), b"").strip()
        texts.append(_NUMBER.sub(b"#", told))
    return texts


@covers("RFC3501-11.2-a", fault="imap.authenticate-names-the-user")
@needs(_IMAP, accounts(1), imap_offers("AUTH=PLAIN"))
def test_a_failed_authenticate_tells_nothing_of_the_user(target: LiveTarget) -> None:
    known, unknown = _refusals(target, _failed_authenticate)

    assert known == unknown, f"AUTHENTICATE was refused with {known!r} for a user and {unknown!r} for nobody"


_mechanisms: Final = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", max_size=10).map(
    lambda word: b"XMP" + word.encode()
)


@covers("RFC3501-6.2.2-b", "RFC9051-6.2.2-c", fault="imap.unknown-mechanism-is-bad")
@needs(_IMAP)
@given(mechanism=_mechanisms)
def test_an_unknown_mechanism_gets_no(target: LiveTarget, mechanism: bytes) -> None:
    result = public(target).command(b"AUTHENTICATE " + mechanism)

    assert result.status is Answer.NO, f"AUTHENTICATE {mechanism.decode()} was answered {result.tagged}"


@covers("RFC3501-6.2.2-c", "RFC9051-6.2.2-d", fault="imap.cancel-gets-no")
@needs(_IMAP, imap_offers("AUTH=PLAIN"))
def test_a_cancelled_authenticate_gets_bad(target: LiveTarget) -> None:
    imap = public(target)
    tag = challenge(imap, b"PLAIN")
    imap.raw(b"*\r\n")

    result = imap.wait_tagged(tag)

    assert result.status is Answer.BAD, f"a cancelled AUTHENTICATE was answered {result.tagged}"


@covers("RFC9051-6.2.2-d", fault="imap.no-base64-gets-no")
@needs(_IMAP, imap_offers("AUTH=PLAIN", "IMAP4REV2"))
@given(line=st.sampled_from([b"!", b"AGFsaWNl!", b"A", b"AA=A", b"a b", b"====", b"\\"]))
def test_a_response_that_is_no_base64_gets_bad(target: LiveTarget, line: bytes) -> None:
    imap = public(target)
    tag = challenge(imap, b"PLAIN")
    imap.raw(line + b"\r\n")

    result = imap.wait_tagged(tag)

    assert result.status is Answer.BAD, f"the response {line!r} was answered {result.tagged}"


@covers("RFC3501-6.2.2-h", fault="imap.hides-auth-login")
@needs(_IMAP)
def test_each_mechanism_that_works_is_listed(target: LiveTarget) -> None:
    imap = target.imap(login=False, tls=True)
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"):
        if f"AUTH={mechanism}" in imap.capabilities:
            continue
        came = answers(imap, b"MP1 AUTHENTICATE %s\r\n*\r\n" % mechanism.encode())
        asked = [response for response in came if isinstance(response, Continuation)]
        assert not asked, f"AUTH={mechanism} is not listed and was answered {[str(r) for r in came]}"
        assert not any(r.status is Answer.OK for r in tagged(came)), (
            f"{mechanism} logged in with no credentials"
        )


@covers("RFC9051-6.2.2-h", fault="imap.bad-initial-response-gets-no", also=("imap.no-base64-gets-no",))
@needs(_IMAP, imap_offers("AUTH=PLAIN", "IMAP4REV2"))
@given(initial=st.sampled_from([b"!", b"AGFsaWNl!", b"A", b"AA=A", b"===="]))
def test_an_initial_response_that_is_no_base64_gets_bad(target: LiveTarget, initial: bytes) -> None:
    result = public(target).command(b"AUTHENTICATE PLAIN", initial)

    assert result.status is Answer.BAD, f"AUTHENTICATE PLAIN {initial.decode()} was answered {result.tagged}"
