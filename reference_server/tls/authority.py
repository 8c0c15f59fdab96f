"""A throw-away certificate authority, and a certificate for whoever needs one."""

import datetime as dt
import ssl

import trustme

from reference_server.tls.settings import CERTIFICATE_DAYS

__all__ = ["CertificateAuthority"]


class CertificateAuthority:
    """The authority that everybody in a world trusts.

    Attributes:
        ca_pem: The certificate that the others are checked against.
    """

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self.ca_pem = self._authority.cert_pem.bytes().decode("ascii")

    def issue(self, *names: str, days: int = CERTIFICATE_DAYS, common_name: str | None = None) -> bytes:
        """Key and certificate, PEM, for these host names, IP addresses and mail addresses.

        Args:
            days: How long it is good from now on; less than 1: it has expired.
        """
        now = dt.datetime.now(dt.UTC)
        issued = self._authority.issue_cert(
            *dict.fromkeys(names),
            common_name=common_name,
            not_before=now - dt.timedelta(days=max(1, 2 - days)),
            not_after=now + dt.timedelta(days=days),
        )
        return issued.private_key_and_cert_chain_pem.bytes()

    def context(self, *names: str) -> ssl.SSLContext:
        """A server's context, with a certificate for these names and addresses; TLS 1.2 or newer (RFC 8996 §4)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._authority.issue_cert(*dict.fromkeys(names)).configure_cert(context)
        return context
