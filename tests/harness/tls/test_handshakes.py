"""Handshakes that fail, and several at once."""

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.tls import TlsContext

Shake = Callable[..., tuple[ssl.SSLObject, ssl.SSLObject]]


def test_a_server_that_fails_sends_its_alert_first(
    client_context: TlsContext, server_context: TlsContext
) -> None:
    """RFC 8446 §6.2. Whoever carries the octets sends them when more is wanted, and is told the reason then."""
    server_context.minimum_version = ssl.TLSVersion.TLSv1_3
    client_context.maximum_version = ssl.TLSVersion.TLSv1_2
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(down, up, server_hostname="mail.example.test")
    server = server_context.wrap_bio(up, down, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()

    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        client.do_handshake()
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
            server.do_handshake()


def test_a_client_that_fails_says_so_at_once(server_context: TlsContext, shake_hands: Shake) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(TlsContext(ssl.PROTOCOL_TLS_CLIENT), server_context)


def test_handshakes_at_the_same_time_never_take_each_others_secrets(
    client_context: TlsContext, server_context: TlsContext
) -> None:
    def meet(_: int) -> tuple[bytes | None, bytes | None]:
        ours, theirs = socket.socketpair()
        with ours, theirs, ThreadPoolExecutor(1) as other:
            answer = other.submit(serve, theirs)
            with client_context.wrap_socket(ours, server_hostname="mail.example.test") as secure:
                return secure.get_channel_binding("tls-exporter"), answer.result()

    def serve(sock: socket.socket) -> bytes | None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = server_context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
            else:
                sock.sendall(outgoing.read())
                return server.get_channel_binding("tls-exporter")

    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(meet, range(64)))

    assert all(at_client and at_client == at_server for at_client, at_server in found)
    assert len({at_server for _, at_server in found}) == 64


def test_a_peer_that_says_nothing_is_waited_for_no_longer_than_allowed(client_context: TlsContext) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client_context.wrap_socket(ours, server_hostname="mail.example.test")
