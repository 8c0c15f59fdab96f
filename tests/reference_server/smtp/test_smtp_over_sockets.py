"""The server on the network, met by the standard library's client and by raw sockets."""

import smtplib
import socket
import ssl
from dataclasses import replace

import pytest

from harness.target import Protocol
from reference_server import ONE_SERVER, Server

MESSAGE = "Subject: hello\r\n\r\n.first\r\nlast\r\n"


def address(server: Server, protocol: Protocol) -> tuple[str, int]:
    endpoint = server.target.endpoints[protocol]
    return endpoint.host, endpoint.port


def context_for(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.target.ca_pem)


def read_to_end(connection: socket.socket) -> bytes:
    octets = b""
    while piece := connection.recv(4096):
        octets += piece
    return octets


def read_until(connection: socket.socket, end: bytes) -> bytes:
    octets = b""
    while not octets.endswith(end):
        piece = connection.recv(4096)
        assert piece, octets
        octets += piece
    return octets


def test_smtplib_sends_mail_in_the_clear_and_in_tls(server: Server, inbox) -> None:
    before = len(inbox(server.store, "bob"))
    with smtplib.SMTP(*address(server, Protocol.SMTP), timeout=5) as client:
        assert client.sendmail("a@example.org", ["bob@example.test"], MESSAGE) == {}
        client.starttls(context=context_for(server))
        assert client.sendmail("a@example.org", ["bob@example.test"], MESSAGE) == {}
    clear, secure = inbox(server.store, "bob")[before:]
    assert b" with ESMTP id" in clear
    assert b" with ESMTPS id" in secure
    assert secure.endswith(MESSAGE.encode())


@pytest.mark.parametrize("protocol", [Protocol.SUBMISSION, Protocol.SUBMISSIONS])
def test_smtplib_logs_in_and_submits(server: Server, inbox, protocol: Protocol) -> None:
    context, before = context_for(server), len(inbox(server.store, "bob"))
    client = (
        smtplib.SMTP_SSL(*address(server, protocol), timeout=5, context=context)
        if protocol.implicit_tls
        else smtplib.SMTP(*address(server, protocol), timeout=5)
    )
    with client:
        if not protocol.implicit_tls:
            client.starttls(context=context)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("alice", "wrong")
        client.login("alice@example.test", "secret")
        assert client.sendmail("alice@example.test", ["bob@example.test"], MESSAGE) == {}
    assert b" with ESMTPSA id" in inbox(server.store, "bob")[before]


def test_smtplib_hands_over_by_lmtp(server: Server, inbox) -> None:
    before = len(inbox(server.store, "carol"))
    with smtplib.LMTP(*address(server, Protocol.LMTP), timeout=5) as client:
        refused = client.sendmail("", ["carol@example.test", "nobody@example.test"], MESSAGE)
    assert {to: code for to, (code, _) in refused.items()} == {"nobody@example.test": 550}
    assert b" with LMTP id" in inbox(server.store, "carol")[before]


def test_commands_in_the_clear_behind_starttls_are_not_run_in_tls(server: Server) -> None:
    with socket.create_connection(address(server, Protocol.SMTP), timeout=5) as connection:
        read_until(connection, b"\r\n")
        connection.sendall(b"EHLO client.example.org\r\n")
        read_until(connection, b"\r\n250 STARTTLS\r\n")
        connection.sendall(b"STARTTLS\r\nNOOP\r\nNOOP\r\n")
        read_until(connection, b"220 2.0.0 Ready to start TLS\r\n")
        with context_for(server).wrap_socket(connection, server_hostname="localhost") as secure:
            secure.sendall(b"QUIT\r\n")
            assert read_to_end(secure).startswith(b"221 ")


def test_a_client_that_closes_its_side_still_gets_its_replies(server: Server) -> None:
    with socket.create_connection(address(server, Protocol.SMTP), timeout=5) as connection:
        connection.sendall(b"EHLO client.example.org\r\nNOOP\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection).endswith(b"250 2.0.0 OK\r\n")


def test_silence_ends_with_421() -> None:
    world = replace(ONE_SERVER, limits=replace(ONE_SERVER.limits, smtp_idle_s=0.05))
    with (
        Server(world) as server,
        socket.create_connection(address(server, Protocol.SMTP), timeout=5) as connection,
    ):
        assert b"\r\n421 4.4.2 " in read_to_end(connection)


@pytest.mark.parametrize("protocol", [Protocol.SMTP, Protocol.SUBMISSIONS])
def test_a_stop_ends_open_sessions_with_421(protocol: Protocol) -> None:
    with Server() as server:
        connection = socket.create_connection(address(server, protocol), timeout=5)
        if protocol.implicit_tls:
            connection = context_for(server).wrap_socket(connection, server_hostname="localhost")
        read_until(connection, b"\r\n")
    with connection:
        assert connection.recv(4096).startswith(b"421 4.3.2 ")
