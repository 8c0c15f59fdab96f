"""RFC 5321 §4.1.2: addresses in MAIL and RCPT."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import NotOffered, Unclear
from harness.strategies.addresses import (
    BadPath,
    bad_paths,
    domains,
    ipv4_literals,
    ipv6_literals,
    local_parts,
)
from harness.strategies.smtp import unknown_parameters
from harness.target import Protocol
from suites.covers import covers, proves
from suites.expect import no_policy
from suites.mail import forward_path, open_transaction, reverse_path
from suites.needs import accounts, endpoint, needs
from suites.smtp.steps import ask, judged, spellings

_senders: Final = st.tuples(local_parts, domains | ipv4_literals | ipv6_literals).map(b"@".join)
_routes: Final = st.lists(domains, min_size=1, max_size=3).map(
    lambda hops: b",".join(b"@" + hop for hop in hops)
)
_CONTROLS: Final = [bytes([octet]) for octet in (*range(32), 127) if octet not in b"\r\n"]


def _in_transaction(target: LiveTarget) -> SmtpClient:
    """A session with MAIL accepted."""
    smtp = target.smtp()
    if (reply := smtp.mail(reverse_path(target))).klass != 2:
        raise Unclear(f"MAIL was answered {reply}")
    return smtp


# MAIL


@covers("RFC5321-3.3-a", fault="smtp.refused-mail-gets-3yz")
@needs(endpoint(Protocol.SMTP))
@given(path=bad_paths)
def test_a_refused_mail_says_whether_for_good(target: LiveTarget, path: BadPath) -> None:
    reply = target.smtp().command(b"MAIL FROM:" + path.octets)

    assert reply.klass in (2, 4, 5), f"MAIL FROM:{path.octets!r} was answered {reply}"


@covers("RFC5321-4.1.2-nk1", fault="smtp.quoted-sender-gets-553")
@needs(endpoint(Protocol.SMTP))
@given(mailbox=_senders)
def test_senders_of_every_form_are_understood(target: LiveTarget, mailbox: bytes) -> None:
    if (plain := target.smtp().mail(reverse_path(target))).klass != 2:
        raise Unclear(f"a plain MAIL was answered {plain}")

    reply = no_policy(target.smtp().mail(b"<" + mailbox + b">"))

    assert reply.code not in (500, 501, 553), f"MAIL FROM:<{mailbox.decode()}> was answered {reply}"


@covers("RFC5321-4.1.2-i", fault="smtp.control-characters-taken")
@needs(endpoint(Protocol.SMTP))
@given(octet=st.sampled_from(_CONTROLS), quoted=st.booleans())
def test_control_characters_in_a_command_are_refused(target: LiveTarget, octet: bytes, quoted: bool) -> None:
    local_part = b'"a%sb"' % octet if quoted else b"a%sb" % octet

    reply = judged(target.smtp().command(b"MAIL FROM:<" + local_part + b"@example.org>"))

    assert reply.klass != 2, f"a MAIL with {octet!r} in its local part was answered {reply}"


@covers("RFC5321-2.4-i", fault="smtp.eight-bit-commands-taken")
@needs(endpoint(Protocol.SMTP))
@given(word=st.text("äöéñжяあ例", min_size=1, max_size=6).map(str.encode))
def test_octets_above_127_are_refused_after_helo(target: LiveTarget, word: bytes) -> None:
    smtp = target.smtp(hello=False)
    if (hello := smtp.helo()).klass != 2:
        raise Unclear(f"HELO was answered {hello}")

    # HELO offers no extension, so none allows them.
    reply = judged(smtp.command(b"MAIL FROM:<" + word + b"@example.org>"))

    assert reply.klass != 2, f"MAIL FROM:<{word!r}@example.org> after HELO was answered {reply}"


@covers("RFC5321-4.1.1.11-nk1", fault="smtp.unknown-parameters-ignored")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(parameter=unknown_parameters, at_mail=st.booleans())
def test_an_unknown_parameter_gets_555(target: LiveTarget, parameter: bytes, at_mail: bool) -> None:
    if at_mail:
        command = b"MAIL FROM:" + reverse_path(target)
        smtp = target.smtp()
    else:
        command = b"RCPT TO:" + forward_path(target)
        smtp = _in_transaction(target)

    reply = judged(smtp.command(command + b" " + parameter))

    assert reply.code in (501, 504, 555), (
        f"{command[:4].decode()} with {parameter.decode()} was answered {reply}"
    )


# RCPT


@covers(
    "RFC5321-3.3-e",
    "RFC5321-4.1.1.3-b",
    "RFC5321-4.1.2-a",
    "RFC5321-C-c",
    "RFC5321-F.2-a",
    "RFC5321-3.6.1-b",
    fault="smtp.source-route-gets-501",
)
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(route=_routes)
def test_source_routes_are_understood(target: LiveTarget, route: bytes) -> None:
    smtp = _in_transaction(target)
    if (plain := smtp.rcpt(forward_path(target))).klass != 2:
        raise Unclear(f"RCPT without a route was answered {plain}")

    reply = smtp.rcpt(b"<" + route + b":" + forward_path(target)[1:])

    with proves("RFC5321-3.6.1-b"):
        ask(reply.klass == 5, "source routes are taken")
    understood = reply.code not in (500, 501)
    with proves("RFC5321-3.3-e", "RFC5321-4.1.1.3-b", "RFC5321-4.1.2-a", "RFC5321-C-c", "RFC5321-F.2-a"):
        assert understood, f"RCPT by way of {route.decode()} was answered {reply}"


@covers(
    "RFC5321-3.3-e2",
    fault="smtp.source-route-gets-550",
    also=("smtp.source-route-gets-501",),
)
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(route=_routes)
def test_source_routes_are_ignored(target: LiveTarget, route: bytes) -> None:
    smtp = _in_transaction(target)
    if (plain := smtp.rcpt(forward_path(target))).klass != 2:
        raise Unclear(f"RCPT without a route was answered {plain}")

    reply = judged(smtp.rcpt(b"<" + route + b":" + forward_path(target)[1:]))

    assert reply.klass == 2, f"RCPT by way of {route.decode()} was answered {reply}"


def _taking_recipients(target: LiveTarget) -> SmtpClient:
    """A session with MAIL and a plain RCPT accepted: what is refused now is refused for itself."""
    smtp = target.smtp()
    open_transaction(target, smtp)
    return smtp


@covers("RFC5321-2.3.5-d", fault="smtp.postmaster-needs-domain")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(name=spellings("postmaster"))
def test_postmaster_needs_no_domain(target: LiveTarget, name: bytes) -> None:
    smtp = _taking_recipients(target)

    for spelling in (b"postmaster", name):
        reply = judged(smtp.rcpt(b"<" + spelling + b">"))
        assert reply.klass == 2, f"RCPT TO:<{spelling.decode()}> was answered {reply}"


@covers("RFC5321-4.5.1-c", "RFC5321-4.5.1-d", fault="smtp.postmaster-in-lower-case-only")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(name=spellings("postmaster"))
def test_postmaster_is_known_in_any_case(target: LiveTarget, name: bytes) -> None:
    smtp = _taking_recipients(target)
    domain = b"@" + target.domain.encode()

    reply = judged(smtp.rcpt(b"<postmaster" + domain + b">"))
    assert reply.klass == 2, f"RCPT TO:<postmaster{domain.decode()}> was answered {reply}"

    reply = judged(smtp.rcpt(b"<" + name + domain + b">"))
    with proves("RFC5321-4.5.1-c"):
        assert reply.klass == 2, f"RCPT TO:<{(name + domain).decode()}> was answered {reply}"


@covers("RFC5321-4.1.2-e", fault="smtp.quoted-recipient-gets-550")
@needs(endpoint(Protocol.SMTP), accounts(1))
@given(mask=st.integers(0, 2**16 - 1))
def test_quoted_spellings_of_a_recipient_are_the_same(target: LiveTarget, mask: int) -> None:
    smtp = _in_transaction(target)
    if (plain := smtp.rcpt(forward_path(target))).klass != 2:
        raise Unclear(f"RCPT with the plain spelling was answered {plain}")
    local_part, _, domain = target.account().address.rpartition("@")
    escaped = ("\\" * (mask >> place & 1) + letter for place, letter in enumerate(local_part))
    path = f'<"{"".join(escaped)}"@{domain}>'.encode()

    reply = judged(smtp.rcpt(path))

    assert reply.klass == plain.klass, f"RCPT TO:{path.decode()} was answered {reply}, the plain one {plain}"


@covers("RFC5321-3.6.2-a", fault="smtp.relaying-gets-554")
@needs(endpoint(Protocol.SMTP))
@given(domain=st.sampled_from([b"example.net", b"example.com", b"mail.example.edu"]))
def test_relaying_is_refused_by_550(target: LiveTarget, domain: bytes) -> None:
    reply = judged(_in_transaction(target).rcpt(b"<mailproof@" + domain + b">"))

    if reply.klass == 2:
        raise NotOffered(f"the target relays for this client: {reply}")
    assert reply.code == 550, f"RCPT TO:<mailproof@{domain.decode()}> was answered {reply}"
