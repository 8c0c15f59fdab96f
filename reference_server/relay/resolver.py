"""Questions to the world's DNS, and three kinds of "no"."""

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
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import trio

from reference_server.dns.words import describe
from reference_server.journal import Direction, Journal, Kind
from reference_server.world.model import Mx

__all__ = ["Found", "Located", "LookupFailed", "NoData", "NoSuchName", "Resolver", "TemporaryFailure"]

# Ours: how many questions follow one alias to the next, where the DNS gives one at a time.
_MAX_ALIASES: Final = 8
# Ours: a question is asked so many times in its time; a lost datagram costs no more than one of them.
_TRIES: Final = 3
# Ours: what we take by UDP (RFC 6891); longer answers come by TCP.
_EDNS_OCTETS: Final = 1232


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
    """

    def __init__(self, address: str, port: int, *, timeout_s: float, journal: Journal, host: str) -> None:
        self._address = address
        self._port = port
        self._timeout_s = timeout_s
        self._journal = journal
        self._host = host
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
        asked = _name(name, type_)
        for _ in range(_MAX_ALIASES):
            response = await self._ask(asked, name, type_)
            chain = _chain(response, name, type_)
            if chain.answer is not None:
                return Found(_text(chain.canonical_name), tuple(chain.answer))
            if _is_referral(response):
                raise TemporaryFailure(name, type_, "the DNS names other servers in place of an answer")
            if chain.canonical_name == asked or _has_zone(response):
                raise NoData(name, type_, "no such records")
            asked = chain.canonical_name
        raise TemporaryFailure(name, type_, f"more than {_MAX_ALIASES} aliases")

    async def _ask(self, asked: dns.name.Name, name: str, type_: str) -> dns.message.QueryMessage:
        """The answer, of whatever kind, with the code that says so: NOERROR, or an exception."""
        query = dns.message.make_query(asked, type_, use_edns=0, payload=_EDNS_OCTETS)
        try:
            with trio.fail_after(self._timeout_s):
                response = await self._exchange(query)
        except (trio.TooSlowError, dns.exception.Timeout) as exc:
            raise TemporaryFailure(name, type_, f"no answer within {self._timeout_s:g} s") from exc
        except (OSError, EOFError, trio.BrokenResourceError, dns.exception.DNSException) as exc:
            raise TemporaryFailure(name, type_, f"the DNS cannot be asked: {exc}") from exc
        if response.rcode() == dns.rcode.NXDOMAIN:
            raise NoSuchName(name, type_, "no such name")
        if response.rcode() != dns.rcode.NOERROR or not isinstance(response, dns.message.QueryMessage):
            raise TemporaryFailure(name, type_, f"the DNS says {dns.rcode.to_text(response.rcode())}")
        return response

    async def _exchange(self, query: dns.message.QueryMessage) -> dns.message.Message:
        """By UDP, more than once if need be; by TCP where the answer was cut (RFC 2181 §9)."""
        for _ in range(_TRIES):
            self._note(Direction.SENT, query.to_wire())
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
                self._note(Direction.RECEIVED, exc.kwargs["message"].wire)
                self._note(Direction.SENT, query.to_wire())
                response = await dns.asyncquery.tcp(
                    query, self._address, timeout=self._timeout_s, port=self._port, backend=self._trio
                )
            except dns.exception.Timeout:
                continue
            self._note(Direction.RECEIVED, response.wire)
            return response
        raise dns.exception.Timeout

    def _note(self, direction: Direction, octets: bytes | None) -> None:
        if octets is not None and self._journal.watched:
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


def _has_zone(response: dns.message.Message) -> bool:
    """Whether a zone says that there is nothing: a sure answer (RFC 2308)."""
    return any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority)


def _is_referral(response: dns.message.Message) -> bool:
    """An answer that is none: other servers would know (RFC 2308)."""
    names_servers = any(rrset.rdtype == dns.rdatatype.NS for rrset in response.authority)
    return names_servers and not response.answer and not _has_zone(response)


def _chain(response: dns.message.QueryMessage, name: str, type_: str) -> dns.message.ChainingResult:
    try:
        return response.resolve_chaining()
    except dns.exception.DNSException as exc:
        raise TemporaryFailure(name, type_, f"the DNS says nonsense: {exc}") from exc
