"""A blocking connection to a filter, every wait of it bounded; for worker threads only."""

import socket
import time
from typing import Final, Self

from reference_server.filters.model import StageFailed
from reference_server.world.filters import Place

__all__ = ["FilterLine"]

_READ_OCTETS: Final = 64 * 1024
# Ours: what a filter may answer at most, beyond the message that it gives back.
MAX_ANSWER: Final = 1024 * 1024


class FilterLine:
    """One connection; a context manager that closes it.

    Args:
        timeout_s: How long connecting may take, and each answer from its question on.

    Raises:
        StageFailed: From every method: the filter is down, slow, closed the connection, or talks too much.
    """

    def __init__(self, place: Place, timeout_s: float) -> None:
        self._place = place
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self.renew()
        try:
            self._socket = self._connected()
        except TimeoutError as exc:
            raise StageFailed(f"{place} did not take the connection within {timeout_s:g} s") from exc
        except OSError as exc:
            raise StageFailed(f"{place} cannot be reached ({_reason(exc)})") from exc

    def _connected(self) -> socket.socket:
        if self._place.path:
            unix = socket.socket(socket.AF_UNIX)
            unix.settimeout(self._timeout_s)
            try:
                unix.connect(self._place.path)
            except OSError:
                unix.close()
                raise
            return unix
        tcp = socket.create_connection((self._place.host, self._place.port), self._timeout_s)
        # A question of several writes must not wait for the acknowledgement of the first (RFC 896).
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tcp

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def renew(self) -> None:
        """A new question: from now on the answer has its whole time."""
        self._deadline = time.monotonic() + self._timeout_s

    def ask(self, octets: bytes) -> None:
        """Send a question; its answer is due within the timeout."""
        self.renew()
        self.send(octets)

    def send(self, octets: bytes) -> None:
        """Send more of a question."""
        try:
            self._socket.settimeout(self._left_s())
            self._socket.sendall(octets)
        except TimeoutError as exc:
            raise self._too_slow() from exc
        except OSError as exc:
            raise StageFailed(f"{self._place} ended the connection ({_reason(exc)})") from exc

    def end_of_question(self) -> None:
        """Nothing more is sent; what is still to come can be read."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as exc:
            raise StageFailed(f"{self._place} ended the connection ({_reason(exc)})") from exc

    def take(self, octets: int) -> bytes:
        """Exactly so many."""
        while len(self._buffer) < octets:
            self._more()
        return self._cut(octets)

    def take_until(self, end: bytes) -> bytes:
        """Up to `end`, which is read and left out."""
        while (found := self._buffer.find(end)) < 0:
            if len(self._buffer) > MAX_ANSWER:
                raise StageFailed(f"{self._place} answers without end")
            self._more()
        return self._cut(found + len(end))[: -len(end)]

    def take_rest(self, most: int) -> bytes:
        """Up to the end of the stream, `most` octets at most."""
        while self._received():
            if len(self._buffer) > most:
                raise StageFailed(f"{self._place} answers without end")
        return self._cut(len(self._buffer))

    def _cut(self, octets: int) -> bytes:
        piece = bytes(self._buffer[:octets])
        del self._buffer[:octets]
        return piece

    def _more(self) -> None:
        if not self._received():
            raise StageFailed(f"{self._place} closed the connection in mid-answer")

    def _received(self) -> bool:
        try:
            self._socket.settimeout(self._left_s())
            octets = self._socket.recv(_READ_OCTETS)
        except TimeoutError as exc:
            raise self._too_slow() from exc
        except OSError as exc:
            raise StageFailed(f"{self._place} ended the connection ({_reason(exc)})") from exc
        self._buffer += octets
        return bool(octets)

    def _left_s(self) -> float:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise self._too_slow()
        return left_s

    def _too_slow(self) -> StageFailed:
        return StageFailed(f"{self._place} did not answer within {self._timeout_s:g} s")


def _reason(exc: OSError) -> str:
    return (exc.strerror or str(exc)).lower()
