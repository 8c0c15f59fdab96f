"""Keys for the people of a test world: an authority, a certificate and an OpenPGP key for each address."""

import datetime as dt
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from asn1crypto.core import UTF8String
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pysequoia import Tsk

from harness.errors import RunFailed
from harness.sealed.certificates import SMTP_UTF8_MAILBOX
from harness.sealed.keys import AUTHORITIES, Identity, PrivateKey, load_keys

__all__ = ["AUTHORITY_KEY", "issue", "make_authority", "make_keys"]

# The authority's certificate and key, to issue more with; beside the others, but no file of keys by its name.
AUTHORITY_KEY: Final = "authority.private"

# Ours: so long a throw-away certificate is good.
_VALID: Final = dt.timedelta(days=730)
_CLOCKS_DIFFER: Final = dt.timedelta(minutes=5)


def make_authority(name: str, at: dt.datetime) -> Identity:
    """An authority for mail, and for nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _named(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, at)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage(issues=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return Identity(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: Identity,
    address: str,
    at: dt.datetime,
    *,
    key: PrivateKey | None = None,
    valid: dt.timedelta = _VALID,
) -> Identity:
    """A certificate for signing and sealing one address's mail (RFC 8551 §4); by default of a P-256 key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = (
        x509.RFC822Name(address)
        if address.isascii()
        else x509.OtherName(SMTP_UTF8_MAILBOX, UTF8String(address).dump())
    )
    issuer = authority.certificate
    builder = (
        _named(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address[:64])]), key, at, valid)
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            _usage(issues=False, agrees=isinstance(key, ec.EllipticCurvePrivateKey)), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
    )
    return Identity(builder.sign(authority.key, hashes.SHA256()), key)


def make_keys(directory: Path, addresses: Iterable[str], at: dt.datetime) -> Path:
    """Make what a directory lacks for these addresses: ``ADDRESS.smime.pem``, ``ADDRESS.openpgp.asc``.

    What is there stays, so that sealed mail can be opened as long as the directory is kept.

    Raises:
        RunFailed: The directory cannot be written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _authority(directory, at)
        for address in addresses:
            stem = quote(address, safe="@+")
            smime, openpgp = directory / f"{stem}.smime.pem", directory / f"{stem}.openpgp.asc"
            if not smime.exists():
                _publish(smime, _pem(issue(authority, address, at)))
            if not openpgp.exists():
                _publish(openpgp, str(Tsk.generate(f"<{address}>")).encode())
    except OSError as exc:
        raise RunFailed(f"{directory}: no keys can be put there ({exc.strerror})") from exc
    return directory


def _authority(directory: Path, at: dt.datetime) -> Identity:
    path = directory / AUTHORITY_KEY
    if not path.exists():
        _publish(path, _pem(make_authority("mailproof test mail authority", at)))
    # Whoever came first: several processes may run one world.
    found = load_keys([path])
    (certificate,), (key,) = found.authorities, found.private_keys
    _publish(directory / AUTHORITIES, certificate.public_bytes(Encoding.PEM))
    return Identity(certificate, key)


def _named(
    subject: x509.Name, key: PrivateKey, at: dt.datetime, valid: dt.timedelta = _VALID
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _CLOCKS_DIFFER)
        .not_valid_after(at + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, issues: bool, agrees: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=not issues and not agrees,
        data_encipherment=False,
        key_agreement=agrees,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(identity: Identity) -> bytes:
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return identity.certificate.public_bytes(Encoding.PEM) + key


def _publish(path: Path, octets: bytes) -> None:
    """Write a file that is there whole or not at all; one that is there already stays."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        made.touch(mode=0o600, exist_ok=False)
        made.write_bytes(octets)
        path.hardlink_to(made)
    except FileExistsError:
        return
    finally:
        made.unlink(missing_ok=True)
