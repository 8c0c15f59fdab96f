"""World files: TOML read into a `World`; what cannot mean anything is refused in one line."""

import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from harness.errors import WorldFileError
from harness.target import Protocol
from harness.toml_files import convert, password_of, read_toml
from harness.wire.smtp.address import AddressError, parse_domain, parse_mailbox
from reference_server.dns.tree import Tree, read_record
from reference_server.dns.trouble import Script
from reference_server.tls import TlsSettings
from reference_server.world.account_tables import read_accounts
from reference_server.world.advice import advice
from reference_server.world.checks import READERS, problems
from reference_server.world.filter_tables import read_filters
from reference_server.world.model import (
    Domain,
    Host,
    Limits,
    MailboxKind,
    Mx,
    Network,
    Record,
    RelayLimits,
    Trouble,
    TroubleKind,
    User,
    World,
)
from reference_server.world.records import records_of
from reference_server.world.sasl_tables import read_sasl
from reference_server.world.tables import (
    DomainTable,
    HostTable,
    RecordTable,
    RelayTable,
    TroubleTable,
    UserTable,
    WorldTable,
)
from reference_server.world.tls_tables import TlsTable, read_tls

__all__ = ["load_world", "world_of"]

_log = logging.getLogger(__name__)

# Ours: a script is written by hand, too.
_MAX_SIEVE_OCTETS: Final = 64 * 1024

_PREFERENCE: Final = re.compile(r"(?P<preference>\d{1,5})\s+(?P<host>\S+)")
_ENTRY: Final = re.compile(r"(?P<table>hosts|domains|users|filters)\[(?P<index>\d+)\]")


def load_world(path: Path) -> World:
    """Read a world file; what is probably not meant is said in the log, one warning each.

    Raises:
        WorldFileError: Names the file, the key, what was read and what is allowed.
    """
    return world_of(read_toml(path, WorldFileError, "world file"), source=path, base=path.parent)


def world_of(data: Mapping[str, object], *, source: Path | str, base: Path | None = None) -> World:
    """Make a world of the tables of a file; `base` is where relative paths start.

    Raises:
        WorldFileError: As in `load_world`.
    """

    def refuse(source: Path | str, key: str, problem: str) -> WorldFileError:
        return WorldFileError(source, _named(key, data), problem)

    world = _Reader(source, base or Path(), refuse).world(convert(data, WorldTable, source, refuse))
    for key, problem in problems(world):
        raise refuse(source, key, problem)
    try:
        Tree(records_of(world))
    except ValueError as exc:
        raise refuse(source, "dns.records", str(exc)) from exc
    for key, problem in advice(world):
        _log.warning("%s: %s: %s", source, _named(key, data), problem)
    return world


def _named(key: str, data: Mapping[str, object]) -> str:
    """The key with an entry's name or address in place of its number: nobody counts tables in a file."""

    def name(found: re.Match[str]) -> str:
        entries = data.get(found["table"])
        entry = entries[int(found["index"])] if isinstance(entries, list) else None
        known = (
            entry.get("address" if found["table"] == "users" else "name") if isinstance(entry, dict) else None
        )
        return f"{found['table']}[{known}]" if isinstance(known, str) and known else found[0]

    return _ENTRY.sub(name, key, count=1)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the tables of a file into data, one value at a time; what holds between tables is `checks`' part."""

    source: Path | str
    base: Path
    refuse: Callable[[Path | str, str, str], WorldFileError]

    def fail(self, key: str, problem: str) -> WorldFileError:
        return self.refuse(self.source, key, problem)

    def world(self, read: WorldTable) -> World:
        name = read.name or (self.source.stem if isinstance(self.source, Path) else "world")
        tls = self.tls("tls", read.tls)
        hosts = tuple(self.host(f"hosts[{i}]", table, read.tls) for i, table in enumerate(read.hosts))
        return World(
            name=name,
            hosts=hosts,
            domains=tuple(self.domain(f"domains[{i}]", table) for i, table in enumerate(read.domains)),
            users=tuple(self.user(f"users[{i}]", table) for i, table in enumerate(read.users)),
            records=tuple(self.record(f"dns.records[{i}]", t) for i, t in enumerate(read.dns.records)),
            troubles=tuple(self.trouble(f"dns.trouble[{i}]", t) for i, t in enumerate(read.dns.trouble)),
            network=self.network(Network(**msgspec.structs.asdict(read.network))),
            relay=self.relay(read.relay),
            filters=read_filters(
                read.filters, [host.name for host in hosts], self.source, self.base, self.refuse
            ),
            accounts=read_accounts(read.accounts, self.source, self.base, self.refuse),
            sasl=read_sasl(read.sasl, self.source, self.refuse),
            plaintext_login=read.plaintext_login,
            cheap_hashes=read.cheap_hashes,
            seed=read.seed,
            limits=Limits(**msgspec.structs.asdict(read.limits)),
            tls=tls,
        )

    def network(self, network: Network) -> Network:
        if network.own:
            self.loopback("network.dns_address", network.dns_address)
        self.ip_address("network.dns_address", network.dns_address)
        return network

    def relay(self, table: RelayTable) -> RelayLimits:
        if not table.retry_s:
            raise self.fail(
                "relay.retry_s", "is empty; give the wait after the first failure, the second, ..."
            )
        tls_for = {self.name("relay.tls_for", domain): asked for domain, asked in table.tls_for.items()}
        tls_ca = None if table.tls_ca is None else self.base / table.tls_ca
        changed = {"delay_notice_s": table.delay_notice_s or None, "tls_for": tls_for, "tls_ca": tls_ca}
        return RelayLimits(**msgspec.structs.asdict(table) | changed)

    def host(self, key: str, table: HostTable, tls: TlsTable) -> Host:
        return Host(
            name=self.name(f"{key}.name", table.name),
            address=self.loopback(f"{key}.address", table.address),
            listeners=self.listeners(table),
            relay=table.relay,
            local_networks=tuple(
                self.ip_network(f"{key}.local_networks[{i}]", text)
                for i, text in enumerate(table.local_networks)
            ),
            reach=table.reach,
            delay_ms=table.delay_ms,
            mailbox_kind=table.mailbox,
            mail_directory=Path(table.mail_directory),
            lmtp=table.lmtp,
            tls=self.tls(f"{key}.tls", table.tls.over(tls)) if table.tls else None,
        )

    def tls(self, key: str, table: TlsTable) -> TlsSettings:
        return read_tls(table, key, self.source, self.base, self.refuse)

    def listeners(self, table: HostTable) -> Mapping[Protocol, int]:
        """By default all that the host's mailboxes can serve."""
        match table.listeners:
            case None:
                readers = READERS if table.mailbox is not MailboxKind.STORE else frozenset()
                return {protocol: 0 for protocol in Protocol if protocol not in readers}
            case dict() as ports:
                return ports
            case protocols:
                return dict.fromkeys(protocols, 0)

    def domain(self, key: str, table: DomainTable) -> Domain:
        name = self.name(f"{key}.name", table.name)
        if any(letter in table.subaddress for letter in '@"\\ ') or not table.subaddress.isascii():
            raise self.fail(
                f"{key}.subaddress", f"{table.subaddress!r} cannot stand in a local part; use '+'"
            )
        return Domain(
            name=name,
            mailboxes=self.name(f"{key}.mailboxes", table.mailboxes) if table.mailboxes else "",
            mx=tuple(self.exchanger(f"{key}.mx[{i}]", text) for i, text in enumerate(table.mx)),
            null_mx=table.null_mx,
            aliases={
                self.local_part(f"{key}.aliases.{alias}", alias): self.addresses(
                    f"{key}.aliases.{alias}", targets, name
                )
                for alias, targets in table.aliases.items()
            },
            catch_all=self.address(f"{key}.catch_all", table.catch_all, name) if table.catch_all else "",
            subaddress=table.subaddress,
        )

    def exchanger(self, key: str, text: str) -> Mx:
        """As a zone file has it (RFC 1035 §3.3.9): 16 bits of preference and a name."""
        found = _PREFERENCE.fullmatch(text.strip())
        if not found or int(found["preference"]) > 65535:
            raise self.fail(key, f"{text!r} is not a preference and a host, as in '10 mail.example.test'")
        return Mx(int(found["preference"]), self.name(key, found["host"]))

    def user(self, key: str, table: UserTable) -> User:
        address = self.address(f"{key}.address", table.address, "")
        local_part, _, domain = address.rpartition("@")
        connects_from = table.connects_from
        return User(
            name=table.name or local_part,
            password=self.password(key, table),
            address=address,
            sieve=self.sieve(key, table),
            forward=self.addresses(f"{key}.forward", table.forward, domain),
            keep_copy=table.keep_copy,
            quota_octets=table.quota_octets,
            connects_from=connects_from and self.loopback(f"{key}.connects_from", connects_from),
        )

    def password(self, key: str, table: UserTable) -> str:
        """``""`` where none is given; whether one is needed is `checks`' to say."""
        if table.password is None and table.password_env is None:
            return ""
        return password_of(table.password, table.password_env, key, self.source, self.refuse)

    def sieve(self, key: str, table: UserTable) -> str:
        """The script's text; whether it compiles is no matter here: a broken script never loses mail."""
        if table.sieve is not None and table.sieve_file is not None:
            raise self.fail(f"{key}.sieve", "give one of sieve and sieve_file")
        if table.sieve_file is None:
            return table.sieve or ""
        path = self.base / table.sieve_file
        try:
            with path.open("rb") as file:
                octets = file.read(_MAX_SIEVE_OCTETS + 1)
            script = octets.decode()
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            raise self.fail(f"{key}.sieve_file", f"{path} cannot be read ({reason})") from exc
        if len(octets) > _MAX_SIEVE_OCTETS:
            raise self.fail(f"{key}.sieve_file", f"{path} has more than {_MAX_SIEVE_OCTETS} octets")
        return script

    def record(self, key: str, table: RecordTable) -> Record:
        """Every name in it absolute, whether or not it was written with its last dot."""
        try:
            rrset = read_record(Record(table.name, table.ttl_s, table.type, table.value))
        except ValueError as exc:
            raise self.fail(key, f"cannot be read: {exc}") from exc
        return Record(rrset.name.to_text(), table.ttl_s, table.type.upper(), rrset[0].to_text())

    def trouble(self, key: str, table: TroubleTable) -> Trouble:
        if table.answer and table.kind is not TroubleKind.LIE:
            raise self.fail(f"{key}.answer", f"goes with kind = 'lie', and kind is {table.kind.value!r}")
        if bool(table.delay_ms) != (table.kind is TroubleKind.DELAY):
            raise self.fail(f"{key}.delay_ms", "goes with kind = 'delay', and is needed there")
        trouble = Trouble(**msgspec.structs.asdict(table))
        try:
            Script([trouble])
        except ValueError as exc:
            raise self.fail(key, f"cannot be read: {exc}") from exc
        return trouble

    def addresses(self, key: str, given: str | list[str], domain: str) -> tuple[str, ...]:
        """One address or several."""
        texts = [given] if isinstance(given, str) else given
        return tuple(self.address(key, text, domain) for text in texts)

    def address(self, key: str, text: str, domain: str) -> str:
        """In lower case; without an @ the address is one of `domain`, where that is not empty."""
        whole = text if "@" in text or not domain else f"{text}@{domain}"
        try:
            return parse_mailbox(whole.lower().encode(), smtputf8=True).encode().decode()
        except AddressError as exc:
            raise self.fail(key, f"{text!r} is not an address such as eric@example.test: {exc}") from exc

    def local_part(self, key: str, text: str) -> str:
        address = self.address(key, f"{text}@example.test", "")
        return address.rpartition("@")[0]

    def name(self, key: str, text: str) -> str:
        """A domain name in lower case, without a last dot; beyond ASCII as A-labels (``xn--``)."""
        name = text.lower().removesuffix(".")
        try:
            parse_domain(name.encode())
        except AddressError as exc:
            raise self.fail(key, f"{text!r} is not a domain name such as mail.example.test: {exc}") from exc
        if name.startswith("["):
            raise self.fail(key, f"{text!r} is an address literal; give a domain name")
        return name

    def ip_address(self, key: str, text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        try:
            return ipaddress.ip_address(text)
        except ValueError as exc:
            raise self.fail(key, f"{text!r} is not an IP address such as 127.0.2.1 or ::1") from exc

    def loopback(self, key: str, text: str) -> str:
        """A world is on this machine and nowhere else."""
        address = self.ip_address(key, text)
        if not address.is_loopback:
            raise self.fail(key, f"{address} is not a loopback address; give one of 127.0.0.0/8, or ::1")
        return str(address)

    def ip_network(self, key: str, text: str) -> str:
        try:
            return str(ipaddress.ip_network(text))
        except ValueError as exc:
            raise self.fail(key, f"{text!r} is not a network such as 127.0.2.0/24: {exc}") from exc
