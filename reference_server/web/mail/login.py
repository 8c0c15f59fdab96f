"""From a connection to a session of somebody: greeting, TLS, who it is. No password in the clear over a network."""

import ipaddress
import ssl
from collections.abc import Iterable
from typing import Final

from harness.errors import LocalProtocolError
from harness.target import Endpoint
from harness.wire import sasl
from harness.wire.imap.encode import to_astring
from harness.wire.imap.responses import Condition, Continuation, Tagged
from harness.wire.imap.results import Result
from harness.wire.imap.states import Answer
from harness.wire.lines import CRLF
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import LogInRefused
from reference_server.web.mail.wire import Wire

__all__ = ["log_in", "may_say_password", "mechanism_for", "said"]

# RFC 5530 §3: codes of a refusal that is not about who asks.
_TEMPORARY: Final = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"})


def may_say_password(wire: Wire) -> bool:
    """Whether a password may be said here: in TLS, or without leaving this host."""
    if wire.tls or wire.endpoint.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(wire.endpoint.host).is_loopback
    except ValueError:
        return False


def name_of(endpoint: Endpoint, name: str | None) -> str:
    """What the certificate of an endpoint must carry."""
    return name or endpoint.host


async def log_in(
    wire: Wire, user: str, password: str, *, context: ssl.SSLContext, name: str | None = None
) -> Connection:
    """Greet, start TLS where it is offered, and log in.

    Raises:
        LogInRefused: By the server, or by us: there is no TLS and the password would go over a network.
        TransportError, ProtocolError: As `Connection`.
    """
    imap = Connection(wire)
    greeting = await imap.read()
    if not isinstance(greeting, Condition) or greeting.status is Answer.BYE:
        raise LogInRefused(f"The server greets with {str(greeting)[:200]}", temporary=True)
    if not wire.tls and greeting.status is not Answer.PREAUTH and await imap.offers("STARTTLS"):
        await imap.asked(b"STARTTLS")
        imap.forget()
        await wire.start_tls(context, name_of(wire.endpoint, name))
    if greeting.status is Answer.PREAUTH:
        raise LogInRefused(
            "The server lets everybody in as somebody; webmail asks for a log-in of one's own."
        )
    if not may_say_password(wire):
        raise LogInRefused("The server offers no TLS, so the password was not sent.")
    result = await _authenticate(imap, user, password)
    if not result.ok:
        temporary = result.code is not None and result.code.name in _TEMPORARY
        raise LogInRefused(f"The server said: {said(result.text)}", temporary=temporary)
    if result.code is None or result.code.name != "CAPABILITY":
        await imap.asked(b"CAPABILITY")
    return imap


def said(text: bytes) -> str:
    """A server's words, for people."""
    return text.decode("utf-8", "replace")[:300]


def mechanism_for(offered: Iterable[str], user: str, password: str) -> sasl.ClientMechanism | None:
    """The strongest exchange that a server offers, None where it offers none for a user with a password.

    Raises:
        LogInRefused: User or password hold what cannot be said.
    """
    names = {name.upper() for name in offered}
    identity = sasl.Identity(user, password)
    name = sasl.choose(names, identity, None)
    try:
        return sasl.client_mechanism(name, identity, offered=names) if name else None
    except (sasl.SaslError, LocalProtocolError) as exc:
        raise LogInRefused("A name or password with such characters cannot be sent.") from exc


async def _authenticate(imap: Connection, user: str, password: str) -> Result:
    offered = await imap.capabilities()
    names = [name.removeprefix("AUTH=") for name in offered if name.startswith("AUTH=")]
    mechanism = mechanism_for(names, user, password)
    if mechanism is not None:
        return await _exchange(imap, mechanism)
    if "LOGINDISABLED" in offered:
        raise LogInRefused("The server offers no way to log in that is known here.")
    return await imap.command(b"LOGIN", to_astring(user.encode()), to_astring(password.encode()))


async def _exchange(imap: Connection, mechanism: sasl.ClientMechanism) -> Result:
    """A SASL exchange without initial response; a challenge nobody can read is cancelled (RFC 3501 §6.2.2)."""
    imap.usable = False
    await imap.wire.send(b"W0 AUTHENTICATE " + mechanism.name.encode() + CRLF)
    came = []
    first = True
    while not (isinstance(response := await imap.read(), Tagged) and response.tag == b"W0"):
        if not isinstance(response, Continuation):
            came.append(response)
            continue
        try:
            challenge = sasl.decode(response.text)
            initial = mechanism.initial() if first and not challenge else None
            octets = sasl.encode(mechanism.respond(challenge) if initial is None else initial)
        except (sasl.SaslError, LocalProtocolError):
            octets = sasl.CANCEL
        first = False
        await imap.wire.send(octets + CRLF)
    imap.usable = True
    if response.status is Answer.OK and not mechanism.server_proven:
        raise LogInRefused("The server did not prove that it knows the password; nothing was read.")
    return Result(response, tuple(came))
