"""Deviations in whom a relay hands mail to (RFC 5321 §5.1, RFC 7505)."""

from collections.abc import Iterable, Sequence

from reference_server.faults import fault
from reference_server.relay.connection import Peer
from reference_server.relay.courier import Courier
from reference_server.relay.model import Fate, NextHop, Outcome
from reference_server.relay.routing import Candidate, Exchanger, NoRoute, Router
from reference_server.world.model import Mx


@fault("sending.preferences-reversed")
class PreferencesReversed(Router):
    """The highest preference comes first."""

    def ranked(self, exchangers: Iterable[Mx]) -> list[Mx]:
        return list(reversed(super().ranked(exchangers)))


@fault("sending.only-the-first-exchanger")
class OnlyTheFirstExchanger(Router):
    """Only the most preferred exchanger is tried, again and again."""

    async def route(self, name: str) -> tuple[Exchanger, ...]:
        return (await super().route(name))[:1] * 3


@fault("sending.only-the-first-address")
class OnlyTheFirstAddress(Router):
    """Only one address of an exchanger is tried, again and again."""

    def ordered(self, addresses: Iterable[str]) -> tuple[str, ...]:
        return super().ordered(addresses)[:1] * 3


@fault("sending.equal-exchangers-in-order")
class EqualExchangersInOrder(Router):
    """Equal exchangers are tried in the order of their names."""

    def ranked(self, exchangers: Iterable[Mx]) -> list[Mx]:
        return sorted(set(exchangers), key=lambda mx: (mx.preference, mx.host))


@fault("sending.address-beside-mx")
class AddressBesideMx(Courier):
    """After the exchangers of a domain its own address is tried."""

    async def peers(self, next_hop: NextHop) -> list[Peer]:
        return [*await super().peers(next_hop), *await self._at_the_domain(next_hop)]

    async def _at_the_domain(self, next_hop: NextHop) -> Sequence[Peer]:
        if not isinstance(self._router, Router):
            return ()
        beside = await self._router.locate(Candidate(next_hop.name, 0))
        return [Peer(next_hop.name, address, self._smtp_port) for address in beside.addresses]


@fault("sending.no-implicit-mx")
class NoImplicitMx(Router):
    """A domain without MX gets no mail."""

    def implicit_exchangers(self, domain: str) -> tuple[Mx, ...]:
        raise NoRoute(Outcome(Fate.FAILED, "5.4.4", f"{domain} has no MX"))


@fault("sending.alias-not-followed")
class AliasNotFollowed(Router):
    """A domain that is an alias gets no mail."""

    async def exchangers(self, domain: str) -> tuple[Mx, ...]:
        if (await self.locate(Candidate(domain, 0))).alias_of not in {"", domain}:
            raise NoRoute(Outcome(Fate.FAILED, "5.4.4", f"{domain} is an alias"))
        return await super().exchangers(domain)


class _OtherFate(Router):
    """What has no route has another fate."""

    statuses: frozenset[str]
    becomes: Outcome

    async def route(self, name: str) -> tuple[Exchanger, ...]:
        try:
            return await super().route(name)
        except NoRoute as exc:
            raise NoRoute(self.becomes) if exc.outcome.status in self.statuses else exc from exc


@fault("sending.no-such-domain-waits")
class NoSuchDomainWaits(_OtherFate):
    """Mail for a domain that does not exist is tried again."""

    statuses = frozenset({"5.1.2"})
    becomes = Outcome(Fate.DEFERRED, "4.4.3", "no such domain yet")


@fault("sending.servfail-fails")
class ServfailFails(_OtherFate):
    """A temporary error of the DNS is a failure."""

    statuses = frozenset({"4.4.3"})
    becomes = Outcome(Fate.FAILED, "5.4.3", "the DNS does not answer")


@fault("sending.only-itself-waits")
class OnlyItselfWaits(_OtherFate):
    """Mail for which the server itself is the best exchanger is tried again."""

    statuses = frozenset({"5.4.6"})
    becomes = Outcome(Fate.DEFERRED, "4.4.6", "no other host is better")


@fault("sending.null-mx-without-its-code")
class NullMxWithoutItsCode(_OtherFate):
    """A null MX is told as a domain that does not exist."""

    statuses = frozenset({"5.1.10"})
    becomes = Outcome(Fate.FAILED, "5.1.2", "no mail there")


@fault("sending.worse-than-itself-used")
class WorseThanItselfUsed(Router):
    """The server's own record is left out, and no other."""

    def without_own(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        return [candidate for candidate in candidates if not self.is_own(candidate)]


@fault("sending.null-mx-ignored")
class NullMxIgnored(Router):
    """A null MX is as no MX."""

    async def exchangers(self, domain: str) -> tuple[Mx, ...]:
        try:
            return await super().exchangers(domain)
        except NoRoute as exc:
            if exc.outcome.status != "5.1.10":
                raise
            return self.implicit_exchangers(domain)
