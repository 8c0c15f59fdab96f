"""Where a world's accounts live, as data."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = ["AccountSettings", "BackEnd", "KeptAs", "LdapAccounts", "SaslauthdAccounts", "SqlAccounts"]


class BackEnd(StrEnum):
    """A place where accounts live."""

    WORLD = "world"
    SQL = "sql"
    LDAP = "ldap"
    SASLAUTHD = "saslauthd"


class KeptAs(StrEnum):
    """What all passwords of a database are kept as, which decides what mechanisms can be offered."""

    HASHES = "hashes"
    SCRAM_SHA_1 = "SCRAM-SHA-1"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    CLEARTEXT = "cleartext"


@dataclass(frozen=True, slots=True)
class SqlAccounts:
    """A database that SQLAlchemy knows.

    Attributes:
        url: As SQLAlchemy has it, without the password.
        query: Gives ``password`` and ``address`` of one user, named by ``:user``, or ``:local_part`` and ``:domain``.
        scheme: Of a password that does not name its own; ``""`` for none.
        connections: How many questions the database is asked at once; the others wait.
        timeout_s: How long one question may take.
    """

    url: str
    query: str
    password: str | None = field(default=None, repr=False)
    scheme: str = ""
    kept_as: KeptAs = KeptAs.HASHES
    connections: int = 16
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class LdapAccounts:
    """An LDAP directory: who can bind may log in.

    Attributes:
        url: ``ldap://host:port`` or ``ldaps://host:port``.
        ca: Whose certificates are believed; None for the system's.
        user_dn: The user's entry, as a template, where its name follows from the login's; else it is searched for.
        base: Where the search begins.
        filter: The search (RFC 4515), as a template.
        bind_dn: Who searches, and looks into groups.
        group: The entry of a group that a user must be in; ``""`` for none.
        group_filter: What holds of that entry when the user is in it, as a template; ``{dn}`` is the user's entry.
        address: The mailbox, as a template of the login's parts and the entry's attributes.
        timeout_s: How long one log-in may take.
    """

    url: str
    start_tls: bool = False
    ca: Path | None = None
    user_dn: str = ""
    base: str = ""
    filter: str = ""
    bind_dn: str = ""
    bind_password: str = field(default="", repr=False)
    group: str = ""
    group_filter: str = "(member={dn})"
    address: str = "{mail}"
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class SaslauthdAccounts:
    """Cyrus SASL's saslauthd.

    Attributes:
        socket: Its mux.
        user: What it is asked for, as a template.
        realm: The same.
        service: What PAM knows us as.
        timeout_s: How long one log-in may take.
    """

    socket: Path
    user: str = "{user}"
    realm: str = ""
    service: str = "imap"
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """Where accounts are looked for: the first place that knows the password lets in."""

    order: tuple[BackEnd, ...] = (BackEnd.WORLD,)
    sql: SqlAccounts | None = None
    ldap: LdapAccounts | None = None
    saslauthd: SaslauthdAccounts | None = None

    @property
    def in_the_world(self) -> bool:
        """Whether the users of the world's file log in with their passwords there."""
        return BackEnd.WORLD in self.order
