"""saslauthd, the password checker of Cyrus SASL, over its mux: four counted strings there, one back.

No RFC specifies it: each string has its length before it, 16 bits in network order (cyrus-sasl's ipc_unix.c).
"""

import socket
import struct
import time
from typing import Final

from reference_server.accounts.directory import Abilities, BackEndDown, BackEndUnavailable, ScramSecrets
from reference_server.accounts.names import Login, fill, mailbox_address
from reference_server.world.accounts import SaslauthdAccounts

__all__ = ["Saslauthd"]

_COUNT: Final = struct.Struct("!H")
# saslauthd drops a connection with a longer string, without an answer (its MAX_REQ_LEN): nobody's name or password.
MAX_STRING: Final = 256
# Ours: saslauthd's reasons are one line.
MAX_ANSWER: Final = 1024


class Saslauthd:
    """Whoever saslauthd lets in. It knows nothing of addresses: a mailbox is named as the client names itself."""

    abilities = Abilities.VERIFY

    def __init__(self, settings: SaslauthdAccounts, domain: str) -> None:
        self._settings = settings
        self._domain = domain

    def verify(self, user: str, password: str) -> str | None:
        """As `Directory.verify`; saslauthd sees to it that an unknown user takes as long as a wrong password."""
        login = Login.of(user, self._domain)
        fields = (
            fill(self._settings.user, login.parts),
            password,
            self._settings.service,
            fill(self._settings.realm, login.parts),
        )
        strings = [field.encode() for field in fields]
        if any(len(string) > MAX_STRING or b"\0" in string for string in strings):
            return None
        if not self._lets_in(b"".join(_COUNT.pack(len(string)) + string for string in strings)):
            return None
        return mailbox_address(f"{login.local_part}@{login.domain}")

    def known(self, user: str) -> str | None:
        raise BackEndUnavailable("saslauthd cannot say who is known, only whose password is right")

    def scram_secrets(self, user: str, mechanism: str) -> ScramSecrets | None:
        return None

    def password(self, user: str) -> str | None:
        return None

    def close(self) -> None:
        """Nothing is held: saslauthd takes one question a connection."""

    def _lets_in(self, request: bytes) -> bool:
        try:
            answer = self._ask(request)
        except OSError as exc:
            reason = exc.strerror or f"no answer within {self._settings.timeout_s:g} s"
            raise BackEndDown(f"{self._settings.socket}: {reason}") from exc
        match answer[:2]:
            case b"OK":
                return True
            case b"NO":
                return False
            case _:
                raise BackEndUnavailable(
                    f"{self._settings.socket} answers {answer[:64]!r}, neither OK nor NO"
                )

    def _ask(self, request: bytes) -> bytes:
        ends_at = time.monotonic() + self._settings.timeout_s
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mux:
            # Blocking: a connect with Python's timeout fails at once where the queue of a Unix socket is full.
            mux.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self._settings.timeout_s))
            mux.connect(str(self._settings.socket))
            mux.sendall(request)
            (octets,) = _COUNT.unpack(self._exactly(mux, _COUNT.size, ends_at))
            if octets > MAX_ANSWER:
                raise BackEndUnavailable(
                    f"{self._settings.socket} announces {octets} octets; an answer is a line"
                )
            return self._exactly(mux, octets, ends_at)

    def _exactly(self, mux: socket.socket, octets: int, ends_at: float) -> bytes:
        received = b""
        while len(received) < octets:
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            mux.settimeout(left_s)
            some = mux.recv(octets - len(received))
            if not some:
                raise BackEndUnavailable(f"{self._settings.socket} ends in the middle of its answer")
            received += some
        return received


def _timeval(seconds: float) -> bytes:
    """A ``struct timeval``; none of 0, which would be no timeout."""
    microseconds = max(1, int(seconds * 1_000_000))
    return struct.pack("@ll", *divmod(microseconds, 1_000_000))
