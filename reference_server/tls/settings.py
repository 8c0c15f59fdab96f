"""How a host speaks TLS; data, as a world file gives it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from harness.target import Protocol

__all__ = ["ALPN", "CERTIFICATE_DAYS", "CertificateSource", "ClientCertificates", "TlsSettings", "Version"]

# The names that IANA has for protocols of mail (RFC 7301): there is none for SMTP and LMTP.
ALPN: Final[Mapping[Protocol, tuple[str, ...]]] = MappingProxyType(
    {
        Protocol.POP3: ("pop3",),
        Protocol.POP3S: ("pop3",),
        Protocol.IMAP: ("imap",),
        Protocol.IMAPS: ("imap",),
    }
)


# Ours: longer than any run, shorter than what clients refuse.
CERTIFICATE_DAYS: Final = 365


class Version(StrEnum):
    """A version of TLS, as OpenSSL writes it."""

    TLS_1_0 = "TLSv1"
    TLS_1_1 = "TLSv1.1"
    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


class ClientCertificates(StrEnum):
    """Whether clients are asked for a certificate; one that is shown must be good."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class CertificateSource:
    """Where a certificate comes from.

    Attributes:
        file: PEM: the host's own certificate, then those between it and its authority. None: made by the world's.
        key: PEM: its key; None where that is in `file` too.
        names: The host names of clients that are shown it; empty: those in the certificate. Of one that is made, what
            it is made for; empty: the host's own names.
        days: How long one that is made is good; less than 1: it has expired.
    """

    file: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    days: int = CERTIFICATE_DAYS


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Of one host, or of all that have none of their own.

    Attributes:
        ciphers: Suites up to TLS 1.2 as OpenSSL lists them; ``""`` for its default.
        client_ca: PEM: who signs clients' certificates; None: the world's own authority.
        resumption: Whether a client may go on with an earlier session (RFC 8446 §2.2).
        alpn: Protocol -> the names that the host takes (RFC 7301); of others it says nothing.
        certificates: The first is for clients that ask for no name, or for one that no other has (RFC 6066). Empty:
            one that is made for all the names of the host.
    """

    # RFC 8996 §4, §5: nothing older is to be negotiated.
    minimum: Version = Version.TLS_1_2
    maximum: Version = Version.TLS_1_3
    ciphers: str = ""
    client_certificates: ClientCertificates = ClientCertificates.NONE
    client_ca: Path | None = None
    resumption: bool = True
    alpn: Mapping[Protocol, tuple[str, ...]] = field(default_factory=lambda: ALPN)
    certificates: tuple[CertificateSource, ...] = ()
