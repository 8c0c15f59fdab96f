"""RFC 8314 §4.3: the cipher suite in the trace of a submitted message."""

import re
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from suites.covers import covers
from suites.submission.sessions import trace

_CLAUSE: Final = re.compile(rb"\stls\s+(0x[0-9A-F]{4}|[A-Z][A-Z0-9_]*)(?=[\s;(]|$)", re.IGNORECASE)
_COMMENT: Final = re.compile(rb"\([^()]*\)")


def clause(target: LiveTarget) -> tuple[bytes, bytes]:
    """The submission hop's Received field, the lowest, without comments; and what its tls clause says, or nothing."""
    fields = trace(target)
    if not fields:
        raise Unclear("the message came back without a Received field in front")
    bare = _COMMENT.sub(b" ", fields[-1])
    found = _CLAUSE.search(bare)
    return fields[-1], found[1] if found else b""


@covers("RFC8314-4-n", "RFC8314-4.3-a", fault="submission.received-without-tls-clause")
def test_the_received_field_has_a_tls_clause(target: LiveTarget) -> None:
    field, cipher = clause(target)
    assert cipher, f"no tls clause in {field!r}"


@covers("RFC8314-4.3-b", fault="submission.tls-clause-by-openssl")
def test_the_tls_clause_has_the_registered_name(target: LiveTarget) -> None:
    field, cipher = clause(target)
    if not cipher:
        raise NotOffered(f"no tls clause in {field!r}")
    assert cipher.startswith(b"TLS_"), f"the tls clause names {cipher!r}"
