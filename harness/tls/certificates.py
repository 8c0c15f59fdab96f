"""A certificate as data."""

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from harness.wire.tls import CertificateFacts

__all__ = ["read_certificate"]

# RFC 5929 §4.1: a hash that is not thought safe any more is not used; SHA-256 is, in its place.
_WEAK: Final = (hashes.MD5, hashes.SHA1)


def read_certificate(der: bytes) -> CertificateFacts:
    """A certificate's facts, from its DER form.

    Raises:
        ValueError: It is no certificate.
    """
    certificate = x509.load_der_x509_certificate(der)
    names = _alternative_names(certificate)
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        common_names=tuple(
            str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ),
        dns_names=tuple(name.lower() for name in names.get_values_for_type(x509.DNSName)),
        addresses=tuple(map(str, names.get_values_for_type(x509.IPAddress))),
        mailboxes=tuple(names.get_values_for_type(x509.RFC822Name)),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        sha256=certificate.fingerprint(hashes.SHA256()),
        end_point=_end_point(certificate),
    )


def _alternative_names(certificate: x509.Certificate) -> x509.GeneralNames:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return x509.GeneralNames(())
    return x509.GeneralNames(found.value)


def _end_point(certificate: x509.Certificate) -> bytes | None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None  # Ed25519 and the like: the binding is not defined for them (RFC 5929 §4.1)
    return certificate.fingerprint(hashes.SHA256() if isinstance(algorithm, _WEAK) else algorithm)
