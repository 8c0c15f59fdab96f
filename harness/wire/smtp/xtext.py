"""xtext, in which ESMTP parameters carry any octets (RFC 3461 §4)."""

import re
from typing import Final

from harness.errors import RemoteProtocolError

__all__ = ["decode_xtext", "encode_xtext"]

_XTEXT: Final = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX: Final = re.compile(rb"\+([0-9A-F]{2})")
_MUST_ENCODE: Final = re.compile(rb"[^!-*,-<>-~]")


def encode_xtext(octets: bytes) -> bytes:
    """Octets outside ``!`` to ``~``, and ``+`` and ``=``, as ``+HH``."""
    return _MUST_ENCODE.sub(lambda found: b"+%02X" % found[0][0], octets)


def decode_xtext(text: bytes) -> bytes:
    """The octets that were encoded.

    Raises:
        RemoteProtocolError: Not xtext.
    """
    if not _XTEXT.fullmatch(text):
        raise RemoteProtocolError(f"not xtext: {text[:80]!r}")
    return _HEX.sub(lambda found: bytes([int(found[1], 16)]), text)
