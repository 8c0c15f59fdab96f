"""A host's certificate with its key: read once, checked, and then held in memory."""

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trustme

from harness.tls import read_certificate
from harness.wire.tls import CertificateFacts
from reference_server.tls.authority import CertificateAuthority
from reference_server.tls.errors import TlsSettingsError
from reference_server.tls.settings import CertificateSource

__all__ = ["Certificate", "load_certificate", "read_pem"]

# Ours: a key, a certificate and a dozen of them behind it.
_MAX_OCTETS: Final = 256 * 1024

_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)  # RFC 7468


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that can be served.

    Attributes:
        pem: The key and the chain, the host's own certificate first.
        names: The host names of clients that are shown it, in lower case; ``*.`` stands for one label.
    """

    pem: bytes = field(repr=False)
    facts: CertificateFacts
    names: tuple[str, ...]

    def is_for(self, name: str) -> bool:
        """Whether a client that asks for this name is shown it (RFC 9525 §6.3)."""
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names

    def configure(self, context: ssl.SSLContext) -> None:
        """Let a context serve it."""
        with trustme.Blob(self.pem).tempfile() as path:
            context.load_cert_chain(path, password=_no_password)


def load_certificate(
    source: CertificateSource, key: str, own_names: Sequence[str], authority: CertificateAuthority
) -> Certificate:
    """Read a certificate from its files, or have it made.

    Args:
        key: Which setting it is, for the error: ``certificates[0]``.
        own_names: The host's.

    Raises:
        TlsSettingsError: A file cannot be read or holds something else, or the key belongs to another certificate.
    """
    if source.file is None:
        pem = authority.issue(*(source.names or own_names), days=source.days)
    else:
        pem = _read_files(source.file, source.key, key)
    try:
        facts = read_certificate(ssl.PEM_cert_to_DER_cert(_CERTIFICATE.findall(pem)[0].decode("ascii")))
    except ValueError as exc:
        raise TlsSettingsError(f"{key}.file", f"{source.file} holds no certificate: {exc}") from exc
    certificate = Certificate(pem, facts, tuple(name.lower() for name in source.names or facts.dns_names))
    try:
        certificate.configure(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except ssl.SSLError as exc:
        raise _refusal(source, key, exc) from exc
    return certificate


def _read_files(file: Path, key_file: Path | None, key: str) -> bytes:
    pem = read_pem(file, f"{key}.file")
    if _CERTIFICATE.search(pem) is None:
        raise TlsSettingsError(f"{key}.file", f"{file} holds no certificate in PEM form")
    if key_file is not None:
        pem = read_pem(key_file, f"{key}.key") + b"\n" + pem
    if b"PRIVATE KEY-----" not in pem:
        raise TlsSettingsError(f"{key}.key", f"{key_file or file} holds no private key in PEM form")
    if b"ENCRYPTED" in pem:
        raise TlsSettingsError(
            f"{key}.key", f"the key in {key_file or file} has a passphrase; give one without"
        )
    return pem


def read_pem(path: Path, key: str) -> bytes:
    """A PEM file's octets; `TlsSettingsError` where they cannot be read."""
    try:
        with path.open("rb") as file:
            octets = file.read(_MAX_OCTETS + 1)
    except OSError as exc:
        raise TlsSettingsError(key, f"{path} cannot be read ({exc.strerror}); give a PEM file") from exc
    if len(octets) > _MAX_OCTETS:
        raise TlsSettingsError(key, f"{path} is too large; a PEM file has at most {_MAX_OCTETS} octets")
    return octets


def _refusal(source: CertificateSource, key: str, exc: ssl.SSLError) -> TlsSettingsError:
    file = source.key or source.file
    match exc.reason:
        case "KEY_VALUES_MISMATCH":
            return TlsSettingsError(f"{key}.key", f"the key in {file} belongs to another certificate")
        case reason:
            return TlsSettingsError(f"{key}.file", f"{file} cannot be used: {reason or exc}")


def _no_password() -> bytes:
    """OpenSSL would ask at the terminal."""
    return b""
