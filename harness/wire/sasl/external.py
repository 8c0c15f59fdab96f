"""EXTERNAL (RFC 4422 §A): who the client is was shown by its TLS certificate."""

from dataclasses import dataclass, field

from harness.errors import LocalProtocolError
from harness.wire.sasl.errors import SaslDenied
from harness.wire.sasl.fields import text
from harness.wire.sasl.saslprep import saslprep
from harness.wire.sasl.steps import Challenge, FindUser, Step, Success
from harness.wire.tls import TlsFacts

__all__ = ["ExternalClient", "ExternalServer"]


@dataclass(frozen=True, slots=True)
class ExternalClient:
    """Names whom it wants to act as, or nobody: whom the certificate names, then."""

    authorization: str = ""
    name: str = field(default="EXTERNAL", init=False)
    server_proven: bool = field(default=True, init=False)

    def initial(self) -> bytes:
        return self.authorization.encode()

    def respond(self, challenge: bytes) -> bytes:
        if challenge:
            raise LocalProtocolError("EXTERNAL answers an empty challenge only (RFC 4422 §A.1)")
        return self.initial()


@dataclass(frozen=True, slots=True)
class ExternalServer:
    """The first name of a verified certificate that is a user's: mail addresses, then common names."""

    facts: TlsFacts | None
    name: str = field(default="EXTERNAL", init=False)
    client_first: bool = field(default=True, init=False)

    @staticmethod
    def names(facts: TlsFacts | None) -> tuple[str, ...]:
        """Who a client may be by its certificate; nobody where it has shown none that is good."""
        if facts is None or facts.peer is None or not facts.peer_verified:
            return ()
        return tuple(dict.fromkeys(facts.peer.mailboxes + facts.peer.common_names))

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        authorization = saslprep(text(response))
        names = self.names(self.facts)
        if not names:
            raise SaslDenied("no certificate that names anybody")

        def found(user: str | None) -> Step:
            if user is None:
                raise SaslDenied("the certificate names no user")
            return Success(user, authorization)

        return FindUser(names, found)
