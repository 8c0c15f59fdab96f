"""A message signed, encrypted or both. Source: RFC 8551 §3; RFC 3156 §4, §5, §6.2; RFC 9788 for its header."""

import datetime as dt
import re
import secrets
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from harness.errors import UsageError
from harness.sealed.fields import HIDDEN_SUBJECT, PROTECTED
from harness.sealed.keys import Keys
from harness.sealed.mime import Ambiguous, Entity, canonical, content_fields
from harness.sealed.model import Scheme
from harness.sealed.openpgp import hash_name, seal_openpgp, sign_openpgp
from harness.sealed.smime_seal import seal_smime

__all__ = ["Wish", "seal"]

# RFC 8551 §3.1.3, RFC 3156 §3: what is signed travels as 7bit, in lines that every relay passes on.
_SEVEN_BITS: Final = re.compile(rb"(?:[\x01-\x09\x0b\x0c\x0e-\x7f]{0,998}\r\n)*")
_BLANKS: Final = re.compile(rb"[ \t]+\r\n")
_PLAIN: Final = b"Content-Type: text/plain; charset=us-ascii\r\n"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with a message; signing comes first where both are."""

    scheme: Scheme
    sign: bool
    encrypt: bool


def seal(
    message: bytes, wish: Wish, keys: Keys, *, sender: str, recipients: Sequence[str], at: dt.datetime
) -> bytes:
    """The message as `wish` has it.

    Args:
        message: As it would go without; its body in 7bit and without blanks at line ends, where it is signed.
        sender: Whose key signs, and who can read it again, where a certificate of theirs is here.

    Raises:
        UsageError: A key or a certificate is missing, or the message cannot be signed as it is.
    """
    try:
        entity = Entity.read(canonical(message))
        payload = _payload(entity, encrypted=wish.encrypt)
    except Ambiguous as exc:
        raise UsageError(
            f"a message that cannot be read for certain cannot be signed or encrypted: {exc}"
        ) from exc
    if wish.sign:
        _check_lines(payload, wish.scheme)
    wrap = _smime if wish.scheme is Scheme.SMIME else _openpgp
    return _outer(entity, encrypted=wish.encrypt) + wrap(payload, wish, keys, sender, recipients, at)


# The header, within and without


def _payload(entity: Entity, *, encrypted: bool) -> bytes:
    """The entity to be signed or sealed: what describes the body, and a copy of the message's fields (RFC 9788)."""
    kind = next(iter(entity.all("content-type")), _PLAIN)
    rest = [octets for name, octets in content_fields(entity) if name != "content-type"]
    # A field that is empty ends in a blank, which RFC 3156 §3 bars from what is signed.
    copies = [_BLANKS.sub(b"\r\n", octets) for name, octets in entity.fields if name in PROTECTED]
    if not all(octets.isascii() for octets in copies):
        # An address beyond ASCII has no form in 7bit, so these fields stay outside alone.
        return b"".join([kind, *rest, b"\r\n", entity.body])
    marked = kind.removesuffix(b"\r\n") + (b';\r\n hp="cipher"\r\n' if encrypted else b';\r\n hp="clear"\r\n')
    shown = [b"HP-Outer: " + octets for octets in _shown(copies)] if encrypted else []
    return b"".join([*copies, *shown, marked, *rest, b"\r\n", entity.body])


def _outer(entity: Entity, *, encrypted: bool) -> bytes:
    """What everybody sees: all fields but those of the body; of a subject that is sealed, that there is one."""
    fields = [o for name, o in entity.fields if not name.startswith("content-") and name != "mime-version"]
    ascii_only = all(octets.isascii() for name, octets in entity.fields if name in PROTECTED)
    return b"".join(_shown(fields) if encrypted and ascii_only else fields) + b"MIME-Version: 1.0\r\n"


def _shown(fields: Sequence[bytes]) -> list[bytes]:
    return [HIDDEN_SUBJECT if octets.lower().startswith(b"subject:") else octets for octets in fields]


def _check_lines(payload: bytes, scheme: Scheme) -> None:
    whole = payload if payload.endswith(b"\r\n") else payload + b"\r\n"
    if not _SEVEN_BITS.fullmatch(whole):
        raise UsageError(
            "the message has 8-bit octets, or a line of more than 998, or a line end that is none: relays change "
            "them, and a signature would not survive that; encode it (quoted-printable, base64)"
        )
    if scheme is Scheme.OPENPGP and _BLANKS.search(whole):
        raise UsageError(
            "the message has blanks at the end of lines, which OpenPGP signatures do not go with; encode it "
            "(quoted-printable, base64)"
        )


# The body


def _smime(
    payload: bytes, wish: Wish, keys: Keys, sender: str, recipients: Sequence[str], at: dt.datetime
) -> bytes:
    entity = payload
    if wish.sign:
        identity = keys.identity_of(sender, at)
        if identity is None:
            raise UsageError(
                f"there is no S/MIME key of {sender} to sign with whose certificate is valid; "
                "give it with --key or --keys"
            )
        builder = PKCS7SignatureBuilder().set_data(payload)
        builder = builder.add_signer(identity.certificate, identity.key, hashes.SHA256())
        for each in identity.chain:
            builder = builder.add_certificate(each)
        der = builder.sign(Encoding.DER, [PKCS7Options.Binary, PKCS7Options.DetachedSignature])
        signature = _attached(b'application/pkcs7-signature; name="smime.p7s"', b"smime.p7s", der)
        entity = _multipart(
            b'signed; protocol="application/pkcs7-signature"; micalg=sha-256', payload, signature
        )
    if not wish.encrypt:
        return entity
    certificates = []
    for address in dict.fromkeys([*recipients, sender]):
        certificate = keys.certificate_of(address, at)
        if certificate is not None:
            certificates.append(certificate)
        elif address in recipients:
            raise _no_certificate("S/MIME", address)
    der = seal_smime(entity, certificates)
    kind = b'application/pkcs7-mime; smime-type=authEnveloped-data;\r\n name="smime.p7m"'
    return _attached(kind, b"smime.p7m", der)


def _openpgp(
    payload: bytes, wish: Wish, keys: Keys, sender: str, recipients: Sequence[str], at: dt.datetime
) -> bytes:
    if not wish.encrypt:
        armored = sign_openpgp(payload, keys, sender)
        part = b'Content-Type: application/pgp-signature; name="signature.asc"\r\n\r\n' + _lines(armored)
        kind = b'signed; protocol="application/pgp-signature"; micalg=%s' % hash_name(armored).encode()
        return _multipart(kind, payload, part)
    certs = []
    for address in dict.fromkeys([*recipients, sender]):
        cert = keys.openpgp_of(address, at)
        if cert is not None:
            certs.append(cert)
        elif address in recipients:
            raise _no_certificate("OpenPGP", address)
    armored = seal_openpgp(payload, certs, keys, sender if wish.sign else None)
    control = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
    sealed = b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n' + _lines(armored)
    return _multipart(b'encrypted; protocol="application/pgp-encrypted"', control, sealed)


def _no_certificate(scheme: str, address: str) -> UsageError:
    return UsageError(
        f"there is no valid {scheme} certificate of {address}, so nothing is sent; give it with --cert or --keys"
    )


def _multipart(kind: bytes, first: bytes, second: bytes) -> bytes:
    boundary = b"=_" + secrets.token_hex(16).encode()
    header = b'Content-Type: multipart/%s;\r\n boundary="%s"\r\n\r\n' % (
        kind.replace(b"; ", b";\r\n "),
        boundary,
    )
    return header + b"--%s\r\n%s\r\n--%s\r\n%s\r\n--%s--\r\n" % (boundary, first, boundary, second, boundary)


def _attached(kind: bytes, name: bytes, octets: bytes) -> bytes:
    return (
        b"Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="%s"\r\n\r\n%s'
    ) % (kind, name, _lines(encodebytes(octets)))


def _lines(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
