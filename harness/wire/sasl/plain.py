"""PLAIN (RFC 4616): one message, the password in the clear."""

from dataclasses import dataclass, field

from harness.errors import LocalProtocolError
from harness.wire.sasl.errors import SaslDenied, SaslError
from harness.wire.sasl.fields import text
from harness.wire.sasl.saslprep import saslprep
from harness.wire.sasl.steps import Challenge, Step, Success, VerifyPassword

__all__ = ["PlainClient", "PlainServer"]


@dataclass(frozen=True, slots=True)
class PlainClient:
    """Text is sent as UTF-8, and prepared by the server."""

    user: str
    password: str = field(repr=False)
    authorization: str = ""
    name: str = field(default="PLAIN", init=False)
    server_proven: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if "\0" in self.user + self.password + self.authorization:
            raise LocalProtocolError("PLAIN cannot carry NUL (RFC 4616 §2)")

    def initial(self) -> bytes:
        return "\0".join((self.authorization, self.user, self.password)).encode()

    def respond(self, challenge: bytes) -> bytes:
        if challenge:
            raise LocalProtocolError("PLAIN answers an empty challenge only (RFC 4616 §2)")
        return self.initial()


@dataclass(frozen=True, slots=True)
class PlainServer:
    """``[authorization] NUL user NUL password``, UTF-8; user and password are prepared by SASLprep."""

    name: str = field(default="PLAIN", init=False)
    client_first: bool = field(default=True, init=False)

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        fields = [text(octets) for octets in response.split(b"\0")]
        if len(fields) != 3:
            raise SaslError("PLAIN takes an authorization identity, a user and a password (RFC 4616 §2)")
        authorization, user, password = fields[0], saslprep(fields[1]), saslprep(fields[2])
        if not user or not password:
            raise SaslError("PLAIN takes a user and a password, neither of them empty (RFC 4616 §2)")

        def verified(known: str | None) -> Step:
            if known is None:
                raise SaslDenied("wrong user or password")
            return Success(known, authorization)

        return VerifyPassword(user, password, verified, authorization, sent=fields[2])
