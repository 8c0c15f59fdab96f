"""CRAM-MD5 (RFC 2195): the password keys a hash of the server's challenge."""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.sasl.errors import SaslDenied, SaslError
from harness.wire.sasl.fields import text
from harness.wire.sasl.saslprep import saslprep
from harness.wire.sasl.steps import Challenge, FindUser, GivePassword, Step, Success

__all__ = ["CramMd5Client", "CramMd5Server"]

_DIGEST: Final = re.compile(rb"[0-9a-f]{32}")
# Ours: far above the msg-id that RFC 2195 §2 asks for.
_MAX_CHALLENGE: Final = 1024


@dataclass(slots=True)
class CramMd5Client:
    """Waits for the challenge, answers it once."""

    user: str
    password: str = field(repr=False)
    name: str = field(default="CRAM-MD5", init=False)
    server_proven: bool = field(default=True, init=False)
    _answered: bool = field(default=False, init=False)

    def initial(self) -> None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        if self._answered:
            raise LocalProtocolError("CRAM-MD5 has one response (RFC 2195 §2)")
        if not challenge or len(challenge) > _MAX_CHALLENGE:
            raise SaslError(f"a challenge of {len(challenge)} octets")
        self._answered = True
        return self.user.encode() + b" " + digest(self.password, challenge)


@dataclass(slots=True)
class CramMd5Server:
    """Asks once; needs the password in the clear.

    Args:
        hostname: Who asks, for the challenge (RFC 2195 §2).
        nonce: What makes the challenge new.
    """

    hostname: str
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    name: str = field(default="CRAM-MD5", init=False)
    client_first: bool = field(default=False, init=False)

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(self.challenge())
        # The digest is the last word, so that a user's name may hold spaces.
        named, _, proof = response.rpartition(b" ")
        user = saslprep(text(named))
        if not user or not _DIGEST.fullmatch(proof):
            raise SaslError("CRAM-MD5 takes a user and 32 hexadecimal digits (RFC 2195 §2)")

        def checked(password: str | None) -> Step:
            # As long for nobody as for somebody.
            true = hmac.compare_digest(digest(password or self.nonce, self.challenge()), proof)
            if password is None or not true:
                raise SaslDenied("wrong user or digest")
            return FindUser((user,), _found)

        return GivePassword(user, checked)

    def challenge(self) -> bytes:
        """A message id (RFC 2195 §2)."""
        return f"<{self.nonce}@{self.hostname}>".encode()


def _found(user: str | None) -> Step:
    if user is None:
        raise SaslDenied("no such user")
    return Success(user)


def digest(password: str, challenge: bytes) -> bytes:
    """32 hexadecimal digits (RFC 2195 §2)."""
    return hmac.new(password.encode(), challenge, "md5").hexdigest().encode()
