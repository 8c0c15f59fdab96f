"""By which SASL mechanism a user logs in, whatever the protocol."""

from collections.abc import Iterable
from typing import Final

from harness.clients.sasl import identity_of, mechanism_for
from harness.clients.transport import Transport
from harness.errors import ProtocolError
from harness.mua.terms import AuthMode, Declined, Terms, is_loopback
from harness.target import Endpoint
from harness.wire import sasl

__all__ = ["choose_mechanism"]

_FORCED: Final = {AuthMode.PLAIN: "PLAIN", AuthMode.LOGIN: "LOGIN"}


def choose_mechanism(
    terms: Terms, transport: Transport, endpoint: Endpoint, offered: Iterable[str]
) -> sasl.ClientMechanism | None:
    """The exchange by the mechanism that the terms force, else by the strongest that is offered.

    Returns:
        None where nobody logs in, or nothing is offered that may be used: what shows a password is not, over a
        network in the clear.

    Raises:
        Declined: The forced one needs what the connection, or the account, lacks.
    """
    if terms.account is None or terms.auth is AuthMode.NONE:
        return None
    identity = identity_of(terms.account, certificate=terms.certificate)
    names = {name.upper() for name in offered}
    private = transport.tls or is_loopback(endpoint.host)
    usable = names if private else names - sasl.SHOWS_SECRET
    name = terms.mechanism or _FORCED.get(terms.auth) or sasl.choose(usable, identity, transport.tls_facts)
    if name is None:
        return None
    try:
        return mechanism_for(name, identity, names, transport, endpoint)
    except ProtocolError as exc:
        raise Declined(str(endpoint), "AUTH", f"cannot log in by {name}: {exc}") from exc
