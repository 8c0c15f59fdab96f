"""The DNS records of a world: those that follow from its hosts and domains, and those it gives itself."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from reference_server.world.model import Domain, Host, Record, World

__all__ = ["records_of"]

# Ours: a resolver that keeps what it heard asks again within a test's patience.
_TTL_S: Final = 300

_ADDRESS_TYPES: Final = frozenset({"A", "AAAA", "CNAME"})


def records_of(world: World) -> tuple[Record, ...]:
    """Every record that the world's DNS answers with, each once, in the world's order.

    A name that has an address or an alias in `World.records` gets none from its host or domain.
    """
    addressed = {record.name for record in world.records if record.type in _ADDRESS_TYPES}
    found = [
        *(record for host in world.hosts for record in _of_host(host)),
        *(record for domain in world.domains for record in _of_domain(world, domain)),
    ]
    derived = (r for r in found if r.type not in _ADDRESS_TYPES or r.name not in addressed)
    return tuple(dict.fromkeys((*derived, *world.records)))


def _of_host(host: Host) -> Iterator[Record]:
    address = ipaddress.ip_address(host.address)
    yield _address_record(host.name, host.address)
    yield Record(f"{address.reverse_pointer}.", _TTL_S, "PTR", f"{host.name}.")


def _of_domain(world: World, domain: Domain) -> Iterator[Record]:
    """RFC 5321 §5.1; RFC 7505 §3 for the null MX.

    Without an MX record the domain's own address is its exchanger: that of the host with its mailboxes.
    """
    name = f"{domain.name}."
    if domain.null_mx:
        yield Record(name, _TTL_S, "MX", "0 .")
    for mx in domain.mx:
        yield Record(name, _TTL_S, "MX", f"{mx.preference} {mx.host}.")
    if domain.mailboxes and not domain.mx and not domain.null_mx:
        for host in world.hosts:
            if host.name == domain.mailboxes:
                yield _address_record(domain.name, host.address)


def _address_record(name: str, address: str) -> Record:
    kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
    return Record(f"{name}.", _TTL_S, kind, address)
