"""The keys that a server keeps for SCRAM, made of a password or made up."""

import hashlib
import hmac
from typing import Final

from harness.wire.sasl.errors import SaslError
from harness.wire.sasl.saslprep import saslprep
from reference_server.accounts.directory import ScramSecrets

__all__ = ["HASHES", "ITERATIONS", "SALT_OCTETS", "derive", "made_up", "prepared"]

# SCRAM mechanism -> the hash it is named for (RFC 5802 §4; RFC 7677 §3).
HASHES: Final = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}

# RFC 5802 §5.1 and RFC 7677 §4: at least 4096; what Dovecot and Cyrus SASL keep, so that a salt that is made up does
# not stand out.
ITERATIONS: Final = 4096
SALT_OCTETS: Final = 16


def derive(password: str, mechanism: str, salt: bytes, iterations: int = ITERATIONS) -> ScramSecrets:
    """The keys of a password.

    Source: RFC 5802 §3.
    """
    hash_name = HASHES[mechanism]
    salted = hashlib.pbkdf2_hmac(hash_name, prepared(password).encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    return ScramSecrets(
        salt=salt,
        iterations=iterations,
        stored_key=hashlib.new(hash_name, client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", hash_name),
    )


def prepared(password: str) -> str:
    """By SASLprep (RFC 4013 §2); one that it does not allow as it is, as Dovecot and PostgreSQL take it."""
    try:
        return saslprep(password)
    except SaslError:
        return password


def made_up(user: str, mechanism: str, secret: bytes) -> ScramSecrets:
    """Keys for somebody who has none: the same at each attempt, and no password fits.

    RFC 5802 §7 lets a server hide who is unknown; only a salt that stays does so.
    """
    hash_name = HASHES[mechanism]

    def octets(purpose: str) -> bytes:
        return hmac.digest(
            secret, f"{purpose}\0{mechanism}\0{user.casefold()}".encode("utf-8", "replace"), hash_name
        )

    return ScramSecrets(
        salt=octets("salt")[:SALT_OCTETS],
        iterations=ITERATIONS,
        stored_key=octets("stored key"),
        server_key=octets("server key"),
    )
