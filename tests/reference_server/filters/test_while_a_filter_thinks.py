"""While one message waits for a filter, everybody else goes on; who leaves meanwhile has sent nothing."""

import smtplib
import socket
import threading
import time

import pytest

from harness.target import Protocol
from reference_server.world.filters import StageKind, Way

BOUND_S = 30


class Thinking:
    """A clamd that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.answer = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        stream.read(10)
        while length := int.from_bytes(stream.read(4), "big"):
            stream.read(length)
        self.asked.release()
        self.answer.wait(BOUND_S)
        connection.sendall(b"stream: OK\0")


@pytest.fixture
def thinking() -> Thinking:
    return Thinking()


@pytest.fixture
def server(tools, running, daemon, thinking):
    return running(
        tools.stage(StageKind.CLAMD, at=daemon(thinking), timeout_s=BOUND_S, ways=(Way.SMTP,)),
    )


def connected(server, protocol: Protocol) -> smtplib.SMTP:
    endpoint = server.target.endpoints[protocol]
    kind = smtplib.LMTP if protocol is Protocol.LMTP else smtplib.SMTP
    return kind(endpoint.host, endpoint.port, timeout=BOUND_S)


def until(holds) -> None:
    end = time.monotonic() + BOUND_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_others_are_served_while_messages_wait(tools, server, thinking) -> None:
    replies: list[int] = []

    def send() -> None:
        with connected(server, Protocol.SMTP) as client:
            client.ehlo()
            client.mail("alice@example.test")
            client.rcpt("bob@example.test")
            replies.append(client.data(tools.HAM)[0])

    waiting = [threading.Thread(target=send) for _ in range(8)]
    for each in waiting:
        each.start()
    for _ in waiting:
        assert thinking.asked.acquire(timeout=BOUND_S)
    with connected(server, Protocol.LMTP) as other:
        other.sendmail("alice@example.test", ["carol@example.test"], tools.HAM)
    with connected(server, Protocol.SMTP) as other:
        assert other.noop()[0] == 250
    assert len(tools.inbox(server.store, "carol")) == 1
    assert not replies
    assert not tools.inbox(server.store)

    thinking.answer.set()
    for each in waiting:
        each.join()
    assert replies == [250] * 8
    assert len(tools.inbox(server.store)) == 8


def test_who_leaves_before_the_filter_has_spoken_has_sent_nothing(tools, server, thinking) -> None:
    client = connected(server, Protocol.SMTP)
    client.ehlo()
    client.mail("alice@example.test")
    client.rcpt("bob@example.test")
    client.docmd("DATA")
    client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
    assert thinking.asked.acquire(timeout=BOUND_S)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()  # by RST: the server knows at once
    thinking.answer.set()
    with connected(server, Protocol.SMTP) as other:
        other.sendmail("alice@example.test", ["bob@example.test"], tools.HAM)
    until(lambda: tools.inbox(server.store))
    assert [kept.endswith(tools.HAM) for kept in tools.inbox(server.store)] == [True]


def test_a_server_stops_while_a_filter_thinks(tools, server, thinking) -> None:
    client = connected(server, Protocol.SMTP)
    client.ehlo()
    client.mail("alice@example.test")
    client.rcpt("bob@example.test")
    client.docmd("DATA")
    client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
    assert thinking.asked.acquire(timeout=BOUND_S)
    server.stop()
    thinking.answer.set()
    code, _ = client.getreply()
    client.close()
    assert code == 421
