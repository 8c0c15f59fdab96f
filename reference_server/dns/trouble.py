"""Scripted trouble: which question is not answered as it should be."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import dns.exception
import dns.name
import dns.rdatatype
import dns.rrset

from reference_server.dns.tree import read_record
from reference_server.world.model import Record, Trouble, TroubleKind

__all__ = ["Script"]

ANY_TYPE: Final = "*"
# Ours: a lie is soon forgotten.
_LIE_TTL_S: Final = 60


class Script:
    """The troubles of a world, and how many questions each has met.

    Questions are counted per trouble and per type asked: with ``type="*", times=1`` the first A and the first AAAA
    question both fail. A question over TCP does not count for TRUNCATE. The first trouble that applies wins.

    Raises:
        ValueError: A name, a type, or (where the type is given) a value of a lie cannot be read.
    """

    def __init__(self, troubles: Iterable[Trouble] = ()) -> None:
        self._troubles: Sequence[tuple[dns.name.Name, Trouble]] = [(_check(t), t) for t in troubles]
        self._met: Counter[tuple[int, dns.rdatatype.RdataType]] = Counter()

    def meet(self, name: dns.name.Name, type_: dns.rdatatype.RdataType, *, over_tcp: bool) -> Trouble | None:
        """Count one question; the trouble it meets, None where it is answered."""
        met = [
            trouble
            for index, (owner, trouble) in enumerate(self._troubles)
            if owner == name
            and _is_about(trouble, type_, over_tcp=over_tcp)
            and self._is_its_turn(index, trouble, type_)
        ]
        return met[0] if met else None

    def _is_its_turn(self, index: int, trouble: Trouble, type_: dns.rdatatype.RdataType) -> bool:
        before = self._met[index, type_]
        self._met[index, type_] += 1
        return before >= trouble.after and (trouble.times is None or before < trouble.after + trouble.times)


def lie(trouble: Trouble, name: dns.name.Name, type_: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
    """The false answer to a question of this type; None where no value can be of this type."""
    records = []
    for value in trouble.answer:
        try:
            records.append(read_record(Record(".", _LIE_TTL_S, dns.rdatatype.to_text(type_), value))[0])
        except ValueError:  # with "*" a lie has addresses for A, hosts for MX, ...: each type takes its own
            continue
    return dns.rrset.from_rdata_list(name, _LIE_TTL_S, records) if records else None


def _is_about(trouble: Trouble, type_: dns.rdatatype.RdataType, *, over_tcp: bool) -> bool:
    if over_tcp and trouble.kind is TroubleKind.TRUNCATE:
        return False
    return trouble.type == ANY_TYPE or dns.rdatatype.from_text(trouble.type) == type_


def _check(trouble: Trouble) -> dns.name.Name:
    try:
        name = dns.name.from_text(trouble.name, dns.name.root, dns.name.IDNA_2008_Practical)
        if trouble.type != ANY_TYPE:
            dns.rdatatype.from_text(trouble.type)
    except (dns.exception.DNSException, ValueError) as exc:
        raise ValueError(f"DNS trouble at {trouble.name} {trouble.type}: {exc}") from exc
    if trouble.kind is TroubleKind.LIE and trouble.type != ANY_TYPE:
        for value in trouble.answer:
            read_record(Record(trouble.name, _LIE_TTL_S, trouble.type, value))
    return name
