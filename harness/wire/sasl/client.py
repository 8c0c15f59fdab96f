"""What an exchange says on the client's side, and what a client may have to show."""

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["ClientMechanism", "Identity"]


class ClientMechanism(Protocol):
    """One exchange, the client's side."""

    @property
    def name(self) -> str: ...

    @property
    def server_proven(self) -> bool:
        """Whether a success that the server announces may be believed; True where servers need no proof."""

    def initial(self) -> bytes | None:
        """The initial response, None where the server begins."""

    def respond(self, challenge: bytes) -> bytes:
        """The response to a challenge.

        Raises:
            LocalProtocolError: There is nothing left to say.
            SaslError: The challenge cannot be read, or is not to be trusted.
        """


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logs in, and with what.

    Attributes:
        token: An OAuth 2.0 access token.
        authorization: Whom to act as; empty for oneself.
        certificate: The TLS connection has shown a client certificate.
    """

    user: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    authorization: str = ""
    certificate: bool = False
