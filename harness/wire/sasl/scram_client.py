"""SCRAM, the client's side: proves that it knows the password, and asks the server for the same."""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from harness.errors import LocalProtocolError
from harness.wire.sasl import scram
from harness.wire.sasl.errors import SaslError, ServerUnproven
from harness.wire.sasl.saslprep import saslprep
from harness.wire.sasl.scram import HASHES, PLUS, Binding

__all__ = ["MAX_ITERATIONS", "ScramClient"]

# RFC 5802 §5.1 and RFC 7677 §4 ask for 4096 at least, and no server in the field keeps less: who says less may be
# after a password that is easy to guess (RFC 5802 §9).
MIN_ITERATIONS: Final = 4096
# Ours: a second or so of a client's time; a server that asks for more wants it to hang (RFC 5802 §9).
MAX_ITERATIONS: Final = 2_000_000

_COUNT: Final = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(slots=True)
class ScramClient:
    """One exchange.

    Args:
        mechanism: ``SCRAM-SHA-1`` or ``SCRAM-SHA-256``.
        authorization: Whom to act as; empty for oneself.
        binding: What to bind to: the mechanism is the -PLUS one then.
        could_bind: There is a channel binding here, and the server has not offered -PLUS: it is told so, and sees
            whether somebody has taken -PLUS off its list (RFC 5802 §6).
        nonce: Printable ASCII without a comma.

    Raises:
        SaslError: User or password cannot be prepared (RFC 5802 §5.1).
    """

    mechanism: str
    user: str
    password: str = field(repr=False)
    authorization: str = ""
    binding: Binding | None = None
    could_bind: bool = False
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    server_proven: bool = field(default=False, init=False)
    _turn: int = field(default=0, init=False)
    _signature: bytes = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        self.user, self.password = saslprep(self.user), saslprep(self.password)

    @property
    def name(self) -> str:
        return self.mechanism + (PLUS if self.binding else "")

    def initial(self) -> bytes:
        return f"{self.gs2_header()}{self._first_bare()}".encode()

    def respond(self, challenge: bytes) -> bytes:
        self._turn += 1
        match self._turn:
            case 1 if not challenge:
                self._turn = 0  # asked for what could have gone with the command
                return self.initial()
            case 1:
                return self._final(scram.read_message(challenge)).encode()
            case 2:
                self._check_server(scram.read_message(challenge))
                return b""
        raise LocalProtocolError("SCRAM has no further response (RFC 5802 §5)")

    def gs2_header(self) -> str:
        """RFC 5802 §7: how the channel is bound, and whom to act as."""
        flag = f"p={self.binding.name}" if self.binding else "y" if self.could_bind else "n"
        return f"{flag},{'a=' + scram.escape(self.authorization) if self.authorization else ''},"

    def _first_bare(self) -> str:
        return f"n={scram.escape(self.user)},r={self.nonce}"

    def _final(self, server_first: str) -> str:
        """The proof (RFC 5802 §3, §5.1)."""
        nonce, salt, count = scram.attributes(server_first, "rsi")
        if not nonce.startswith(self.nonce) or len(nonce) == len(self.nonce):
            raise SaslError("the server's nonce does not begin with ours, or adds nothing (RFC 5802 §5.1)")
        keys = scram.derive(
            self.mechanism, self.password, scram.read_base64(salt), self._read_iterations(count)
        )
        bound = self.gs2_header().encode() + (self.binding.octets if self.binding else b"")
        without_proof = f"c={scram.base64(bound)},r={scram.read_nonce(nonce)}"
        said = f"{self._first_bare()},{server_first},{without_proof}".encode()
        hash_name = HASHES[self.mechanism]
        self._signature = hmac.digest(keys.server, said, hash_name)
        proof = scram.xor(keys.client, hmac.digest(keys.stored, said, hash_name))
        return f"{without_proof},p={scram.base64(proof)}"

    @staticmethod
    def _read_iterations(count: str) -> int:
        iterations = int(count) if _COUNT.fullmatch(count) else 0
        if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
            raise SaslError(f"{count[:12]} iterations, which is not {MIN_ITERATIONS} to {MAX_ITERATIONS}")
        return iterations

    def _check_server(self, server_final: str) -> None:
        """RFC 5802 §5.1, v and e."""
        if server_final.startswith("e="):
            raise ServerUnproven(f"the server says: {scram.attributes(server_final, 'e')[0][:80]}")
        (verifier,) = scram.attributes(server_final, "v")
        if not hmac.compare_digest(scram.read_base64(verifier), self._signature):
            raise ServerUnproven("the server does not know the password (RFC 5802 §5.1)")
        self.server_proven = True
