"""What every place where accounts live can be asked, and how it says that it cannot answer."""

from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Protocol

__all__ = ["Abilities", "BackEndDown", "BackEndUnavailable", "Directory", "ScramSecrets"]


class Abilities(Flag):
    """What a directory can do: a mechanism that needs more is not offered."""

    NOTHING = 0
    VERIFY = auto()
    """Check a password that the client shows: PLAIN, LOGIN."""
    KNOWN = auto()
    """Say whether there is such a user, without a password: EXTERNAL, OAUTHBEARER."""
    SCRAM_SHA_1 = auto()
    """Give the keys of SCRAM-SHA-1, kept or derived."""
    SCRAM_SHA_256 = auto()
    """Give the keys of SCRAM-SHA-256, kept or derived."""
    SCRAM = SCRAM_SHA_1 | SCRAM_SHA_256
    PASSWORD = auto()
    """Give the password in the clear: CRAM-MD5."""


class BackEndUnavailable(Exception):
    """The directory is down, slow, or answered rubbish: a temporary failure, neither a refusal nor an entry.

    The message is for the operator's log, never for the client.

    Source: RFC 4954 §6 (454 4.7.0); RFC 5530 §3 (UNAVAILABLE); RFC 3206 §4 (SYS/TEMP).
    """


class BackEndDown(BackEndUnavailable):
    """Nobody would get an answer now: it cannot be reached, or gave none in time."""


@dataclass(frozen=True, slots=True)
class ScramSecrets:
    """What a server keeps of a password for SCRAM (RFC 5802 §3); none of it lets anybody log in."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


class Directory(Protocol):
    """Where accounts live.

    Every method may block, for a bounded time, and may be called in many threads at once. A user is named as the
    client names it: ``alice`` or ``alice@example.test``, in any case. Users are returned as the addresses of their
    mailboxes, in lower case. Each raises `BackEndUnavailable`.
    """

    @property
    def abilities(self) -> Abilities: ...

    def verify(self, user: str, password: str) -> str | None:
        """The user whose password this is; None for a wrong one or an unknown user, both after the same time."""

    def known(self, user: str) -> str | None:
        """The user, where there is one who may log in."""

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        """The keys for ``SCRAM-SHA-1`` or ``SCRAM-SHA-256``; None where the user is unknown or has none."""

    def password(self, user: str) -> str | None:
        """The password where it is kept in the clear, else None."""

    def close(self) -> None:
        """Give back what is held; twice is once."""
