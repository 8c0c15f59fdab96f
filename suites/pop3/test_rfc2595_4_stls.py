"""RFC 2595 §4: STLS."""

from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.clients.transcript import Direction
from harness.errors import NotOffered, TlsFailed, TransportError, Unclear
from harness.target import Protocol
from harness.wire.lines import CRLF
from suites.covers import covers, proves
from suites.needs import endpoint, needs
from suites.pop3.maildrop import must_be_err, must_be_ok, offered, owner, stocked

_POP3 = endpoint(Protocol.POP3)


def in_tls(target: LiveTarget) -> Pop3Client:
    """A session inside TLS by STLS; `NotOffered` where STLS is refused."""
    pop3 = target.pop3(login=False)
    _upgrade(target, pop3)
    return pop3


def _upgrade(target: LiveTarget, pop3: Pop3Client) -> None:
    status = pop3.stls(target.tls_context, target.declared.server_name or "localhost")
    if not status.ok:
        raise NotOffered(f"STLS was answered {status}")


@covers("RFC2595-4-nk2", fault="pop3.stls-listed-and-refused")
@needs(_POP3)
def test_stls_works_where_it_is_listed(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    offered(pop3, "STLS")
    status = pop3.stls(target.tls_context, target.declared.server_name or "localhost")
    must_be_ok(status, b"STLS")
    assert pop3.transport.tls, "no handshake followed STLS"


@covers("RFC2595-4-a", fault="pop3.no-capa-before-tls")
@needs(_POP3)
def test_a_server_with_stls_has_capa(target: LiveTarget) -> None:
    clear = target.pop3(login=False).command(b"CAPA")
    in_tls(target)
    must_be_ok(clear, b"CAPA")


@covers("RFC2595-4-nk1", "RFC2595-4-b", fault="pop3.stls-after-login")
@needs(_POP3)
def test_stls_is_for_the_time_before_login(target: LiveTarget) -> None:
    with proves("RFC2595-4-b"):
        if (status := in_tls(target).command(b"STLS")).ok:
            raise NotOffered(f"STLS inside TLS was answered {status}")
    with stocked(target) as drop, proves("RFC2595-4-nk1"):
        must_be_err(drop.pop3.command(b"STLS"), b"STLS after login")


@covers("RFC2595-4-nk1", fault="pop3.stls-injection")
@needs(_POP3)
def test_what_came_in_the_clear_behind_stls_is_not_answered_inside_tls(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    pop3.raw(b"STLS\r\nXMPQ\r\n")
    if not (status := pop3.read_status()).ok:
        raise NotOffered(f"STLS was answered {status}")
    try:
        pop3.transport.start_tls(target.tls_context, target.declared.server_name or "localhost")
        pop3.raw(b"QUIT\r\n")
        pop3.at_eof(target.limits.timeout_s)
    except (TlsFailed, TransportError):
        return  # closing is as right as dropping the octets
    # What was said in the clear behind the +OK is no answer inside TLS, so the reader is not asked.
    inside = b"".join(
        e.octets for e in pop3.transcript.entries if e.tls and e.direction is Direction.RECEIVED
    )
    answers = inside.split(CRLF)[:-1]
    assert len(answers) <= 1, (
        f"a command sent in the clear behind STLS was answered inside TLS: {answers[0]!r}"
    )


@covers("RFC1939-7-nk2", fault="pop3.user-survives-stls")
@needs(_POP3)
def test_pass_inside_tls_needs_a_user_inside_tls(target: LiveTarget) -> None:
    who = owner(target)
    pop3 = target.pop3(login=False)
    if not (status := pop3.user(who.user)).ok:
        raise Unclear(f"USER was answered {status}")
    _upgrade(target, pop3)
    status = pop3.command(b"PASS " + who.password.encode(), shown=b"PASS <secret>")
    must_be_err(status, b"PASS inside TLS after USER in the clear")
