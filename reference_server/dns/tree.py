"""The names of a world and their records, and what a question for one finds."""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Final, cast

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.SOA
import dns.rrset

from reference_server.world.model import Record

__all__ = ["Found", "Tree", "read_record"]

# RFC 2181 §8.
_MAX_TTL_S: Final = 2**31 - 1
# Ours: no honest chain of aliases is longer, and every resolver has a bound near it.
_MAX_ALIASES: Final = 12

# The zone that everything else is in. A negative answer must name a zone (RFC 2308); names under .invalid exist
# nowhere (RFC 2606 §2). The last number is how long, in seconds, "no such name" may be remembered.
_ROOT: Final = Record(".", 60, "SOA", "dns.invalid. hostmaster.invalid. 1 3600 600 86400 60")

_WILDCARD: Final = dns.name.Name([b"*"])


@dataclass(frozen=True, slots=True)
class Found:
    """What a question finds.

    Attributes:
        rcode: NOERROR, also where the name has no records of the type; NXDOMAIN where the last name asked for is not
            there.
        answer: The aliases on the way, then the records.
        authority: The SOA of the zone that says so, where nothing was found (RFC 2308).
    """

    rcode: dns.rcode.Rcode
    answer: tuple[dns.rrset.RRset, ...]
    authority: tuple[dns.rrset.RRset, ...] = ()


def read_record(record: Record) -> dns.rrset.RRset:
    """One record, every name in it absolute.

    Raises:
        ValueError: A part cannot be read; the text has the record and what is wrong.
    """
    try:
        name = dns.name.from_text(record.name, dns.name.root, dns.name.IDNA_2008_Practical)
        type_ = dns.rdatatype.from_text(record.type)
        value = dns.rdata.from_text(
            dns.rdataclass.IN,
            type_,
            record.value,
            dns.name.root,
            relativize=False,
            idna_codec=dns.name.IDNA_2008_Practical,
        )
    except (dns.exception.DNSException, ValueError) as exc:
        problem = str(exc) or type(exc).__name__
        raise ValueError(f"DNS record {record.name} {record.type} {record.value!r}: {problem}") from exc
    if dns.rdatatype.is_metatype(type_):
        raise ValueError(f"DNS record {record.name} {record.type}: this type is asked for, never stored")
    if not 0 <= record.ttl_s <= _MAX_TTL_S:
        raise ValueError(f"DNS record {record.name} {record.type}: {record.ttl_s} s is no TTL")
    return dns.rrset.from_rdata(name, record.ttl_s, value)


class Tree:
    """All records of a world. It never changes; a change is a new tree.

    One server answers for the root and everything below it, so there are no referrals; a zone begins where a SOA
    record is.

    Raises:
        ValueError: A record cannot be read, or a name has an alias and something else beside it (RFC 2181 §10.1).
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._nodes: dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rrset.RRset]] = {}
        for record in records:
            self._add(read_record(record))
        if dns.rdatatype.SOA not in self._nodes.get(dns.name.root, ()):
            self._add(read_record(_ROOT))

    def with_more(self, records: Iterable[Record]) -> "Tree":
        """The tree with these records too; what it has already is not read again. Raises as the class does."""
        grown = copy(self)
        grown._nodes = dict(self._nodes)
        for record in records:
            rrset = read_record(record)
            node = grown._nodes.get(rrset.name, {})
            grown._nodes[rrset.name] = {type_: copy(known) for type_, known in node.items()}
            grown._add(rrset)
        return grown

    def look_up(self, name: dns.name.Name, type_: dns.rdatatype.RdataType) -> Found:
        """What there is of this type (or ANY), at the name or where its aliases lead.

        Source: RFC 1034, the name server algorithm; RFC 4592 for wildcards; RFC 2308 for negative answers.
        """
        answer: list[dns.rrset.RRset] = []
        for _ in range(_MAX_ALIASES):
            node = self._node(name)
            if node is None:
                return Found(dns.rcode.NXDOMAIN, tuple(answer), (self.zone(name),))
            if matching := tuple(_matching(node, type_)):
                return Found(dns.rcode.NOERROR, (*answer, *(_owned_by(name, rrset) for rrset in matching)))
            alias = node.get(dns.rdatatype.CNAME)
            if alias is None:
                return Found(dns.rcode.NOERROR, tuple(answer), (self.zone(name),))
            answer.append(_owned_by(name, alias))
            name = cast("dns.rdtypes.ANY.CNAME.CNAME", alias[0]).target
        return Found(dns.rcode.NOERROR, tuple(answer))

    def zone(self, name: dns.name.Name) -> dns.rrset.RRset:
        """The SOA of the zone that the name is in, with the TTL of a negative answer."""
        rrset = next(
            self._nodes[zone][dns.rdatatype.SOA]
            for zone in (name, *_ancestors(name))
            if dns.rdatatype.SOA in self._nodes.get(zone, ())
        )
        soa = cast("dns.rdtypes.ANY.SOA.SOA", rrset[0])
        return dns.rrset.from_rdata(rrset.name, min(rrset.ttl, soa.minimum), soa)

    def _add(self, rrset: dns.rrset.RRset) -> None:
        node = self._nodes.setdefault(rrset.name, {})
        known = node.setdefault(rrset.rdtype, rrset)
        aliases = node.get(dns.rdatatype.CNAME, ())
        if aliases and (len(node) > 1 or rrset[0] not in aliases):
            raise ValueError(f"DNS name {rrset.name}: an alias stands alone (RFC 2181 §10.1)")
        if rrset.rdtype == dns.rdatatype.SOA and rrset[0] not in known:
            raise ValueError(f"DNS name {rrset.name}: a zone has one SOA")
        known.add(rrset[0], rrset.ttl)
        for above in _ancestors(rrset.name):
            self._nodes.setdefault(above, {})

    def _node(self, name: dns.name.Name) -> Mapping[dns.rdatatype.RdataType, dns.rrset.RRset] | None:
        """What the name has: its own, or what the wildcard at its closest encloser gives it."""
        if name in self._nodes:
            return self._nodes[name]
        encloser = next(above for above in _ancestors(name) if above in self._nodes)
        return self._nodes.get(_WILDCARD.concatenate(encloser))


def _ancestors(name: dns.name.Name) -> Iterator[dns.name.Name]:
    """The names above, the nearest first, the root last."""
    while name != dns.name.root:
        name = name.parent()
        yield name


def _matching(
    node: Mapping[dns.rdatatype.RdataType, dns.rrset.RRset], type_: dns.rdatatype.RdataType
) -> Iterable[dns.rrset.RRset]:
    if type_ == dns.rdatatype.ANY:
        return node.values()
    return (node[type_],) if type_ in node else ()


def _owned_by(name: dns.name.Name, rrset: dns.rrset.RRset) -> dns.rrset.RRset:
    """The same records for the name that was asked for: a wildcard's owner is never shown."""
    return rrset if rrset.name == name else dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset))
