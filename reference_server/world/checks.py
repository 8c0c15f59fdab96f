"""What holds between the parts of a world; a world made in Python is held to it as one from a file is."""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from harness.target import Protocol
from reference_server.mda.addresses import Addresses, Local
from reference_server.world.model import MailboxKind, RelayPolicy, World
from reference_server.world.site import Site

__all__ = ["READERS", "problems"]

READERS: Final = frozenset({Protocol.POP3, Protocol.POP3S, Protocol.IMAP, Protocol.IMAPS})

# Where a problem is, as in ``hosts[1].address``, and what it is.
Problem = tuple[str, str]


def problems(world: World) -> Iterator[Problem]:
    """What cannot be meant, the first first; nothing where the world is sound."""
    for check in _CHECKS:
        yield from check(world)


def _something_is_there(world: World) -> Iterator[Problem]:
    if not world.hosts:
        yield "hosts", "is empty; a world has at least one host"


def _names_are_unique(world: World) -> Iterator[Problem]:
    yield from _repeated("hosts", "name", [host.name for host in world.hosts])
    yield from _repeated("hosts", "address", [host.address for host in world.hosts])
    yield from _repeated("domains", "name", [domain.name for domain in world.domains])
    yield from _repeated("users", "address", [user.address for user in world.users])


def _repeated(table: str, key: str, values: Iterable[str]) -> Iterator[Problem]:
    counts = Counter[str]()
    for index, value in enumerate(values):
        if counts[value]:
            yield f"{table}[{index}].{key}", f"{value} is given to one of {table} before; each has its own"
        counts[value] += 1


def _ports_fit(world: World) -> Iterator[Problem]:
    """The port that stands for 25 is one for all hosts: an MX record has no port."""
    network = world.network
    for index, host in enumerate(world.hosts):
        ports = dict(host.listeners)
        given = ports.get(Protocol.SMTP)
        if network.own and given is not None:
            if given not in (0, network.smtp_port):
                yield (
                    f"hosts[{index}].listeners.smtp",
                    f"is {given}; an MX record has no port, so all hosts share network.smtp_port: set it there",
                )
            ports[Protocol.SMTP] = network.smtp_port
        taken = {network.dns_port: "dns"} if network.own and host.address == network.dns_address else {}
        for protocol, port in ports.items():
            if port and port in taken:
                yield f"hosts[{index}].listeners.{protocol}", f"{port} is the port of {taken[port]} already"
            taken[port] = protocol


def _relay_policies_are_whole(world: World) -> Iterator[Problem]:
    for index, host in enumerate(world.hosts):
        if host.relay is RelayPolicy.OPEN and not ipaddress.ip_address(host.address).is_loopback:
            yield f"hosts[{index}].relay", f"is open, and {host.address} is not a loopback address"
        if host.relay is RelayPolicy.LOCAL_NETWORKS and not host.local_networks:
            yield f"hosts[{index}].local_networks", "is empty, and relay = 'local-networks' needs it"
        if host.local_networks and host.relay in (RelayPolicy.NONE, RelayPolicy.OPEN):
            yield f"hosts[{index}].local_networks", f"has no meaning with relay = {host.relay.value!r}"


def _readers_have_a_store(world: World) -> Iterator[Problem]:
    for index, host in enumerate(world.hosts):
        if host.mailbox_kind is not MailboxKind.STORE and (found := READERS & set(host.listeners)):
            yield (
                f"hosts[{index}].listeners",
                f"has {', '.join(sorted(found))}, which serve the store, and mailbox is {host.mailbox_kind.value!r}",
            )


def _domains_have_hosts(world: World) -> Iterator[Problem]:
    """A name that `dns.records` gives an address may be a machine that is not of this world."""
    addressed = {r.name.removesuffix(".") for r in world.records if r.type in ("A", "AAAA", "CNAME")}
    hosts = {host.name for host in world.hosts}
    known = hosts | addressed
    for index, domain in enumerate(world.domains):
        key = f"domains[{index}]"
        if domain.null_mx and (domain.mx or domain.mailboxes):
            yield f"{key}.null_mx", "says that the domain takes no mail; leave it out, or mx and mailboxes"
        if domain.mailboxes and domain.mailboxes not in known:
            yield f"{key}.mailboxes", _no_host(domain.mailboxes, hosts)
        for place, mx in enumerate(domain.mx):
            if world.network.own and mx.host not in known:
                yield f"{key}.mx[{place}]", _no_host(mx.host, hosts)


def _no_host(name: str, hosts: Iterable[str]) -> str:
    return f"{name} is no host of this world, and has no address in dns.records; hosts: {', '.join(sorted(hosts))}"


def _users_have_mailboxes(world: World) -> Iterator[Problem]:
    hosts = {host.name for host in world.hosts}
    names = Counter[tuple[str, str]]()
    for index, user in enumerate(world.users):
        key = f"users[{index}]"
        domain = world.domain(user.domain)
        if domain is None:
            known = ", ".join(d.name for d in world.domains)
            yield f"{key}.address", f"{user.domain} is no domain of this world; domains: {known}"
        elif domain.mailboxes not in hosts:
            yield (
                f"{key}.address",
                f"{user.domain} has no mailboxes on a host of this world; set its mailboxes",
            )
        else:
            if names[domain.mailboxes, user.name.lower()]:
                yield (
                    f"{key}.name",
                    f"another user of {domain.mailboxes} is named {user.name!r}; give this one a name of its own",
                )
            names[domain.mailboxes, user.name.lower()] += 1
        if user.keep_copy and not user.forward:
            yield f"{key}.keep_copy", "goes with forward: without one the mailbox always gets the mail"


def _users_can_log_in(world: World) -> Iterator[Problem]:
    """Who has no password in the world is known to a back end."""
    if not world.accounts.in_the_world or len(world.accounts.order) > 1:
        return
    for index, user in enumerate(world.users):
        if not user.password:
            yield f"users[{index}].password", "give exactly one of password and password_env"


def _aliases_lead_to_somebody(world: World) -> Iterator[Problem]:
    """What leads to another host is that host's to know."""
    hosts = {host.name: host for host in world.hosts}
    for index, domain in enumerate(world.domains):
        if domain.mailboxes not in hosts:
            continue
        book = Addresses(Site(world, hosts[domain.mailboxes]))
        targets = {f"aliases.{alias}": found for alias, found in domain.aliases.items()}
        if domain.catch_all:
            targets["catch_all"] = (domain.catch_all,)
        for place, addresses in targets.items():
            if not addresses:
                yield f"domains[{index}].{place}", "leads to nobody; give an address, or a list of them"
            for address in addresses:
                if problem := _dead_end(book, address, frozenset()):
                    yield f"domains[{index}].{place}", problem


def _aliases_hide_nobody(world: World) -> Iterator[Problem]:
    for index, domain in enumerate(world.domains):
        for alias in domain.aliases:
            if world.user(f"{alias}@{domain.name}"):
                yield (
                    f"domains[{index}].aliases.{alias}",
                    "is a user's address, who would get nothing; for copies elsewhere use the user's forward",
                )


def _dead_end(book: Addresses, address: str, passed: frozenset[str]) -> str:
    """Why an address of this host reaches no mailbox; ``""`` where it does, or leads elsewhere."""
    local_part, _, name = address.rpartition("@")
    domain = book.site.local_domain(name)
    if domain is None:
        return ""
    found = book.lookup(domain, local_part)
    if found is None or found == (address,):
        return f"{address} is nobody: {domain.name} has no such user or alias"
    if isinstance(found, Local):
        return ""
    if address in passed:
        return f"{address} leads back to itself"
    return next(filter(None, (_dead_end(book, each, passed | {address}) for each in found)), "")


_CHECKS: Final[tuple[Callable[[World], Iterator[Problem]], ...]] = (
    _something_is_there,
    _names_are_unique,
    _ports_fit,
    _relay_policies_are_whole,
    _readers_have_a_store,
    _domains_have_hosts,
    _users_have_mailboxes,
    _users_can_log_in,
    _aliases_hide_nobody,
    _aliases_lead_to_somebody,
)
