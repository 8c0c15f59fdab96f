"""What every blocking client shares: one transport, bounded waits, an orderly end."""

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, TimedOut

__all__ = ["Dialogue"]


class Dialogue(ABC):
    """One connected session; a subclass gives the octets a meaning.

    Args:
        timeout_s: How long one wait for the peer may take.
    """

    def __init__(self, transport: Transport, *, timeout_s: float) -> None:
        self.transport = transport
        self.timeout_s = timeout_s

    @property
    def transcript(self) -> Transcript:
        return self.transport.transcript

    def close(self) -> None:
        """Close the connection as it is; say so politely first where the protocol has a word for it."""
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def at_eof(self, timeout_s: float) -> bool:
        """Whether the peer closes within `timeout_s`; what it says first is kept for who reads next."""
        deadline = time.monotonic() + timeout_s
        try:
            while self._receive(deadline - time.monotonic()):
                pass
        except TimedOut:
            return False
        except ConnectionLost:
            return True
        return True

    @abstractmethod
    def _take(self, octets: bytes) -> None:
        """Read octets that came; ``b""`` at the end of the stream."""

    def _receive(self, timeout_s: float) -> bool:
        """Wait once for octets; False at the end of the stream."""
        octets = self.transport.receive(timeout_s)
        self._take(octets)
        return bool(octets)

    def _listen(self, quiet_s: float) -> None:
        """Take what comes up to the first `quiet_s` of silence, the peer's close, or `timeout_s` in all."""
        deadline = time.monotonic() + max(self.timeout_s, quiet_s)
        try:
            while self._receive(min(quiet_s, deadline - time.monotonic())):
                pass
        except (TimedOut, ConnectionLost):
            pass  # silence and a reset end it; the transcript tells which it was
