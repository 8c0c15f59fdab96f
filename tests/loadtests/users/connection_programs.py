"""Small programs around a connection, each run in a process of its own: gevent and pytest's threads do not mix.

``python connection_programs.py NAME`` prints what it saw as one line of JSON.
"""

import json
import socket
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent

from harness.errors import ConnectionLost, MailproofError, TimedOut
from harness.target import Endpoint, Protocol
from loadtests.users.connection import Connection
from loadtests.users.errors import error_class

LARGE = b"x" * 5_000_000


class Peer:
    """A listener whose side of each connection the program plays; it accepts when asked."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = Endpoint(Protocol.SMTP, "127.0.0.1", self.listener.getsockname()[1])

    def meet(self, timeout_s: float = 5.0) -> tuple[Connection, socket.socket]:
        connection = Connection.connect(self.endpoint, timeout_s=timeout_s)
        return connection, self.listener.accept()[0]


def failure_of(action: Callable[[], object]) -> str:
    try:
        action()
    except MailproofError as exc:
        return error_class(exc)
    return "none"


def waiting_ends_in_time() -> dict[str, Any]:
    """Many waits, of which each has its own deadline; one is answered."""
    peer = Peer()
    pairs = [peer.meet(timeout_s=0.3) for _ in range(50)]
    for connection, _ in pairs:
        connection.send(b"NOOP\r\n")
    pairs[0][0].expect(20.0)
    waits = [gevent.spawn(failure_of, connection.receive) for connection, _ in pairs]
    gevent.joinall(waits[1:], timeout=10)
    still_waits = not waits[0].dead
    pairs[0][1].sendall(b"250 late\r\n")
    waits[0].join(10)
    return {
        "answered": waits[0].value,
        "others": sorted({wait.value for wait in waits[1:]}),
        "waited": still_waits,
    }


def octets_come_while_nobody_waits() -> dict[str, Any]:
    """The greenlet sleeps meanwhile: it must neither be woken nor lose them."""
    connection, theirs = Peer().meet()
    connection.send(b"IDLE\r\n")
    gevent.spawn(lambda: (gevent.sleep(0.02), theirs.sendall(b"one\r\n")))
    first = connection.receive()
    theirs.sendall(b"two\r\n")
    began = monotonic()
    gevent.sleep(0.2)
    slept = monotonic() - began >= 0.2
    second = connection.receive()
    return {"first": first.decode(), "second": second.decode(), "slept": slept}


def waits_for_enough() -> dict[str, Any]:
    """One wakes once, when it is enough; at the end of the stream and of the time allowed, with what there is."""
    connection, theirs = Peer().meet()

    def two_lines(octets: bytes) -> bool:
        return octets.count(b"\n") >= 2

    def say() -> None:
        for piece in (b"25", b"0 one\r\n250", b" two\r\n"):
            theirs.sendall(piece)
            gevent.sleep(0.02)

    connection.send(b"DATA\r\n")
    # What nobody had read would make a reset of the end.
    theirs.recv(100)
    began_s = monotonic()
    gevent.spawn(say)
    both = connection.receive(two_lines)
    first_took_s = connection.arrived_s - began_s
    took_s = monotonic() - began_s
    theirs.sendall(b"250 three\r\n")
    gevent.spawn_later(0.02, theirs.close)
    ended = connection.receive(two_lines)
    slow, silent = Peer().meet(timeout_s=0.3)
    slow.send(b"DATA\r\n")
    silent.sendall(b"250 four\r\n")
    return {
        "both": both.decode(),
        "when_the_first_was_whole": 0.01 <= first_took_s < took_s,
        "ended": ended.decode(),
        "then": failure_of(connection.receive),
        "late": slow.receive(two_lines).decode(),
        "later": failure_of(slow.receive),
    }


def large_writes() -> dict[str, Any]:
    """To one who reads slowly everything comes; to one who does not read, the wait ends."""
    peer = Peer()
    connection, theirs = peer.meet()
    got = bytearray()

    def read() -> None:
        while len(got) < len(LARGE) and (octets := theirs.recv(65536)):
            got.extend(octets)

    # Something to read is there as well: it must not wake the writer.
    theirs.sendall(b"250 early\r\n")
    reader = gevent.spawn(read)
    connection.send(LARGE)
    reader.join(20)
    early = connection.receive()
    deaf, _never_reads = peer.meet(timeout_s=0.3)
    return {
        "whole": bytes(got) == LARGE,
        "early": early.decode(),
        "deaf": failure_of(lambda: deaf.send(LARGE * 4)),
    }


def last_words() -> dict[str, Any]:
    """What a peer said before it went away is heard, also by one who writes first."""
    peer = Peer()
    connection, theirs = peer.meet()
    theirs.sendall(b"421 bye\r\n")
    theirs.close()
    connection.send(b"EHLO a\r\n")
    heard = connection.receive()
    connection.send(b"MAIL\r\n")
    return {"heard": heard.decode(), "then": failure_of(connection.receive)}


def closing() -> dict[str, Any]:
    """After `close` nothing waits, and the peer is told; after `reset` it is told by RST."""
    peer = Peer()
    connection, theirs = peer.meet()
    connection.close()
    connection.close()
    other, their_other = peer.meet()
    other.reset()
    gevent.sleep(0.05)
    try:
        reset = their_other.recv(10).decode()
    except ConnectionResetError:
        reset = "reset"
    return {
        "end": theirs.recv(10).decode(),
        "reset": reset,
        "receive": failure_of(connection.receive),
        "send": failure_of(lambda: connection.send(b"x")),
    }


def killed() -> dict[str, Any]:
    """A greenlet that is ended while it waits leaves a connection that can be used on."""
    connection, theirs = Peer().meet()
    waiter = gevent.spawn(connection.receive)
    gevent.sleep(0.02)
    waiter.kill()
    theirs.sendall(b"250 ok\r\n")
    return {"heard": connection.receive().decode()}


def nobody_there() -> dict[str, Any]:
    peer = Peer()
    peer.listener.close()
    gone = Endpoint(Protocol.SMTP, "nobody.invalid", 25)
    return {
        "refused": failure_of(lambda: Connection.connect(peer.endpoint, timeout_s=5)),
        "no_such_host": failure_of(lambda: Connection.connect(gone, timeout_s=5)),
    }


def a_failed_write_is_told_by_the_read() -> dict[str, Any]:
    connection, theirs = Peer().meet()
    theirs.close()
    gevent.sleep(0.02)
    for _ in range(3):
        connection.send(b"x" * 100)
        gevent.sleep(0.02)
    try:
        connection.receive()
    except (ConnectionLost, TimedOut) as exc:
        return {"class": error_class(exc), "problem": bool(exc.problem)}
    return {}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()) + "\n")
