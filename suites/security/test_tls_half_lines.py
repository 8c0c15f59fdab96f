"""RFC 3207 §6, RFC 2595 §4, RFC 9051 §6.2.1: the beginning of a line, sent in the clear behind STARTTLS.

A server that drops whole commands may keep what has no end yet, and put it before what comes inside TLS.
"""

from typing import Final

from harness.clients.live import CLIENT_NAME, LiveTarget
from harness.errors import ConnectionLost, NotOffered, RemoteProtocolError, TlsFailed, Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.expect import not_temporary
from suites.imap.dialogue import answers, tagged
from suites.needs import accounts, endpoint, imap_offers, needs

_HALF: Final = b"XMP"
_HELLO: Final = b"EHLO " + CLIENT_NAME

# The octets were taken for the handshake, or the connection was closed: as right as dropping them.
_DEFENDED: Final = (TlsFailed, ConnectionLost, RemoteProtocolError)


def _begin(target: LiveTarget, protocol: Protocol) -> None:
    smtp = target.smtp(protocol)
    smtp.raw(b"STARTTLS\r\n" + _HALF)
    if not_temporary(smtp.read_reply(), about="STARTTLS").code != 220:
        return  # no TLS, nothing inside it
    try:
        smtp.transport.start_tls(target.tls_context, target.server_name(target.endpoint(protocol)))
        first = not_temporary(smtp.command(_HELLO), about="EHLO inside TLS")
        if first.klass == 2:
            return
        second = smtp.command(_HELLO)
    except _DEFENDED:
        return
    if second.klass != 2:
        raise Unclear(f"EHLO inside TLS was answered {first}, and again {second}")
    raise AssertionError(
        f"{protocol}: {_HALF!r} came in the clear behind STARTTLS; the first EHLO inside TLS was answered {first},"
        f" the second {second}"
    )


@covers("RFC3207-6-d", fault="security.smtp-half-line-survives-starttls")
def test_half_a_line_before_starttls_is_no_part_of_the_first_inside_tls(target: LiveTarget) -> None:
    tried = 0
    for protocol in (Protocol.SMTP, Protocol.SUBMISSION):
        if protocol in target.declared.endpoints and "STARTTLS" in target.smtp(protocol).extensions:
            _begin(target, protocol)
            tried += 1
    if not tried:
        raise NotOffered("STARTTLS is offered nowhere")


@covers("RFC2595-4-nk1", fault="security.pop3-half-line-survives-stls")
@needs(endpoint(Protocol.POP3), accounts(1))
def test_half_a_line_before_stls_is_no_part_of_the_first_inside_tls(target: LiveTarget) -> None:
    user = b"USER " + target.account().user.encode()
    pop3 = target.pop3(login=False)
    pop3.raw(b"STLS\r\n" + _HALF)
    if not (status := pop3.read_status()).ok:
        raise NotOffered(f"STLS was answered {status}")
    try:
        pop3.transport.start_tls(target.tls_context, target.server_name(target.endpoint(Protocol.POP3)))
        first = pop3.command(user)
        second = first if first.ok else pop3.command(user)
    except _DEFENDED:
        return
    if not second.ok:
        raise Unclear(f"USER inside TLS was answered {first}, and again {second}")
    assert first.ok, (
        f"{_HALF!r} came in the clear behind STLS; the first USER inside TLS was answered {first},"
        f" the second {second}"
    )


@covers("RFC3501-6.2.1-nk1", "RFC9051-6.2.1-c", fault="security.imap-half-line-survives-starttls")
@needs(endpoint(Protocol.IMAP), imap_offers("STARTTLS"))
def test_half_a_line_before_imap_starttls_is_no_part_of_the_first_inside_tls(target: LiveTarget) -> None:
    imap = target.imap(login=False)
    imap.raw(b"MP1 STARTTLS\r\n" + _HALF)
    begun = imap.wait_tagged(b"MP1")
    if not begun.ok:
        raise Unclear(f"STARTTLS was answered {begun.tagged}")
    try:
        imap.transport.start_tls(target.tls_context, target.server_name(target.endpoint(Protocol.IMAP)))
        tags = [response.tag for response in tagged(answers(imap, b"MP2 NOOP\r\n"))]
    except _DEFENDED:
        return
    assert _HALF + b"MP2" not in tags, (
        f"{_HALF!r} came in the clear behind STARTTLS; inside TLS tags are {tags}"
    )
