"""Encryption of S/MIME: CMS AuthEnvelopedData and EnvelopedData, for RSA and for elliptic curve keys.

cryptography's own PKCS#7 knows RSA and CBC alone. RFC 8551 §2.3, §2.7 ask for ECDH with P-256 and AES-GCM first, so
the structure is asn1crypto's and only the ciphers are cryptography's.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from asn1crypto import algos, cms, core
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.errors import UsageError
from harness.sealed.keys import Identity
from harness.sealed.model import Encryption, Scheme

__all__ = ["open_smime", "seal_smime"]

_KEY_OCTETS: Final = 32
_NONCE_OCTETS: Final = 12
_TAG_OCTETS: Final = 16

# RFC 5753: ECDH with the X9.63 key derivation, by its hash.
_ECDH: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "1.3.133.16.840.63.0.2": hashes.SHA1,
    "1.3.132.1.11.0": hashes.SHA224,
    "1.3.132.1.11.1": hashes.SHA256,
    "1.3.132.1.11.2": hashes.SHA384,
    "1.3.132.1.11.3": hashes.SHA512,
}
_OAEP_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_ECDH_SHA256: Final = "1.3.132.1.11.1"
_WRAP_OCTETS: Final = {"aes128_wrap": 16, "aes192_wrap": 24, "aes256_wrap": 32}

_AUTHENTICATED: Final = "authenticated_enveloped_data"
_CONTENTS: Final = {
    _AUTHENTICATED: "auth_encrypted_content_info",
    "enveloped_data": "encrypted_content_info",
}
_MODES: Final = ("_gcm", "_cbc")

# Ours: recipients that are looked at.
_MAX_RECIPIENTS: Final = 1000

_UNREADABLE: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, UnsupportedAlgorithm)


class _GcmParameters(core.Sequence):  # type: ignore[misc]  # asn1crypto ships no types
    """RFC 5084."""

    _fields: Final = [("nonce", core.OctetString), ("icv_octets", core.Integer, {"default": 12})]


class _SharedInfo(core.Sequence):  # type: ignore[misc]  # asn1crypto ships no types
    """ECC-CMS-SharedInfo of RFC 5753."""

    _fields: Final = [
        ("key_info", core.Any),
        ("entity_u_info", core.OctetString, {"explicit": 0, "optional": True}),
        ("supp_pub_info", core.OctetString, {"explicit": 2}),
    ]


def seal_smime(content: bytes, recipients: Iterable[x509.Certificate]) -> bytes:
    """A ContentInfo with AuthEnvelopedData: AES-256-GCM, a copy of its key for each recipient.

    Raises:
        UsageError: A recipient's key is of a kind that cannot be sealed for.

    Source: RFC 8551 §3.4, §2.7.1.2.
    """
    key, nonce = os.urandom(_KEY_OCTETS), os.urandom(_NONCE_OCTETS)
    sealed = AESGCM(key).encrypt(nonce, content, None)
    algorithm = {
        "algorithm": "aes256_gcm",
        "parameters": _GcmParameters({"nonce": nonce, "icv_octets": _TAG_OCTETS}),
    }
    envelope = cms.AuthEnvelopedData(
        {
            "version": "v0",
            "recipient_infos": [_recipient(each, key) for each in recipients],
            "auth_encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": algorithm,
                "encrypted_content": sealed[:-_TAG_OCTETS],
            },
            "mac": sealed[-_TAG_OCTETS:],
        }
    )
    info = cms.ContentInfo({"content_type": _AUTHENTICATED, "content": envelope})
    der: bytes = info.dump()
    return der


def open_smime(der: bytes, identities: Iterable[Identity]) -> tuple[bytes | None, Encryption]:
    """The content of an AuthEnvelopedData or EnvelopedData, None where no key of ours opens it."""
    try:
        info = cms.ContentInfo.load(der, strict=True)
        kind, envelope = str(info["content_type"].native), info["content"]
        content = envelope[_CONTENTS[kind]]
        algorithm = str(content["content_encryption_algorithm"]["algorithm"].native)
    except _UNREADABLE:
        return None, Encryption(Scheme.SMIME, opened=False, reason="it cannot be read")
    said = Encryption(Scheme.SMIME, opened=False, authenticated=kind == _AUTHENTICATED, algorithm=algorithm)
    if not algorithm.startswith("aes") or not algorithm.endswith(_MODES):
        return None, replace(said, reason=f"{algorithm} is not opened here")
    try:
        key = _key(envelope, list(identities))
        if key is None:
            return None, replace(said, reason="no key here")
        return _decrypted(envelope, content, key, algorithm), replace(said, opened=True)
    except (*_UNREADABLE, InvalidTag, InvalidUnwrap):
        # One reason for whatever fails within: more would tell somebody who tries out altered messages.
        return None, replace(said, reason="it was altered, or made for another key")


# Sealing


def _recipient(certificate: x509.Certificate, key: bytes) -> Any:
    match certificate.public_key():
        case rsa.RSAPublicKey() as public:
            # What every agent reads (RFC 8551 §2.3); the cipher around it tells a wrong key at once.
            encrypted = public.encrypt(key, padding.PKCS1v15())
            return cms.RecipientInfo(
                "ktri",
                {
                    "version": "v0",
                    "rid": {"issuer_and_serial_number": _named(certificate)},
                    "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
                    "encrypted_key": encrypted,
                },
            )
        case ec.EllipticCurvePublicKey() as public:
            return _agreed(certificate, public, key)
        case _:
            raise UsageError(
                f"{certificate.subject.rfc4514_string()}: neither an RSA nor an elliptic curve key"
            )


def _agreed(certificate: x509.Certificate, public: ec.EllipticCurvePublicKey, key: bytes) -> Any:
    """Ephemeral-static ECDH, RFC 8551 §2.3; RFC 5753."""
    ours = ec.generate_private_key(public.curve)
    wrap = algos.AlgorithmIdentifier({"algorithm": "2.16.840.1.101.3.4.1.45"})
    shared = ours.exchange(ec.ECDH(), public)
    wrapping = _derived(shared, hashes.SHA256(), wrap.dump(), None, _KEY_OCTETS)
    spki = ours.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return cms.RecipientInfo(
        "kari",
        {
            "version": "v3",
            "originator": cms.OriginatorIdentifierOrKey("originator_key", asn1_keys.PublicKeyInfo.load(spki)),
            "key_encryption_algorithm": {"algorithm": _ECDH_SHA256, "parameters": wrap},
            "recipient_encrypted_keys": [
                {
                    "rid": {"issuer_and_serial_number": _named(certificate)},
                    "encrypted_key": aes_key_wrap(wrapping, key),
                }
            ],
        },
    )


def _named(certificate: x509.Certificate) -> dict[str, object]:
    return {
        "issuer": asn1_x509.Name.load(certificate.issuer.public_bytes()),
        "serial_number": certificate.serial_number,
    }


def _derived(
    shared: bytes, algorithm: hashes.HashAlgorithm, key_info: bytes, ukm: bytes | None, octets: int
) -> bytes:
    info = _SharedInfo(
        {"key_info": core.Any.load(key_info), "supp_pub_info": (octets * 8).to_bytes(4, "big")}
        | ({"entity_u_info": ukm} if ukm else {})
    )
    return X963KDF(algorithm=algorithm, length=octets, sharedinfo=info.dump()).derive(shared)


# Opening


def _key(envelope: Any, identities: list[Identity]) -> bytes | None:
    """The content's key, out of the first copy of it that is for us."""
    return next(_keys(envelope, identities), None)


def _keys(envelope: Any, identities: list[Identity]) -> Iterator[bytes]:
    for info in list(envelope["recipient_infos"])[:_MAX_RECIPIENTS]:
        if info.name == "ktri":
            for identity in identities:
                if _is_for(info.chosen["rid"], identity.certificate) and isinstance(
                    identity.key, rsa.RSAPrivateKey
                ):
                    yield _transported(info.chosen, identity.key)
        elif info.name == "kari":
            for each in info.chosen["recipient_encrypted_keys"]:
                for identity in identities:
                    if _is_for(each["rid"], identity.certificate) and isinstance(
                        identity.key, ec.EllipticCurvePrivateKey
                    ):
                        yield _unwrapped(info.chosen, each["encrypted_key"].native, identity.key)


def _is_for(rid: Any, certificate: x509.Certificate) -> bool:
    if rid.name == "issuer_and_serial_number":
        same_issuer: bool = rid.chosen["issuer"].dump() == certificate.issuer.public_bytes()
        return same_issuer and rid.chosen["serial_number"].native == certificate.serial_number
    wanted = rid.chosen if rid.name == "subject_key_identifier" else rid.chosen["subject_key_identifier"]
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False
    return bool(wanted.native == found)


def _transported(info: Any, key: rsa.RSAPrivateKey) -> bytes:
    algorithm = info["key_encryption_algorithm"]
    if algorithm["algorithm"].native == "rsaes_oaep":
        parameters = algorithm["parameters"]
        hash_type = _hash(parameters["hash_algorithm"]["algorithm"].native)
        mask_type = _hash(parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native)
        scheme: padding.AsymmetricPadding = padding.OAEP(padding.MGF1(mask_type), hash_type, None)
    else:
        scheme = padding.PKCS1v15()
    return key.decrypt(info["encrypted_key"].native, scheme)


def _hash(name: str) -> hashes.HashAlgorithm:
    return _OAEP_HASHES[name]()


def _unwrapped(info: Any, encrypted: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    algorithm = info["key_encryption_algorithm"]
    wrap = algorithm["parameters"].parse(algos.EncryptionAlgorithm)
    octets = _WRAP_OCTETS[str(wrap["algorithm"].native)]
    point = info["originator"].chosen["public_key"].native
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, bytes(point))
    shared = key.exchange(ec.ECDH(), theirs)
    hash_type = _ECDH[algorithm["algorithm"].dotted]
    wrapping = _derived(shared, hash_type(), wrap.dump(), info["ukm"].native, octets)
    return aes_key_unwrap(wrapping, encrypted)


def _decrypted(envelope: Any, content: Any, key: bytes, algorithm: str) -> bytes:
    sealed: bytes = content["encrypted_content"].native
    parameters = content["content_encryption_algorithm"]["parameters"]
    if algorithm.endswith("_gcm"):
        return _of_gcm(envelope, sealed, parameters.parse(_GcmParameters), key)
    octets = Cipher(algorithms.AES(key), modes.CBC(parameters.native)).decryptor()
    unpadded = PKCS7(128).unpadder()
    return unpadded.update(octets.update(sealed) + octets.finalize()) + unpadded.finalize()


def _of_gcm(envelope: Any, sealed: bytes, parameters: Any, key: bytes) -> bytes:
    mac: bytes = envelope["mac"].native
    mode = modes.GCM(parameters["nonce"].native, mac, min_tag_length=12)
    octets = Cipher(algorithms.AES(key), mode).decryptor()
    if envelope["auth_attrs"].native:
        octets.authenticate_additional_data(b"\x31" + envelope["auth_attrs"].dump()[1:])
    return octets.update(sealed) + octets.finalize()
