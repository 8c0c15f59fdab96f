"""RFC 7817 §5, RFC 8314 §4.4: the certificates that people's programs are shown."""

import ipaddress
import ssl
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, TlsFailed, Unclear
from harness.target import Protocol
from suites.covers import covers
from suites.handshakes import SUBMISSION_AND_ACCESS, shake_hands, with_tls

# OpenSSL's reasons to refuse a certificate, from its x509_vfy.h.
_OUT_OF_TIME: Final = {9: "is not valid yet", 10: "has expired"}
_OTHER_NAME: Final = frozenset({62, 64})


def declared_name(target: LiveTarget) -> str:
    """The host name that the target file gives; `NotOffered` where it gives none, or certificates are not checked."""
    name = target.declared.server_name
    if name is None:
        raise NotOffered("the target file has no server_name")
    if not target.declared.verify_tls:
        raise NotOffered("the target file has verify_tls = false")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name
    raise NotOffered("the target file's server_name is an address")


def refusals(target: LiveTarget, name: str) -> dict[Protocol, int]:
    """By protocol, OpenSSL's reason to refuse the certificate, 0 where it is good.

    Raises:
        Unclear: One is refused for something else than its names or its time.
    """
    found = {}
    for protocol, ready in with_tls(target, SUBMISSION_AND_ACCESS):
        found[protocol] = 0
        try:
            shake_hands(ready(target), target.tls_context, name)
        except TlsFailed as exc:
            cause = exc.__cause__
            if not isinstance(cause, ssl.SSLCertVerificationError):
                raise Unclear(f"{protocol}: {exc}") from exc
            found[protocol] = cause.verify_code
            if cause.verify_code not in {*_OUT_OF_TIME, *_OTHER_NAME}:
                raise Unclear(
                    f"{protocol}: {exc}: is the authority the one that the target file names?"
                ) from exc
    return found


@covers("RFC7817-5-a", fault="security.certificate-for-another-host")
def test_certificates_have_the_name_of_the_host(target: LiveTarget) -> None:
    name = declared_name(target)
    wrong = [str(protocol) for protocol, reason in refusals(target, name).items() if reason in _OTHER_NAME]
    assert not wrong, f"no DNS name in the certificate on {', '.join(wrong)} is {name}"


@covers("RFC8314-4.4-a", fault="security.certificate-expired")
def test_certificates_are_within_their_time(target: LiveTarget) -> None:
    found = refusals(target, declared_name(target))
    wrong = [
        f"on {protocol} {_OUT_OF_TIME[code]}" for protocol, code in found.items() if code in _OUT_OF_TIME
    ]
    assert not wrong, f"the certificate {', '.join(wrong)}"
