"""SCRAM, the server's side: checks the client's proof with keys that let nobody log in."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from harness.wire.sasl import scram
from harness.wire.sasl.errors import SaslDenied, SaslError
from harness.wire.sasl.saslprep import saslprep
from harness.wire.sasl.scram import HASHES, PLUS
from harness.wire.sasl.steps import Challenge, FindUser, GiveScramKeys, ScramKeys, Step, Success
from harness.wire.tls import TlsFacts

__all__ = ["ScramServer"]

# RFC 5802 §7: the end of the GS2 header is its second comma.
_GS2_FIELDS: Final = 3


@dataclass(slots=True)
class ScramServer:
    """One exchange.

    Args:
        mechanism: ``SCRAM-SHA-1`` or ``SCRAM-SHA-256``.
        facts: The TLS the client speaks inside; its bindings are what a client may bind to.
        plus: The mechanism is the -PLUS one.
        offers_plus: The -PLUS one is on the list that the client was given: a client that says that it saw none
            has not seen our list (RFC 5802 §6).
        nonce: Printable ASCII without a comma.
    """

    mechanism: str
    facts: TlsFacts | None = None
    plus: bool = False
    offers_plus: bool = False
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    client_first: bool = field(default=True, init=False)
    _gs2_header: str = field(default="", init=False)
    _binding: bytes = field(default=b"", init=False, repr=False)
    _authorization: str = field(default="", init=False)
    _user: str = field(default="", init=False)
    _first_bare: str = field(default="", init=False)
    _server_first: str = field(default="", init=False)
    _keys: ScramKeys | None = field(default=None, init=False, repr=False)
    _found: str | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return self.mechanism + (PLUS if self.plus else "")

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        if self._found is not None:
            return self._end(self._found, response)
        message = scram.read_message(response)
        if self._keys is None:
            return self._take_first(message)
        return self._take_final(message, self._keys)

    # The client's first message

    def _take_first(self, message: str) -> Step:
        flag, authorization, self._first_bare = self._split(message)
        self._gs2_header = f"{flag},{authorization},"
        self._authorization = self._read_authorization(authorization)
        self._binding = self.binding_for(flag)
        name, client_nonce = self.read_first(self._first_bare)
        self._user = saslprep(self.read_name(name))
        if not self._user:
            raise SaslError("the name of nobody")
        nonce = self.joined_nonce(scram.read_nonce(client_nonce))
        return GiveScramKeys(self._user, self.mechanism, lambda keys: self._first(nonce, keys))

    @staticmethod
    def _split(message: str) -> list[str]:
        fields = message.split(",", _GS2_FIELDS - 1)
        if len(fields) < _GS2_FIELDS:
            raise SaslError("no GS2 header (RFC 5802 §7)")
        return fields

    def read_first(self, bare: str) -> list[str]:
        """Name and nonce, as they stand in the message; raises `SaslError`."""
        return scram.attributes(bare, "nr")

    def read_name(self, escaped: str) -> str:
        """RFC 5802 §5.1, saslname."""
        return scram.unescape(escaped)

    def joined_nonce(self, client: str) -> str:
        """RFC 5802 §5: the client's, and ours behind it."""
        return client + self.nonce

    @staticmethod
    def _read_authorization(field_: str) -> str:
        if not field_:
            return ""
        if not field_.startswith("a=") or field_ == "a=":
            raise SaslError("an authorization identity without a= (RFC 5802 §7)")
        return saslprep(scram.unescape(field_[2:]))

    def binding_for(self, flag: str) -> bytes:
        """What the client must have bound to (RFC 5802 §6).

        Raises:
            SaslDenied: It is bound to nothing where it could be, or to what we do not have.
        """
        bindings = self.facts.bindings if self.facts is not None else {}
        match flag:
            case "n" if not self.plus:
                return b""
            case "y" if not self.plus:
                self.check_downgrade()
                return b""
            case _ if flag.startswith("p=") and self.plus:
                name = scram.read_binding_name(flag[2:])
                if name not in bindings:
                    raise SaslDenied("a channel binding that is not to be had here (RFC 5802 §6)")
                return bindings[name]
        raise SaslError("a flag for channel binding that does not go with the mechanism (RFC 5802 §6)")

    def check_downgrade(self) -> None:
        """The client could have bound and saw no -PLUS: somebody may have taken it off the list (RFC 5802 §6)."""
        if self.offers_plus:
            raise SaslDenied("the client has not seen that -PLUS is offered (RFC 5802 §6)")

    def _first(self, nonce: str, keys: ScramKeys) -> Challenge:
        self._keys = keys
        self._server_first = self.first_message(nonce, keys)
        return Challenge(self._server_first.encode())

    def first_message(self, nonce: str, keys: ScramKeys) -> str:
        """RFC 5802 §7, server-first-message."""
        return f"r={nonce},s={scram.base64(keys.salt)},i={keys.iterations}"

    # The client's final message

    def _take_final(self, message: str, keys: ScramKeys) -> Step:
        without_proof, found, encoded = message.rpartition(",p=")
        if not found:
            raise SaslError("a final message without proof (RFC 5802 §7)")
        channel, nonce = scram.attributes(without_proof, "cr")
        proof = scram.read_base64(encoded)
        self.check_nonce(nonce)
        self.check_binding(scram.read_base64(channel))
        said = f"{self._first_bare},{self._server_first},{without_proof}".encode()
        self.check_proof(proof, said, keys)
        verifier = self.signature(said, keys)

        def known(user: str | None) -> Step:
            if user is None:
                raise SaslDenied("no such user")
            self._found = user
            return Challenge(f"v={scram.base64(verifier)}".encode())

        return FindUser((self._user,), known)

    def signature(self, said: bytes, keys: ScramKeys) -> bytes:
        """RFC 5802 §3: what proves to the client that its password is known here."""
        return hmac.digest(keys.server_key, said, HASHES[self.mechanism])

    def check_nonce(self, nonce: str) -> None:
        """RFC 5802 §5.1: what the client was given."""
        if not self._server_first.startswith(f"r={nonce},"):
            raise SaslDenied("another nonce (RFC 5802 §5.1)")

    def check_binding(self, channel: bytes) -> None:
        """RFC 5802 §6: the header as it was sent, and what we have of the channel."""
        if not hmac.compare_digest(channel, self._gs2_header.encode() + self._binding):
            raise SaslDenied("another channel (RFC 5802 §6)")

    def check_proof(self, proof: bytes, said: bytes, keys: ScramKeys) -> None:
        """RFC 5802 §3: the proof gives the client's key, whose hash is kept."""
        name = HASHES[self.mechanism]
        signature = hmac.digest(keys.stored_key, said, name)
        if len(proof) != len(signature):
            raise SaslDenied("a proof of another length")
        client_key = scram.xor(proof, signature)
        if not hmac.compare_digest(hashlib.new(name, client_key).digest(), keys.stored_key):
            raise SaslDenied("a wrong proof")

    def _end(self, user: str, response: bytes) -> Success:
        if response:
            raise SaslError("nothing is to follow the server's proof (RFC 5802 §5)")
        return Success(user, self._authorization)
