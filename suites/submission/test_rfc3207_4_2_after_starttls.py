"""RFC 3207 §4.2 and §6: what a submission server knows after the handshake."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import ConnectionLost, NotOffered, TlsFailed
from harness.target import Protocol
from harness.wire import sasl
from suites import expect
from suites.covers import covers
from suites.needs import endpoint, needs
from suites.submission.sessions import SECRET, auth_plain, in_the_clear, mechanisms, plain


@covers("RFC3207-4.2-a", fault="submission.login-outlives-starttls")
@needs(endpoint(Protocol.SUBMISSION))
def test_a_login_in_the_clear_is_forgotten_inside_tls(target: LiveTarget) -> None:
    smtp = in_the_clear(target)
    if "PLAIN" not in mechanisms(smtp) or not target.declared.on_this_host:
        raise NotOffered("no login in the clear")
    response = sasl.encode(plain(target.account()))
    smtp.command(b"AUTH PLAIN " + response, shown=b"AUTH PLAIN " + SECRET)
    target.start_tls(smtp)
    again = expect.not_temporary(auth_plain(smtp, response), about="AUTH inside TLS")
    assert again.code != 503, f"after a login in the clear, AUTH inside TLS was answered {again}"


@covers("RFC3207-4.2-g", fault="submission.starttls-listed-inside-tls")
def test_starttls_is_not_listed_inside_tls(target: LiveTarget) -> None:
    ports = [p for p in (Protocol.SUBMISSION, Protocol.SUBMISSIONS) if p in target.declared.endpoints]
    if not ports:
        raise NotOffered("the target file has no endpoint for submission")
    for protocol in ports:
        smtp = target.smtp(protocol)
        if not smtp.transport.tls:
            target.start_tls(smtp)
        assert "STARTTLS" not in smtp.extensions, f"EHLO inside TLS on {protocol} lists STARTTLS"


@covers("RFC3207-6-d", fault="submission.octets-behind-starttls-kept")
@needs(endpoint(Protocol.SUBMISSION))
@given(behind=st.lists(st.sampled_from([b"NOOP", b"RSET", b"VRFY user", b"HELP"]), min_size=1, max_size=3))
def test_commands_behind_starttls_are_not_answered_inside_tls(
    target: LiveTarget, behind: list[bytes]
) -> None:
    smtp = in_the_clear(target)
    smtp.raw(b"STARTTLS\r\n" + b"".join(line + b"\r\n" for line in behind))
    reply = expect.not_temporary(smtp.read_reply(), about="STARTTLS")
    if reply.klass != 2:
        return  # refused for what came with it
    try:
        smtp.transport.start_tls(target.tls_context, target.declared.server_name or "localhost")
        smtp.raw(b"QUIT\r\n")
        first = smtp.read_reply()
    except (TlsFailed, ConnectionLost):
        return  # closing is as good an answer
    assert first.code in {221, 421}, (
        f"{behind} came in the clear behind STARTTLS; inside TLS QUIT was answered {first}"
    )
