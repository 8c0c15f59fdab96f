"""Connections on which a server waits for a TLS handshake, one way for each protocol that has one."""

import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from harness.clients.live import LiveTarget
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, NotOffered, TlsFailed, Unclear
from harness.target import Protocol
from harness.wire.hello import Alert, ServerHello, TlsVersion, client_hello, read_answer

__all__ = [
    "READY",
    "STARTTLS",
    "SUBMISSION_AND_ACCESS",
    "Ready",
    "Refused",
    "answer_to_hello",
    "any_certificate",
    "shake_hands",
    "with_tls",
]

Ready = Callable[[LiveTarget], Transport]


class Refused(Unclear):
    """STARTTLS is listed and refused."""


def _esmtp(protocol: Protocol) -> Ready:
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


def _implicit(protocol: Protocol) -> Ready:
    return lambda target: target.connect(protocol, handshake=False)


# Protocol -> a connection on which the server waits for a handshake.
STARTTLS: Final[Mapping[Protocol, Ready]] = {
    Protocol.SMTP: _esmtp(Protocol.SMTP),
    Protocol.SUBMISSION: _esmtp(Protocol.SUBMISSION),
    Protocol.LMTP: _esmtp(Protocol.LMTP),
    Protocol.POP3: _pop3,
    Protocol.IMAP: _imap,
}
READY: Final[Mapping[Protocol, Ready]] = {
    **STARTTLS,
    **{protocol: _implicit(protocol) for protocol in Protocol if protocol.implicit_tls},
}
SUBMISSION_AND_ACCESS: Final[Mapping[Protocol, Ready]] = {
    protocol: ready for protocol, ready in READY.items() if protocol not in {Protocol.SMTP, Protocol.LMTP}
}


def any_certificate() -> ssl.SSLContext:
    """A client's context that takes any certificate; TLS 1.2 or newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def shake_hands(connection: Transport, context: ssl.SSLContext, server_name: str | None = None) -> None:
    """The handshake and no more; raises `TlsFailed`."""
    with connection:
        connection.start_tls(context, server_name)


def with_tls(target: LiveTarget, among: Mapping[Protocol, Ready] = READY) -> Iterator[tuple[Protocol, Ready]]:
    """The protocols on which a handshake succeeds, each with the way to the next one.

    Raises:
        NotOffered: TLS is offered nowhere.
        Unclear: It is, and no handshake succeeds.
    """
    found, failure = 0, None
    for protocol, ready in among.items():
        if protocol not in target.declared.endpoints:
            continue
        try:
            shake_hands(ready(target), any_certificate())
        except NotOffered:
            continue
        except (Refused, TlsFailed) as exc:
            failure = exc
            continue
        found += 1
        yield protocol, ready
    if failure is not None and not found:
        raise Unclear(f"no handshake succeeds: {failure}")
    if not found:
        raise NotOffered("TLS is offered nowhere")


def answer_to_hello(
    target: LiveTarget,
    ready: Ready,
    *versions: TlsVersion,
    record_version: TlsVersion = TlsVersion.TLS_1_0,
) -> ServerHello | Alert | None:
    """What a server answers where we offer these versions; None where it closes without an answer.

    Raises:
        TimedOut: It neither answers nor closes.
        RemoteProtocolError: It answers, and not by TLS.
    """
    hello = client_hello(
        *versions,
        random=secrets.token_bytes(32),
        server_name=target.declared.server_name,
        record_version=record_version,
    )
    with ready(target) as connection:
        return _answer(connection, hello, target.limits.timeout_s)


def _answer(connection: Transport, hello: bytes, timeout_s: float) -> ServerHello | Alert | None:
    connection.send(hello)
    came = b""
    while (answer := read_answer(came)) is None:
        try:
            octets = connection.receive(timeout_s)
        except ConnectionLost:
            return None  # reset, which is a way to close
        if not octets:
            return None
        came += octets
    return answer
