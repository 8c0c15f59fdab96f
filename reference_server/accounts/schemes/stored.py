"""The table of schemes, and one kept password of any of them."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reference_server.accounts import scram
from reference_server.accounts.directory import ScramSecrets
from reference_server.accounts.schemes.crypt3 import argon2_fits, bcrypt_fits, crypt_fits, passlib_fits
from reference_server.accounts.schemes.digests import digest, pbkdf2, salted_digest
from reference_server.accounts.schemes.errors import SchemeError
from reference_server.accounts.schemes.scram_keys import RFC_5803, read_keys

__all__ = ["SCHEMES", "Stored", "read_stored"]

# Whether a password, as octets of UTF-8, fits a value; `SchemeError` where the value is not of the scheme.
Fits = Callable[[str, bytes], bool]


def _plain_fits(value: str, password: bytes) -> bool:
    return hmac.compare_digest(value.encode(), password)


def _md5_fits(value: str, password: bytes) -> bool:
    """``{MD5}`` is crypt(3)'s in Dovecot, and a digest in OpenLDAP."""
    return crypt_fits(value, password) if value.startswith("$1$") else digest("md5")(value, password)


def _scram_fits(mechanism: str) -> Fits:
    def fits(value: str, password: bytes) -> bool:
        kept = _keys(mechanism, value)
        made = scram.derive(password.decode(), mechanism, kept.salt, kept.iterations)
        return hmac.compare_digest(kept.stored_key, made.stored_key)

    return fits


def _keys(mechanism: str, value: str) -> ScramSecrets:
    return read_keys(value, hashlib.new(scram.HASHES[mechanism]).digest_size)


_CLEAR: Final = ("PLAIN", "CLEAR", "CLEARTEXT")

# Dovecot's names and OpenLDAP's; what is missing here is for one mechanism only, or broken (LANMAN, NTLM).
SCHEMES: Final[Mapping[str, Fits]] = {
    **dict.fromkeys(_CLEAR, _plain_fits),
    **{mechanism: _scram_fits(mechanism) for mechanism in scram.HASHES},
    "ARGON2": argon2_fits,
    "ARGON2I": argon2_fits,
    "ARGON2ID": argon2_fits,
    "BCRYPT": bcrypt_fits,
    "BLF-CRYPT": bcrypt_fits,
    "CRYPT": crypt_fits,
    "DES-CRYPT": passlib_fits("des_crypt"),
    "LDAP-MD5": digest("md5"),
    "MD5": _md5_fits,
    "MD5-CRYPT": passlib_fits("md5_crypt"),
    "PBKDF2": pbkdf2,
    "PLAIN-MD5": digest("md5"),
    "SHA": digest("sha1"),
    "SHA1": digest("sha1"),
    "SHA256": digest("sha256"),
    "SHA256-CRYPT": passlib_fits("sha256_crypt"),
    "SHA512": digest("sha512"),
    "SHA512-CRYPT": passlib_fits("sha512_crypt"),
    "SMD5": salted_digest("md5"),
    "SSHA": salted_digest("sha1"),
    "SSHA256": salted_digest("sha256"),
    "SSHA512": salted_digest("sha512"),
}

# The suffix names an encoding, which the value shows anyway.
_PREFIX: Final = re.compile(
    r"\{(?P<scheme>[A-Za-z0-9-]+)(?:\.(?:b64|base64|hex))?\}(?P<value>.*)", re.DOTALL | re.IGNORECASE
)
# What administrators write before a hash, or in its place, to lock an account.
_LOCKED: Final = ("!", "*")


@dataclass(frozen=True, slots=True)
class Stored:
    """A password as it is kept.

    Attributes:
        scheme: One of `SCHEMES`.
        value: What stood behind the scheme.
    """

    scheme: str
    value: str = field(repr=False)

    def fits(self, password: str) -> bool:
        """Whether it is this password, compared in a time that does not depend on where they differ.

        NUL is in no password (RFC 4013 §2.3): to HMAC, one with NULs behind it is the same.

        Raises:
            SchemeError: The value is not of its scheme, or would take too long; says of which.
        """
        if self.locked or "\0" in password:
            return False
        try:
            return SCHEMES[self.scheme](self.value, password.encode())
        except SchemeError as exc:
            raise SchemeError(f"{{{self.scheme}}}: {exc}") from exc

    def cleartext(self) -> str | None:
        """The password itself, where it is kept in the clear."""
        return self.value if self.scheme in _CLEAR else None

    def scram(self, mechanism: str, salt: bytes) -> ScramSecrets | None:
        """The keys for a mechanism: kept, or derived with `salt` of what is kept in the clear; else None.

        Raises:
            SchemeError: What is kept are no keys.
        """
        if self.scheme == mechanism:
            return _keys(mechanism, self.value)
        return scram.derive(self.value, mechanism, salt) if self.scheme in _CLEAR else None

    @property
    def locked(self) -> bool:
        """Whether no password fits."""
        return self.scheme not in _CLEAR and self.value.startswith(_LOCKED)


def read_stored(text: str, default_scheme: str = "") -> Stored:
    """A column's or attribute's value: ``{SCHEME}value``, ``SCRAM-SHA-256$...``, a crypt(3) string, or the default's.

    Raises:
        SchemeError: The scheme is not known, or not said.
    """
    if found := _PREFIX.fullmatch(text) or RFC_5803.fullmatch(text):
        scheme = found["scheme"].upper()
        if scheme not in SCHEMES:
            raise SchemeError(
                f"{{{scheme}}} is a scheme that is not known here; known are {', '.join(SCHEMES)}"
            )
        return Stored(scheme, found["value"])
    if default_scheme:
        return Stored(default_scheme, text)
    if text.startswith("$"):
        return Stored("CRYPT", text)
    raise SchemeError("no scheme: neither {SCHEME} nor a crypt(3) string, and no default scheme is set")
