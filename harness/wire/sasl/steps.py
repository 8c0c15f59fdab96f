"""What an exchange says on the server's side: octets for the client, a question to who knows accounts, or the end.

A question is data with the continuation of the exchange, so that a server may take its time over the answer::

    step = exchange.step(response)
    if isinstance(step, VerifyPassword):
        step = step.then(directory.verify(step.user, step.password))
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

__all__ = [
    "Challenge",
    "CheckToken",
    "FindUser",
    "GivePassword",
    "GiveScramKeys",
    "Question",
    "ScramKeys",
    "ServerMechanism",
    "Step",
    "Success",
    "VerifyPassword",
]


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server goes on: octets for the client."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Success:
    """The client is who it claims to be; whether it may act for somebody else is the server's to say.

    Attributes:
        user: As the answer to the question named it.
        authorization: Whom the client wants to act as; empty for itself.
    """

    user: str
    authorization: str = ""


class ScramKeys(Protocol):
    """What a server keeps of a password for SCRAM (RFC 5802 §3)."""

    @property
    def salt(self) -> bytes: ...
    @property
    def iterations(self) -> int: ...
    @property
    def stored_key(self) -> bytes: ...
    @property
    def server_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class VerifyPassword:
    """Whether this is the user's password: answered by the user's name, None where it is not.

    Attributes:
        password: Prepared (RFC 4013).
        authorization: Whom the client will want to act as.
        sent: The password before its preparation, where that made it another: what was hashed may not have been
            prepared.
    """

    user: str
    password: str = field(repr=False)
    then: Callable[[str | None], "Step"] = field(repr=False, compare=False)
    authorization: str = ""
    sent: str = field(default="", repr=False)

    @property
    def passwords(self) -> tuple[str, ...]:
        """What to hold against what is kept: one, or two."""
        return (self.password, self.sent) if self.sent not in ("", self.password) else (self.password,)


@dataclass(frozen=True, slots=True)
class GivePassword:
    """The user's password in the clear, None where there is none or no such user."""

    user: str
    then: Callable[[str | None], "Step"] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class GiveScramKeys:
    """The user's keys for ``SCRAM-SHA-1`` or ``SCRAM-SHA-256``; made up where there is no such user (RFC 5802 §9)."""

    user: str
    mechanism: str
    then: Callable[[ScramKeys], "Step"] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CheckToken:
    """Whose token this is, None where it is not good. `user`: whom the client says, perhaps empty."""

    token: str = field(repr=False)
    user: str
    then: Callable[[str | None], "Step"] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class FindUser:
    """The first of these who is a user, None where nobody is; they have proved who they are."""

    names: tuple[str, ...]
    then: Callable[[str | None], "Step"] = field(repr=False, compare=False)


Question = VerifyPassword | GivePassword | GiveScramKeys | CheckToken | FindUser
Step = Challenge | Success | Question


class ServerMechanism(Protocol):
    """One exchange, the server's side."""

    @property
    def name(self) -> str: ...

    @property
    def client_first(self) -> bool:
        """Whether an initial response is allowed (RFC 4954 §4: else it is answered 501)."""

    def step(self, response: bytes | None) -> Step:
        """Take the client's next response, None to begin without one.

        Raises:
            SaslError: It cannot be read; `SaslDenied` where it is read and not believed. The continuation of a
                question raises the latter.
        """
