"""A TLS connection in memory, and the certificates for it."""

import ssl
from collections.abc import Callable
from typing import NamedTuple

import pytest
import trustme

from harness.tls import TlsContext, read_certificate


class Ends(NamedTuple):
    """Both ends of a connection."""

    client: ssl.SSLObject
    server: ssl.SSLObject


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> TlsContext:
    issued = authority.issue_cert("mail.example.test")
    context = TlsContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
    context.end_point = read_certificate(der).end_point
    return context


@pytest.fixture
def client_context(authority: trustme.CA) -> TlsContext:
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
def shake_hands() -> Callable[..., Ends]:
    """A handshake in memory, one step each in turn."""

    def shake(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "mail.example.test") -> Ends:
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = Ends(
            client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)
        )
        open_ends = list(ends)
        while open_ends:
            for end in tuple(open_ends):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                open_ends.remove(end)
        return ends

    return shake
