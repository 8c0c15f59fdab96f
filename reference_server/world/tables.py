"""The tables of a world file, as they are written; `load` turns them into a `World`."""

from typing import Annotated, Final

import msgspec

from harness.target import Protocol
from reference_server.world.account_tables import AccountsTable
from reference_server.world.filter_tables import FilterTable
from reference_server.world.model import (
    Limits,
    MailboxKind,
    Network,
    Reach,
    RelayLimits,
    RelayPolicy,
    RelayTls,
    TroubleKind,
)
from reference_server.world.sasl_tables import SaslTable
from reference_server.world.tls_tables import TlsTable

__all__ = ["DnsTable", "DomainTable", "HostTable", "RecordTable", "TroubleTable", "UserTable", "WorldTable"]

_NETWORK: Final = Network()
_RELAY: Final = RelayLimits()
_LIMITS: Final = Limits()

# Ours: what is beyond is a slip of the pen (30 years, a million of anything, a terabyte).
Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**6)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=10**6)]
Octets = Annotated[int, msgspec.Meta(ge=1, le=2**40)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
# RFC 2181 §8: a TTL has 31 bits.
Ttl = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key that is not known is a mistake, never ignored."""


class NetworkTable(_Table, frozen=True):
    dns_address: str = _NETWORK.dns_address
    dns_port: Port = _NETWORK.dns_port
    smtp_port: Port = _NETWORK.smtp_port
    own: bool = _NETWORK.own


class RelayTable(_Table, frozen=True):
    """As `RelayLimits`, but that a `delay_notice_s` of 0 means never."""

    retry_s: tuple[Seconds, ...] = _RELAY.retry_s
    give_up_s: Seconds = _RELAY.give_up_s
    delay_notice_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = _RELAY.delay_notice_s or 0
    per_destination: Positive = _RELAY.per_destination
    per_connection: Positive = _RELAY.per_connection
    in_doubt: Positive = _RELAY.in_doubt
    connect_s: Seconds = _RELAY.connect_s
    timeout_s: Seconds = _RELAY.timeout_s
    dns_timeout_s: Seconds = _RELAY.dns_timeout_s
    tls: RelayTls = _RELAY.tls
    tls_for: dict[str, RelayTls] = {}
    tls_ca: str | None = None


class LimitsTable(_Table, frozen=True):
    smtp_idle_s: Seconds = _LIMITS.smtp_idle_s
    pop3_idle_s: Seconds = _LIMITS.pop3_idle_s
    imap_idle_s: Seconds = _LIMITS.imap_idle_s
    recipients: Positive = _LIMITS.recipients
    message_octets: Octets = _LIMITS.message_octets
    received_fields: Positive = _LIMITS.received_fields


class DomainTable(_Table, frozen=True):
    """`mx` as a zone file has it: ``"10 mail1.example.test"``."""

    name: str
    mailboxes: str = ""
    mx: tuple[str, ...] = ()
    null_mx: bool = False
    aliases: dict[str, str | list[str]] = {}
    catch_all: str = ""
    subaddress: str = "+"


class HostTable(_Table, frozen=True):
    name: str
    address: str
    listeners: list[Protocol] | dict[Protocol, Port] | None = None
    relay: RelayPolicy = RelayPolicy.AUTHENTICATED
    local_networks: tuple[str, ...] = ()
    reach: Reach = Reach.UP
    delay_ms: Milliseconds = 200
    mailbox: MailboxKind = MailboxKind.STORE
    mail_directory: str = "mail"
    lmtp: bool = False
    tls: TlsTable | None = None


class UserTable(_Table, frozen=True):
    address: str
    password: str | None = None
    password_env: str | None = None
    name: str | None = None
    sieve: str | None = None
    sieve_file: str | None = None
    forward: str | list[str] = []
    keep_copy: bool = False
    quota_octets: Octets | None = None
    connects_from: str | None = None


class RecordTable(_Table, frozen=True):
    name: str
    type: str
    value: str
    ttl_s: Ttl = 300


class TroubleTable(_Table, frozen=True):
    name: str
    kind: TroubleKind
    type: str = "*"
    after: Count = 0
    times: Positive | None = None
    delay_ms: Milliseconds = 0
    answer: tuple[str, ...] = ()


class DnsTable(_Table, frozen=True):
    records: list[RecordTable] = []
    trouble: list[TroubleTable] = []


class WorldTable(_Table, frozen=True):
    """The whole file."""

    hosts: list[HostTable]
    domains: list[DomainTable]
    name: str = ""
    seed: int | None = None
    plaintext_login: bool = False
    cheap_hashes: bool = False
    users: list[UserTable] = []
    network: NetworkTable = NetworkTable()
    relay: RelayTable = RelayTable()
    limits: LimitsTable = LimitsTable()
    tls: TlsTable = TlsTable()
    accounts: AccountsTable = AccountsTable()
    sasl: SaslTable = SaslTable()
    dns: DnsTable = DnsTable()
    filters: list[FilterTable] = []
