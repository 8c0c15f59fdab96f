"""LOGIN, which no RFC specifies: the user, then the password, in the clear."""

from dataclasses import dataclass, field

from harness.errors import LocalProtocolError
from harness.wire.sasl.errors import SaslDenied, SaslError
from harness.wire.sasl.fields import text
from harness.wire.sasl.saslprep import saslprep
from harness.wire.sasl.steps import Challenge, Step, Success, VerifyPassword

__all__ = ["LoginClient", "LoginServer"]


@dataclass(slots=True)
class LoginClient:
    """The user to the first challenge, the password to the second."""

    user: str
    password: str = field(repr=False)
    name: str = field(default="LOGIN", init=False)
    server_proven: bool = field(default=True, init=False)
    _asked: int = field(default=0, init=False)

    def initial(self) -> None:
        return None

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - servers word their challenges as they like
        if self._asked == 2:
            raise LocalProtocolError("LOGIN has no third response")
        self._asked += 1
        return (self.user if self._asked == 1 else self.password).encode()


@dataclass(slots=True)
class LoginServer:
    """Asks for the user, then for the password; clients may send the user as an initial response."""

    name: str = field(default="LOGIN", init=False)
    client_first: bool = field(default=True, init=False)
    _user: str = field(default="", init=False)

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"Username:")
        sent = text(response)
        word = saslprep(sent)
        if not word:
            raise SaslError("LOGIN takes a user and a password, neither of them empty")
        if self._user:
            return VerifyPassword(self._user, word, _verified, sent=sent)
        self._user = word
        return Challenge(b"Password:")


def _verified(known: str | None) -> Step:
    if known is None:
        raise SaslDenied("wrong user or password")
    return Success(known)
