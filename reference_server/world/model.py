"""The world as data: domains, hosts, users, the DNS, and what is allowed; nothing is configured elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from harness.target import Protocol
from reference_server.tls.settings import TlsSettings
from reference_server.world.accounts import AccountSettings
from reference_server.world.filters import StageSettings
from reference_server.world.sasl import SaslSettings

__all__ = [
    "ALL_LISTENERS",
    "Domain",
    "Host",
    "Limits",
    "MailboxKind",
    "Mx",
    "Network",
    "Reach",
    "Record",
    "RelayLimits",
    "RelayPolicy",
    "RelayTls",
    "Trouble",
    "TroubleKind",
    "User",
    "World",
]

ALL_LISTENERS: Final = tuple(Protocol)


class RelayPolicy(StrEnum):
    """For whom a host takes mail that it will not keep."""

    NONE = "none"
    LOCAL_NETWORKS = "local-networks"
    AUTHENTICATED = "authenticated"
    OPEN = "open"


class RelayTls(StrEnum):
    """What a host asks of TLS when it hands mail on.

    OPPORTUNISTIC (RFC 7435) takes what there is, with any certificate, and else goes in the clear. REQUIRED never
    goes in the clear; VERIFIED needs a good certificate of the exchanger's name, too.
    """

    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    VERIFIED = "verified"


class Reach(StrEnum):
    """How a host is met on the network.

    DOWN refuses connections, UNREACHABLE lets them hang, SLOW answers `Host.delay_ms` late.
    """

    UP = "up"
    DOWN = "down"
    SLOW = "slow"
    UNREACHABLE = "unreachable"


class MailboxKind(StrEnum):
    """Where a host keeps the mail of its users."""

    STORE = "store"
    MBOX = "mbox"
    MAILDIR = "maildir"


class TroubleKind(StrEnum):
    """What the DNS does in place of answering."""

    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    NXDOMAIN = "NXDOMAIN"
    TIMEOUT = "timeout"
    DELAY = "delay"
    LIE = "lie"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a mailbox, who logs in as `name` or as `address`.

    Attributes:
        name: The mailbox; unique on the user's host.
        password: ``""`` for none: who is known to a back end only, or cannot log in.
        address: ``local-part@domain``, in lower case.
        sieve: The user's script (RFC 5228), ``""`` for none.
        forward: Addresses that get the user's mail, beside or (without `keep_copy`) in place of the mailbox.
        quota_octets: How much the mailbox may hold; None for no limit.
        connects_from: The address that the user's own machine has, where it is not on the host.
    """

    name: str
    password: str = field(repr=False)
    address: str
    sieve: str = ""
    forward: tuple[str, ...] = ()
    keep_copy: bool = False
    quota_octets: int | None = None
    connects_from: str | None = None

    @property
    def keeps_mail(self) -> bool:
        """Whether mail for the user stays in the mailbox."""
        return self.keep_copy or not self.forward

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mx:
    """A mail exchanger of a domain; the lower preference comes first (RFC 5321 §5.1)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Domain:
    """A mail domain.

    Attributes:
        mailboxes: The host that has its users' mailboxes; the other `mx` hosts hold mail for it.
        mx: Empty: no MX record, so the domain's own address is used (RFC 5321 §5.1).
        null_mx: The domain takes no mail (RFC 7505 §3).
        aliases: Local part -> addresses that get its mail, each ``local-part@domain``.
        catch_all: The address that gets what nobody else does; ``""`` for none.
        subaddress: What divides a user from a detail (``user+detail``); ``""`` for no subaddresses.
    """

    name: str
    mailboxes: str = ""
    mx: tuple[Mx, ...] = ()
    null_mx: bool = False
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    catch_all: str = ""
    subaddress: str = "+"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with its own loopback address.

    Attributes:
        listeners: What it serves -> the port; 0 is any free one, for SMTP the one port of the whole world.
        local_networks: Whose clients it relays for, as ``127.0.2.0/24``, where `relay` says so.
        delay_ms: How late a SLOW host answers.
        lmtp: The MTA hands mail to the MDA by LMTP, from its queue; else within the acceptance.
        mail_directory: Where mbox files and Maildirs go; a relative path starts at the server's data directory.
        tls: None: as the world has it.
    """

    name: str
    address: str
    listeners: Mapping[Protocol, int] = field(default_factory=lambda: dict.fromkeys(ALL_LISTENERS, 0))
    relay: RelayPolicy = RelayPolicy.AUTHENTICATED
    local_networks: tuple[str, ...] = ()
    reach: Reach = Reach.UP
    delay_ms: int = 200
    mailbox_kind: MailboxKind = MailboxKind.STORE
    mail_directory: Path = Path("mail")
    lmtp: bool = False
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One DNS record, as a zone file has it: ``Record("a.com.", 300, "MX", "10 mx.a.com.")``."""

    name: str
    ttl_s: int
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with questions for a name.

    Attributes:
        type: The record type asked for; ``"*"`` for any.
        after: So many questions are answered first.
        times: So many questions are met with trouble; None for all.
        delay_ms: How late DELAY answers.
        answer: With LIE, the values that are given as records of the type asked for.
    """

    name: str
    kind: TroubleKind
    type: str = "*"
    after: int = 0
    times: int | None = None
    delay_ms: int = 0
    answer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """Where the DNS answers, and the port that stands for 25 on every host; port 0 is any free one.

    Attributes:
        own: The DNS and every mail exchanger are this world's. Else somebody else runs the DNS at this address, which
            this world's relays ask, and a host's own SMTP port need not be `smtp_port`.
    """

    dns_address: str = "127.0.0.1"
    dns_port: int = 0
    smtp_port: int = 0
    own: bool = True


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """How a relay waits, tries again and gives up.

    Attributes:
        retry_s: The waits after the first, second, ... failed attempt; the last is repeated.
            RFC 5321 §4.5.4.1: twice in the first hour, at least 30 minutes apart, then every two or three hours.
        give_up_s: RFC 5321 §4.5.4.1: at least 4 to 5 days.
        delay_notice_s: When the sender is told that mail is late; None for never.
        per_destination: Connections to one host at a time.
        per_connection: Messages on one connection.
        in_doubt: How many messages may be between their final dot and the record of its reply: so many could
            arrive twice after a crash.
        timeout_s: How long one reply may take; RFC 5321 §4.5.3.2 asks for 5 minutes and more of a real relay.
        dns_timeout_s: How long one question may take, all tries together.
        tls: What is asked of TLS.
        tls_for: The same for mail domains, by name.
        tls_ca: PEM: whom VERIFIED trusts; None: the world's own authority.
    """

    retry_s: tuple[float, ...] = (1800.0, 1800.0, 7200.0)
    give_up_s: float = 5 * 86400.0
    delay_notice_s: float | None = 4 * 3600.0
    per_destination: int = 4
    per_connection: int = 100
    in_doubt: int = 1
    connect_s: float = 30.0
    timeout_s: float = 300.0
    dns_timeout_s: float = 10.0
    tls: RelayTls = RelayTls.OPPORTUNISTIC
    tls_for: Mapping[str, RelayTls] = field(default_factory=dict)
    tls_ca: Path | None = None


@dataclass(frozen=True)
class Limits:
    """What the servers take, and how long they wait."""

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
    """Everything that a server plays.

    Attributes:
        records: DNS records beside those that follow from domains and hosts.
        troubles: What goes wrong in the DNS, by script.
        filters: The stages of every host's filter chains.
        accounts: Where those who log in are known.
        sasl: What they may log in with.
        plaintext_login: Whether POP3 and IMAP take a password before TLS.
        cheap_hashes: For throw-away worlds: password hashes that cost nothing, so that a run of hundreds of logins
            measures the target and not argon2.
        seed: Of every random choice (the order of equal MX hosts); None for a new one each time.
        tls: Of hosts that have none of their own.
    """

    name: str
    hosts: tuple[Host, ...]
    domains: tuple[Domain, ...]
    users: tuple[User, ...] = ()
    records: tuple[Record, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    network: Network = field(default_factory=Network)
    relay: RelayLimits = field(default_factory=RelayLimits)
    filters: tuple[StageSettings, ...] = ()
    accounts: AccountSettings = field(default_factory=AccountSettings)
    sasl: SaslSettings = field(default_factory=SaslSettings)
    plaintext_login: bool = False
    cheap_hashes: bool = False
    seed: int | None = None
    limits: Limits = field(default_factory=Limits)
    tls: TlsSettings = field(default_factory=TlsSettings)

    def host(self, name: str) -> Host:
        """The host of this name or, where only one begins with these labels, that one: ``mail1`` for ``mail1.a.com``.

        Raises:
            KeyError: No host, or more than one; with the names there are.
        """
        found = self.hosts_named(name)
        if len(found) == 1:
            return found[0]
        names = ", ".join(host.name for host in found or self.hosts)
        raise KeyError(
            f"{name!r} means more than one of {names}"
            if found
            else f"no host is named {name!r}; the world has {names}"
        )

    def hosts_named(self, name: str) -> list[Host]:
        """The host of this name, in any case; where there is none, those whose names begin with these labels."""
        wanted = name.lower().rstrip(".")
        exact = [host for host in self.hosts if host.name == wanted]
        return exact or [host for host in self.hosts if host.name.startswith(f"{wanted}.")]

    def domain(self, name: str) -> Domain | None:
        """The mail domain of this name, in any case; None where the world has none."""
        wanted = name.lower().rstrip(".")
        return next((domain for domain in self.domains if domain.name == wanted), None)

    def user(self, address: str) -> User | None:
        """The user with this address, in any case; None where nobody has it."""
        return next((user for user in self.users if user.address == address.lower()), None)
