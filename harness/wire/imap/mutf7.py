"""Modified UTF-7, in which IMAP4rev1 writes mailbox names (RFC 3501 §5.1.3)."""

import base64
import binascii
import re
from typing import Final

from harness.errors import RemoteProtocolError

__all__ = ["decode_mutf7", "encode_mutf7"]

_PLAIN: Final = re.compile(r"[ -%'-~]+")
_SHIFTED: Final = re.compile(rb"&([A-Za-z0-9+,]*)-")


def encode_mutf7(name: str) -> bytes:
    """The name in ASCII: ``&`` as ``&-``, what is not printable ASCII as ``&`` UTF-16 in base64 ``-``."""
    out = bytearray()
    at = 0
    while at < len(name):
        if plain := _PLAIN.match(name, at):
            out += plain[0].encode("ascii")
            at = plain.end()
        elif name[at] == "&":
            out += b"&-"
            at += 1
        else:
            end = at
            while end < len(name) and not (" " <= name[end] <= "~"):
                end += 1
            coded = base64.b64encode(name[at:end].encode("utf-16-be", "surrogatepass"))
            out += b"&" + coded.rstrip(b"=").replace(b"/", b",") + b"-"
            at = end
    return bytes(out)


def decode_mutf7(octets: bytes) -> str:
    """The name that was written.

    Raises:
        RemoteProtocolError: Not modified UTF-7, or not its one right form: a shift that was not needed, base64 with
            padding bits set, two shifts in a row.
    """
    try:
        name = "".join(_pieces(octets))
    except (UnicodeDecodeError, binascii.Error) as exc:
        raise RemoteProtocolError(f"not modified UTF-7: {octets[:80]!r}") from exc
    if encode_mutf7(name) != octets:
        raise RemoteProtocolError(f"not the one form of a name in modified UTF-7: {octets[:80]!r}")
    return name


def _pieces(octets: bytes) -> list[str]:
    pieces = []
    at = 0
    while at < len(octets):
        shift = octets.find(b"&", at)
        plain = octets[at:] if shift < 0 else octets[at:shift]
        pieces.append(plain.decode("ascii"))
        if shift < 0:
            break
        found = _SHIFTED.match(octets, shift)
        if found is None:
            raise binascii.Error("a shift that does not end")
        coded = found[1].replace(b",", b"/")
        padded = coded + b"=" * (-len(coded) % 4)
        pieces.append(base64.b64decode(padded).decode("utf-16-be", "strict") if coded else "&")
        at = found.end()
    return pieces
