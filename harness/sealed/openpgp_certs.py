"""OpenPGP certificates: whose they are, and how they are read. Source: RFC 9580 §10.1, §5.11."""

import datetime as dt
import re
from typing import Final

from pysequoia import Cert

__all__ = ["addresses_of_cert", "expired", "name_of_cert", "read_certs", "reason_of"]

# RFC 9580 §5.11: by convention a name and an address in angle brackets; or the address alone.
_BRACKETED: Final = re.compile(r"<([^<>@\s]+@[^<>@\s]+)>\s*\Z")
_ALONE: Final = re.compile(r"[^<>@\s]+@[^<>@\s]+")


def read_certs(octets: bytes) -> tuple[Cert, ...]:
    """Certificates, armored or not, with the secret keys that come with them.

    Raises:
        ValueError: There are none.
    """
    try:
        found = tuple(Cert.split_bytes(octets))
    except RuntimeError as exc:
        raise ValueError(reason_of(exc)) from exc
    if not found:
        raise ValueError("no certificate")
    return found


def addresses_of_cert(cert: Cert) -> tuple[str, ...]:
    """The addresses of its user ids, in lower case; a revoked user id is no longer there."""
    return tuple(address for user_id in cert.user_ids if (address := _address(str(user_id))))


def name_of_cert(cert: Cert) -> str:
    """Its first user id."""
    return next((str(user_id) for user_id in cert.user_ids), "")


def expired(cert: Cert, at: dt.datetime) -> bool:
    """Whether its time is over."""
    return cert.expiration is not None and cert.expiration <= at


def reason_of(exc: Exception) -> str:
    """What the library says, without the stack of its own that it adds."""
    return str(exc).partition("\n")[0].strip() or "it cannot be read"


def _address(user_id: str) -> str:
    found = _BRACKETED.search(user_id)
    if found:
        return found[1].lower()
    return user_id.lower() if _ALONE.fullmatch(user_id) else ""
