"""TLS over octets that somebody else carries: the client's side, in memory."""

import ssl

__all__ = ["TlsLayer"]


class TlsLayer:
    """Turns what is said into what is sent, and what is received into what was said.

    Raises:
        ssl.SSLError: From every method but `outgoing`: the handshake failed or the peer broke the protocol.
    """

    __slots__ = ("_incoming", "_object", "_outgoing")

    def __init__(self, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)

    def shake_hands(self) -> bool:
        """One step of the handshake, then send `outgoing`; true when it is over."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def outgoing(self) -> bytes:
        """What is to be sent now."""
        return self._outgoing.read()

    def encrypt(self, octets: bytes) -> bytes:
        self._object.write(octets)
        return self._outgoing.read()

    def feed(self, octets: bytes) -> None:
        """Take octets off the network; ``b""`` is the end of the stream."""
        if octets:
            self._incoming.write(octets)
        else:
            self._incoming.write_eof()

    def read(self, octets: int) -> bytes | None:
        """What was said, at most so many octets; None until there is something, ``b""`` at the end."""
        try:
            return self._object.read(octets)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
