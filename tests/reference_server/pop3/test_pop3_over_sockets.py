"""poplib as the second implementation; TLS; silence."""

import poplib
import socket
import ssl
from dataclasses import replace

import pytest

from harness.target import Protocol
from reference_server import ONE_SERVER, Server
from reference_server.world import Limits

MESSAGE = b"Subject: hello\r\n\r\n.\r\n.stuffed\r\nbody\r\n"


@pytest.fixture
def address(server) -> tuple[str, int]:
    endpoint = server.target.endpoints[Protocol.POP3]
    return endpoint.host, endpoint.port


@pytest.fixture
def trust(server) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.target.ca_pem)


def test_poplib_reads_and_removes(server, address) -> None:
    mailbox = server.store.mailbox("alice", "INBOX")
    server.store.append(mailbox.id, MESSAGE)
    client = poplib.POP3(*address, timeout=10)
    client.user("alice@example.test")
    client.pass_("secret")
    assert client.stat() == (1, len(MESSAGE))
    _, lines, _ = client.retr(1)
    assert b"\r\n".join(lines) + b"\r\n" == MESSAGE
    assert client.top(1, 1)[1] == [b"Subject: hello", b"", b"."]
    assert client.uidl(1).startswith(b"+OK 1 ")
    client.dele(1)
    client.quit()
    assert server.store.messages(mailbox.id) == []


def test_poplib_uses_stls_and_implicit_tls(server, address, trust) -> None:
    client = poplib.POP3(*address, timeout=10)
    assert "STLS" in client.capa()
    client.stls(trust)
    assert "STLS" not in client.capa()
    client.user("alice")
    client.pass_("secret")
    client.quit()
    endpoint = server.target.endpoints[Protocol.POP3S]
    secure = poplib.POP3_SSL(endpoint.host, endpoint.port, context=trust, timeout=10)
    secure.user("alice")
    with pytest.raises(poplib.error_proto, match="AUTH"):
        secure.pass_("wrong")
    secure.close()


def test_silence_closes_without_a_word_and_removes_nothing() -> None:
    world = replace(ONE_SERVER, limits=Limits(pop3_idle_s=0.05))
    with Server(world) as server:
        endpoint = server.target.endpoints[Protocol.POP3]
        with socket.create_connection((endpoint.host, endpoint.port), timeout=10) as connection:
            reader = connection.makefile("rb")
            assert reader.readline().startswith(b"+OK")
            assert reader.readline() == b""
