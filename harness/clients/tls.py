"""The client side's TLS context: the target's own authority, the system's, or none on purpose."""

import ssl

from harness.target import Target

__all__ = ["client_context"]


def client_context(target: Target) -> ssl.SSLContext:
    """A context that checks certificates as the target file says; TLS 1.2 or newer (RFC 8996 §4).

    Raises:
        OSError: The authority's file cannot be read; `ssl.SSLError` where it holds no certificate.
    """
    context = ssl.create_default_context(
        cafile=str(target.ca) if target.ca is not None else None, cadata=target.ca_pem
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not target.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
