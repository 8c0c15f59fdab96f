"""A session that waits for something holds up nobody but itself, and keeps what its client sends meanwhile."""

import threading
import time
from dataclasses import replace

import pytest

from harness.target import Protocol
from reference_server import ONE_SERVER
from reference_server.errand import Workers
from reference_server.world import Limits

BOUND_S = 10.0
# The command that is an errand, one that is none, what is said to it, and how a client starts TLS.
DIALOGUES = [
    pytest.param(
        Protocol.SUBMISSION, b"EHLO c.example.org\r\nNOOP\r\n", b"HELP\r\n",
        b"250 2.0.0 in time\r\n", b"214-2.0.0", b"STARTTLS\r\n", b"220 2.0.0", id="smtp",
    ),
    pytest.param(
        Protocol.POP3, b"USER alice\r\n", b"CAPA\r\n",
        b"+OK in time\r\n", b"+OK Capabilities", b"STLS\r\n", b"+OK Begin", id="pop3",
    ),
    pytest.param(
        Protocol.IMAP, b"a NOOP\r\n", b"b CAPABILITY\r\n",
        b"a OK in time\r\n", b"* CAPABILITY", b"c STARTTLS\r\n", b"c OK", id="imap",
    ),
]  # fmt: skip
dialogues = pytest.mark.parametrize(
    ("protocol", "slow", "quick", "done", "answered", "tls", "begun"), DIALOGUES
)


@dialogues
def test_what_is_pipelined_behind_an_errand_is_answered_after_it(
    start, protocol, slow, quick, done, answered, tls, begun
) -> None:
    running = start()
    client = running.connect(protocol)
    client.send(slow + quick)
    running.desk.wait_until_begun()
    client.send(quick)
    running.desk.end()
    said = client.read_until(done)
    while said.count(answered) < 2:
        said += client.read_until(b"\r\n")
    assert said.index(done) < said.index(answered)


@dialogues
def test_nobody_else_waits_for_an_errand(start, protocol, slow, quick, done, answered, tls, begun) -> None:
    running = start()
    waiting, other = running.connect(protocol), running.connect(protocol)
    waiting.send(slow)
    running.desk.wait_until_begun()
    other.send(quick)
    assert other.read_until(answered)
    assert running.desk.done == 0
    running.desk.end()
    assert waiting.read_until(done)


@dialogues
def test_tls_begins_behind_an_errand_and_drops_what_was_sent_in_the_clear(
    start, protocol, slow, quick, done, answered, tls, begun
) -> None:
    running = start()
    client = running.connect(protocol)
    client.send(slow + tls + quick)
    running.desk.wait_until_begun()
    running.desk.end()
    said = client.read_until(begun)
    said += b"" if said.endswith(b"\r\n") else client.read_until(b"\r\n")
    assert done in said
    assert answered not in said


@dialogues
def test_an_errand_longer_than_the_idle_limit_is_no_silence(
    start, protocol, slow, quick, done, answered, tls, begun
) -> None:
    idle_s = 1.0
    limits = Limits(smtp_idle_s=idle_s, pop3_idle_s=idle_s, imap_idle_s=idle_s)
    running = start(replace(ONE_SERVER, limits=limits))
    client = running.connect(protocol)
    client.send(slow)
    running.desk.wait_until_begun()
    threading.Timer(2 * idle_s, running.desk.end).start()
    assert done in client.read_until(b"in time\r\n")


@dialogues
def test_a_client_that_leaves_in_mid_errand_breaks_nothing(
    start, protocol, slow, quick, done, answered, tls, begun, caplog
) -> None:
    running = start()
    client = running.connect(protocol)
    client.send(slow)
    running.desk.wait_until_begun()
    client.connection.close()
    running.desk.end()
    other = running.connect(protocol)
    other.send(quick)
    assert other.read_until(answered)
    running.server.stop()
    assert "fault of the reference server" not in caplog.text


@dialogues
def test_a_server_stops_in_mid_errand_at_once(
    start, protocol, slow, quick, done, answered, tls, begun
) -> None:
    running = start()
    client = running.connect(protocol)
    client.send(slow)
    running.desk.wait_until_begun()
    stopping = threading.Thread(target=running.server.stop)
    stopping.start()
    stopping.join(BOUND_S / 2)
    assert not stopping.is_alive()
    last_words = {Protocol.SUBMISSION: b"421 4.3.2", Protocol.POP3: b"", Protocol.IMAP: b"* BYE"}[protocol]
    assert last_words in client.read_to_end()
    running.desk.end()
    assert running.desk.done == 0


def test_workers_are_no_more_than_allowed_and_everybody_has_a_turn() -> None:
    workers, most, lock, now = Workers(3), 0, threading.Lock(), 0
    go_on = threading.Event()

    def work(number: int) -> int:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        assert go_on.wait(BOUND_S)
        with lock:
            now -= 1
        return number

    futures = [workers.submit(lambda number=number: work(number)) for number in range(20)]
    deadline = time.monotonic() + BOUND_S
    while now < 3 and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    go_on.set()
    assert [future.result(BOUND_S) for future in futures] == list(range(20))
    assert most == 3


def test_what_fails_in_a_worker_is_raised_where_it_is_waited_for_and_gives_the_thread_back() -> None:
    workers = Workers(1)
    failed = workers.submit(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result(BOUND_S)
    assert workers.submit(lambda: "next").result(BOUND_S) == "next"


def test_work_that_is_given_up_before_its_turn_is_not_done() -> None:
    workers, go_on, done = Workers(1), threading.Event(), []
    first = workers.submit(lambda: go_on.wait(BOUND_S))
    second = workers.submit(lambda: done.append("second"))
    assert second.cancel()
    go_on.set()
    assert first.result(BOUND_S)
    assert workers.submit(lambda: "third").result(BOUND_S) == "third"
    assert done == []
