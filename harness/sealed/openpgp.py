"""OpenPGP by sequoia: detached signatures, and messages encrypted, or signed and encrypted in one.

Source: RFC 3156 §4, §5, §6; RFC 9580.
"""

import datetime as dt
import os
import re
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Final

from pysequoia import (
    Cert,
    PyDecryptor,
    PySigner,
    Sig,
    SignatureMode,
    Tsk,
    decrypt_file,
    encrypt,
    sign,
    verify,
)
from pysequoia.packet import HashAlgorithm, PacketPile, SignatureType, Tag

from harness.errors import UsageError
from harness.sealed.keys import Keys
from harness.sealed.model import Encryption, Problem, Scheme, Signature
from harness.sealed.openpgp_certs import addresses_of_cert, expired, name_of_cert, reason_of

__all__ = ["hash_name", "open_openpgp", "seal_openpgp", "sign_openpgp", "verify_openpgp"]

# Ours: octets of what comes out of one message; compressed octets can stand for a million times more.
MAX_OPENED_OCTETS: Final = 64 * 1024 * 1024
_MAX_SIGNATURES: Final = 16
# Ours: keys that are tried on a message that names none.
_MAX_TRIES: Final = 20

_BROKEN: Final = Signature(Scheme.OPENPGP, problems=(Problem.BROKEN,))

# How sequoia's Python side says that a signature is within a compressed packet within an encrypted one.
_COMPRESSED: Final = "Unexpected message structure"

_FORGEABLE: Final = (HashAlgorithm.MD5, HashAlgorithm.SHA1, HashAlgorithm.RipeMD)
_OF_DOCUMENTS: Final = (SignatureType.Binary, SignatureType.Text)
_KEY_TAGS: Final = (Tag.PublicKey, Tag.PublicSubkey)

# RFC 9580 §6.2: a label, fields of its own, an empty line, base64, perhaps a checksum that need not be looked at.
_ARMOR: Final = re.compile(
    rb"-----BEGIN PGP (?P<label>MESSAGE|SIGNATURE)-----[ \t]*\r?\n(?:[^\r\n]+\r?\n)*[ \t]*\r?\n"
    rb"(?P<base64>[A-Za-z0-9+/=\s]*?)(?:\r?\n=[A-Za-z0-9+/]{4})?\s*-----END PGP (?P=label)-----"
)

# RFC 9580 §4.3: packet types by number.
_SIGNATURE: Final = 2
_PUBLIC_SESSION_KEY: Final = 1
_SESSION_KEYS: Final = frozenset({_PUBLIC_SESSION_KEY, 3})

# Reads so many octets and ends, whatever comes behind them; a process of its own, because the library that writes
# to it lets no other thread run.
_TAKER: Final = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read(int(sys.argv[1])))"


def sign_openpgp(content: bytes, keys: Keys, address: str) -> bytes:
    """A detached, armored signature. Raises `UsageError` where there is no key for the address."""
    try:
        return sign(_secret(keys, address), content, mode=SignatureMode.DETACHED)
    except RuntimeError as exc:
        raise UsageError(f"the OpenPGP key of {address} does not sign: {reason_of(exc)}") from exc


def seal_openpgp(content: bytes, recipients: Sequence[Cert], keys: Keys, signer: str | None) -> bytes:
    """An armored encrypted message, signed within where `signer` is an address of ours (RFC 3156 §6.2)."""
    try:
        return encrypt(content, recipients=recipients, signer=_secret(keys, signer) if signer else None)
    except RuntimeError as exc:
        raise UsageError(f"it cannot be encrypted with OpenPGP: {reason_of(exc)}") from exc


def hash_name(signature: bytes) -> str:
    """The hash of an armored signature, as micalg has it (RFC 3156 §5)."""
    return _hash_name(Sig.from_bytes(signature))


def _hash_name(signature: Sig) -> str:
    return "pgp-" + str(signature.hash_algorithm).rpartition(".")[2].lower()


def verify_openpgp(armored: bytes, content: bytes, keys: Keys, at: dt.datetime) -> tuple[Signature, ...]:
    """What is to be said of each detached signature over `content`."""
    try:
        packets = list(_signatures(armored))
    except ValueError:
        return (_BROKEN,)
    return tuple(_judged(each, content, keys, at) for each in packets)


def open_openpgp(
    octets: bytes, keys: Keys, at: dt.datetime
) -> tuple[bytes | None, Encryption, tuple[Signature, ...]]:
    """What a message says to us: None where no key of ours opens it; with the signatures that were within."""
    reason = "no key here"
    try:
        message = _encrypted(octets)
        for secret in _secrets_for(message, keys.secrets):
            opening = _Opening(message, secret.decryptor(keys.passphrase), keys.openpgp)
            try:
                content, signed_by = opening.run()
            except RuntimeError as exc:
                reason = reason_of(exc)
                continue
            signatures = tuple(
                _within(issuer, signed_by, keys, at, checked=not opening.unchecked)
                for issuer in opening.issuers or ()
            )
            return content, Encryption(Scheme.OPENPGP, opened=True), signatures
    except (ValueError, RuntimeError) as exc:
        reason = reason_of(exc)
    return None, Encryption(Scheme.OPENPGP, opened=False, reason=reason), ()


@dataclass(slots=True)
class _Opening:
    """One try to open a message with one key.

    Attributes:
        issuers: Who signed within, by key; None as long as it is not opened.
        unchecked: The library opens the message, and does not look at signatures where it keeps them.
    """

    message: bytes
    decryptor: PyDecryptor
    known: Sequence[Cert]
    issuers: list[str] | None = None
    unchecked: bool = False

    def run(self) -> tuple[bytes, dict[str, str]]:
        """The content, and the certificate of each key that signed it well.

        Raises:
            RuntimeError: The library's, where this key does not open it.
            ValueError: It is too large.
        """
        try:
            return self._bounded(self._certificates)
        except RuntimeError as exc:
            if self.issuers is None:
                raise
            self.unchecked = reason_of(exc) == _COMPRESSED
            # Opened, and no signature holds, or there is none: what it says is still there to be read.
            return self._bounded(None)

    def _certificates(self, issuers: list[str]) -> list[Cert]:
        self.issuers = issuers[:_MAX_SIGNATURES]
        return list(self.known)

    def _bounded(self, store: Callable[[list[str]], list[Cert]] | None) -> tuple[bytes, dict[str, str]]:
        with tempfile.NamedTemporaryFile() as sealed, tempfile.TemporaryFile() as opened:
            sealed.write(self.message)
            sealed.flush()
            try:
                with _taker(opened) as path:
                    done = decrypt_file(sealed.name, path, self.decryptor, store)
            except OSError as exc:
                # Of a long text the library tells by an OSError what it tells of a short one by a RuntimeError.
                raise RuntimeError(reason_of(exc)) from exc
            finally:
                size = opened.seek(0, os.SEEK_END)
                if size > MAX_OPENED_OCTETS:
                    raise ValueError(f"more than {MAX_OPENED_OCTETS} octets come out of it")
            opened.seek(0)
            return opened.read(), {each.signing_key: each.certificate for each in done.valid_sigs}


@contextmanager
def _taker(to: IO[bytes]) -> Iterator[str]:
    """The path of a pipe that takes no more than it should; all of that is in the file at the end."""
    reading, writing = os.pipe()
    try:
        command = [sys.executable, "-ISc", _TAKER, str(MAX_OPENED_OCTETS + 1)]
        taker = subprocess.Popen(command, stdin=reading, stdout=to)  # noqa: S603  # words of our own
    finally:
        os.close(reading)
    try:
        yield f"/dev/fd/{writing}"
    finally:
        os.close(writing)
        taker.wait()


def _secrets_for(message: bytes, secrets: Sequence[Tsk]) -> list[Tsk]:
    """Those of our keys that a message is for; and some others, where it does not say of everybody who it is for."""
    wanted = list(_recipients(message))
    named: list[Tsk] = []
    others: list[Tsk] = []
    for secret in secrets:
        (named if _has_key(secret.extract_certificate(), wanted) else others).append(secret)
    return named if all(wanted) else [*named, *others[:_MAX_TRIES]]


def _recipients(message: bytes) -> Iterator[str]:
    """The keys that a message is encrypted for, by fingerprint or key id; ``""`` for one that is not named.

    Source: RFC 9580 §5.1.
    """
    at = 0
    while at < len(message):
        kind, begin, end = _packet(message, at)
        if kind not in _SESSION_KEYS:
            return
        body = message[begin:end]
        if kind == _PUBLIC_SESSION_KEY:
            # Version 3 has a key id; version 6 a length, a key version, a fingerprint.
            name = body[1:9] if body[:1] == b"\3" else body[3 : 2 + body[1]] if len(body) > 2 else b""
            yield name.hex() if any(name) else ""
        at = end


def _secret(keys: Keys, address: str) -> PySigner:
    secret = keys.secret_of(address)
    if secret is None:
        raise UsageError(f"there is no OpenPGP key of {address} to sign with; give it with --key or --keys")
    return secret.signer(keys.passphrase)


def _judged(packet: bytes, content: bytes, keys: Keys, at: dt.datetime) -> Signature:
    try:
        return _judged_signature(Sig.from_bytes(packet), content, keys, at)
    except RuntimeError:
        # Of a kind or a hash that the library has never heard of, or of no kind at all.
        return _BROKEN


def _judged_signature(signature: Sig, content: bytes, keys: Keys, at: dt.datetime) -> Signature:
    said = Signature(
        Scheme.OPENPGP, signed_at=signature.created, hash_name=_hash_name(signature).removeprefix("pgp-")
    )
    issuer = signature.issuer_fingerprint or signature.issuer_key_id or ""
    cert = _cert_of(issuer, keys.openpgp)
    if signature.hash_algorithm in _FORGEABLE:
        return replace(_signed(said, cert, at), problems=(Problem.WEAK_HASH,))
    if cert is None:
        return replace(said, problems=(Problem.NO_CERTIFICATE,), fingerprint=issuer)
    said = _signed(said, cert, at)
    if signature.signature_type not in _OF_DOCUMENTS:
        return replace(said, problems=(Problem.BROKEN,))
    try:
        good = verify(content, store=lambda _ids: [cert], signature=signature).valid_sigs
    except RuntimeError:
        good = []
    # What time and owner say against a signature is told in place of what they may have led the library to say.
    return said if good or said.problems else replace(said, problems=(Problem.ALTERED,))


def _within(
    issuer: str, signed_by: Mapping[str, str], keys: Keys, at: dt.datetime, *, checked: bool
) -> Signature:
    """A signature within a message, of which the library tells only who made it, and whether it holds."""
    said = Signature(Scheme.OPENPGP)
    cert = _cert_of(issuer, keys.openpgp)
    if cert is None:
        return replace(said, problems=(Problem.NO_CERTIFICATE,), fingerprint=issuer)
    said = _signed(said, cert, at)
    good = any(key.endswith(issuer) and cert.fingerprint == owner for key, owner in signed_by.items())
    if good or said.problems:
        return said
    return replace(said, problems=(Problem.ALTERED if checked else Problem.UNCHECKABLE,))


def _signed(said: Signature, cert: Cert | None, at: dt.datetime) -> Signature:
    """What the certificate says of the signer, and what its time says against them."""
    if cert is None:
        return said
    problems = [Problem.REVOKED] if cert.is_revoked else []
    if expired(cert, at):
        problems.append(Problem.EXPIRED)
    return replace(
        said,
        problems=tuple(problems),
        name=name_of_cert(cert),
        addresses=addresses_of_cert(cert),
        fingerprint=cert.fingerprint,
        trusted=True,
        not_after=cert.expiration,
    )


def _cert_of(issuer: str, known: Sequence[Cert]) -> Cert | None:
    """The certificate that has this key, by the fingerprint or the key id at its end."""
    if not issuer:
        return None
    return next((cert for cert in known if _has_key(cert, [issuer])), None)


def _has_key(cert: Cert, wanted: Sequence[str]) -> bool:
    """Whether one of the keys of a certificate is one of these, by fingerprint or key id (RFC 9580 §5.5.4)."""
    keys = (each for each in PacketPile.from_bytes(bytes(cert)) if each.tag in _KEY_TAGS)
    names = {name for each in keys for name in (each.fingerprint, each.key_id)}
    return not names.isdisjoint(wanted)


# Octets: what is looked at before the library is, which opens whatever it is given, however much that is


def _dearmored(octets: bytes) -> bytes:
    """The packets within an armor; packets that have none stay as they are.

    Raises:
        ValueError: The armor has no end, or is not base64.

    Source: RFC 9580 §6.2.
    """
    found = _ARMOR.search(octets)
    if found is None:
        return octets
    return b64decode(re.sub(rb"[ \t\r\n]", b"", found["base64"]), validate=True)


def _encrypted(octets: bytes) -> bytes:
    """The packets of a message; `ValueError` where it does not begin as an encrypted one does (RFC 9580 §10.3)."""
    packets = _dearmored(octets)
    if _packet(packets, 0)[0] not in _SESSION_KEYS:
        raise ValueError("it is not encrypted")
    return packets


def _signatures(octets: bytes) -> Iterator[bytes]:
    """The signature packets; `ValueError` where there is anything else among them, or nothing."""
    packets = _dearmored(octets)
    at, count = 0, 0
    while at < len(packets) or not count:
        kind, _begin, end = _packet(packets, at)
        if kind != _SIGNATURE or count == _MAX_SIGNATURES:
            raise ValueError("not a signature, or too many")
        yield packets[at:end]
        at, count = end, count + 1


def _packet(octets: bytes, at: int) -> tuple[int, int, int]:
    """A packet's type, where its body begins and ends; where its length is not given, at the end of all octets.

    Raises:
        ValueError: No packet begins here.

    Source: RFC 9580 §4.2.
    """
    head = octets[at : at + 6]
    if len(head) < 2 or not head[0] & 0x80:
        raise ValueError("no OpenPGP packet")
    if head[0] & 0x40:
        kind, first = head[0] & 0x3F, head[1]
        if first < 192:
            length, begin = first, at + 2
        elif first < 224 and len(head) > 2:
            length, begin = ((first - 192) << 8) + head[2] + 192, at + 3
        elif first == 255 and len(head) == 6:
            length, begin = int.from_bytes(head[2:6], "big"), at + 6
        else:
            return kind, at + 2, len(octets)
    else:
        kind, width = (head[0] & 0x3F) >> 2, head[0] & 3
        if width == 3:
            return kind, at + 1, len(octets)
        length, begin = int.from_bytes(head[1 : 1 + (1 << width)], "big"), at + 1 + (1 << width)
    if begin + length > len(octets):
        raise ValueError("an OpenPGP packet is cut short")
    return kind, begin, begin + length
