"""A message taken out of its layers, and what is to be said of them.

What is opened or found signed is shown alone, never beside what was not: then nothing that somebody put around a
sealed part can read it out, and nothing put beside a signed one passes for signed.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from harness.sealed.fields import judged_fields, merged, sender_of
from harness.sealed.keys import Keys
from harness.sealed.mime import Ambiguous, Entity, canonical
from harness.sealed.model import Coverage, Encryption, Note, Opened, Problem, Scheme, Seal, Signature
from harness.sealed.openpgp import open_openpgp, verify_openpgp
from harness.sealed.smime_seal import open_smime
from harness.sealed.smime_verify import content_of, verify_smime

__all__ = ["MAX_LAYERS", "MAX_MESSAGE_OCTETS", "open_message"]

# Ours: layers of one message (RFC 8551 §3.7 leaves the number to us; signed, encrypted, signed again are three),
# octets of one, parts that are looked through for more.
MAX_LAYERS: Final = 5
MAX_MESSAGE_OCTETS: Final = 64 * 1024 * 1024
_MAX_LOOKED_AT: Final = 200
_MAX_DEPTH: Final = 20

_SIGN_OF_A_SEAL: Final = re.compile(rb"application/(?:x-)?(?:pkcs7|pgp)-|multipart/signed", re.IGNORECASE)

_SMIME: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SMIME_SIGNATURE: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_OPENPGP_SIGNATURE: Final = "application/pgp-signature"
_OPENPGP_CONTROL: Final = "application/pgp-encrypted"
_SIGNED: Final = "multipart/signed"
_ENCRYPTED: Final = "multipart/encrypted"


def open_message(message: bytes, keys: Keys, at: dt.datetime) -> Opened:
    """Open what our keys open, and judge every signature.

    Args:
        message: A message as it came.
        at: Now: what has expired by then does not count.

    Source: RFC 8551 §3.10; RFC 3156 §4, §5, §6.
    """
    if len(message) > MAX_MESSAGE_OCTETS:
        return _unopened(message, Note.TOO_LARGE)
    try:
        root = Entity.read(canonical(message))
        peeled = _Peeled(root, keys, at)
        peeled.run()
    except Ambiguous:
        return _unopened(message, Note.BAD_STRUCTURE)
    if not peeled.layers and not peeled.notes:
        return Opened(message, Seal())
    return _result(message, root, peeled)


def _unopened(message: bytes, note: Note) -> Opened:
    """A message without any sign of a seal is nobody's business here, however broken or large it is."""
    looks_sealed = _SIGN_OF_A_SEAL.search(message, 0, MAX_MESSAGE_OCTETS) is not None
    return Opened(message, Seal(notes=(note,) if looks_sealed else ()))


def _result(message: bytes, root: Entity, peeled: "_Peeled") -> Opened:
    inner = peeled.inner
    notes = list(peeled.notes)
    opened = inner is not root
    if peeled.layers:
        notes += judged_fields(root, inner if opened else None, signed=bool(peeled.signatures))
    sender = sender_of(root, inner if opened else None)
    signatures = _of_authors(tuple(_from(each, sender) for each in peeled.signatures))
    content = merged(root, inner) if opened else message
    return Opened(content, Seal(signatures, tuple(peeled.encryptions), tuple(dict.fromkeys(notes))))


def _from(signature: Signature, sender: str) -> Signature:
    """A signature proves who wrote only where the sender is one that its certificate names (RFC 8551 §4)."""
    if not signature.fingerprint or Problem.NO_CERTIFICATE in signature.problems:
        return signature
    if sender and sender in signature.addresses:
        return signature
    return replace(signature, problems=(*signature.problems, Problem.WRONG_SENDER))


def _of_authors(signatures: tuple[Signature, ...]) -> tuple[Signature, ...]:
    """Who signed the text itself may sign the envelope, too (RFC 8551 §3.7): they know what is in it."""
    authors = {each.fingerprint for each in signatures if each.good and each.coverage is Coverage.WHOLE}
    return tuple(
        replace(each, problems=tuple(p for p in each.problems if p is not Problem.OUTSIDE))
        if each.fingerprint in authors
        else each
        for each in signatures
    )


@dataclass
class _Peeled:
    """A message on its way through its layers.

    Attributes:
        inner: The entity within the layers that are off.
        layers: How many are off, or could not be taken off.
    """

    root: Entity
    keys: Keys
    at: dt.datetime
    layers: int = 0
    signatures: list[Signature] = field(default_factory=list)
    encryptions: list[Encryption] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inner = self.root

    def run(self) -> None:
        """Take off layers as long as the whole of what is there is one, then look for more among the parts."""
        while (peel := _peel_of(self.inner)) is not None:
            if self.layers == MAX_LAYERS:
                self.notes.append(Note.TOO_DEEP)
                return
            self.layers += 1
            try:
                content = peel(self)
                inner = _entity(content) if content is not None else None
            except Ambiguous:
                self.notes.append(Note.BAD_STRUCTURE)
                return
            if inner is None:
                return
            self.inner = inner
        self._look_through()

    # The layers; each returns the octets within, None where they stay closed

    def clear_signed(self) -> bytes:
        """multipart/signed: exactly two parts (RFC 1847 §2.1), of the protocol that is announced."""
        signed, signature = self._two_parts()
        self.signatures += self._verified(signature, signed)
        return signed

    def opaque(self) -> bytes | None:
        """application/pkcs7-mime: what it is, the octets say; smime-type is only a name (RFC 8551 §3.2.2)."""
        der = self.inner.decoded()
        try:
            content = content_of(der)
        except Ambiguous:
            opened, encryption = open_smime(der, self.keys.identities)
            self._encrypted(encryption)
            return canonical(opened) if opened is not None else None
        self.signatures += verify_smime(der, content, self.keys, self.at)
        return canonical(content)

    def encrypted(self) -> bytes | None:
        """multipart/encrypted: a control part and the message (RFC 3156 §4)."""
        control, sealed = self._two_parts()
        if Entity.read(_headed(control)).kind != _OPENPGP_CONTROL:
            raise Ambiguous("no control part")
        content, encryption, signatures = open_openpgp(
            Entity.read(_headed(sealed)).decoded(), self.keys, self.at
        )
        self._encrypted(encryption)
        self.signatures += signatures
        return canonical(content) if content is not None else None

    def _encrypted(self, encryption: Encryption) -> None:
        """Who signed the closed envelope did not sign the text in it (RFC 8551 §3.7)."""
        self.encryptions.append(encryption)
        if encryption.opened and not encryption.authenticated:
            self.notes.append(Note.NOT_AUTHENTICATED)
        self.signatures = [
            replace(each, coverage=Coverage.ENVELOPE, problems=(*each.problems, Problem.OUTSIDE))
            for each in self.signatures
        ]

    def _two_parts(self) -> tuple[bytes, bytes]:
        parts = self.inner.parts()
        if len(parts) != 2:
            raise Ambiguous(f"{len(parts)} parts where there should be two")
        return parts[0], parts[1]

    def _verified(self, signature: bytes, signed: bytes) -> tuple[Signature, ...]:
        entity = Entity.read(_headed(signature))
        announced = self.inner.parameter("protocol").lower()
        if entity.kind != announced and {entity.kind, announced} - _SMIME_SIGNATURE:
            raise Ambiguous("the signature is not of the kind that is announced")
        return _verify(entity, signed, self.keys, self.at)

    # Parts

    def _look_through(self) -> None:
        """Parts that are sealed or signed among others: said, and never taken for the whole."""
        for part in _parts_below(self.inner):
            if _sealed(part):
                self.notes.append(Note.SEALED_PART)
            elif part.kind == _SIGNED:
                self.notes.append(Note.SIGNED_PART)
                self.signatures += self._of_part(part)

    def _of_part(self, part: Entity) -> tuple[Signature, ...]:
        below = _Peeled(part, self.keys, self.at)
        try:
            below.clear_signed()
        except Ambiguous:
            below.signatures = [Signature(_scheme(part), problems=(Problem.BROKEN,))]
        return tuple(
            replace(each, coverage=Coverage.PART, problems=(*each.problems, Problem.PART_ONLY))
            for each in below.signatures
        )


def _peel_of(entity: Entity) -> Callable[[_Peeled], bytes | None] | None:
    """What takes this layer off; None where the entity is none."""
    kind = entity.kind
    if kind == _SIGNED and entity.parameter("protocol").lower() in {*_SMIME_SIGNATURE, _OPENPGP_SIGNATURE}:
        return _Peeled.clear_signed
    if kind in _SMIME and entity.parameter("smime-type").lower() not in {"certs-only", "compressed-data"}:
        return _Peeled.opaque
    if kind == _ENCRYPTED and entity.parameter("protocol").lower() == _OPENPGP_CONTROL:
        return _Peeled.encrypted
    return None


def _verify(signature: Entity, signed: bytes, keys: Keys, at: dt.datetime) -> tuple[Signature, ...]:
    try:
        octets = signature.decoded()
    except Ambiguous:
        return (Signature(_scheme(signature), problems=(Problem.BROKEN,)),)
    if signature.kind == _OPENPGP_SIGNATURE:
        return verify_openpgp(octets, signed, keys, at)
    return verify_smime(octets, signed, keys, at)


def _scheme(entity: Entity) -> Scheme:
    pgp = _OPENPGP_SIGNATURE in (entity.kind, entity.parameter("protocol").lower())
    return Scheme.OPENPGP if pgp else Scheme.SMIME


def _sealed(part: Entity) -> bool:
    return part.kind in _SMIME | {_ENCRYPTED, _OPENPGP_CONTROL}


def _parts_below(entity: Entity) -> Iterator[Entity]:
    """The parts of a multipart, and theirs, as far as they are looked at; what cannot be read is passed over."""
    waiting = [(entity, 0)]
    seen = 0
    while waiting and seen < _MAX_LOOKED_AT:
        whole, depth = waiting.pop()
        try:
            if not whole.kind.startswith("multipart/") or depth == _MAX_DEPTH:
                continue
            parts = [Entity.read(_headed(each)) for each in whole.parts()[:_MAX_LOOKED_AT]]
        except Ambiguous:
            continue
        for part in parts:
            seen += 1
            yield part
            waiting.append((part, depth + 1))


def _entity(content: bytes) -> Entity:
    """What was within a layer; a text that somebody signed without a header is a text (RFC 8551 §3.5.3.3)."""
    try:
        return Entity.read(_headed(content))
    except Ambiguous:
        return Entity.read(b"\r\n" + content)


def _headed(part: bytes) -> bytes:
    """A part that has a header and no body still ends it; one that is all body begins with an empty line."""
    return part if part.startswith(b"\r\n") or b"\r\n\r\n" in part else part + b"\r\n\r\n"
