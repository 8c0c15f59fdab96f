"""From an address to those who get its mail: aliases, subaddresses, catch-all, forwards."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from harness.wire.smtp.address import parse_mailbox
from harness.wire.smtp.errors import CommandError
from reference_server.world import Domain, Site, User

__all__ = ["Addresses", "Away", "Expansion", "Local", "divide"]

# Ours: an alias that leads to an alias that leads ... is followed so far; the loader finds loops before.
_MAX_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Local:
    """A mailbox of this host; `detail` is what stood behind the ``+`` (RFC 5233 §1)."""

    user: User
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """An address whose mail goes on from here; `by` is the address that forwards it, ``""`` for the one asked for."""

    address: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Everybody an address means; `path` tells each step, for those who watch."""

    destinations: tuple[Local | Away, ...]
    steps: tuple[str, ...] = ()


def divide(address: str) -> tuple[str, str]:
    """Local part, without quotes, and domain; the bare ``Postmaster`` has none (RFC 5321 §4.1.1.3)."""
    try:
        mailbox = parse_mailbox(address.encode(), smtputf8=True)
    except CommandError:
        local_part, _, domain = address.rpartition("@")
        return local_part, domain
    return mailbox.local_part.decode(), mailbox.domain.decode()


@dataclass
class Addresses:
    """The address book of one host."""

    site: Site
    _seen: set[str] = field(default_factory=set)
    _steps: list[str] = field(default_factory=list)

    def knows(self, local_part: str, domain: str) -> bool:
        """Whether a local domain has such a mailbox, alias, or catch-all."""
        found = self.site.local_domain(domain)
        return found is not None and self.lookup(found, local_part) is not None

    def lookup(self, domain: Domain, local_part: str) -> tuple[str, ...] | Local | None:
        """One step: the addresses of an alias, a mailbox, or None where there is neither.

        Local parts are folded to lower case, as RFC 5321 §2.4 leaves it to the receiving host; an alias or user with
        the separator in its own name comes before the subaddress.
        """
        whole = local_part.lower()
        base, detail = self.divided(domain, whole)
        for name, rest in ((whole, ""), (base, detail)):
            if name in domain.aliases:
                return domain.aliases[name]
            address = f"{name}@{domain.name}"
            # A backup looks up whose mailbox is on another host (RFC 5321 §5.1).
            user = self.site.user(address) or self.site.world.user(address)
            if user is not None:
                return Local(user, rest)
        return (domain.catch_all,) if domain.catch_all else None

    def divided(self, domain: Domain, local_part: str) -> tuple[str, str]:
        """User and detail."""
        if not domain.subaddress or local_part.startswith(domain.subaddress):
            return local_part, ""
        base, _, detail = local_part.partition(domain.subaddress)
        return base, detail

    def aliases_of(self, user: User) -> tuple[str, ...]:
        """The aliases that lead to a user at once, as addresses."""
        return tuple(
            f"{name}@{domain.name}"
            for domain in self.site.domains
            for name, targets in domain.aliases.items()
            if user.address in targets
        )

    def expand(self, address: str, *, final: bool = False) -> Expansion:
        """Everybody the address means, each once; empty where nobody of a local domain has it.

        Args:
            final: Aliases lead on as ever, and a mailbox is a mailbox: forwards are not followed.
        """
        self._seen, self._steps = set(), []
        found = dict.fromkeys(self._expand(address, "", 0))
        destinations = tuple(found)
        if final and (mailbox := self._named(address)) is not None:
            destinations = (mailbox,)
        return Expansion(destinations, tuple(self._steps))

    def _named(self, address: str) -> Local | None:
        """The mailbox whose own address it is."""
        local_part, name = divide(address)
        domain = self.site.local_domain(name)
        found = self.lookup(domain, local_part) if domain is not None else None
        return found if isinstance(found, Local) else None

    def _expand(self, address: str, by: str, depth: int) -> Iterator[Local | Away]:
        folded = address.lower()
        if folded in self._seen or depth > _MAX_DEPTH:
            return
        self._seen.add(folded)
        local_part, name = divide(address)
        domain = self.site.local_domain(name)
        if domain is None:
            yield Away(address, by)
            return
        match self.lookup(domain, local_part):
            case None:
                return
            case Local(user, detail) as mailbox:
                yield from self._mailbox(mailbox, user, detail, depth)
            case addresses:
                self._steps.append(f"{folded} is an alias of {', '.join(addresses)}")
                for target in addresses:
                    yield from self._expand(target, folded, depth + 1)

    def _mailbox(self, mailbox: Local, user: User, detail: str, depth: int) -> Iterator[Local | Away]:
        if detail:
            self._steps.append(f"{user.address} gets it, with the detail {detail!r}")
        if user.forward:
            self._steps.append(f"{user.address} forwards to {', '.join(user.forward)}")
        if user.keeps_mail:
            yield mailbox
        for target in user.forward:
            yield from self._expand(target, user.address, depth + 1)
