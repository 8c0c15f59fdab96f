"""What is known of a connection in TLS on trio's streams; asyncio's show their `ssl.SSLObject`."""

import trio

from harness.tls import facts_of
from harness.wire.tls import TlsFacts

__all__ = ["stream_facts"]


def stream_facts(stream: trio.SSLStream[trio.abc.Stream]) -> TlsFacts:
    """The facts of a stream whose handshake is over."""
    # trio shows only some attributes of its object, and these are not enough.
    return facts_of(stream._ssl_object)
