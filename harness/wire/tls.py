"""What a session may know of the TLS that it runs in; data, whoever made the connection."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["TLS_EXPORTER", "TLS_SERVER_END_POINT", "CertificateFacts", "TlsFacts", "registered_cipher"]

# The names of RFC 9266 §2 and RFC 5929 §4, as SCRAM and GS2 write them.
TLS_EXPORTER = "tls-exporter"
TLS_SERVER_END_POINT = "tls-server-end-point"


# OpenSSL's names of suites before TLS 1.3; those of TLS 1.3 are the registered ones.
_SUITE = re.compile(
    r"(?:(?P<exchange>(?:EC)?DHE-(?:RSA|ECDSA))-)?"
    r"(?:AES(?P<bits>128|256)(?P<mode>-GCM|)-(?P<hash>SHA\d*)|(?P<chacha>CHACHA20-POLY1305))"
)


def registered_cipher(name: str) -> str:
    """The name that IANA has registered for a suite that OpenSSL calls this, ``""`` where that is not known."""
    if name.startswith("TLS_"):
        return name
    if (found := _SUITE.fullmatch(name)) is None:
        return ""
    exchange = (found["exchange"] or "RSA").replace("-", "_")
    if found["chacha"]:
        return f"TLS_{exchange}_WITH_CHACHA20_POLY1305_SHA256" if found["exchange"] else ""
    mode = "GCM" if found["mode"] else "CBC"
    return f"TLS_{exchange}_WITH_AES_{found['bits']}_{mode}_{found['hash']}"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate, as far as mail asks.

    Attributes:
        subject: As RFC 4514 writes it: ``CN=alice,O=Example``; ``""`` where it is empty.
        issuer: The same of who signed it.
        common_names: What the subject calls itself; no name of a host (RFC 9525 §A).
        dns_names: Hosts, in lower case, from the alternative names.
        addresses: IP addresses, as text.
        mailboxes: Mail addresses, from the alternative names.
        not_before: In UTC, as `not_after`.
        sha256: The hash of the whole certificate, 32 octets.
        end_point: The channel binding of a server that has it (RFC 5929 §4.1); None where its signature names no
            single hash.
    """

    subject: str
    issuer: str
    common_names: tuple[str, ...]
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    mailboxes: tuple[str, ...]
    not_before: dt.datetime
    not_after: dt.datetime
    sha256: bytes
    end_point: bytes | None

    @property
    def names(self) -> tuple[str, ...]:
        """Hosts, IP addresses and mail addresses; the subject's own names where there are none."""
        return self.dns_names + self.addresses + self.mailboxes or self.common_names


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """One TLS connection after its handshake, seen from either side.

    Attributes:
        version: ``TLSv1.3`` and the like.
        cipher: OpenSSL's name of the suite.
        resumed: The handshake continued an earlier session (RFC 8446 §2.2).
        alpn: The application protocol agreed on (RFC 7301), None where none was.
        server_name: Whom the client asked for (SNI, RFC 6066), None where it did not say.
        peer: The other side's certificate, None where it showed none, or none was looked at.
        peer_verified: The chain behind it was checked, and is good.
        bindings: The channel bindings that can be had here, by name, the best first: `TLS_EXPORTER` in TLS 1.3
            (RFC 9266 §3), `TLS_SERVER_END_POINT`.
    """

    version: str
    cipher: str
    resumed: bool = False
    alpn: str | None = None
    server_name: str | None = None
    peer: CertificateFacts | None = None
    peer_verified: bool = False
    bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
