"""The server's life: it starts with every endpoint, and leaves nothing behind."""

import gc
import socket
import threading
from pathlib import Path

import pytest

from harness.target import Protocol
from reference_server import Server, serve
from reference_server.store import INBOX, Delivery


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_target_names_endpoints_that_accept_and_accounts() -> None:
    with serve() as target:
        assert {Protocol.SMTP, Protocol.SUBMISSION, Protocol.SUBMISSIONS, Protocol.LMTP} <= set(
            target.endpoints
        )
        assert [account.address for account in target.accounts] == [
            "alice@example.test",
            "bob@example.test",
            "carol@example.test",
        ]
        for endpoint in target.endpoints.values():
            socket.create_connection((endpoint.host, endpoint.port), timeout=5).close()


def test_twenty_servers_in_a_row_leave_no_thread_and_no_file() -> None:
    with serve():
        pass  # what the process opens once is open now
    gc.collect()  # what earlier tests left to it is closed
    threads, files = threading.active_count(), open_files()
    for _ in range(20):
        with serve() as target:
            smtp = target.endpoints[Protocol.SMTP]
            with socket.create_connection((smtp.host, smtp.port), timeout=5) as connection:
                assert connection.recv(3) == b"220"
    assert (threading.active_count(), open_files()) == (threads, files)


def test_the_target_is_known_after_the_start_only() -> None:
    server = Server()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = server.target
    server.stop()
    server.stop()


def test_an_address_that_cannot_be_listened_on_leaves_nothing_running() -> None:
    threads = threading.active_count()
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        Server(host="192.0.2.1").start()
    assert threading.active_count() == threads


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="no fault is named"):
        Server(faults=["smtp.no-such-fault"])


def test_a_data_directory_keeps_the_mail(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as server:
        server.store.accept([Delivery("alice", INBOX, b"Subject: x\r\n\r\n")])
    with Server(data_dir=tmp_path) as server:
        mailbox = server.store.mailbox("alice", INBOX)
        assert mailbox is not None
        assert server.store.status(mailbox.id).messages == 1


def test_a_machine_with_one_loopback_address_has_no_outside(monkeypatch) -> None:
    monkeypatch.setattr("reference_server.server._ELSEWHERE", "192.0.2.1")
    with serve() as target:
        assert target.outside is None
    monkeypatch.undo()
    with serve() as target:
        assert target.outside is not None
