"""Modified UTF-7: how IMAP4rev1 writes mailbox names that are not plain ASCII."""

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final

from harness.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["decode_mailbox_name", "encode_mailbox_name"]

# RFC 3501 §5.1.3: printable US-ASCII stands for itself, all else is shifted.
_SHIFTED: Final = re.compile(r"[^ -~]+")
_PIECE: Final = re.compile(rb"&(?P<base64>[A-Za-z0-9+,]*)-|(?P<plain>[ -%'-~]+)")


def encode_mailbox_name(name: str) -> bytes:
    """A mailbox name in modified UTF-7; each name has exactly one such form.

    Raises:
        LocalProtocolError: The name has a lone surrogate.

    Source: RFC 3501 §5.1.3.
    """
    try:
        return _SHIFTED.sub(_shift, name.replace("&", "&-")).encode("ascii")
    except UnicodeEncodeError as exc:
        raise LocalProtocolError(f"a mailbox name with a lone surrogate: {name!r}") from exc


def _shift(run: re.Match[str]) -> str:
    base64 = b64encode(run[0].encode("utf-16-be"), b"+,")
    return f"&{base64.rstrip(b'=').decode('ascii')}-"


def decode_mailbox_name(octets: bytes) -> str:
    """The name behind modified UTF-7, read strictly: only the one form that `encode_mailbox_name` writes.

    Raises:
        RemoteProtocolError: A shift is not ended, not base64, not UTF-16, superfluous, or holds what
            represents itself; or an octet is not printable ASCII. The message says where.

    Source: RFC 3501 §5.1.3.
    """
    pieces = []
    at = 0
    while at < len(octets):
        found = _PIECE.match(octets, at)
        if found is None:
            raise _wrong(octets, at, "neither printable ASCII nor a whole shift")
        pieces.append(_unshift(octets, found))
        at = found.end()
    name = "".join(pieces)
    canonical = encode_mailbox_name(name)
    if canonical != octets:
        differs = next(
            (i for i, pair in enumerate(zip(octets, canonical, strict=False)) if pair[0] != pair[1]), 0
        )
        raise _wrong(octets, differs, f"the one correct form is {canonical!r}")
    return name


def _unshift(octets: bytes, piece: re.Match[bytes]) -> str:
    if (plain := piece["plain"]) is not None:
        return plain.decode("ascii")
    base64 = piece["base64"]
    if not base64:
        return "&"
    try:
        padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
        return b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise _wrong(octets, piece.start(), f"not base64 of UTF-16: {base64!r}") from exc


def _wrong(octets: bytes, at: int, problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"not modified UTF-7 at octet {at} of {octets[:80]!r}: {problem}")
