"""RFC 8314 §4: what servers of submission and access offer."""

import ssl
import warnings
from collections.abc import Callable, Mapping
from typing import Final

from harness.clients.live import LiveTarget
from harness.clients.transport import Transport
from harness.errors import NotOffered, TlsFailed, Unclear
from harness.target import Protocol
from suites.covers import covers


class Refused(Exception):
    """STARTTLS is listed and refused."""


def _esmtp(protocol: Protocol) -> Callable[[LiveTarget], Transport]:
    def ready(target: LiveTarget) -> Transport:
        smtp = target.smtp(protocol)
        if "STARTTLS" not in smtp.extensions:
            raise NotOffered(f"STARTTLS is not offered on {protocol}")
        reply = smtp.command(b"STARTTLS")
        if reply.klass != 2:
            raise Refused(f"STARTTLS on {protocol} is listed and answered {reply}")
        return smtp.transport

    return ready


def _pop3(target: LiveTarget) -> Transport:
    pop3 = target.pop3(login=False)
    if pop3.transport.tls or "STLS" not in pop3.capa():
        raise NotOffered("STLS is not offered")
    status = pop3.command(b"STLS")
    if not status.ok:
        raise Refused(f"STLS is listed and answered {status.raw!r}")
    return pop3.transport


def _imap(target: LiveTarget) -> Transport:
    imap = target.imap(login=False)
    if imap.transport.tls or "STARTTLS" not in imap.capability():
        raise NotOffered("STARTTLS is not offered on imap")
    result = imap.command(b"STARTTLS")
    if not result.ok:
        raise Refused(f"STARTTLS on imap is listed and answered {result.status} {result.text!r}")
    return imap.transport


def _implicit(protocol: Protocol) -> Callable[[LiveTarget], Transport]:
    return lambda target: target.connect(protocol, handshake=False)


# Protocol -> a connection on which the server waits for a handshake.
STARTTLS: Final[Mapping[Protocol, Callable[[LiveTarget], Transport]]] = {
    Protocol.SMTP: _esmtp(Protocol.SMTP),
    Protocol.SUBMISSION: _esmtp(Protocol.SUBMISSION),
    Protocol.POP3: _pop3,
    Protocol.IMAP: _imap,
}
SUBMISSION_AND_ACCESS: Final[Mapping[Protocol, Callable[[LiveTarget], Transport]]] = {
    **{protocol: ready for protocol, ready in STARTTLS.items() if protocol is not Protocol.SMTP},
    **{protocol: _implicit(protocol) for protocol in (Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS)},
}


def _any_certificate(*, old: bool = False) -> ssl.SSLContext:
    """A client's context that takes any certificate: TLS 1.2 and newer, or older versions alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            # What Python deprecates is what is looked for.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@covers("RFC8314-4-e", fault="submission.starttls-listed-in-vain", also=("submission.old-tls-only",))
def test_starttls_is_listed_only_where_it_works(target: LiveTarget) -> None:
    tried = 0
    for protocol, ready in STARTTLS.items():
        try:
            _shake_hands(ready(target), _any_certificate())
            tried += 1
        except NotOffered:
            continue
        except Refused as exc:
            raise AssertionError(str(exc)) from exc
        except TlsFailed as exc:
            raise AssertionError(f"STARTTLS on {protocol} is listed and the handshake fails: {exc}") from exc
    if not tried:
        raise NotOffered("STARTTLS is offered nowhere")


@covers("RFC8314-4-k", fault="submission.old-tls-only")
def test_submission_and_access_speak_tls_1_2_or_newer(target: LiveTarget) -> None:
    tried = 0
    for protocol, ready in SUBMISSION_AND_ACCESS.items():
        try:
            _shake_hands(ready(target), _any_certificate())
            tried += 1
        except (NotOffered, Refused):
            continue
        except TlsFailed as exc:
            assert not _speaks_old_tls(target, ready), f"{protocol} speaks TLS 1.0 or 1.1 and no newer"
            raise Unclear(f"no handshake of any version succeeds: {exc}") from exc
    if not tried:
        raise NotOffered("neither submission nor access offers TLS")


def _shake_hands(connection: Transport, context: ssl.SSLContext) -> None:
    with connection:
        connection.start_tls(context, None)


def _speaks_old_tls(target: LiveTarget, ready: Callable[[LiveTarget], Transport]) -> bool:
    try:
        _shake_hands(ready(target), _any_certificate(old=True))
    except TlsFailed:
        return False
    return True
