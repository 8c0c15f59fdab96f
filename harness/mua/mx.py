"""Straight to the mail exchangers of each recipient's domain, as a mail server does it."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.clients.dns import DnsClient, DnsTrouble, MailExchanger, NoSuchName
from harness.errors import ProtocolError, TransportError
from harness.mua.envelope import Envelope, Outcome
from harness.mua.session import Manner, open_smtp
from harness.mua.submit import refused, transfer, unreachable
from harness.mua.terms import Declined, Terms
from harness.target import Endpoint, Protocol

__all__ = ["Exchanger", "Road", "find_exchangers", "send_by_mx"]

# Ours: how many hosts of one domain, and addresses of one host, are tried (RFC 5321 §5.1 asks for two at least).
MAX_EXCHANGERS: Final = 16
MAX_ADDRESSES: Final = 8


@dataclass(frozen=True, slots=True)
class Exchanger:
    """A host that takes a domain's mail; its addresses in the order to try."""

    name: str
    preference: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """How to get to mail exchangers.

    Attributes:
        port: What stands for port 25.
        note: Is told what the DNS says and who is tried, a line each.
    """

    dns: DnsClient
    terms: Terms
    manner: Manner
    port: int = 25
    note: Callable[[str], None] = lambda _: None


def send_by_mx(envelope: Envelope, content: bytes, road: Road) -> list[Outcome]:
    """Send to each domain's own servers; outcomes in the order of the recipients."""
    by_domain = defaultdict(list)
    for recipient in envelope.recipients:
        by_domain[recipient.domain.lower()].append(recipient)
    outcomes = {
        outcome.recipient: outcome
        for domain, recipients in by_domain.items()
        for outcome in _send_to_domain(
            domain.decode(), replace(envelope, recipients=tuple(recipients)), content, road
        )
    }
    return [outcomes[recipient] for recipient in envelope.recipients]


def find_exchangers(domain: str, road: Road) -> list[Exchanger]:
    """The hosts to try, in order: by preference, equal ones at random.

    Raises:
        Declined: No such domain, a null MX, or nobody in it has an address.
        DnsTrouble: No usable answer came; later may be better.

    Source: RFC 5321 §5.1; RFC 7505 §3.
    """
    if domain.startswith("["):
        literal = domain.strip("[]")
        address = literal[len("IPv6:") :] if literal.lower().startswith("ipv6:") else literal
        return [Exchanger(domain, 0, (address,))]
    if not domain:
        raise Declined("dns", "DNS", "an address without a domain has no mail exchanger")
    records = _records(domain, road)
    trouble: DnsTrouble | None = None
    found: list[Exchanger] = []
    for record in records[:MAX_EXCHANGERS]:
        try:
            addresses = road.dns.addresses(record.name)[:MAX_ADDRESSES]
        except NoSuchName:
            addresses = ()
        except DnsTrouble as exc:
            road.note(str(exc))
            trouble = exc
            continue
        road.note(f"DNS: {record.name} is {', '.join(addresses) or 'without an address'}")
        if addresses:
            found.append(Exchanger(record.name, record.preference, addresses))
    if not found:
        if trouble is not None:
            raise trouble
        raise Declined("dns", "DNS", f"no host that takes mail for {domain} has an address")
    return found


def _records(domain: str, road: Road) -> Sequence[MailExchanger]:
    try:
        records = road.dns.mx(domain)
    except NoSuchName as exc:
        raise Declined("dns", "DNS", str(exc)) from exc
    if not records:
        road.note(f"DNS: {domain} has no MX, so it is its own (RFC 5321 §5.1)")
        return [MailExchanger(0, domain)]
    road.note(
        "DNS: mail for " + domain + " goes to " + ", ".join(f"{r.preference} {r.name}." for r in records)
    )
    if [record.name for record in records] == [""]:
        raise Declined("dns", "DNS", f"{domain} takes no mail: it has a null MX (RFC 7505 §3)")
    usable = [record for record in records if record.name]
    return sorted(random.sample(usable, len(usable)), key=lambda record: record.preference)


def _send_to_domain(domain: str, envelope: Envelope, content: bytes, road: Road) -> list[Outcome]:
    try:
        exchangers = find_exchangers(domain, road)
    except Declined as exc:
        return refused(envelope, exc)
    except DnsTrouble as exc:
        return unreachable(envelope, exc.where, "DNS", exc)
    outcomes: list[Outcome] = []
    for exchanger in exchangers:
        for address in exchanger.addresses:
            endpoint = Endpoint(Protocol.SMTP, address, road.port)
            road.note(f"trying {exchanger.name} [{address}]:{road.port}")
            name = address if exchanger.name.startswith("[") else exchanger.name
            try:
                client = open_smtp(endpoint, replace(road.terms, server_name=name), road.manner)
            except (TransportError, ProtocolError) as exc:
                road.note(str(exc))
                outcomes = unreachable(envelope, str(endpoint), "connect", exc)
                continue
            except Declined as exc:
                outcomes = refused(envelope, exc)
                if exc.reply is None or exc.reply.klass == 4:
                    continue  # not now, or not as we want it, but perhaps another host (RFC 5321 §5.1)
                return outcomes
            with client:
                return transfer(client, endpoint, envelope, content, road.manner)
    return outcomes
