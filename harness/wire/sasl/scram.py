"""What both sides of SCRAM (RFC 5802, RFC 7677) share: keys, messages, channel bindings.

By hashlib and hmac: the libraries there are ask for keys by a callback in mid-exchange, refuse authorization
identities, or know no tls-exporter (scramp, which the tests hold this against).
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.wire.sasl.codec import decode
from harness.wire.sasl.errors import SaslError
from harness.wire.sasl.fields import text
from harness.wire.tls import TlsFacts

__all__ = ["HASHES", "PLUS", "Binding", "Keys", "attributes", "derive", "escape", "unescape", "xor"]

# Mechanism -> the hash it is named for (RFC 5802 §4; RFC 7677 §3); with `PLUS` it is bound to a channel.
HASHES: Final[Mapping[str, str]] = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
PLUS: Final = "-PLUS"

# Ours: what a nonce, and a whole message, may have.
MAX_NONCE: Final = 256
MAX_MESSAGE: Final = 4096

# RFC 5802 §7: attr-val, value-char without NUL and comma; printable of a nonce; cb-name.
_ATTRIBUTE: Final = re.compile(r"([A-Za-z])=([^\0,]+)")
_NONCE: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_BINDING_NAME: Final = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Binding:
    """A channel binding: its name, and what it binds to (RFC 5056)."""

    name: str
    octets: bytes = field(repr=False)

    @classmethod
    def best(cls, facts: TlsFacts | None) -> "Binding | None":
        """The strongest that this connection has, None where there is none."""
        bindings = facts.bindings if facts is not None else {}
        return next((cls(name, octets) for name, octets in bindings.items()), None)


@dataclass(frozen=True, slots=True)
class Keys:
    """What comes of a password; `client` is known to the client alone."""

    client: bytes = field(repr=False)
    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)


def derive(mechanism: str, password: str, salt: bytes, iterations: int) -> Keys:
    """The keys of a prepared password (RFC 5802 §3); takes as long as `iterations` say.

    Args:
        mechanism: A key of `HASHES`.
    """
    name = HASHES[mechanism]
    salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", name)
    return Keys(client, hashlib.new(name, client).digest(), hmac.digest(salted, b"Server Key", name))


def xor(one: bytes, other: bytes) -> bytes:
    """Octet by octet, of equal length (RFC 5802 §2.2)."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def escape(name: str) -> str:
    """A name in a message (RFC 5802 §5.1, saslname)."""
    return name.replace("=", "=3D").replace(",", "=2C")


def unescape(name: str) -> str:
    """A name of a message.

    Raises:
        SaslError: An equals sign that begins no escape (RFC 5802 §5.1).
    """
    if re.search("=(?!3D|2C)", name):
        raise SaslError("an equals sign in a name that is not escaped (RFC 5802 §5.1)")
    return name.replace("=2C", ",").replace("=3D", "=")


def read_message(octets: bytes) -> str:
    """A message as text; `SaslError` where it is none, or too long."""
    return text(octets, MAX_MESSAGE)


def attributes(message: str, letters: str) -> list[str]:
    """The values of the attributes that a message begins with, in this order; extensions may follow.

    Raises:
        SaslError: Another attribute, a mandatory extension (``m``), or no attribute at all (RFC 5802 §5.1, §7).
    """
    values: list[str] = []
    for index, word in enumerate(message.split(",")):
        found = _ATTRIBUTE.fullmatch(word)
        if found is None:
            raise SaslError("what stands between commas is no attribute (RFC 5802 §7)")
        if index < len(letters):
            if found[1] != letters[index]:
                raise SaslError(f"attribute {found[1]} in place of {letters[index]} (RFC 5802 §7)")
            values.append(found[2])
        elif found[1] in "acinmprsv":
            raise SaslError(f"attribute {found[1]} out of place (RFC 5802 §5.1)")
    if len(values) < len(letters):
        raise SaslError(f"no attribute {letters[len(values)]} (RFC 5802 §7)")
    return values


def read_nonce(value: str) -> str:
    """Printable and bounded, or `SaslError`."""
    if len(value) > MAX_NONCE or not _NONCE.fullmatch(value):
        raise SaslError(f"a nonce of {len(value)} octets that is none (RFC 5802 §7)")
    return value


def read_binding_name(value: str) -> str:
    """RFC 5802 §7, cb-name, or `SaslError`."""
    if not _BINDING_NAME.fullmatch(value):
        raise SaslError("the name of a channel binding that is none (RFC 5802 §7)")
    return value


def base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")


def read_base64(value: str) -> bytes:
    """Octets of an attribute, at least one.

    Raises:
        SaslError: It is not base64, or another form of it than the one these octets have (RFC 4648 §3.5): a proof
            that was changed on the way is none, even where it still says the same.
    """
    octets = decode(value.encode("utf-8", "replace"))
    if base64(octets) != value:
        raise SaslError("base64 with bits beyond its end (RFC 4648 §3.5)")
    return octets
