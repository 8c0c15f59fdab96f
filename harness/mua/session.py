"""SMTP and LMTP sessions opened as a user asks: greeted, in TLS, logged in."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from harness.clients.live import CLIENT_NAME
from harness.clients.smtp import SmtpClient
from harness.errors import ProtocolError, TransportError
from harness.mua.login import choose_mechanism
from harness.mua.terms import Declined, Terms, connect, is_loopback
from harness.target import Endpoint, Protocol
from harness.wire.smtp.address import parse_domain
from harness.wire.smtp.errors import AddressError
from harness.wire.smtp.replies import Reply

__all__ = ["Manner", "open_smtp"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How to speak.

    Attributes:
        hello: What EHLO says; None for this host's name.
        pipeline: Send commands in groups, where PIPELINING is offered (RFC 2920).
        chunking: Send the content with BDAT, where CHUNKING is offered (RFC 3030).
    """

    hello: bytes | None = None
    pipeline: bool = False
    chunking: bool = False


def open_smtp(endpoint: Endpoint, terms: Terms, manner: Manner) -> SmtpClient:
    """A session that is greeted, in TLS and logged in as the terms say.

    Raises:
        Declined: The server, or the terms, said no.
        TransportError: Nobody answers, or the connection broke.
        RemoteProtocolError: What answers does not speak SMTP.
    """
    lmtp = endpoint.protocol is Protocol.LMTP
    client = SmtpClient(connect(endpoint, terms), timeout_s=terms.timeout_s, lmtp=lmtp)
    with _closed_on_error(client):
        _accepted(endpoint, "greeting", client.read_greeting())
        _say_hello(client, endpoint, manner)
        if terms.wants_starttls(client.transport, endpoint, offered="STARTTLS" in client.extensions):
            _accepted(endpoint, "STARTTLS", client.starttls(terms.context, terms.name_of(endpoint)))
            _say_hello(client, endpoint, manner)
        _log_in(client, endpoint, terms)
    return client


@contextmanager
def _closed_on_error(client: SmtpClient) -> Iterator[None]:
    try:
        yield
    except Declined:
        with suppress(TransportError, ProtocolError):
            client.command(b"QUIT")
        client.close()
        raise
    except BaseException:
        client.close()
        raise


def _accepted(endpoint: Endpoint, stage: str, reply: Reply) -> Reply:
    if reply.klass != 2:
        raise Declined(str(endpoint), stage, f"{stage} was answered {reply}", reply)
    return reply


def _say_hello(client: SmtpClient, endpoint: Endpoint, manner: Manner) -> None:
    name = manner.hello or _own_name(endpoint)
    reply = client.lhlo(name) if client.lmtp else client.ehlo(name)
    if reply.klass == 5 and not client.lmtp:
        # RFC 5321 §3.2: a server that knows no EHLO may know HELO.
        reply = client.helo(name)
    _accepted(endpoint, "LHLO" if client.lmtp else "EHLO", reply)


def _own_name(endpoint: Endpoint) -> bytes:
    """RFC 5321 §4.1.4: this host's name where it has a full one that others can be told."""
    try:
        name = parse_domain(platform.node().encode("ascii", "replace"))
    except AddressError:
        return CLIENT_NAME
    return CLIENT_NAME if is_loopback(endpoint.host) or b"." not in name else name


def _log_in(client: SmtpClient, endpoint: Endpoint, terms: Terms) -> None:
    offered = client.extensions.get("AUTH", "").upper().split()
    mechanism = choose_mechanism(terms, client.transport, endpoint, offered)
    if mechanism is not None:
        _accepted(endpoint, "AUTH", client.authenticate(mechanism))
    elif {"PLAIN", "LOGIN"} & set(offered):
        terms.login(client.transport, endpoint)  # says why it is not done
    # Else what wants a login says so at MAIL or RCPT.
