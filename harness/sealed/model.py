"""What is said of a message's signatures and encryption: data that a terminal, a page or a program can show."""

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = [
    "Coverage",
    "Encryption",
    "Note",
    "Opened",
    "Problem",
    "Scheme",
    "Seal",
    "Signature",
    "Standing",
]


class Scheme(StrEnum):
    """By whose rules a message is signed or sealed."""

    SMIME = "S/MIME"
    OPENPGP = "OpenPGP"


class Coverage(StrEnum):
    """What a signature is over, of all that is shown."""

    WHOLE = "the whole text"
    PART = "only a part of the text"
    ENVELOPE = "the closed envelope, not the text in it"


class Problem(StrEnum):
    """Why a signature does not count; each is enough."""

    ALTERED = "what is here is not what was signed"
    BROKEN = "it cannot be read"
    WEAK_HASH = "it is made with a hash that can be forged"
    WEAK_KEY = "its key is too short"
    WRONG_SENDER = "the sender's address (From) is not one of the signer's"
    WRONG_USE = "its certificate is not for signing mail"
    EXPIRED = "its certificate has expired"
    NOT_YET_VALID = "its certificate is not valid yet"
    REVOKED = "its certificate has been revoked"
    PART_ONLY = "it is over a part of what is shown"
    OUTSIDE = "it is outside the encryption: whoever signed need not have known the text"
    UNTRUSTED = "nobody who is trusted here vouches for its certificate"
    NO_CERTIFICATE = "the signer's certificate is not here"
    UNCHECKABLE = "it is within compressed text, which the OpenPGP library here opens but does not check"


# Nothing is known against such a signature, and nothing for it.
_UNDECIDED: Final = frozenset({Problem.UNTRUSTED, Problem.NO_CERTIFICATE, Problem.UNCHECKABLE})


class Note(StrEnum):
    """What is to be known of a message beside its signatures."""

    FIELDS_OPEN = "subject, date and recipients are not signed and could have been changed"
    FIELD_CHANGED = "a header field outside is not the one that was signed or sealed"
    FIELD_TWICE = "a header field is there more than once, and programs differ in which one they show"
    NOT_AUTHENTICATED = "the encryption does not tell whether the text was altered"
    SEALED_PART = "an encrypted part stands among others; it is not opened, or they could read it out"
    SIGNED_PART = "a part is signed by itself; the rest is not"
    BAD_STRUCTURE = "its parts are not as the rules for signed and encrypted mail have them"
    TOO_DEEP = "more layers than are opened"
    TOO_LARGE = "larger than is opened"


# What an honest agent never makes.
_SUSPECT: Final = frozenset({Note.FIELD_CHANGED, Note.FIELD_TWICE, Note.BAD_STRUCTURE, Note.TOO_DEEP})
_CLOSED: Final = frozenset({Note.SEALED_PART, Note.TOO_LARGE})


class Standing(StrEnum):
    """A message in one word."""

    NONE = "neither signed nor encrypted"
    OPENED = "encrypted, and opened; nobody signed it"
    GOOD = "signed by its sender"
    UNCHECKED = "signed, but nothing here vouches for the signature"
    BAD = "the signature does not count"
    CLOSED = "encrypted, and not opened"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature and its signer.

    Attributes:
        problems: Why it does not count; empty where it does.
        addresses: Of the signer's certificate, in lower case.
        fingerprint: Of the certificate, in hexadecimal; ``""`` where there is none.
        signed_at: As the signer says.
        trusted: Whether an authority of ours (S/MIME), or its being among our keys (OpenPGP), vouches for it.
        issuer: Who issued the certificate, S/MIME only.
    """

    scheme: Scheme
    coverage: Coverage = Coverage.WHOLE
    problems: tuple[Problem, ...] = ()
    name: str = ""
    addresses: tuple[str, ...] = ()
    fingerprint: str = ""
    issuer: str = ""
    trusted: bool = False
    not_before: dt.datetime | None = None
    not_after: dt.datetime | None = None
    signed_at: dt.datetime | None = None
    hash_name: str = ""

    @property
    def good(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Encryption:
    """One layer of encryption.

    Attributes:
        opened: Whether a key of ours opened it; what failed is in `reason`.
        authenticated: Whether altered text would have been noticed.
    """

    scheme: Scheme
    opened: bool
    authenticated: bool = True
    algorithm: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Seal:
    """All that is said of one message."""

    signatures: tuple[Signature, ...] = ()
    encryptions: tuple[Encryption, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def decrypted(self) -> bool | None:
        """Whether it was opened; None where it is not encrypted."""
        return all(each.opened for each in self.encryptions) if self.encryptions else None

    @property
    def standing(self) -> Standing:
        """The worst that holds: one signature that does not count outweighs any number that do."""
        if self.decrypted is False or _CLOSED & set(self.notes):
            return Standing.CLOSED
        problems = {problem for each in self.signatures for problem in each.problems}
        if problems - _UNDECIDED or _SUSPECT & set(self.notes):
            return Standing.BAD
        if problems:
            return Standing.UNCHECKED
        if self.signatures:
            return Standing.GOOD
        return Standing.OPENED if self.encryptions else Standing.NONE

    @property
    def fine(self) -> bool:
        """Whether there is nothing to be wary of."""
        return self.standing in {Standing.NONE, Standing.OPENED, Standing.GOOD}


@dataclass(frozen=True, slots=True)
class Opened:
    """A message as it is to be read.

    Attributes:
        content: A message: its header, with signed or sealed fields in place of those outside, and the one entity
            within all layers. The message as it came where it could not be opened.
    """

    content: bytes = field(repr=False)
    seal: Seal
