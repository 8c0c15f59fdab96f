"""A DNS message in one line, for those who watch."""

from collections.abc import Iterator
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

__all__ = ["describe"]

# Ours: as much as one reads at a glance.
_SHOWN_RECORDS: Final = 8
_SHOWN_CHARACTERS: Final = 400


def describe(octets: bytes) -> str:
    """A question (``MX example.test.?``) or an answer (``MX example.test.: 10 mx.example.test.``).

    Whatever the octets are, the line is printable, and short.
    """
    try:
        message = dns.message.from_wire(octets)
    except dns.exception.DNSException:
        return f"{len(octets)} octets that are no DNS message"
    about = ", ".join(f"{dns.rdatatype.to_text(q.rdtype)} {q.name}" for q in message.question) or "nothing"
    if not message.flags & dns.flags.QR:
        return _shortened(f"{about}?")
    return _shortened(f"{about}: {', '.join(_findings(message))}")


def _findings(message: dns.message.Message) -> Iterator[str]:
    """The code where it is not NOERROR, the aliases and values, and what is missing."""
    asked = {question.rdtype for question in message.question}
    found = [(rrset.rdtype, value.to_text()) for rrset in message.answer for value in rrset]
    is_found = bool(asked & {type_ for type_, _ in found}) or dns.rdatatype.ANY in asked
    if message.rcode() != dns.rcode.NOERROR:
        yield dns.rcode.to_text(message.rcode())
    for type_, value in found[:_SHOWN_RECORDS]:
        yield value if type_ in asked else f"{dns.rdatatype.to_text(type_)} {value}"
    if len(found) > _SHOWN_RECORDS:
        yield f"{len(found) - _SHOWN_RECORDS} more"
    if message.flags & dns.flags.TC:
        yield "truncated"
    elif not is_found and message.rcode() == dns.rcode.NOERROR:
        yield "no data"


def _shortened(line: str) -> str:
    # dnspython escapes what is not printable; we do not let a terminal depend on it.
    safe = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
    return safe if len(safe) <= _SHOWN_CHARACTERS else safe[: _SHOWN_CHARACTERS - 3] + "..."
