"""A throw-away certificate authority, and one certificate of the server's."""

import ssl
from dataclasses import dataclass

import trustme

__all__ = ["Certificates", "make_certificates"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """The server's context, and the authority's certificate that clients check it against."""

    context: ssl.SSLContext
    ca_pem: str


def make_certificates(*names: str) -> Certificates:
    """A new authority with one certificate for these host names and addresses; TLS 1.2 or newer (RFC 8996 §4)."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(*names).configure_cert(context)
    return Certificates(context, authority.cert_pem.bytes().decode("ascii"))
