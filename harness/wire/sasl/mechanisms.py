"""PLAIN (RFC 4616) and LOGIN, as client and as server: octets in and out, base64 is the codec's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from harness.errors import LocalProtocolError
from harness.wire.sasl.errors import SaslError

__all__ = [
    "CLIENT_MECHANISMS",
    "SERVER_MECHANISMS",
    "Challenge",
    "ClientMechanism",
    "Credentials",
    "LoginClient",
    "LoginServer",
    "PlainClient",
    "PlainServer",
    "SaslError",
    "ServerMechanism",
]

# RFC 4616 §2 asks for 255 octets at least for each; ours, to bound what a server hands to its password hash.
MAX_FIELD: Final = 1024


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server goes on: octets for the client."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """The exchange is over: whom the client claims to be, to be checked by the server.

    Attributes:
        authorization: Whom the client wants to act as; empty for itself.
    """

    user: str
    password: str = field(repr=False)
    authorization: str = ""


class ClientMechanism(Protocol):
    """One exchange, the client's side."""

    @property
    def name(self) -> str: ...

    def initial(self) -> bytes | None:
        """The initial response, None where the server begins."""

    def respond(self, challenge: bytes) -> bytes:
        """The response to a challenge; `LocalProtocolError` when there is nothing left to say."""


class ServerMechanism(Protocol):
    """One exchange, the server's side."""

    @property
    def name(self) -> str: ...

    @property
    def client_first(self) -> bool:
        """Whether an initial response is allowed (RFC 4954 §4: else it is answered 501)."""

    def step(self, response: bytes | None) -> Challenge | Credentials:
        """Take the client's next response, None to begin without one; `SaslError` when it cannot be read."""


@dataclass(frozen=True, slots=True)
class PlainClient:
    """RFC 4616: one message, the password in the clear. Text is sent as UTF-8."""

    user: str
    password: str = field(repr=False)
    authorization: str = ""
    name: str = field(default="PLAIN", init=False)

    def __post_init__(self) -> None:
        if "\0" in self.user + self.password + self.authorization:
            raise LocalProtocolError("PLAIN cannot carry NUL (RFC 4616 §2)")

    def initial(self) -> bytes:
        return "\0".join((self.authorization, self.user, self.password)).encode()

    def respond(self, challenge: bytes) -> bytes:
        if challenge:
            raise LocalProtocolError("PLAIN answers an empty challenge only (RFC 4616 §2)")
        return self.initial()


@dataclass(slots=True)
class LoginClient:
    """LOGIN, which no RFC specifies: the user to the first challenge, the password to the second."""

    user: str
    password: str = field(repr=False)
    name: str = field(default="LOGIN", init=False)
    _asked: int = field(default=0, init=False)

    def initial(self) -> None:
        return None

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - servers word their challenges as they like
        if self._asked == 2:
            raise LocalProtocolError("LOGIN has no third response")
        self._asked += 1
        return (self.user if self._asked == 1 else self.password).encode()


@dataclass(frozen=True, slots=True)
class PlainServer:
    """RFC 4616: ``[authorization] NUL user NUL password``, UTF-8."""

    name: str = field(default="PLAIN", init=False)
    client_first: bool = field(default=True, init=False)

    def step(self, response: bytes | None) -> Challenge | Credentials:
        if response is None:
            return Challenge(b"")
        fields = [_text(octets) for octets in response.split(b"\0")]
        if len(fields) != 3 or not fields[1] or not fields[2]:
            raise SaslError("PLAIN takes an authorization identity, a user and a password (RFC 4616 §2)")
        authorization, user, password = fields
        return Credentials(user, password, authorization)


@dataclass(slots=True)
class LoginServer:
    """LOGIN: asks for the user, then for the password; clients may send the user as an initial response."""

    name: str = field(default="LOGIN", init=False)
    client_first: bool = field(default=True, init=False)
    _user: str = field(default="", init=False)

    def step(self, response: bytes | None) -> Challenge | Credentials:
        if response is None:
            return Challenge(b"Username:")
        text = _text(response)
        if not text or "\0" in text:
            raise SaslError("LOGIN takes a user and a password, neither empty nor with NUL")
        if self._user:
            return Credentials(self._user, text)
        self._user = text
        return Challenge(b"Password:")


def _text(octets: bytes) -> str:
    if len(octets) > MAX_FIELD:
        raise SaslError(f"a field of {len(octets)} octets, at most {MAX_FIELD}")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise SaslError(f"not UTF-8 at octet {exc.start}") from None


CLIENT_MECHANISMS: Final[Mapping[str, Callable[[str, str], ClientMechanism]]] = {
    "PLAIN": PlainClient,
    "LOGIN": LoginClient,
}
SERVER_MECHANISMS: Final[Mapping[str, Callable[[], ServerMechanism]]] = {
    "PLAIN": PlainServer,
    "LOGIN": LoginServer,
}
