"""Which of a target's endpoints a message goes to."""

from typing import Final

from harness.errors import UsageError
from harness.mua.terms import Terms, TlsMode
from harness.target import Endpoint, Protocol, Target

__all__ = ["sending_endpoint"]

# RFC 8314 §3.3: one that logs in submits, in implicit TLS where it can. A stranger goes where strangers' mail goes.
_AS_USER: Final = (Protocol.SUBMISSIONS, Protocol.SUBMISSION, Protocol.SMTP, Protocol.LMTP)
_AS_STRANGER: Final = (Protocol.SMTP, Protocol.LMTP, Protocol.SUBMISSION, Protocol.SUBMISSIONS)


def sending_endpoint(target: Target, terms: Terms, via: Protocol | None) -> Endpoint:
    """The endpoint asked for, else the one that suits the terms best.

    Raises:
        UsageError: The target has none.
    """
    known = target.endpoints
    if via is not None:
        if via not in known:
            raise UsageError(f"--via {via}: {target.name} has no such endpoint; it has {', '.join(known)}")
        return known[via]
    order = _AS_STRANGER if terms.account is None else _AS_USER
    usable = [protocol for protocol in order if protocol in known]
    if not usable:
        raise UsageError(f"{target.name} takes no mail: it has no endpoint of {', '.join(_AS_USER)}")
    return known[next((protocol for protocol in usable if _fits(protocol, terms.tls)), usable[0])]


def _fits(protocol: Protocol, tls: TlsMode) -> bool:
    match tls:
        case TlsMode.IMPLICIT:
            return protocol.implicit_tls
        case TlsMode.STARTTLS | TlsMode.NONE:
            return not protocol.implicit_tls
        case _:
            return True
