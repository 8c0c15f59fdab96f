"""A throw-away certificate authority, and a certificate for each host."""

import ssl

import trustme

__all__ = ["CertificateAuthority"]


class CertificateAuthority:
    """The authority that everybody in a world trusts."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    @property
    def ca_pem(self) -> str:
        """The certificate that clients check the hosts' against."""
        return self._authority.cert_pem.bytes().decode("ascii")

    def context(self, *names: str) -> ssl.SSLContext:
        """A server's context, with a certificate for these names and addresses; TLS 1.2 or newer (RFC 8996 §4)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._authority.issue_cert(*dict.fromkeys(names)).configure_cert(context)
        return context
