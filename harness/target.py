"""The target: what one declares about the mail system under test.

Data only: this module reads the target file and opens no connection. What the target really offers is found
by `harness.clients.probe`; how one talks to it is `harness.clients.live`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from harness.errors import TargetFileError
from harness.toml_files import convert, password_of, read_toml

__all__ = [
    "Account",
    "Endpoint",
    "Fate",
    "FilterSwitch",
    "Limits",
    "Outside",
    "Policy",
    "Protocol",
    "SocketAddress",
    "Target",
]

# What filters do with mail that they find something in; quarantined and discarded mail is accepted, and no more.
Fate = Literal["refused", "quarantined", "discarded", "delivered-tagged"]

_BRACKETED: Final = re.compile(r"\[(?P<host>[0-9A-Fa-f:.]+)\]:(?P<port>\d{1,5})")
_PLAIN: Final = re.compile(r"(?P<host>[^\s:\[\]]+):(?P<port>\d{1,5})")


class Protocol(StrEnum):
    """A kind of endpoint, by the names of RFC 6186 §3 where it has one."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    SUBMISSIONS = "submissions"
    LMTP = "lmtp"
    POP3 = "pop3"
    POP3S = "pop3s"
    IMAP = "imap"
    IMAPS = "imaps"

    @property
    def implicit_tls(self) -> bool:
        """True where TLS starts with the connection (RFC 8314 §3)."""
        return self in {Protocol.SUBMISSIONS, Protocol.POP3S, Protocol.IMAPS}


class SocketAddress(NamedTuple):
    """A host, by name or address, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "SocketAddress":
        """Read ``host:port`` or ``[v6 address]:port``.

        Raises:
            ValueError: The text is neither, or the port is not 1 to 65535.
        """
        found = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
        if not found or not 0 < int(found["port"]) < 65536:
            raise ValueError(f"{text!r} is not host:port or [IPv6 address]:port with a port from 1 to 65535")
        return cls(found["host"], int(found["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one protocol is served."""

    protocol: Protocol
    host: str
    port: int

    @classmethod
    def parse(cls, protocol: Protocol, text: str) -> "Endpoint":
        """As `SocketAddress.parse`."""
        return cls(protocol, *SocketAddress.parse(text))

    @property
    def implicit_tls(self) -> bool:
        return self.protocol.implicit_tls

    @property
    def address(self) -> str:
        return str(SocketAddress(self.host, self.port))

    def __str__(self) -> str:
        return f"{self.protocol}://{self.address}"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in; `address` receives the account's mail.

    Attributes:
        password: ``""`` for none: by `token`, or by the target's client certificate.
        token: An OAuth 2.0 access token, ``""`` for none.
    """

    user: str
    password: str = field(repr=False)
    address: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Policy:
    """What the operator declares; never guessed.

    Attributes:
        relay: For whom the target relays; None where nobody says.
        sender: The reverse-path that checks use from outside.
        subaddress: What divides a user from a detail (``user+detail``); ``""`` where there are no subaddresses.
        aliases: Address -> the account's address that gets its mail.
        forwards: Address here -> the address elsewhere that its mail is sent on to.
        viruses: What becomes of mail with a virus, and `spam` of spam; None where nobody says.
    """

    relay: Literal["none", "local-networks", "authenticated", "open"] | None = None
    sender: str = "mailproof@example.org"
    subaddress: str = ""
    viruses: Fate | None = None
    spam: Fate | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    forwards: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outside:
    """Where we are the rest of the world for the target.

    Attributes:
        dns: The DNS that the target asks, and that we answer at.
        mx: The address that our DNS gives for a mail exchanger, where we listen, and the port that the target
            connects to in place of 25.
    """

    dns: SocketAddress
    mx: SocketAddress


@dataclass(frozen=True, slots=True)
class FilterSwitch:
    """Commands that put a filter of the target out of service, and back; the words of each, no shell.

    Attributes:
        start: Ends when the filter is there again, and what waits for it has been tried again.
    """

    stop: tuple[str, ...]
    start: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """How long a check waits: for a reply, for silence to mean no reply, for accepted mail to arrive."""

    timeout_s: float = 10.0
    quiet_s: float = 0.3
    delivery_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Target:
    """A mail system to be proved.

    Attributes:
        domain: Mail for ``user@domain`` is local.
        ca: A PEM file, or `ca_pem` the PEM text, that the target's certificates are checked against; neither
            means the system's own authorities.
        server_name: The name its certificates carry, where that is not the endpoint's host.
        client_certificate: A PEM file with the certificate that we show where we are asked for one, and with its key
            unless `client_key` has that; or `client_pem`, the PEM text of both.
        keys: A directory with the keys of its people, to sign, seal and open mail with (`harness.sealed`).
        filters: How one of its filters is put out of service for a while; None where it cannot be.
        outside: Where we answer the target's DNS questions and take its mail; None where it asks others.
    """

    name: str
    domain: str
    endpoints: Mapping[Protocol, Endpoint]
    accounts: tuple[Account, ...] = ()
    ca: Path | None = None
    ca_pem: str | None = field(default=None, repr=False)
    verify_tls: bool = True
    server_name: str | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    client_pem: str | None = field(default=None, repr=False)
    policy: Policy = Policy()
    limits: Limits = Limits()
    outside: Outside | None = None
    keys: Path | None = None
    filters: FilterSwitch | None = None

    @classmethod
    def load(cls, path: Path) -> "Target":
        """Read a target file.

        Raises:
            TargetFileError: Names the file, the key, what was read and what is allowed.
        """
        data = read_toml(path, TargetFileError, "target file")
        return cls.from_mapping(data, source=path, base=path.parent)

    @classmethod
    def from_mapping(
        cls, data: Mapping[str, object], *, source: Path | str, base: Path | None = None
    ) -> "Target":
        """Make a target of what a file or the flags say; `base` is where relative paths start.

        Raises:
            TargetFileError: As in `load`.
        """
        read = convert(data, _File, source, TargetFileError)
        return _Reader(source, base or Path()).target(read)

    def to_toml(self) -> str:
        """The target file that `load` reads back; holds the passwords, so keep it private."""
        quote = _quoted
        lines = [f"name = {quote(self.name)}", f"domain = {quote(self.domain)}"]
        if self.ca is not None:
            lines.append(f"ca = {quote(str(self.ca))}")
        elif not self.verify_tls:
            lines.append("verify_tls = false")
        optional = ("keys", "client_certificate", "client_key", "server_name")
        lines += [f"{key} = {quote(str(value))}" for key in optional if (value := getattr(self, key))]
        lines += ["", "[endpoints]"]
        lines += [f"{protocol} = {quote(where.address)}" for protocol, where in self.endpoints.items()]
        for account in self.accounts:
            lines += ["", "[[accounts]]"]
            given = ("user", "password", "address", *(["token"] if account.token else []))
            lines += [f"{key} = {quote(getattr(account, key))}" for key in given]
        lines += ["", "[policy]"]
        declared = ((key, getattr(self.policy, key)) for key in _POLICY_WORDS)
        lines += [f"{key} = {quote(text)}" for key, text in declared if text is not None]
        for key in ("aliases", "forwards"):
            if table := getattr(self.policy, key):
                lines += ["", f"[policy.{key}]", *(f"{quote(k)} = {quote(v)}" for k, v in table.items())]
        lines += ["", "[limits]"]
        lines += [f"{key} = {getattr(self.limits, key)}" for key in ("timeout_s", "quiet_s", "delivery_s")]
        if self.outside:
            lines += [
                "",
                "[world]",
                *(f"{k} = {quote(str(getattr(self.outside, k)))}" for k in ("dns", "mx")),
            ]
        if self.filters:
            words = {key: ", ".join(map(quote, getattr(self.filters, key))) for key in ("stop", "start")}
            lines += ["", "[filters]", *(f"{key} = [{listed}]" for key, listed in words.items())]
        return "\n".join(lines) + "\n"

    def with_ca(self, path: Path) -> "Target":
        """The same target with its authority in a file."""
        return replace(self, ca=path, ca_pem=None)

    def with_client_certificate(self, path: Path) -> "Target":
        """The same target with the certificate that we show in a file."""
        return replace(self, client_certificate=path, client_pem=None)

    @property
    def shows_certificate(self) -> bool:
        """Whether we show a certificate of our own where we are asked for one."""
        return self.client_certificate is not None or self.client_pem is not None

    @property
    def on_this_host(self) -> bool:
        """True when every endpoint is a loopback address or ``localhost``."""
        return all(
            e.host == "localhost" or e.host.startswith("127.") or e.host == "::1"
            for e in self.endpoints.values()
        )


class _AccountTable(msgspec.Struct, forbid_unknown_fields=True):
    user: str
    password: str | None = None
    password_env: str | None = None
    token: str | None = None
    token_env: str | None = None
    address: str | None = None


class _PolicyTable(msgspec.Struct, forbid_unknown_fields=True):
    relay: Literal["none", "local-networks", "authenticated", "open"] | None = None
    sender: str = Policy.sender
    subaddress: str = Policy.subaddress
    viruses: Fate | None = None
    spam: Fate | None = None
    aliases: dict[str, str] = {}
    forwards: dict[str, str] = {}


class _LimitsTable(msgspec.Struct, forbid_unknown_fields=True):
    timeout_s: float = Limits.timeout_s
    quiet_s: float = Limits.quiet_s
    delivery_s: float = Limits.delivery_s


class _WorldTable(msgspec.Struct, forbid_unknown_fields=True):
    dns: str | None = None
    mx: str | None = None


class _FiltersTable(msgspec.Struct, forbid_unknown_fields=True):
    stop: list[str]
    start: list[str]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    domain: str
    endpoints: dict[str, str]
    name: str = ""
    accounts: list[_AccountTable] = []
    ca: str | None = None
    verify_tls: bool = True
    server_name: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    keys: str | None = None
    policy: _PolicyTable = msgspec.field(default_factory=_PolicyTable)
    limits: _LimitsTable = msgspec.field(default_factory=_LimitsTable)
    world: _WorldTable = msgspec.field(default_factory=_WorldTable)
    filters: _FiltersTable | None = None


_POLICY_WORDS: Final = ("relay", "sender", "subaddress", "viruses", "spam")


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the tables of a file into a target, and refuses what cannot mean anything."""

    source: Path | str
    base: Path

    def fail(self, key: str, problem: str) -> TargetFileError:
        return TargetFileError(self.source, key, problem)

    def target(self, read: _File) -> Target:
        if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", read.domain):
            raise self.fail("domain", f"{read.domain!r} is not a domain name such as example.test")
        return Target(
            name=read.name or read.domain,
            domain=read.domain,
            endpoints=self.endpoints(read.endpoints),
            accounts=tuple(self.account(i, table, read) for i, table in enumerate(read.accounts)),
            ca=self.file("ca", read.ca, "the certificate authority"),
            verify_tls=read.verify_tls,
            server_name=read.server_name,
            client_certificate=self.file("client_certificate", read.client_certificate, "our certificate"),
            client_key=self.client_key(read),
            policy=self.policy(read.policy, read.domain),
            limits=self.limits(read.limits),
            outside=self.outside(read.world),
            keys=self.keys(read.keys),
            filters=self.switch(read.filters),
        )

    def endpoints(self, table: Mapping[str, str]) -> dict[Protocol, Endpoint]:
        known = [str(p) for p in Protocol]
        found: dict[Protocol, Endpoint] = {}
        for key, text in table.items():
            if key not in known:
                raise self.fail(f"endpoints.{key}", f"no such protocol; known: {', '.join(known)}")
            try:
                found[Protocol(key)] = Endpoint.parse(Protocol(key), text)
            except ValueError as exc:
                raise self.fail(f"endpoints.{key}", str(exc)) from exc
        if not found:
            raise self.fail("endpoints", f"names no endpoint; give at least one of {', '.join(known)}")
        return found

    def account(self, index: int, table: _AccountTable, read: _File) -> Account:
        key, password, token = f"accounts[{index}]", "", ""
        if table.token is not None or table.token_env is not None:
            token = password_of(table.token, table.token_env, key, self.source, TargetFileError, "token")
        given = table.password is not None or table.password_env is not None
        if given or not (token or read.client_certificate):
            password = password_of(table.password, table.password_env, key, self.source, TargetFileError)
        default = table.user if "@" in table.user else f"{table.user}@{read.domain}"
        return Account(table.user, password, table.address or default, token)

    def file(self, key: str, text: str | None, whose: str) -> Path | None:
        if text is None:
            return None
        path = self.base / text
        if not path.is_file():
            raise self.fail(key, f"{path} is not a file; give the PEM file of {whose}")
        return path

    def client_key(self, read: _File) -> Path | None:
        if read.client_key is not None and read.client_certificate is None:
            raise self.fail("client_key", "goes with client_certificate, the certificate's")
        return self.file("client_key", read.client_key, "our key")

    def keys(self, text: str | None) -> Path | None:
        if text is None:
            return None
        path = self.base / text
        if not path.is_dir():
            raise self.fail("keys", f"{path} is not a directory; give the one with keys and certificates")
        return path

    def policy(self, table: _PolicyTable, domain: str) -> Policy:
        def whole(address: str) -> str:
            return address if "@" in address else f"{address}@{domain}"

        for key in ("aliases", "forwards"):
            for address, leads_to in getattr(table, key).items():
                if "@" not in leads_to:
                    raise self.fail(f"policy.{key}.{address}", f"{leads_to!r} is not local-part@domain")
        return Policy(
            relay=table.relay,
            sender=table.sender,
            subaddress=table.subaddress,
            viruses=table.viruses,
            spam=table.spam,
            aliases={whole(address): leads_to for address, leads_to in table.aliases.items()},
            forwards={whole(address): leads_to for address, leads_to in table.forwards.items()},
        )

    def outside(self, table: _WorldTable) -> Outside | None:
        if table.dns is None:
            if table.mx is not None:
                raise self.fail("world.mx", "says nothing without world.dns, the DNS that leads to it")
            return None
        dns = self.socket_address("world.dns", table.dns)
        # The port of RFC 5321 §4.5.4.2.
        mx = SocketAddress(dns.host, 25) if table.mx is None else self.socket_address("world.mx", table.mx)
        return Outside(dns, mx)

    def switch(self, table: _FiltersTable | None) -> FilterSwitch | None:
        if table is None:
            return None
        for key in ("stop", "start"):
            if not getattr(table, key):
                raise self.fail(f"filters.{key}", "is empty; give a command and its words")
        return FilterSwitch(tuple(table.stop), tuple(table.start))

    def socket_address(self, key: str, text: str) -> SocketAddress:
        try:
            return SocketAddress.parse(text)
        except ValueError as exc:
            raise self.fail(key, str(exc)) from exc

    def limits(self, table: _LimitsTable) -> Limits:
        for key in ("timeout_s", "quiet_s", "delivery_s"):
            if not 0 < (value := getattr(table, key)) <= 600:
                raise self.fail(f"limits.{key}", f"{value} is not between 0 and 600 seconds")
        return Limits(table.timeout_s, table.quiet_s, table.delivery_s)
