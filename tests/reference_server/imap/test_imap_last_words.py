"""BYE before the server closes: at its stop, and after silence."""

import socket
from dataclasses import replace

from harness.target import Protocol
from reference_server import ONE_SERVER, Server
from reference_server.world import Limits


def connected(server: Server) -> tuple[socket.socket, object]:
    endpoint = server.target.endpoints[Protocol.IMAP]
    connection = socket.create_connection((endpoint.host, endpoint.port), timeout=10)
    reader = connection.makefile("rb")
    reader.readline()
    return connection, reader


def test_a_stop_is_told_by_bye() -> None:
    server = Server().start()
    connection, reader = connected(server)
    with connection:
        server.stop()
        assert reader.readline().startswith(b"* BYE")
        assert reader.readline() == b""


def test_silence_ends_with_bye() -> None:
    world = replace(ONE_SERVER, limits=Limits(imap_idle_s=0.05))
    with Server(world) as server:
        connection, reader = connected(server)
        with connection:
            assert reader.readline().startswith(b"* BYE")
            assert reader.readline() == b""
