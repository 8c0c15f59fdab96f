"""TLS of a world's hosts: settings, certificates by name, renewal."""

from reference_server.tls.authority import CertificateAuthority
from reference_server.tls.errors import TlsSettingsError
from reference_server.tls.host import HostTls
from reference_server.tls.settings import (
    ALPN,
    CertificateSource,
    ClientCertificates,
    TlsSettings,
    Version,
)

__all__ = [
    "ALPN",
    "CertificateAuthority",
    "CertificateSource",
    "ClientCertificates",
    "HostTls",
    "TlsSettings",
    "TlsSettingsError",
    "Version",
]
