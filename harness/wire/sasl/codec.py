"""Strict base64, as the SASL profiles of SMTP, POP3 and IMAP have it."""

import re
from base64 import b64decode, b64encode
from typing import Final

from harness.wire.sasl.errors import SaslError

__all__ = ["CANCEL", "EMPTY_INITIAL", "decode", "decode_initial", "encode", "encode_initial"]

# RFC 4954 §4: the line that cancels an exchange; the argument that is an initial response of no octets.
CANCEL: Final = b"*"
EMPTY_INITIAL: Final = b"="

_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def encode(octets: bytes) -> bytes:
    """A challenge or response as it stands on its line, without CRLF."""
    return b64encode(octets)


def encode_initial(octets: bytes) -> bytes:
    """An initial response as it stands in the command."""
    return b64encode(octets) or EMPTY_INITIAL


def decode(line: bytes) -> bytes:
    """The octets of a challenge or response; `CANCEL` is for the caller to see first.

    Raises:
        SaslError: A character outside the alphabet, padding that is not at the end, or a quantum cut short.

    Source: RFC 4954 §4; RFC 5034 §4; RFC 9051 §9.
    """
    if not _BASE64.fullmatch(line):
        raise SaslError(f"not base64: {len(line)} octets with a stray character, padding or end")
    return b64decode(line)


def decode_initial(argument: bytes) -> bytes:
    """The octets of an initial response; as `decode`, and ``=`` is the empty one."""
    if not argument:
        raise SaslError("an initial response of no octets is written '='")
    return b"" if argument == EMPTY_INITIAL else decode(argument)
