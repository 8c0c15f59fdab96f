"""Ports of the system's choice that several listeners share."""

import contextlib
import errno
import socket
from collections.abc import Iterable
from typing import Final

__all__ = ["BlackHole", "free_port"]

# Ours: so many ports are tried before the machine is called full.
_TRIES: Final = 50


def _socket(address: str, kind: socket.SocketKind) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)


def free_port(addresses: Iterable[str], *kinds: socket.SocketKind) -> int:
    """A port that nobody has on any of these addresses, for these kinds of socket.

    Raises:
        OSError: An address is not this machine's, or no port is free everywhere.
    """
    where = list(dict.fromkeys(addresses))
    for _ in range(_TRIES):
        with contextlib.ExitStack() as held:
            port = 0
            try:
                for address in where:
                    for kind in kinds:
                        candidate = held.enter_context(_socket(address, kind))
                        candidate.bind((address, port))
                        port = candidate.getsockname()[1]
            except OSError as exc:
                if exc.errno == errno.EADDRINUSE and port:
                    continue
                raise OSError(exc.errno, f"{address} cannot be listened on: {exc.strerror}") from exc
            return port
    raise OSError(errno.EADDRINUSE, f"no port is free on all of {', '.join(where)}")


class BlackHole:
    """An address and port at which connections hang: nobody accepts, and the queue for those who wait is full.

    Where the system answers a full queue otherwise than by silence, connections are refused or time out later.
    """

    def __init__(self, address: str, port: int) -> None:
        self._listener = _socket(address, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._fillers: list[socket.socket] = []
        try:
            self._listener.bind((address, port))
            self._listener.listen(0)
            for _ in range(4):  # a backlog of 0 still lets one or two in
                filler = _socket(address, socket.SOCK_STREAM)
                self._fillers.append(filler)
                filler.setblocking(False)
                filler.connect_ex((address, port))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port."""
        for each in (*self._fillers, self._listener):
            each.close()
