"""X.509 certificates of people: whose they are, what for, until when, and who vouches for them.

Source: RFC 8551 §4; RFC 5280 for the certificate itself.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final, TypeVar

from asn1crypto.core import UTF8String
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from harness.sealed.model import Problem

__all__ = [
    "SMTP_UTF8_MAILBOX",
    "addresses_of",
    "fingerprint_of",
    "for_sealing",
    "for_signing",
    "is_authority",
    "name_of",
    "problems_of",
    "readable",
    "valid_at",
    "vouched_for",
]

# RFC 9598: an address beyond ASCII, as an otherName.
SMTP_UTF8_MAILBOX: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9")

# RFC 8551 §4.3: shorter RSA keys are for old mail at best.
_MIN_RSA_BITS: Final = 2048

# Ours: certificates between a person's and an authority's.
_MAX_CHAIN: Final = 6

_FOR_MAIL: Final = frozenset(
    {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def addresses_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The addresses it is for, in lower case: of its alternative names, else of the subject's (RFC 8551 §4)."""
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is not None:
        plain = names.get_values_for_type(x509.RFC822Name)
        others = names.get_values_for_type(x509.OtherName)
        wide = [_utf8(each.value) for each in others if each.type_id == SMTP_UTF8_MAILBOX]
        return tuple(address.lower() for address in (*plain, *wide) if address)
    old = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    return tuple(str(each.value).lower() for each in old)


def readable(certificate: x509.Certificate) -> bool:
    """Whether all that is asked of it can be read, which the library does late; the functions here take no other."""
    try:
        _ = certificate.public_key(), certificate.extensions, certificate.subject, certificate.issuer
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    return True


def name_of(name: x509.Name) -> str:
    """The common name, else the whole name."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def fingerprint_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may vouch for others at all."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def for_signing(certificate: x509.Certificate) -> bool:
    """Whether its owner may sign mail with it."""
    usage = _extension(certificate, x509.KeyUsage)
    return _for_mail(certificate) and (usage is None or usage.digital_signature or usage.content_commitment)


def for_sealing(certificate: x509.Certificate) -> bool:
    """Whether mail may be encrypted for its owner with it."""
    usage = _extension(certificate, x509.KeyUsage)
    return _for_mail(certificate) and (usage is None or usage.key_encipherment or usage.key_agreement)


def valid_at(certificate: x509.Certificate, at: dt.datetime) -> Problem | None:
    """What is wrong with the time."""
    if at < certificate.not_valid_before_utc:
        return Problem.NOT_YET_VALID
    return Problem.EXPIRED if at > certificate.not_valid_after_utc else None


def vouched_for(
    certificate: x509.Certificate,
    between: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: dt.datetime,
) -> bool:
    """Whether a chain of valid certificates leads to an authority of ours.

    A certificate that has expired is looked at as it was on its last day: that it is old is another problem.
    """
    if not authorities:
        return False
    within = min(max(at, certificate.not_valid_before_utc), certificate.not_valid_after_utc)
    policy = (
        PolicyBuilder()
        .store(Store(list(authorities)))
        .time(within.replace(tzinfo=None))
        .max_chain_depth(_MAX_CHAIN)
        # What the person's certificate is for is our own question (`for_signing`); the library's answer is the web's,
        # and so is its demand that an authority has a KeyUsage, which many a house's own has not.
        .extension_policies(ca_policy=_AUTHORITY, ee_policy=ExtensionPolicy.permit_all())
    )
    try:
        policy.build_client_verifier().verify(certificate, list(between))
    except (VerificationError, ValueError):
        return False
    return True


def _issues(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("not an authority's")


def _signs_certificates(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("its key may not issue certificates")


_AUTHORITY: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _issues)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
)


def problems_of(certificate: x509.Certificate, at: dt.datetime) -> list[Problem]:
    """What can be said against a signature by the signer's certificate alone."""
    key = certificate.public_key()
    found = [problem] if (problem := valid_at(certificate, at)) else []
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        found.append(Problem.WEAK_KEY)
    if not for_signing(certificate):
        found.append(Problem.WRONG_USE)
    return found


def _for_mail(certificate: x509.Certificate) -> bool:
    """RFC 8551 §4: no purpose at all allows every purpose. An authority does not write letters."""
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    return not is_authority(certificate) and (purposes is None or bool(_FOR_MAIL & set(purposes)))


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _utf8(der: bytes) -> str:
    try:
        return str(UTF8String.load(der, strict=True).native)
    except ValueError:
        return ""
