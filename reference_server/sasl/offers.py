"""Which mechanisms a session offers here and now, and the exchange behind each name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.wire import sasl
from harness.wire.sasl.scram import HASHES, PLUS
from harness.wire.tls import TlsFacts
from reference_server.accounts import Abilities
from reference_server.context import Context

__all__ = ["Offers"]

_NEEDED: Final[Mapping[str, Abilities]] = {
    "PLAIN": Abilities.VERIFY,
    "LOGIN": Abilities.VERIFY,
    "CRAM-MD5": Abilities.PASSWORD | Abilities.KNOWN,
    "SCRAM-SHA-1": Abilities.SCRAM_SHA_1 | Abilities.KNOWN,
    "SCRAM-SHA-256": Abilities.SCRAM_SHA_256 | Abilities.KNOWN,
    "EXTERNAL": Abilities.KNOWN,
    "OAUTHBEARER": Abilities.KNOWN,
    "XOAUTH2": Abilities.KNOWN,
}


@dataclass(frozen=True)
class Offers:
    """What one connection may log in with.

    Args:
        facts: Its TLS; None before.
        secrets_shown: Whether a mechanism may be used that shows the secret to whoever listens.
    """

    context: Context
    facts: TlsFacts | None
    secrets_shown: bool

    def names(self) -> tuple[str, ...]:
        """The mechanisms, strongest first."""
        allowed = {name.upper() for name in self.context.world.sasl.mechanisms}
        return tuple(name for name in sasl.MECHANISMS if name in allowed and self.offers(name))

    def offers(self, name: str) -> bool:
        """Whether the accounts, and what is known of this connection, let a mechanism succeed."""
        if name in sasl.SHOWS_SECRET and not self.secrets_shown:
            return False
        if name == "EXTERNAL" and not sasl.ExternalServer.names(self.facts):
            return False
        if name.endswith(PLUS) and sasl.Binding.best(self.facts) is None:
            return False
        return _NEEDED[name.removesuffix(PLUS)] in self.context.accounts.abilities

    def exchange(self, name: str) -> sasl.ServerMechanism:
        """An exchange by a mechanism of `names`."""
        variant = self.context.variant
        scope = self.context.world.sasl.tokens.scope
        makers: Mapping[str, Callable[[], sasl.ServerMechanism]] = {
            "PLAIN": variant(sasl.PlainServer),
            "LOGIN": variant(sasl.LoginServer),
            "CRAM-MD5": lambda: variant(sasl.CramMd5Server)(self.context.hostname),
            "EXTERNAL": lambda: variant(sasl.ExternalServer)(self.facts),
            "OAUTHBEARER": lambda: variant(sasl.OAuthBearerServer)(scope),
            "XOAUTH2": lambda: variant(sasl.XOAuth2Server)(scope),
        }
        mechanism = name.removesuffix(PLUS)
        if mechanism in HASHES:
            return variant(sasl.ScramServer)(
                mechanism,
                self.facts,
                plus=name.endswith(PLUS),
                offers_plus=mechanism + PLUS in self.names(),
            )
        return makers[name]()
