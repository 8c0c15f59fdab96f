"""Signatures of S/MIME: CMS SignedData, parsed by asn1crypto, verified by cryptography.

cryptography makes such signatures and does not verify them; asn1crypto only parses. What is between (RFC 5652) is
here: which octets are hashed, which certificate signed, and what may not be forgiven.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from harness.sealed.certificates import (
    addresses_of,
    fingerprint_of,
    name_of,
    problems_of,
    readable,
    vouched_for,
)
from harness.sealed.keys import Keys
from harness.sealed.mime import Ambiguous
from harness.sealed.model import Problem, Scheme, Signature

__all__ = ["content_of", "verify_smime"]

# RFC 8551 §2.1 asks for SHA-256 and SHA-512; those between were never broken.
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
# RFC 8551 §6, and RFC 8551 §B.2 for what old messages have.
_FORGEABLE: Final = frozenset({"md2", "md5", "sha1"})

# Ours: signers and certificates of one message.
_MAX_SIGNERS: Final = 16
_MAX_CERTIFICATES: Final = 64

_SET: Final = b"\x31"
_BROKEN: Final = Signature(Scheme.SMIME, problems=(Problem.BROKEN,))

# What asn1crypto raises over octets that are not what they should be.
_UNREADABLE: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError)


def content_of(der: bytes) -> bytes:
    """The content that a SignedData brings with it (RFC 8551 §3.5.2).

    Raises:
        Ambiguous: It cannot be read, or has none.
    """
    try:
        content = _signed_data(der)["encap_content_info"]["content"].native
    except _UNREADABLE as exc:
        raise Ambiguous(f"no signed data: {exc}") from exc
    if not isinstance(content, bytes):
        raise Ambiguous("signed data without content")
    return content


def verify_smime(der: bytes, content: bytes, keys: Keys, at: dt.datetime) -> tuple[Signature, ...]:
    """What is to be said of each signature over `content`; one that says why, where there is none to look at.

    Args:
        der: A ContentInfo with SignedData, its own content absent or looked at by the caller.
        content: The octets that were signed.
    """
    try:
        signed = _signed_data(der)
        sent = _certificates(signed)
        signers = list(signed["signer_infos"])[: _MAX_SIGNERS + 1]
    except _UNREADABLE:
        return (_BROKEN,)
    if not 0 < len(signers) <= _MAX_SIGNERS:
        return (_BROKEN,)
    return tuple(_judged(info, content, sent, keys, at) for info in signers)


def _signed_data(der: bytes) -> Any:  # asn1crypto ships no types
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        raise ValueError("no signed data")
    return info["content"]


def _certificates(signed: Any) -> tuple[x509.Certificate, ...]:
    choices = list(signed["certificates"])
    if len(choices) > _MAX_CERTIFICATES:
        raise ValueError("too many certificates")
    found = (_certificate(each.chosen) for each in choices if each.name == "certificate")
    return tuple(each for each in found if each is not None and readable(each))


def _certificate(sent: Any) -> x509.Certificate | None:
    """None for one that the library does not take, or would warn of: a serial number is positive (RFC 5280)."""
    try:
        if sent.serial_number <= 0:
            return None
        return x509.load_der_x509_certificate(sent.dump())
    except (*_UNREADABLE, x509.InvalidVersion):
        return None


def _judged(
    info: Any, content: bytes, sent: Sequence[x509.Certificate], keys: Keys, at: dt.datetime
) -> Signature:
    try:
        signer = _signer(info, (*sent, *keys.certificates))
        hash_name = str(info["digest_algorithm"]["algorithm"].native)
        if signer is None:
            return Signature(Scheme.SMIME, problems=(Problem.NO_CERTIFICATE,), hash_name=hash_name)
        proven = _proven(info, content, signer)
        problems = [proven] if proven else []
        signed_at = _attribute(info, "signing_time")
    except (*_UNREADABLE, UnsupportedAlgorithm):
        return _BROKEN
    trusted = vouched_for(signer, [*sent, *keys.certificates], keys.authorities, at)
    problems += problems_of(signer, at)
    if not trusted:
        problems.append(Problem.UNTRUSTED)
    return replace(
        Signature(Scheme.SMIME, problems=tuple(problems), hash_name=hash_name, trusted=trusted),
        name=name_of(signer.subject),
        addresses=addresses_of(signer),
        fingerprint=fingerprint_of(signer),
        issuer=name_of(signer.issuer),
        not_before=signer.not_valid_before_utc,
        not_after=signer.not_valid_after_utc,
        signed_at=signed_at if isinstance(signed_at, dt.datetime) else None,
    )


def _signer(info: Any, known: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The certificate that a SignerInfo names: by issuer and serial number, or by key identifier."""
    sid = info["sid"]
    if sid.name == "issuer_and_serial_number":
        issuer, serial = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
        return next(
            (c for c in known if c.serial_number == serial and c.issuer.public_bytes() == issuer), None
        )
    wanted = sid.chosen.native
    return next((each for each in known if _key_identifier(each) == wanted), None)


def _key_identifier(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


def _proven(info: Any, content: bytes, signer: x509.Certificate) -> Problem | None:
    """Whether the signer's key signed this content (RFC 5652, Message Signature Verification Process)."""
    digest_name = str(info["digest_algorithm"]["algorithm"].native)
    if digest_name in _FORGEABLE or _signing_hash(info) in _FORGEABLE:
        return Problem.WEAK_HASH
    digest = hashes.Hash(_HASHES[digest_name]())
    digest.update(content)
    if info["signed_attrs"].native:
        # The attributes are signed as the SET that they are, not with the tag that they travel under.
        signed = _SET + info["signed_attrs"].dump()[1:]
        if _attribute(info, "message_digest") != digest.finalize():
            return Problem.ALTERED
        if _attribute(info, "content_type") != "data":
            return Problem.BROKEN
    elif content.startswith(_SET):
        # Attributes that somebody signed, shown as a text: the same octets have both meanings.
        return Problem.BROKEN
    else:
        signed = content
    try:
        _check(signer, info, signed)
    except InvalidSignature:
        return Problem.ALTERED
    return None


def _signing_hash(info: Any) -> str:
    """The hash within the signature: its own, where its algorithm names one, else the digest's."""
    algorithm = info["signature_algorithm"]
    name = str(algorithm["algorithm"].native)
    if name == "rsassa_pss":
        return str(algorithm["parameters"]["hash_algorithm"]["algorithm"].native)
    first = name.partition("_")[0]
    return (
        first
        if first in _HASHES or first in _FORGEABLE
        else str(info["digest_algorithm"]["algorithm"].native)
    )


def _check(signer: x509.Certificate, info: Any, signed: bytes) -> None:
    """Raises `InvalidSignature`, or `ValueError` where key and algorithm do not go together."""
    name = str(info["signature_algorithm"]["algorithm"].native)
    value: bytes = info["signature"].native
    match signer.public_key():
        case rsa.RSAPublicKey() as key if name == "rsassa_pss":
            algorithm = _HASHES[_signing_hash(info)]()
            octets = int(info["signature_algorithm"]["parameters"]["salt_length"].native)
            key.verify(value, signed, padding.PSS(padding.MGF1(algorithm), octets), algorithm)
        case rsa.RSAPublicKey() as key if name == "rsassa_pkcs1v15" or name.endswith("_rsa"):
            key.verify(value, signed, padding.PKCS1v15(), _HASHES[_signing_hash(info)]())
        case ec.EllipticCurvePublicKey() as key if name.endswith("ecdsa"):
            key.verify(value, signed, ec.ECDSA(_HASHES[_signing_hash(info)]()))
        case ed25519.Ed25519PublicKey() as key if name == "ed25519":
            key.verify(value, signed)
        case _:
            raise ValueError(f"{name} does not go with the certificate's key")


def _attribute(info: Any, name: str) -> object:
    """The only value of a signed attribute; None where there is none. Raises `ValueError` where there are more."""
    values = [each["values"] for each in info["signed_attrs"] if each["type"].native == name]
    if not values:
        return None
    if len(values) != 1 or len(values[0]) != 1:
        raise ValueError(f"{name} is there more than once")
    found: object = values[0][0].native
    return found
