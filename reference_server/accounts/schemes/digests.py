"""Plain and salted digests, as LDAP directories keep them (RFC 2307 and what grew from it)."""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Callable

from reference_server.accounts.schemes.errors import SchemeError

__all__ = ["digest", "pbkdf2", "salted_digest"]

Fits = Callable[[str, bytes], bool]

# Ours: a count that some database has by mistake must not take a worker for minutes (2 s on a slow machine).
MAX_ROUNDS = 2_000_000


def digest(hash_name: str) -> Fits:
    """``{SHA256}``: the digest of the password, in base64 or in hexadecimal."""
    size = hashlib.new(hash_name, usedforsecurity=False).digest_size

    def fits(value: str, password: bytes) -> bool:
        kept = _octets(value, size)
        if len(kept) != size:
            raise SchemeError(f"{len(kept)} octets, and a digest of {hash_name} has {size}")
        return hmac.compare_digest(kept, _digest(hash_name, password))

    return fits


def salted_digest(hash_name: str) -> Fits:
    """``{SSHA}``: the digest of password and salt, then the salt, in base64 or in hexadecimal."""
    size = hashlib.new(hash_name, usedforsecurity=False).digest_size

    def fits(value: str, password: bytes) -> bool:
        octets = _octets(value, None)
        kept, salt = octets[:size], octets[size:]
        if not salt:
            raise SchemeError(f"{len(octets)} octets: no room for a salt behind a digest of {hash_name}")
        return hmac.compare_digest(kept, _digest(hash_name, password + salt))

    return fits


def pbkdf2(value: str, password: bytes) -> bool:
    """Dovecot's ``{PBKDF2}``: ``$1$salt$rounds$digest``, SHA-1, the digest in hexadecimal."""
    found = re.fullmatch(r"\$1\$(?P<salt>[^$]+)\$(?P<rounds>[1-9]\d{0,9})\$(?P<kept>[0-9a-fA-F]{40})", value)
    if not found:
        raise SchemeError("not $1$salt$rounds$digest")
    rounds = checked_rounds(int(found["rounds"]))
    made = hashlib.pbkdf2_hmac("sha1", password, found["salt"].encode(), rounds)
    return hmac.compare_digest(bytes.fromhex(found["kept"]), made)


def checked_rounds(rounds: int) -> int:
    """The count, where it can be afforded; `SchemeError` else."""
    if rounds > MAX_ROUNDS:
        raise SchemeError(f"{rounds} rounds; at most {MAX_ROUNDS} are computed")
    return rounds


def _digest(hash_name: str, octets: bytes) -> bytes:
    return hashlib.new(hash_name, octets, usedforsecurity=False).digest()


def _octets(value: str, size: int | None) -> bytes:
    """Base64 or hexadecimal, told apart by the length that is asked for, else by the alphabet."""
    hexadecimal = re.fullmatch(r"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+", value)
    if hexadecimal and size in (None, len(value) // 2):
        return bytes.fromhex(value)
    try:
        return b64decode(value, validate=True)
    except ValueError as exc:
        raise SchemeError("neither base64 nor hexadecimal") from exc
