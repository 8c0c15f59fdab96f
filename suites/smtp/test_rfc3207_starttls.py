"""RFC 3207 §4: STARTTLS on the MX."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.smtp import SmtpClient
from harness.errors import ConnectionLost, NotOffered, RemoteProtocolError, TlsFailed, Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.mail import forward_path, open_transaction, reverse_path
from suites.needs import accounts, endpoint, needs, smtp_offers
from suites.smtp.steps import content, finish, judged, take_content

# Ours: long enough to read what came together with the 220.
_AT_ONCE_S: Final = 0.002

_injected: Final = st.lists(
    st.sampled_from(
        [b"NOOP", b"RSET", b"VRFY postmaster", b"EHLO [127.0.0.1]", b"MAIL FROM:<>", b"XMAILPROOF"]
    ),
    min_size=1,
    max_size=3,
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


def _handshake(target: LiveTarget, smtp: SmtpClient) -> None:
    server_name = target.server_name(target.endpoint(Protocol.SMTP))
    smtp.transport.start_tls(target.tls_context, server_name)


def _in_tls(target: LiveTarget) -> SmtpClient:
    smtp = target.smtp()
    target.start_tls(smtp)
    return smtp


@covers("RFC3207-4-a", fault="smtp.mx-requires-tls")
@needs(endpoint(Protocol.SMTP), accounts(1))
def test_the_mx_takes_mail_in_the_clear(target: LiveTarget) -> None:
    smtp = target.smtp()

    for line in (b"MAIL FROM:" + reverse_path(target), b"RCPT TO:" + forward_path(target)):
        reply = smtp.command(line)
        wants_tls = reply.klass == 5 and ("TLS" in reply.text.upper() or reply.code == 530)
        assert not wants_tls, f"{line.decode()} in the clear was answered {reply}"
        if reply.klass != 2:
            raise Unclear(f"{line.decode()} was answered {reply}")


@covers("RFC3207-4-nk2", fault="smtp.starttls-gets-250")
@needs(smtp_offers("STARTTLS"))
def test_starttls_is_answered_220_and_tls_begins(target: LiveTarget) -> None:
    smtp = target.smtp()

    reply = judged(smtp.command(b"STARTTLS"))
    assert reply.code == 220, f"STARTTLS was answered {reply}"
    _handshake(target, smtp)


@covers("RFC3207-4-nk1", fault="smtp.starttls-takes-an-argument")
@needs(smtp_offers("STARTTLS"))
@given(argument=st.text("abcdefgh0123456789", min_size=1, max_size=12).map(str.encode))
def test_starttls_takes_no_argument(target: LiveTarget, argument: bytes) -> None:
    reply = judged(target.smtp().command(b"STARTTLS " + argument))

    assert reply.klass == 5, f"STARTTLS {argument.decode()} was answered {reply}"


@covers("RFC3207-4-nk3", fault="smtp.starttls-in-data-gets-220")
@needs(smtp_offers("STARTTLS"), accounts(1))
@given(before=st.sampled_from([b"", b"x\r\n", b"\r\n"]))
def test_the_word_starttls_in_data_starts_nothing(target: LiveTarget, before: bytes) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)
    smtp.command(b"RCPT TO:<STARTTLS@%s>" % target.domain.encode())

    reply = take_content(target, smtp, content(target, body=before + b"STARTTLS\r\n"))
    unasked = finish(smtp)

    assert reply.code != 220, f"a message with a line STARTTLS was answered {reply}"
    assert not unasked, f"a message with a line STARTTLS was answered {reply} and {unasked[0]}"


@covers("RFC3207-4.2-a", fault="smtp.transaction-survives-starttls")
@needs(smtp_offers("STARTTLS"), accounts(1))
def test_a_transaction_does_not_survive_starttls(target: LiveTarget) -> None:
    smtp = target.smtp()
    open_transaction(target, smtp)
    if (reply := smtp.command(b"STARTTLS")).code != 220:
        raise NotOffered(f"STARTTLS within a transaction was answered {reply}")
    _handshake(target, smtp)

    reply = smtp.command(b"RCPT TO:" + forward_path(target))

    assert reply.klass in (4, 5), f"RCPT inside TLS, behind a MAIL in the clear, was answered {reply}"


@covers("RFC3207-4.2-e", fault="smtp.starttls-inside-tls-gets-220")
@needs(smtp_offers("STARTTLS"))
def test_starttls_inside_tls_is_refused(target: LiveTarget) -> None:
    reply = _in_tls(target).command(b"STARTTLS")

    assert reply.klass in (4, 5), f"STARTTLS inside TLS was answered {reply}"


@covers("RFC3207-4.2-g", fault="smtp.starttls-listed-inside-tls")
@needs(smtp_offers("STARTTLS"))
def test_starttls_is_not_listed_inside_tls(target: LiveTarget) -> None:
    offered = _in_tls(target).extensions

    assert "STARTTLS" not in offered, f"EHLO inside TLS lists {', '.join(offered)}"


@covers("RFC3207-6-d", fault="smtp.plaintext-survives-starttls")
@needs(smtp_offers("STARTTLS"))
@given(injected=_injected)
def test_what_came_in_the_clear_is_not_run_inside_tls(target: LiveTarget, injected: bytes) -> None:
    smtp = target.smtp()
    smtp.raw(b"STARTTLS\r\n" + injected)
    if judged(smtp.read_reply()).code != 220:
        return  # no TLS, nothing inside it
    smtp.replies_within(_AT_ONCE_S)  # what is answered in the clear is not run inside TLS
    try:
        _handshake(target, smtp)
        smtp.command(b"NOOP")
        unasked = finish(smtp)
    except (TlsFailed, ConnectionLost, RemoteProtocolError):
        return  # refused, which is as right as dropping the octets

    assert not unasked, f"{injected!r} behind STARTTLS in the clear had {len(unasked)} replies inside TLS"
