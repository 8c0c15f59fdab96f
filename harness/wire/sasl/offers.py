"""Every mechanism by name: what a client chooses of a server's list, and what a server makes of a name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.sasl.client import ClientMechanism, Identity
from harness.wire.sasl.cram_md5 import CramMd5Client
from harness.wire.sasl.external import ExternalClient
from harness.wire.sasl.login import LoginClient
from harness.wire.sasl.oauth import OAuthBearerClient, XOAuth2Client
from harness.wire.sasl.plain import PlainClient
from harness.wire.sasl.scram import HASHES, PLUS, Binding
from harness.wire.sasl.scram_client import ScramClient
from harness.wire.tls import TlsFacts

__all__ = [
    "CLIENT_MECHANISMS",
    "MECHANISMS",
    "NEEDS_TLS",
    "SHOWS_SECRET",
    "choose",
    "client_mechanism",
    "usable",
]

# Strongest first: nothing that can be stolen on the way, then what listens only to a channel of its own, then what
# shows nothing of use, then what shows all.
MECHANISMS: Final = (
    "EXTERNAL",
    *(name + PLUS for name in HASHES),
    *HASHES,
    "OAUTHBEARER",
    "XOAUTH2",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
)
# Whoever listens to these has all that is needed to log in.
SHOWS_SECRET: Final = frozenset({"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"})
# There is nothing to bind to, or to show, without.
NEEDS_TLS: Final = frozenset({"EXTERNAL", *(name + PLUS for name in HASHES)})

_TOKEN: Final = frozenset({"OAUTHBEARER", "XOAUTH2"})

# What takes a user and a password and nothing else.
CLIENT_MECHANISMS: Final[Mapping[str, Callable[[str, str], ClientMechanism]]] = {
    "PLAIN": PlainClient,
    "LOGIN": LoginClient,
    "CRAM-MD5": CramMd5Client,
    "SCRAM-SHA-1": lambda user, password: ScramClient("SCRAM-SHA-1", user, password),
    "SCRAM-SHA-256": lambda user, password: ScramClient("SCRAM-SHA-256", user, password),
}


def usable(identity: Identity, facts: TlsFacts | None) -> tuple[str, ...]:
    """The mechanisms that a client with this to show may use on this connection, strongest first.

    A certificate is taken for a login only where there is nothing else: it may be everybody's who comes from here.
    What shows a secret is among them even without TLS; whether to use that is the caller's to say (`SHOWS_SECRET`).
    """
    bound = Binding.best(facts) is not None

    def can(name: str) -> bool:
        if name == "EXTERNAL":
            return identity.certificate and not (identity.password or identity.token)
        if name in _TOKEN:
            return bool(identity.token)
        return bool(identity.password) and (bound or name not in NEEDS_TLS)

    return tuple(filter(can, MECHANISMS))


def choose(offered: Iterable[str], identity: Identity, facts: TlsFacts | None) -> str | None:
    """The strongest that is offered and can be used, None where there is none."""
    known = {name.upper() for name in offered}
    return next((name for name in usable(identity, facts) if name in known), None)


def client_mechanism(
    name: str,
    identity: Identity,
    *,
    offered: Iterable[str] = (),
    facts: TlsFacts | None = None,
    host: str = "",
    port: int = 0,
) -> ClientMechanism:
    """An exchange by this mechanism.

    Args:
        offered: The server's list; SCRAM says whether it has seen -PLUS on it (RFC 5802 §6).
        host: The server, as the client names it; for OAUTHBEARER, as `port`.

    Raises:
        KeyError: There is no such mechanism.
        LocalProtocolError: The mechanism needs what this connection lacks, or cannot carry this identity.
        SaslError: User or password cannot be prepared.
    """
    who, password, token = identity.user, identity.password, identity.token
    makers: Mapping[str, Callable[[], ClientMechanism]] = {
        "EXTERNAL": lambda: ExternalClient(identity.authorization or who),
        "OAUTHBEARER": lambda: OAuthBearerClient(identity.authorization or who, token, host, port),
        "XOAUTH2": lambda: XOAuth2Client(who, token),
        "CRAM-MD5": lambda: CramMd5Client(who, password),
        "PLAIN": lambda: PlainClient(who, password, identity.authorization),
        "LOGIN": lambda: LoginClient(who, password),
    }
    listed = {each.upper() for each in offered}
    plain_name = name.removesuffix(PLUS)
    if plain_name not in HASHES:
        return makers[name]()
    best = Binding.best(facts)
    bound = name.endswith(PLUS)
    if bound and best is None:
        raise LocalProtocolError(f"{name} needs a channel binding, and this connection has none")
    return ScramClient(
        plain_name,
        who,
        password,
        identity.authorization,
        binding=best if bound else None,
        could_bind=best is not None and bool(listed) and plain_name + PLUS not in listed,
    )
