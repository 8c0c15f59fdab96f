"""Which hosts take mail for a domain, in which order."""

import ipaddress
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reference_server.journal import Journal, Kind
from reference_server.relay.model import Fate, Outcome
from reference_server.relay.resolver import LookupFailed, NoData, NoSuchName, Resolver, TemporaryFailure
from reference_server.world.model import Mx

__all__ = ["Exchanger", "NoRoute", "Router"]

# RFC 5321 §5.1 allows a limit on what is tried, and asks for two addresses at least. Ours: nobody has more exchangers
# that matter, and a hostile zone cannot keep a relay busy with thousands.
_MAX_EXCHANGERS: Final = 16
_MAX_ADDRESSES: Final = 8


@dataclass(frozen=True, slots=True)
class Exchanger:
    """A host that takes the mail.

    Attributes:
        name: In lower case, no dot at the end; an address literal keeps its brackets.
        addresses: In the order to try; one at least.
    """

    name: str
    preference: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An exchanger before it is known whether it can be used.

    Attributes:
        name: As the MX record has it, in lower case; ``""`` where that is the root.
        alias_of: Where the aliases of the name end; ``""`` before it is known.
        failure: Why there are no addresses.
    """

    name: str
    preference: int
    alias_of: str = ""
    addresses: tuple[str, ...] = ()
    failure: LookupFailed | None = None


class NoRoute(Exception):
    """There is nobody to hand the mail to, for now (DEFERRED) or at all (FAILED)."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.status} {outcome.diagnostic}")
        self.outcome = outcome


class Router:
    """Finds the way for one host.

    Args:
        own_names: The names by which this host is known as an exchanger, in any case.
        own_addresses: Its addresses. Exchangers are tried first at addresses of a family that is here.
        rng: Chooses among equal exchangers.
        host: Who it is, for the journal.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        own_names: Collection[str],
        own_addresses: Collection[str],
        rng: random.Random,
        journal: Journal,
        host: str,
    ) -> None:
        self._resolver = resolver
        self._own_names = frozenset(name.lower().rstrip(".") for name in own_names)
        self._own_addresses = frozenset(map(_address, own_addresses))
        self._rng = rng
        self._journal = journal
        self._host = host

    async def route(self, name: str) -> tuple[Exchanger, ...]:
        """The exchangers for a mail domain or an address literal, in the order to try; one at least.

        Args:
            name: ``"example.test"``, ``"[192.0.2.1]"`` or ``"[IPv6:2001:db8::1]"``.

        Raises:
            NoRoute: FAILED: 5.1.2 no such domain, 5.1.10 null MX (RFC 7505 §4.1), 5.4.4 no exchanger can be used,
                5.4.6 the best exchanger is this host. DEFERRED: 4.4.3 the DNS does not know now.

        Source: RFC 5321 §5.1; RFC 7505; status codes: RFC 3463 §3.5.
        """
        try:
            found = await (self.from_literal(name) if name.startswith("[") else self.from_dns(name))
        except NoRoute as exc:
            self._note(f"{name} has no route: {exc}")
            raise
        if self._journal.watched:
            self._note(f"{name} goes to {', then '.join(map(_shown, found))}")
        return found

    async def from_literal(self, literal: str) -> tuple[Exchanger, ...]:
        """The host whose address it is (RFC 5321 §4.1.3); the DNS is not asked."""
        text = literal.removeprefix("[").removesuffix("]")
        tag, colon, address = text.partition(":")
        try:
            found = str(_address(address if colon and tag.lower() == "ipv6" else text))
        except ValueError as exc:
            raise _failed("5.1.2", f"{literal} is no address literal of a host") from exc
        return self.choose(literal, [Candidate(literal, 0, addresses=(found,))])

    async def from_dns(self, domain: str) -> tuple[Exchanger, ...]:
        """The usable exchangers, best first."""
        ranked = self.ranked(await self.exchangers(domain))
        better = self.without_own([Candidate(mx.host, mx.preference) for mx in ranked])
        return self.choose(domain, [await self.locate(candidate) for candidate in better[:_MAX_EXCHANGERS]])

    async def exchangers(self, domain: str) -> tuple[Mx, ...]:
        """Those in the DNS; the domain itself only where the DNS is sure that it has no MX (the implicit MX)."""
        try:
            found = await self._resolver.mx(domain)
        except NoData:
            return self.implicit_exchangers(domain)
        except NoSuchName as exc:
            raise _failed("5.1.2", f"{domain}: {exc.problem}") from exc
        except TemporaryFailure as exc:
            raise _deferred(str(exc)) from exc
        if self.is_null(found):
            raise _failed("5.1.10", f"{domain} takes no mail (null MX)")
        return found

    def implicit_exchangers(self, domain: str) -> tuple[Mx, ...]:
        """RFC 5321 §5.1: the domain's own address, with preference 0."""
        self._note(f"{domain} has no MX: its own address stands for one")
        return (Mx(0, domain.lower().rstrip(".")),)

    def is_null(self, exchangers: Sequence[Mx]) -> bool:
        """RFC 7505 §3; beside real ones, which is not allowed, the root is an exchanger without address."""
        return all(mx.host == "" for mx in exchangers)

    def ranked(self, exchangers: Iterable[Mx]) -> list[Mx]:
        """The lowest preference first, equal ones in random order (RFC 5321 §5.1)."""
        pool = sorted(set(exchangers), key=lambda mx: (mx.preference, mx.host))
        self._rng.shuffle(pool)
        return sorted(pool, key=lambda mx: mx.preference)

    def without_own(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those better than this host: it must not send to itself, nor to those it stands in for (RFC 5321 §5.1)."""
        own = [candidate for candidate in candidates if self.is_own(candidate)]
        if not own:
            return candidates
        limit = min(candidate.preference for candidate in own)
        self._note(f"{own[0].name} is this host: it is left out, and all that are not better")
        return [candidate for candidate in candidates if candidate.preference < limit]

    def is_own(self, candidate: Candidate) -> bool:
        """By name, alias or address; the unspecified address leads a connection to where it comes from."""
        if self._own_names & {candidate.name, candidate.alias_of}:
            return True
        addresses = map(_address, candidate.addresses)
        return any(address in self._own_addresses or address.is_unspecified for address in addresses)

    async def locate(self, candidate: Candidate) -> Candidate:
        """With its addresses. That an exchanger is an alias is wrong (RFC 2181 §10.3), and followed all the same."""
        try:
            located = await self._resolver.addresses(candidate.name)
        except LookupFailed as failure:
            self._note(f"{candidate.name or 'the root'} cannot be used: {failure.problem}")
            return replace(candidate, failure=failure)
        return replace(candidate, alias_of=located.name, addresses=self.ordered(located.addresses))

    def ordered(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Those of a family that this host has first; else as the resolver has them (RFC 5321 §5.1)."""
        families = {address.version for address in self._own_addresses}
        read = sorted(map(_address, addresses), key=lambda address: address.version not in families)
        return tuple(map(str, read[:_MAX_ADDRESSES]))

    def choose(self, name: str, candidates: Sequence[Candidate]) -> tuple[Exchanger, ...]:
        """The exchangers that can be used; `NoRoute` where there are none."""
        others = self.without_own(candidates)
        usable = tuple(Exchanger(c.name, c.preference, c.addresses) for c in others if c.addresses)
        if usable:
            return usable
        failures = [c.failure for c in others if c.failure]
        for failure in failures:
            if isinstance(failure, TemporaryFailure):
                raise _deferred(str(failure))
        if not failures:
            raise _failed("5.4.6", f"mail for {name} comes back to {self._host}: no other host is better")
        if any(isinstance(failure, NoSuchName) and failure.name == name for failure in failures):
            raise _failed("5.1.2", f"{name}: no such name")
        raise _failed("5.4.4", f"no exchanger of {name} has an address")

    def _note(self, text: str) -> None:
        self._journal.note(self._host, Kind.ROUTE, text)


def _failed(status: str, diagnostic: str) -> NoRoute:
    return NoRoute(Outcome(Fate.FAILED, status, diagnostic))


def _deferred(diagnostic: str) -> NoRoute:
    """RFC 3463 §3.5: 4.4.3, the directory does not answer."""
    return NoRoute(Outcome(Fate.DEFERRED, "4.4.3", diagnostic))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as one compares it: IPv4 in IPv6 is IPv4. Raises `ValueError`."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError(f"{text!r} means something on one machine only")
    return address.ipv4_mapped or address


def _shown(exchanger: Exchanger) -> str:
    return f"{exchanger.name} (preference {exchanger.preference}) at {', '.join(exchanger.addresses)}"
