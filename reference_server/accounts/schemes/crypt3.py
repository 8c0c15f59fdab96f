"""Strings of crypt(3), and argon2's, which look alike: ``$id$parameters$salt$hash``."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from harness.errors import UsageError
from reference_server.accounts.schemes.digests import checked_rounds
from reference_server.accounts.schemes.errors import SchemeError

try:
    import bcrypt
    from passlib import hash as passlib_hash
except ImportError as exc:
    raise UsageError(
        f"hashes of an accounts database need {exc.name}: install it with 'pip install mailproof[sql]'"
    ) from exc

__all__ = ["argon2_fits", "bcrypt_fits", "crypt_fits", "passlib_fits"]

# Ours: what one check may take is bounded (bcrypt of 2^15 rounds takes 2 s, and a gigabyte is a machine's).
MAX_BCRYPT_COST: Final = 15
MAX_ARGON2_KIB: Final = 1024 * 1024
MAX_ARGON2_PASSES: Final = 64
# crypt(3) reads so much of a password; the package raises where there is more.
BCRYPT_OCTETS: Final = 72

_BCRYPT: Final = re.compile(r"\$2[abxy]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}")
_SHA_ROUNDS: Final = re.compile(r"\$[56]\$rounds=(\d{1,10})\$")


def bcrypt_fits(value: str, password: bytes) -> bool:
    """``{BLF-CRYPT}``: ``$2y$05$...``."""
    found = _BCRYPT.fullmatch(value)
    if not found:
        raise SchemeError("not a hash of bcrypt")
    if int(found["cost"]) > MAX_BCRYPT_COST:
        raise SchemeError(f"bcrypt with a cost of {found['cost']}; at most {MAX_BCRYPT_COST} is computed")
    try:
        return bcrypt.checkpw(password[:BCRYPT_OCTETS], value.encode("ascii"))
    except ValueError as exc:
        raise SchemeError(f"not a hash of bcrypt ({exc})") from exc


def argon2_fits(value: str, password: bytes) -> bool:
    """``{ARGON2ID}`` and ``{ARGON2I}``: ``$argon2id$v=19$m=65536,t=3,p=4$...``."""
    try:
        parameters = argon2.extract_parameters(value)
        if parameters.memory_cost > MAX_ARGON2_KIB or parameters.time_cost > MAX_ARGON2_PASSES:
            raise SchemeError(
                f"argon2 with {parameters.memory_cost} KiB in {parameters.time_cost} passes;"
                f" at most {MAX_ARGON2_KIB} in {MAX_ARGON2_PASSES} are computed"
            )
        return argon2.PasswordHasher().verify(value, password)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as exc:
        raise SchemeError(f"not a hash of argon2 ({exc})") from exc


def passlib_fits(name: str) -> Callable[[str, bytes], bool]:
    """A handler of passlib: ``sha512_crypt``."""
    handler = getattr(passlib_hash, name)

    def fits(value: str, password: bytes) -> bool:
        if found := _SHA_ROUNDS.match(value):
            checked_rounds(int(found[1]))
        try:
            return bool(handler.verify(password, value))
        except ValueError as exc:
            raise SchemeError(f"not a hash of {name}") from exc

    return fits


_IDS: Final[Mapping[str, Callable[[str, bytes], bool]]] = {
    "$1$": passlib_fits("md5_crypt"),
    "$2": bcrypt_fits,
    "$5$": passlib_fits("sha256_crypt"),
    "$6$": passlib_fits("sha512_crypt"),
    "$argon2": argon2_fits,
}
_DES: Final = re.compile(r"[./A-Za-z0-9]{13}")


def crypt_fits(value: str, password: bytes) -> bool:
    """``{CRYPT}``: whatever the string says that it is."""
    for beginning, fits in _IDS.items():
        if value.startswith(beginning):
            return fits(value, password)
    if _DES.fullmatch(value):
        return passlib_fits("des_crypt")(value, password)
    raise SchemeError(f"a crypt(3) string of a kind that is not known; known are {', '.join(_IDS)} and DES")
