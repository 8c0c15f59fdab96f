"""Questions to the world's DNS, and three kinds of "no"."""

import math
from dataclasses import dataclass
from typing import Final, cast

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rrset
import trio

from reference_server.clock import Clock
from reference_server.dns.words import describe
from reference_server.journal import Direction, Journal, Kind
from reference_server.relay.dns_cache import DnsCache
from reference_server.world.model import Mx

__all__ = ["Found", "Located", "LookupFailed", "NoData", "NoSuchName", "Resolver", "TemporaryFailure"]

# Ours: how many questions follow one alias to the next, where the DNS gives one at a time.
_MAX_ALIASES: Final = 8
# Ours: a question is asked so many times in its time; a lost datagram costs no more than one of them.
_TRIES: Final = 3
# Ours: what we take by UDP (RFC 6891); longer answers come by TCP.
_EDNS_OCTETS: Final = 1232

_SURE: Final = frozenset({dns.rcode.NOERROR, dns.rcode.NXDOMAIN})


class LookupFailed(Exception):
    """A question has no answer that can be used.

    Attributes:
        name: What was asked for, as it was asked.
        type: ``"MX"``, ``"A"``, ...
    """

    def __init__(self, name: str, type_: str, problem: str) -> None:
        super().__init__(f"{name} {type_}: {problem}")
        self.name = name
        self.type = type_
        self.problem = problem


class NoSuchName(LookupFailed):
    """The DNS is sure that there is no such name (NXDOMAIN), or the name cannot be one."""


class NoData(LookupFailed):
    """The DNS is sure that the name has no records of this type."""


class TemporaryFailure(LookupFailed):
    """Nobody knows: no answer in time, SERVFAIL, REFUSED, nonsense; another time it may be known."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer with records.

    Attributes:
        name: Whose records they are, where the aliases end; in lower case, no dot at the end.
    """

    name: str
    records: tuple[dns.rdata.Rdata, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """A host's addresses, IPv4 first, each kind in the order of the answer; `name` as in `Found`."""

    name: str
    addresses: tuple[str, ...]


class Resolver:
    """Asks one DNS server, on trio; it follows aliases and tells the journal every message.

    Args:
        address: Of the DNS server.
        timeout_s: How long one question may take, all tries together.
        host: Who asks, for the journal.
        clock: By which answers are remembered for their TTL; None to ask every time.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        timeout_s: float,
        journal: Journal,
        host: str,
        clock: Clock | None = None,
    ) -> None:
        self._address = address
        self._port = port
        self._timeout_s = timeout_s
        self._journal = journal
        self._host = host
        self._cache: DnsCache[Found | NoSuchName | NoData] = DnsCache(clock)
        self._trio = dns.asyncbackend.get_backend("trio")

    async def mx(self, domain: str) -> tuple[Mx, ...]:
        """The mail exchangers as the DNS has them, in its order; the null MX has the host ``""``.

        Raises:
            NoSuchName, NoData, TemporaryFailure: As `look_up`.
        """
        found = await self.look_up(domain, "MX")
        records = cast("tuple[dns.rdtypes.ANY.MX.MX, ...]", found.records)
        return tuple(Mx(record.preference, _text(record.exchange)) for record in records)

    async def addresses(self, host: str) -> Located:
        """The addresses of a host, of both families.

        Raises:
            NoSuchName, NoData: It has none at all.
            TemporaryFailure: It has none that are known now.
        """
        failures: list[LookupFailed] = []
        found: list[Found] = []
        for type_ in ("A", "AAAA"):
            try:
                found.append(await self.look_up(host, type_))
            except NoSuchName:
                if not found:
                    raise
            except LookupFailed as exc:
                failures.append(exc)
        if not found:
            raise next((f for f in failures if isinstance(f, TemporaryFailure)), failures[0])
        records = cast(
            "list[dns.rdtypes.IN.A.A | dns.rdtypes.IN.AAAA.AAAA]", [r for f in found for r in f.records]
        )
        return Located(found[0].name, tuple(record.address for record in records))

    async def look_up(self, name: str, type_: str) -> Found:
        """The records of this type that the name or, at the end of its aliases, another name has.

        Args:
            name: Always taken as absolute; a U-label is asked for as an A-label (RFC 6531 §3.2).
            type_: ``"TXT"``, ``"TLSA"``, ``"PTR"``, ...

        Raises:
            NoSuchName: There is no such name, or the name where the aliases lead.
            NoData: There is, without such records.
            TemporaryFailure: Nobody knows just now.
        """
        question = (name.lower(), type_)
        known = self._cache.get(*question)
        if known is not None:
            self._journal.note(self._host, Kind.DNS, f"{type_} {name} is known already")
        else:
            known, ttl_s = await self._follow(_name(name, type_), name, type_)
            self._cache.keep(known, ttl_s, *question)
        if isinstance(known, LookupFailed):
            raise type(known)(name, type_, known.problem)
        return known

    async def _follow(
        self, asked: dns.name.Name, name: str, type_: str
    ) -> tuple[Found | NoSuchName | NoData, float]:
        """What is sure, from alias to alias, and for how many seconds; or `TemporaryFailure`."""
        ttl_s = math.inf
        for _ in range(_MAX_ALIASES):
            response = await self._ask(asked, name, type_)
            if response.rcode() == dns.rcode.NXDOMAIN:
                return NoSuchName(name, type_, "no such name"), min(ttl_s, _negative_ttl_s(response))
            chain = _chain(response, name, type_)
            if chain.answer is not None:
                ttl_s = min(ttl_s, chain.minimum_ttl)
                return Found(_text(chain.canonical_name), tuple(chain.answer)), ttl_s
            if _is_referral(response):
                raise TemporaryFailure(name, type_, "the DNS names other servers in place of an answer")
            if chain.canonical_name == asked or _zones(response):
                return NoData(name, type_, "no such records"), min(ttl_s, _negative_ttl_s(response))
            asked = chain.canonical_name
            ttl_s = min([ttl_s, *(alias.ttl for alias in chain.cnames)])
        raise TemporaryFailure(name, type_, f"more than {_MAX_ALIASES} aliases")

    async def _ask(self, asked: dns.name.Name, name: str, type_: str) -> dns.message.QueryMessage:
        """An answer with NOERROR or NXDOMAIN; or `TemporaryFailure`."""
        query = dns.message.make_query(asked, type_, use_edns=0, payload=_EDNS_OCTETS)
        try:
            with trio.fail_after(self._timeout_s):
                response = await self._exchange(query)
        except (trio.TooSlowError, dns.exception.Timeout) as exc:
            raise TemporaryFailure(name, type_, f"no answer within {self._timeout_s:g} s") from exc
        except (OSError, EOFError, trio.BrokenResourceError, dns.exception.DNSException) as exc:
            raise TemporaryFailure(name, type_, f"the DNS cannot be asked: {exc}") from exc
        if response.rcode() not in _SURE or not isinstance(response, dns.message.QueryMessage):
            raise TemporaryFailure(name, type_, f"the DNS says {dns.rcode.to_text(response.rcode())}")
        return response

    async def _exchange(self, query: dns.message.QueryMessage) -> dns.message.Message:
        """By UDP, more than once if need be; by TCP where the answer was cut (RFC 2181 §9)."""
        for _ in range(_TRIES):
            self._note(Direction.SENT, query)
            try:
                response = await dns.asyncquery.udp(
                    query,
                    self._address,
                    timeout=self._timeout_s / _TRIES,
                    port=self._port,
                    ignore_unexpected=True,
                    ignore_errors=True,
                    raise_on_truncation=True,
                    backend=self._trio,
                )
            except dns.message.Truncated as exc:
                self._note(Direction.RECEIVED, exc.kwargs["message"])
                self._note(Direction.SENT, query)
                response = await dns.asyncquery.tcp(
                    query, self._address, timeout=self._timeout_s, port=self._port, backend=self._trio
                )
            except dns.exception.Timeout:
                continue
            self._note(Direction.RECEIVED, response)
            return response
        raise dns.exception.Timeout

    def _note(self, direction: Direction, message: dns.message.Message) -> None:
        if self._journal.watched:
            octets = message.to_wire() if direction is Direction.SENT else message.wire or b""
            text = describe(octets)
            self._journal.note(
                self._host, Kind.DNS, text, peer=self._address, direction=direction, octets=octets
            )


def _name(text: str, type_: str) -> dns.name.Name:
    try:
        name = dns.name.from_text(text, dns.name.root, dns.name.IDNA_2008_Practical)
    except (dns.exception.DNSException, UnicodeError) as exc:
        raise NoSuchName(text, type_, "not a domain name") from exc
    if name == dns.name.root:
        raise NoSuchName(text, type_, "not a domain name")
    return name


def _text(name: dns.name.Name) -> str:
    """In lower case, without the dot at the end; the root is empty."""
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def _zones(response: dns.message.Message) -> list[dns.rrset.RRset]:
    """The zones that say that there is nothing: then it is sure (RFC 2308)."""
    return [rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA and len(rrset)]


def _negative_ttl_s(response: dns.message.Message) -> float:
    """How long "no" may be remembered; not at all where no zone says so (RFC 2308)."""
    zones = _zones(response)
    minima = [cast("dns.rdtypes.ANY.SOA.SOA", zone[0]).minimum for zone in zones]
    return min([*minima, *(rrset.ttl for rrset in (*zones, *response.answer))]) if zones else 0


def _is_referral(response: dns.message.Message) -> bool:
    """An answer that is none: other servers would know (RFC 2308)."""
    names_servers = any(rrset.rdtype == dns.rdatatype.NS for rrset in response.authority)
    return names_servers and not response.answer and not _zones(response)


def _chain(response: dns.message.QueryMessage, name: str, type_: str) -> dns.message.ChainingResult:
    try:
        return response.resolve_chaining()
    except dns.exception.DNSException as exc:
        raise TemporaryFailure(name, type_, f"the DNS says nonsense: {exc}") from exc
