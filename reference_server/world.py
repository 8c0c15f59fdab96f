"""The world that the reference server plays, as data: who is here, and what is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["ONE_SERVER", "Limits", "User", "World"]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a mailbox: logs in as, and is reached at, ``name@domain``."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Limits:
    """What the server takes, and how long it waits."""

    # RFC 5321 §4.5.3.2.7: at least 5 minutes for the next command.
    smtp_idle_s: float = 300.0
    # RFC 1939 §3: at least 10 minutes; RFC 3501 §5.4: at least 30.
    pop3_idle_s: float = 600.0
    imap_idle_s: float = 1800.0
    # RFC 5321 §4.5.3.1.8 asks for 100 at least.
    recipients: int = 1000
    message_octets: int = 32 * 1024 * 1024
    # RFC 5321 §6.3: a loop is assumed from 100 Received fields on.
    received_fields: int = 100


@dataclass(frozen=True)
class World:
    """One domain on one host.

    Attributes:
        aliases: Local part -> the user who gets its mail.
        addresses: The host's own, so that mail for ``user@[address]`` is local (RFC 5321 §4.1.3).
        plaintext_login: Whether POP3 and IMAP take a password before TLS.
        cheap_hashes: For throw-away worlds: password hashes that cost nothing, so that a run of hundreds of logins
            measures the target and not argon2.
    """

    domain: str
    hostname: str
    users: tuple[User, ...]
    aliases: Mapping[str, str]
    addresses: tuple[str, ...] = ("127.0.0.1",)
    plaintext_login: bool = True
    cheap_hashes: bool = False
    limits: Limits = field(default_factory=Limits)

    def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here; empty is the bare ``Postmaster`` of RFC 5321 §4.1.1.3."""
        literals = (f"[{address}]" for address in self.addresses)
        return domain.lower() in ("", self.domain, self.hostname, *literals)

    def user_for(self, local_part: str, domain: str) -> str | None:
        """Whose mailbox an address means; subaddresses (``user+detail``) and case are folded (RFC 5321 §2.4)."""
        if not self.is_local(domain):
            return None
        name = local_part.lower().partition("+")[0] or local_part.lower()
        name = self.aliases.get(name, name)
        return next((user.name for user in self.users if user.name == name), None)


ONE_SERVER: Final = World(
    domain="example.test",
    hostname="mail.example.test",
    users=(User("alice", "secret"), User("bob", "secret"), User("carol", "secret")),
    aliases={"postmaster": "alice"},
    cheap_hashes=True,
)
