"""The world as one host of it sees it: which mail is its own, whose mailbox an address means."""

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property

from reference_server.tls.settings import TlsSettings
from reference_server.world.model import Domain, Host, Mx, User, World

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """One host's place in the world.

    Attributes:
        newcomers: Address -> a user whom the world does not name and a directory of accounts does; they come as they
            log in, in any thread.
    """

    world: World
    host: Host
    newcomers: dict[str, User] = field(default_factory=dict, compare=False)

    @cached_property
    def domains(self) -> tuple[Domain, ...]:
        """The domains whose mailboxes are here; the first is the host's own."""
        return tuple(domain for domain in self.world.domains if domain.mailboxes == self.host.name)

    @cached_property
    def residents(self) -> tuple[User, ...]:
        """The users of the world who have a mailbox here."""
        names = {domain.name for domain in self.domains}
        return tuple(user for user in self.world.users if user.domain in names)

    @property
    def users(self) -> tuple[User, ...]:
        """Who has a mailbox here."""
        return (*self.residents, *self.newcomers.values())

    def move_in(self, address: str) -> User:
        """The user with this address of a local domain, from now on one of `users`; twice is once."""
        local_part, _, domain = address.rpartition("@")
        plain = domain == self.domain and "@" not in local_part and self.user_named(local_part) is None
        newcomer = User(local_part if plain else address, "", address)
        return self.user(address) or self.newcomers.setdefault(address, newcomer)

    @property
    def tls(self) -> TlsSettings:
        return self.host.tls or self.world.tls

    @property
    def domain(self) -> str:
        """The domain of a name without one: the first with mailboxes here, else the host's own name."""
        return self.domains[0].name if self.domains else self.host.name

    def local_domain(self, name: str) -> Domain | None:
        """The domain whose mailboxes are here that an address's domain means, None where its mail goes elsewhere.

        The host's own name, its address literal (RFC 5321 §4.1.3) and the empty domain of the bare ``Postmaster``
        (§4.1.1.3) mean the first.
        """
        wanted = name.lower().rstrip(".")
        for domain in self.domains:
            if domain.name == wanted:
                return domain
        if wanted in ("", self.host.name, *self._literals) and self.domains:
            return self.domains[0]
        return None

    @cached_property
    def _literals(self) -> tuple[str, ...]:
        return (_literal(self.host).lower(),)

    def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        return self.local_domain(domain) is not None or domain.lower() in ("", self.host.name)

    def is_backup_for(self, domain: str) -> bool:
        """Whether this host is a mail exchanger of a domain whose mailboxes are elsewhere (RFC 5321 §5.1)."""
        found = self.world.domain(domain)
        return found is not None and found.mailboxes != self.host.name and self._exchanges(found)

    def _exchanges(self, domain: Domain) -> bool:
        return any(mx.host == self.host.name for mx in domain.mx)

    def next_hop(self, domain: str) -> str:
        """What mail for a domain is sent to from here: the domain, whose exchangers are looked up in the DNS.

        An exchanger that has none better than itself would find nobody there (RFC 5321 §5.1). It knows the way inside
        the house: the host with the mailboxes, as an address literal.
        """
        found = self.world.domain(domain)
        if found is None or not self.is_backup_for(domain):
            return domain
        best = min(mx.preference for mx in found.mx)
        inside = next((host for host in self.world.hosts if host.name == found.mailboxes), None)
        if inside is None or Mx(best, self.host.name) not in found.mx:
            return domain
        return _literal(inside)

    def user(self, address: str) -> User | None:
        """The user with this address, in any case, who has a mailbox here; None where nobody has."""
        wanted = address.lower()
        resident = next((user for user in self.residents if user.address == wanted), None)
        return resident or self.newcomers.get(wanted)

    def user_named(self, name: str) -> User | None:
        """The user who logs in by this: ``name``, or an address, in any case."""
        wanted = name.lower()
        return next((u for u in self.users if wanted in (u.name.lower(), u.address)), None)

    def separator_of(self, user: User) -> str:
        """What divides a user of this host from a detail; ``""`` where the domain has no subaddresses."""
        return next(domain.subaddress for domain in self.domains if domain.name == user.domain)

    def relays_for(self, peer: str) -> bool:
        """Whether a client at this address is in one of the host's local networks."""
        address = ipaddress.ip_address(peer)
        return any(address in ipaddress.ip_network(network) for network in self.host.local_networks)


def _literal(host: Host) -> str:
    """RFC 5321 §4.1.3."""
    address = ipaddress.ip_address(host.address)
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
