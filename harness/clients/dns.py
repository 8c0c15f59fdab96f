"""A blocking DNS client for what mail needs: MX and addresses."""

from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX

from harness.errors import MailproofError, TransportError, UsageError
from harness.target import SocketAddress

__all__ = ["DnsClient", "DnsTrouble", "MailExchanger", "NoSuchName"]

# Ours: no domain seen has more; what a hostile one lists beyond is not looked at.
MAX_RECORDS: Final = 64


@dataclass(frozen=True, slots=True, order=True)
class MailExchanger:
    """One MX record; `name` without its final dot, ``""`` where it is the root (RFC 7505 §3)."""

    preference: int
    name: str


class NoSuchName(MailproofError):
    """The DNS says for certain that there is no such name; `name` is the one asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the DNS knows no {name}")


class DnsTrouble(TransportError):
    """No usable answer came: a timeout, SERVFAIL, REFUSED, octets that are no DNS message. Later may be better."""


class DnsClient:
    """Asks one DNS server, or those that this system asks.

    Args:
        server: By its IP address; None for the system's own.
        timeout_s: What one question may take, with all its repetitions.

    Raises:
        DnsTrouble: The system names no server.
        UsageError: The server is not named by an address.
    """

    def __init__(self, server: SocketAddress | None = None, *, timeout_s: float) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=server is None)
        except dns.resolver.NoResolverConfiguration as exc:
            raise DnsTrouble("dns", "this system names no DNS server; say --dns HOST:PORT") from exc
        if server is not None:
            try:
                self._resolver.nameservers = [server.host]
            except ValueError as exc:
                raise UsageError(f"{server}: a DNS server is named by its IP address") from exc
            self._resolver.port = server.port
        self._resolver.lifetime = timeout_s
        self._where = "dns" if server is None else f"dns://{server}"

    def mx(self, domain: str) -> tuple[MailExchanger, ...]:
        """The mail exchangers of a domain, by preference; none where it has no MX record.

        Raises:
            NoSuchName: There is no such domain.
            DnsTrouble: No usable answer came.
        """
        found = [
            MailExchanger(record.preference, _text(record.exchange))
            for record in self._ask(domain, dns.rdatatype.MX)
            if isinstance(record, MX)
        ]
        return tuple(sorted(found))

    def addresses(self, name: str) -> tuple[str, ...]:
        """The IP addresses of a host, IPv4 first; none where it has none. Raises as `mx`."""
        kinds = (dns.rdatatype.A, dns.rdatatype.AAAA)
        return tuple(record.to_text() for kind in kinds for record in self._ask(name, kind))

    def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> list[dns.rdata.Rdata]:
        try:
            answer = self._resolver.resolve(
                dns.name.from_text(name), kind, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN as exc:
            raise NoSuchName(name) from exc
        except dns.resolver.LifetimeTimeout as exc:
            problem = f"no answer to {kind.name} {name} within {self._resolver.lifetime:g} s"
            raise DnsTrouble(self._where, problem) from exc
        except (dns.exception.DNSException, OSError) as exc:
            problem = " ".join(str(exc).split())
            raise DnsTrouble(self._where, f"no answer to {kind.name} {name}: {problem}") from exc
        return list(answer.rrset or ())[:MAX_RECORDS]


def _text(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True)
