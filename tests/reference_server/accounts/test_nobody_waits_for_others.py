"""A back end that takes its time holds up those who log in by it, and nobody else."""

import imaplib
import smtplib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.target import Protocol
from reference_server import Server
from reference_server.errand import MOST_THREADS

_PATIENCE_S = 30.0
# More than there are threads to ask in.
MANY = MOST_THREADS + 6


class Gate:
    """In front of the directory: counts who waits, and lets nobody through until it is opened."""

    def __init__(self, ldap: Any) -> None:
        self._talk = ldap.talk
        self._opened = threading.Event()
        self._waiting = threading.Semaphore(0)
        ldap.talk = self._hold

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self._waiting.acquire(timeout=_PATIENCE_S)

    def open(self) -> None:
        self._opened.set()

    def _hold(self, client: Any) -> None:
        self._waiting.release()
        assert self._opened.wait(_PATIENCE_S)
        self._talk(client)


@pytest.fixture
def server(documented: Any, ldap: Any, played: Callable[[str], Server]) -> Server:
    """A world with a directory that may take longer than this test."""
    text = documented("user_dn =").replace("ldap://127.0.0.1:389", ldap.url)
    text = text.replace("\naddress =", "\ntimeout_s = 60\naddress =", 1)
    return played(f"plaintext_login = true\n{text}")


@pytest.fixture
def inside(server: Server) -> Iterator[imaplib.IMAP4]:
    """Somebody who has logged in before."""
    with connected(server) as imap:
        imap.login("bob", "secret")
        imap.select()
        yield imap


def connected(server: Server) -> imaplib.IMAP4:
    endpoint = server.target.endpoints[Protocol.IMAP]
    return imaplib.IMAP4(endpoint.host, endpoint.port, timeout=_PATIENCE_S)


def log_in(server: Server) -> str:
    with connected(server) as imap:
        return imap.login("alice", "secret")[0]


def test_while_logins_wait_everybody_else_goes_on(server: Server, ldap: Any, inside: imaplib.IMAP4) -> None:
    gate = Gate(ldap)
    with ThreadPoolExecutor(MANY) as pool:
        waiting = [pool.submit(log_in, server) for _ in range(MANY)]
        try:
            gate.wait_for(MOST_THREADS)

            assert inside.noop()[0] == "OK"
            endpoint = server.target.endpoints[Protocol.SMTP]
            with smtplib.SMTP(endpoint.host, endpoint.port, timeout=_PATIENCE_S) as smtp:
                smtp.sendmail("somebody@example.org", ["bob@example.test"], "Subject: hello\r\n\r\nhello\r\n")
            assert inside.search(None, "SUBJECT", "hello") == ("OK", [b"1"])
            with connected(server) as newcomer:
                assert newcomer.capability()[0] == "OK"
            assert not [each for each in waiting if each.done()]
        finally:
            gate.open()

        assert [each.result(_PATIENCE_S) for each in waiting] == ["OK"] * MANY


def test_a_client_that_leaves_while_it_waits_is_no_trouble(
    server: Server, ldap: Any, inside: imaplib.IMAP4
) -> None:
    gate = Gate(ldap)
    leaving = connected(server)
    leaving.send(b"a login alice secret\r\n")
    gate.wait_for(1)

    leaving.shutdown()
    gate.open()

    assert log_in(server) == "OK"
    assert inside.noop()[0] == "OK"


def test_a_server_ends_while_somebody_waits(server: Server, ldap: Any) -> None:
    gate = Gate(ldap)
    waiting = connected(server)
    try:
        waiting.send(b"a login alice secret\r\n")
        gate.wait_for(1)
        server.stop()
        assert b"BYE" in waiting.readline()
    finally:
        gate.open()
        waiting.shutdown()
