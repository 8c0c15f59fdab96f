"""What a carrier asks of a session, whatever it speaks; a session does no I/O."""

from harness.wire.tls import TlsFacts
from reference_server.context import Context
from reference_server.errand import Errands

__all__ = ["Dialogue"]


class Dialogue(Errands):
    """Octets in, octets out; and the life of the connection, as far as the session has to know of it.

    Attributes:
        tls_facts: What is known of the TLS of this connection; the carrier sets it.
    """

    context: Context
    tls_facts: TlsFacts | None

    def greet(self) -> bytes:
        """What is said first."""
        raise NotImplementedError

    def tls_started(self) -> None:
        """The handshake is done."""
        raise NotImplementedError

    def lost(self) -> None:
        """The connection is over."""
        raise NotImplementedError
