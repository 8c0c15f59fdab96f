"""RFC 3501 §6.2.1 and RFC 9051 §6.2.1: STARTTLS."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.imap import ImapClient
from harness.clients.live import LiveTarget
from harness.errors import TlsFailed, Unclear
from harness.target import Protocol
from harness.wire.imap.responses import Capability
from harness.wire.imap.states import Answer
from suites.covers import covers
from suites.imap.dialogue import answers, tagged
from suites.needs import accounts, endpoint, imap_offers, needs

_CLEARTEXT: Final = endpoint(Protocol.IMAP)


def _name(target: LiveTarget) -> str:
    return target.server_name(target.endpoint(Protocol.IMAP))


def _in_tls(target: LiveTarget) -> ImapClient:
    imap = target.imap(login=False)
    result = imap.starttls(target.tls_context, _name(target))
    if not result.ok:
        raise Unclear(f"STARTTLS was answered {result.tagged}")
    return imap


@covers("RFC3501-6.1.1-c", "RFC9051-11.2-d", fault="imap.starttls-fails")
@needs(_CLEARTEXT, accounts(1), imap_offers("STARTTLS"))
def test_starttls_works_where_it_is_listed(target: LiveTarget) -> None:
    imap = target.imap(login=False)

    result = imap.starttls(target.tls_context, _name(target))

    assert result.ok, f"STARTTLS was answered {result.tagged}"
    account = target.account()
    logged_in = imap.login(account.user, account.password)
    assert logged_in.ok, f"LOGIN after STARTTLS was answered {logged_in.tagged}"


@covers("RFC3501-6.2.1-nk1", "RFC9051-6.2.1-c", fault="imap.runs-cleartext-inside-tls")
@needs(_CLEARTEXT, imap_offers("STARTTLS"))
@given(injected=st.sampled_from([b"NOOP", b"CAPABILITY", b"LOGOUT", b"XMP", b"LOGIN a b"]))
def test_what_came_in_the_clear_has_no_effect_inside_tls(target: LiveTarget, injected: bytes) -> None:
    imap = target.imap(login=False)
    imap.raw(b"MP1 STARTTLS\r\nMP2 " + injected + b"\r\n")
    begun = imap.wait_tagged(b"MP1")
    if not begun.ok:
        raise Unclear(f"STARTTLS was answered {begun.tagged}")
    try:
        imap.transport.start_tls(target.tls_context, _name(target))
    except TlsFailed:
        return  # taken for the handshake, which fails

    came = answers(imap, b"MP3 NOOP\r\n")

    found = [response.tag for response in tagged(came)]
    assert b"MP2" not in found, f"{injected.decode()}, sent before TLS, was answered inside TLS"


@covers("RFC3501-6.2.1-nk2", "RFC9051-6.2.1-e", fault="imap.lists-starttls-inside-tls")
@needs(_CLEARTEXT, imap_offers("STARTTLS"))
def test_starttls_is_not_listed_inside_tls(target: LiveTarget) -> None:
    result = _in_tls(target).command(b"CAPABILITY")

    for listing in result.of(Capability):
        assert "STARTTLS" not in {name.upper() for name in listing.capabilities}, f"inside TLS: {listing}"


@covers("RFC3501-6.2.1-nk2", fault="imap.starttls-twice")
@needs(_CLEARTEXT, imap_offers("STARTTLS"))
def test_starttls_is_refused_inside_tls(target: LiveTarget) -> None:
    imap = _in_tls(target)

    result = imap.command(b"STARTTLS")

    assert not result.ok, f"STARTTLS inside TLS was answered {result.tagged}"


@covers("RFC9051-6.2.1-a", fault="imap.starttls-gets-no-inside-tls", also=("imap.starttls-twice",))
@needs(endpoint(Protocol.IMAPS), imap_offers("IMAP4REV2"))
def test_starttls_with_implicit_tls_gets_bad(target: LiveTarget) -> None:
    result = target.imap(login=False, tls=True).command(b"STARTTLS")

    assert result.status is Answer.BAD, f"STARTTLS on the port with implicit TLS was answered {result.tagged}"
