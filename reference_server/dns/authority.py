"""Questions in, answers out: the whole DNS server but for its sockets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from reference_server.dns.tree import Found, Tree
from reference_server.dns.trouble import Script, lie
from reference_server.world.model import Record, Trouble, TroubleKind

__all__ = ["Answer", "Authority"]

# RFC 1035 §4.2.1: what UDP carries without EDNS.
_PLAIN_OCTETS: Final = 512
# Ours: what we send and take by UDP with EDNS (RFC 6891); no fragments on any usual network.
_EDNS_OCTETS: Final = 1232
# RFC 1035 §4.2.2: the length before a message on TCP has two octets.
_TCP_OCTETS: Final = 65535
# RFC 1035 §4.1.1.
_HEADER_OCTETS: Final = 12

_RCODES: Final = {TroubleKind.SERVFAIL: dns.rcode.SERVFAIL, TroubleKind.REFUSED: dns.rcode.REFUSED}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, and how late.

    Attributes:
        octets: The message in wire format, without the length that TCP puts before it.
        delay_s: How long it is held back.
    """

    octets: bytes
    delay_s: float = 0.0


class Authority:
    """Answers for every name there is: what it does not have, nobody has.

    Raises:
        ValueError: A record or a trouble cannot be read.
    """

    def __init__(self, records: Iterable[Record] = (), troubles: Iterable[Trouble] = ()) -> None:
        self.replace_records(records)
        self.replace_troubles(troubles)

    def replace_records(self, records: Iterable[Record]) -> None:
        """From now on these are all the records; from any thread. Raises `ValueError`, and nothing changes."""
        self._tree = Tree(records)

    def add_records(self, records: Iterable[Record]) -> None:
        """From now on there are these too; as `replace_records`, and quicker than it where there are many."""
        self._tree = self._tree.with_more(records)

    def replace_troubles(self, troubles: Iterable[Trouble]) -> None:
        """From now on these are the troubles, counted from zero; as `replace_records`."""
        self._script = Script(troubles)

    def answer(self, query: bytes, *, over_tcp: bool = False) -> Answer | None:
        """Answer one message.

        Args:
            query: Any octets, as they came.
            over_tcp: The answer may have 65,535 octets; else 512, or what EDNS allows, and TC where it is cut.

        Returns:
            None where nothing goes back: no header, an answer in place of a question, or the script says so.

        Source: RFC 1035 §4.1, §4.2.
        """
        if len(query) < _HEADER_OCTETS or _is_answer(query):
            return None
        try:
            message = dns.message.from_wire(query)
        except dns.exception.DNSException:
            return Answer(_format_error(query))
        response = dns.message.make_response(message, recursion_available=True, our_payload=_EDNS_OCTETS)
        refusal = _refusal(message)
        if refusal is not None:
            response.set_rcode(refusal)
            return Answer(_render(response, message, over_tcp=over_tcp))
        return self._respond(message, response, over_tcp=over_tcp)

    def _respond(
        self, message: dns.message.Message, response: dns.message.Message, *, over_tcp: bool
    ) -> Answer | None:
        question = message.question[0]
        trouble = self._script.meet(question.name, question.rdtype, over_tcp=over_tcp)
        kind = trouble.kind if trouble else None
        if kind is TroubleKind.TIMEOUT:
            return None
        if kind in _RCODES:
            response.set_rcode(_RCODES[kind])
        elif kind is TroubleKind.TRUNCATE:
            response.flags |= dns.flags.AA | dns.flags.TC
        else:
            found = self._find(question.name, question.rdtype, trouble)
            response.flags |= dns.flags.AA
            response.set_rcode(found.rcode)
            response.answer, response.authority = list(found.answer), list(found.authority)
        delay_s = trouble.delay_ms / 1000 if trouble and kind is TroubleKind.DELAY else 0.0
        return Answer(_render(response, message, over_tcp=over_tcp), delay_s)

    def _find(self, name: dns.name.Name, type_: dns.rdatatype.RdataType, trouble: Trouble | None) -> Found:
        """What there is, or what the script says there is."""
        if trouble and trouble.kind is TroubleKind.NXDOMAIN:
            return Found(dns.rcode.NXDOMAIN, (), (self._tree.zone(name),))
        if trouble and trouble.kind is TroubleKind.LIE:
            told = lie(trouble, name, type_)
            return Found(dns.rcode.NOERROR, (told,) if told else (), () if told else (self._tree.zone(name),))
        return self._tree.look_up(name, type_)


def _is_answer(octets: bytes) -> bool:
    """The QR bit (RFC 1035 §4.1.1); an answer is never answered, or two servers would talk for ever."""
    return bool(octets[2] & 0x80)


def _format_error(query: bytes) -> bytes:
    """The header alone: the question could not be read."""
    opcode_and_rd = query[2] & 0b0111_1001
    return query[:2] + bytes((0x80 | opcode_and_rd, dns.rcode.FORMERR)) + bytes(8)


def _refusal(query: dns.message.Message) -> dns.rcode.Rcode | None:
    """Why a message that can be read is not answered; None where it is."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if len(query.question) != 1:
        return dns.rcode.FORMERR
    if query.edns > 0:
        return dns.rcode.BADVERS
    (question,) = query.question
    known_type = question.rdtype == dns.rdatatype.ANY or not dns.rdatatype.is_metatype(question.rdtype)
    if question.rdclass != dns.rdataclass.IN or not known_type:
        return dns.rcode.REFUSED
    return None


def _render(response: dns.message.Message, query: dns.message.Message, *, over_tcp: bool) -> bytes:
    """In wire format, records in the world's order; what does not fit is left out, and TC says so (RFC 2181 §9)."""
    if over_tcp:
        limit = _TCP_OCTETS
    elif query.edns < 0:
        limit = _PLAIN_OCTETS
    else:
        limit = max(_PLAIN_OCTETS, min(query.payload, _EDNS_OCTETS))
    return response.to_wire(max_size=limit, prefer_truncation=True, want_shuffle=False)
