"""OpenPGP certificates: whose they are, and how they are read. Source: RFC 9580 §10.1, §5.11."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Final

from pysequoia import Cert, Tsk
from pysequoia.packet import Packet, PacketPile, Tag

__all__ = ["addresses_of_cert", "expired", "name_of_cert", "read_certs", "reason_of"]

# RFC 9580 §5.11: by convention a name and an address in angle brackets; or the address alone.
_BRACKETED: Final = re.compile(r"<([^<>@\s]+@[^<>@\s]+)>\s*\Z")
_PRIMARY: Final = (Tag.PublicKey, Tag.SecretKey)
_ALONE: Final = re.compile(r"[^<>@\s]+@[^<>@\s]+")


def read_certs(octets: bytes) -> tuple[tuple[Cert, ...], tuple[Tsk, ...]]:
    """Certificates, armored or not, and the secret keys among them; the latter's certificates are among the former.

    Raises:
        ValueError: There are none.
    """
    try:
        groups = list(_groups(PacketPile.from_bytes(octets)))
        secrets = tuple(Tsk.from_packets(each) for each in groups if each[0].tag == Tag.SecretKey)
        others = tuple(Cert.from_packets(each) for each in groups if each[0].tag == Tag.PublicKey)
    except RuntimeError as exc:
        raise ValueError(reason_of(exc)) from exc
    if not groups:
        raise ValueError("no certificate")
    return (*(each.extract_certificate() for each in secrets), *others), secrets


def _groups(packets: Iterable[Packet]) -> Iterator[list[Packet]]:
    """The packets of each certificate: a primary key, and what follows it."""
    group: list[Packet] = []
    for packet in packets:
        if packet.tag in _PRIMARY and group:
            yield group
            group = []
        if group or packet.tag in _PRIMARY:
            group.append(packet)
    if group:
        yield group


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
