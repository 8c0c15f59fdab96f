"""Keys and certificates, our own and others', from files: what a file holds is told by what is in it."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)
from pysequoia import Cert, Tsk

from harness.errors import UsageError
from harness.sealed.certificates import (
    addresses_of,
    for_sealing,
    for_signing,
    is_authority,
    readable,
    valid_at,
)
from harness.sealed.openpgp_certs import addresses_of_cert, expired, read_certs

__all__ = ["AUTHORITIES", "Identity", "Keys", "PrivateKey", "load_keys"]

# In a directory of keys: those who may vouch for others.
AUTHORITIES: Final = "authorities.pem"

# Ours: a file of keys, and how many of them a directory has.
_MAX_FILE_OCTETS: Final = 4 * 1024 * 1024
_MAX_FILES: Final = 10_000
_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".key", ".asc", ".pgp", ".gpg", ".p12", ".pfx"})

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_PRIVATE: Final = b"PRIVATE KEY-----"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """An S/MIME certificate, its key, and the certificates that may stand between it and an authority."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything there is to sign, open, check and seal with.

    Attributes:
        authorities: Whose word is taken for an S/MIME certificate.
        certificates: S/MIME certificates of people, and those between them and an authority.
        private_keys: Of some of the certificates.
        openpgp: Certificates of people, each known to be theirs because it is here.
        secrets: OpenPGP keys of our own.
        passphrase: Of `secrets`, where they are locked.
    """

    authorities: tuple[x509.Certificate, ...] = ()
    certificates: tuple[x509.Certificate, ...] = ()
    private_keys: tuple[PrivateKey, ...] = field(default=(), repr=False)
    openpgp: tuple[Cert, ...] = ()
    secrets: tuple[Tsk, ...] = field(default=(), repr=False)
    passphrase: str | None = field(default=None, repr=False)

    def __add__(self, other: "Keys") -> "Keys":
        return Keys(
            self.authorities + other.authorities,
            self.certificates + other.certificates,
            self.private_keys + other.private_keys,
            self.openpgp + other.openpgp,
            self.secrets + other.secrets,
            self.passphrase or other.passphrase,
        )

    @property
    def identities(self) -> Iterator[Identity]:
        """The certificates whose keys are here."""
        chain = tuple(each for each in self.certificates if is_authority(each))
        keys = {_spki(key.public_key()): key for key in self.private_keys}
        for certificate in self.certificates:
            key = keys.get(_spki(certificate.public_key()))
            if key is not None:
                yield Identity(certificate, key, chain)

    def of(self, address: str) -> "Keys":
        """The same for one person: everybody's certificates, and the secrets of nobody else."""
        wanted = address.lower()
        own = (i.key for i in self.identities if wanted in addresses_of(i.certificate))
        secrets = (s for s in self.secrets if wanted in addresses_of_cert(s.extract_certificate()))
        return replace(self, private_keys=tuple(own), secrets=tuple(secrets))

    def identity_of(self, address: str, at: dt.datetime) -> Identity | None:
        """Our S/MIME key to sign with for an address, one whose certificate is valid."""
        return next((i for i in self.identities if _serves(i.certificate, address, at, for_signing)), None)

    def certificate_of(self, address: str, at: dt.datetime) -> x509.Certificate | None:
        """Somebody's S/MIME certificate to seal for, one that is valid."""
        return next((c for c in self.certificates if _serves(c, address, at, for_sealing)), None)

    def secret_of(self, address: str) -> Tsk | None:
        """Our OpenPGP key for an address."""
        wanted = address.lower()
        return next((s for s in self.secrets if wanted in addresses_of_cert(s.extract_certificate())), None)

    def openpgp_of(self, address: str, at: dt.datetime) -> Cert | None:
        """Somebody's OpenPGP certificate, neither revoked nor expired."""
        wanted = address.lower()
        known = (cert for cert in self.openpgp if wanted in addresses_of_cert(cert))
        return next((cert for cert in known if not cert.is_revoked and not expired(cert, at)), None)


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _serves(
    certificate: x509.Certificate,
    address: str,
    at: dt.datetime,
    use: Callable[[x509.Certificate], bool],
) -> bool:
    return (
        address.lower() in addresses_of(certificate)
        and use(certificate)
        and valid_at(certificate, at) is None
    )


def load_keys(paths: Iterable[Path], passphrase: str | None = None) -> Keys:
    """Read files, and directories of them.

    In a directory the authorities are the certificates of ``authorities.pem`` and no others; a file that is named by
    itself may bring one.

    Raises:
        UsageError: Names the file that cannot be read, or that holds no key and no certificate.
    """
    whole = Keys(passphrase=passphrase)
    for path in paths:
        if not path.is_dir():
            whole += _load_file(path, passphrase, authority=None)
            continue
        files = sorted(each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES)
        if len(files) > _MAX_FILES:
            raise UsageError(f"{path}: holds {len(files)} files of keys; {_MAX_FILES} are read")
        for each in files:
            whole += _load_file(each, passphrase, authority=each.name == AUTHORITIES)
    return whole


def _load_file(path: Path, passphrase: str | None, *, authority: bool | None) -> Keys:
    """One file; `authority` says whether its certificates vouch for others, None: those that could, do."""
    try:
        with path.open("rb") as file:
            octets = file.read(_MAX_FILE_OCTETS + 1)
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    if len(octets) > _MAX_FILE_OCTETS:
        raise UsageError(f"{path}: has more than {_MAX_FILE_OCTETS} octets, so it is no file of keys")
    try:
        if path.suffix.lower() in {".p12", ".pfx"}:
            return _of_pkcs12(octets, passphrase)
        if _CERTIFICATE in octets or _PRIVATE in octets:
            return _of_pem(octets, passphrase, authority)
        certs, secrets = read_certs(octets)
    except (ValueError, TypeError) as exc:
        raise UsageError(
            f"{path}: holds no keys that can be read ({exc}); a passphrase goes into the environment "
            "as MAILPROOF_KEY_PASSPHRASE"
        ) from exc
    return Keys(openpgp=certs, secrets=secrets)


def _of_pem(octets: bytes, passphrase: str | None, authority: bool | None) -> Keys:
    certificates = x509.load_pem_x509_certificates(octets) if _CERTIFICATE in octets else []
    if not all(map(readable, certificates)):
        raise ValueError("a certificate has extensions that cannot be read")
    trusted = tuple(c for c in certificates if authority or (authority is None and is_authority(c)))
    rest = tuple(each for each in certificates if each not in trusted)
    keys = (_private_key(octets, passphrase),) if _PRIVATE in octets else ()
    return Keys(authorities=trusted, certificates=rest, private_keys=keys)


def _of_pkcs12(octets: bytes, passphrase: str | None) -> Keys:
    found = pkcs12.load_pkcs12(octets, passphrase.encode() if passphrase else None)
    if not isinstance(found.key, PrivateKey) or found.cert is None:
        raise TypeError("no RSA or elliptic curve key with its certificate")
    certificates = (found.cert.certificate, *(each.certificate for each in found.additional_certs))
    return Keys(certificates=certificates, private_keys=(found.key,))


def _private_key(octets: bytes, passphrase: str | None) -> PrivateKey:
    # A key that is not locked is refused by the library where a passphrase is given.
    locked = b"ENCRYPTED" in octets
    key = load_pem_private_key(octets, passphrase.encode() if passphrase and locked else None)
    if not isinstance(key, PrivateKey):
        raise TypeError("neither an RSA nor an elliptic curve key")
    return key
