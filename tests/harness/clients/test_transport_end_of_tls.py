"""How a TLS connection ended: by close_notify, or cut off."""

import contextlib
import socket
import ssl
import threading

import pytest
import trustme

from harness.clients.transcript import Transcript
from harness.clients.transport import Transport


@pytest.mark.parametrize("politely", [True, False])
def test_the_transport_tells_a_farewell_from_a_cut(politely: bool) -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with server_context.wrap_socket(theirs, server_side=True) as secure:
            secure.sendall(b"220 hello\r\n")
            if politely:
                # It also waits for the client's own farewell, which need not come.
                with contextlib.suppress(OSError):
                    secure.unwrap()

    peer = threading.Thread(target=serve)
    peer.start()
    with Transport(ours, "smtp://localhost", timeout_s=5.0, transcript=Transcript("smtp")) as transport:
        transport.start_tls(client_context, "localhost")
        assert transport.closed_within(5.0)
        assert transport.truncated is not politely
    peer.join(5.0)
    assert not peer.is_alive()
