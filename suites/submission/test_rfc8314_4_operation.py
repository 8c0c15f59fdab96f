"""RFC 8314 §4: what servers of submission and access offer."""

import ssl
import warnings

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, TlsFailed, Unclear
from suites.covers import covers
from suites.handshakes import STARTTLS, SUBMISSION_AND_ACCESS, Ready, Refused, any_certificate, shake_hands


def _old_versions() -> ssl.SSLContext:
    """TLS 1.0 and 1.1 alone, with any certificate."""
    context = any_certificate()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # What Python deprecates is what is looked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@covers("RFC8314-4-e", fault="submission.starttls-listed-in-vain", also=("submission.old-tls-only",))
def test_starttls_is_listed_only_where_it_works(target: LiveTarget) -> None:
    tried = 0
    for protocol, ready in STARTTLS.items():
        try:
            shake_hands(ready(target), any_certificate())
            tried += 1
        except NotOffered:
            continue
        except Refused as exc:
            raise AssertionError(str(exc)) from exc
        except TlsFailed as exc:
            raise AssertionError(f"STARTTLS on {protocol} is listed and the handshake fails: {exc}") from exc
    if not tried:
        raise NotOffered("STARTTLS is offered nowhere")


@covers("RFC8314-4-k", fault="submission.old-tls-only")
def test_submission_and_access_speak_tls_1_2_or_newer(target: LiveTarget) -> None:
    tried = 0
    for protocol, ready in SUBMISSION_AND_ACCESS.items():
        try:
            shake_hands(ready(target), any_certificate())
            tried += 1
        except (NotOffered, Refused):
            continue
        except TlsFailed as exc:
            assert not _speaks_old_tls(target, ready), f"{protocol} speaks TLS 1.0 or 1.1 and no newer"
            raise Unclear(f"no handshake of any version succeeds: {exc}") from exc
    if not tried:
        raise NotOffered("neither submission nor access offers TLS")


def _speaks_old_tls(target: LiveTarget, ready: Ready) -> bool:
    try:
        shake_hands(ready(target), _old_versions())
    except TlsFailed:
        return False
    return True
