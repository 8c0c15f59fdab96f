"""Which of a target's endpoints mail goes to, and is read at."""

from collections.abc import Sequence
from typing import Final

from harness.errors import UsageError
from harness.mua.terms import Terms, TlsMode
from harness.target import Endpoint, Protocol, Target

__all__ = ["SENDING", "reading_endpoint", "sending_endpoint"]

# RFC 8314 §3.3: one that logs in submits, in implicit TLS where it can. A stranger goes where strangers' mail goes.
_AS_USER: Final = (Protocol.SUBMISSIONS, Protocol.SUBMISSION, Protocol.SMTP, Protocol.LMTP)
_AS_STRANGER: Final = (Protocol.SMTP, Protocol.LMTP, Protocol.SUBMISSION, Protocol.SUBMISSIONS)
_READING: Final = (Protocol.IMAPS, Protocol.IMAP, Protocol.POP3S, Protocol.POP3)

SENDING: Final = frozenset(_AS_USER)


def sending_endpoint(target: Target, terms: Terms, via: Protocol | None) -> Endpoint:
    """The endpoint asked for, else the one that suits the terms best.

    Raises:
        UsageError: The target has none.
    """
    return _endpoint(target, terms, via, _AS_STRANGER if terms.account is None else _AS_USER)


def reading_endpoint(target: Target, terms: Terms, via: Protocol | None) -> Endpoint:
    """The endpoint to read mail at, as `sending_endpoint`: IMAP before POP3."""
    return _endpoint(target, terms, via, _READING)


def _endpoint(target: Target, terms: Terms, via: Protocol | None, order: Sequence[Protocol]) -> Endpoint:
    known = target.endpoints
    usable = [protocol for protocol in order if protocol in known]
    if via is not None:
        if via not in usable:
            has = ", ".join(usable) or "none"
            raise UsageError(f"--via {via}: {target.name} has no such endpoint for this; it has {has}")
        return known[via]
    if not usable:
        raise UsageError(f"{target.name} has no endpoint for this: none of {', '.join(order)}")
    return known[next((protocol for protocol in usable if _fits(protocol, terms.tls)), usable[0])]


def _fits(protocol: Protocol, tls: TlsMode) -> bool:
    match tls:
        case TlsMode.IMPLICIT:
            return protocol.implicit_tls
        case TlsMode.STARTTLS | TlsMode.NONE:
            return not protocol.implicit_tls
        case _:
            return True
