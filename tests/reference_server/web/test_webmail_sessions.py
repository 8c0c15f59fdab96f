"""Sessions and attempts, on a clock that a test moves."""

import pytest

from reference_server.web import sessions
from reference_server.web.sessions import Attempts, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_lasts_as_long_as_it_is_used() -> None:
    clock = Clock()
    kept: Sessions[str] = Sessions(clock)
    session = kept.begin("alice")
    clock.now += sessions.IDLE_S - 1
    assert kept.get(session.token) is session
    clock.now += sessions.IDLE_S - 1
    assert kept.get(session.token, used=False) is session
    clock.now += 2
    assert kept.get(session.token) is None
    assert kept.take_expired() == [session]
    assert kept.all() == []


def test_nobody_guesses_a_token() -> None:
    kept: Sessions[str] = Sessions(Clock())
    tokens = {kept.begin("alice").token for _ in range(100)}
    assert len(tokens) == 100
    assert kept.get(None) is kept.get("") is kept.get("x") is None


def test_of_too_many_the_ones_unused_for_longest_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    kept: Sessions[int] = Sessions(Clock())
    first, second, third = (kept.begin(number) for number in range(3))
    kept.get(first.token)
    assert kept.take_expired() == [second]
    assert kept.all() == [third, first]


def test_failures_of_one_do_not_lock_out_who_is_elsewhere() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(sessions.FAILURES_OF_USER):
        assert attempts.wait_s("alice", "192.0.2.1") == 0
        attempts.failed("alice", "192.0.2.1")
    assert attempts.wait_s("alice", "192.0.2.1") == sessions.WINDOW_S
    assert attempts.wait_s("alice", "192.0.2.2") == 0
    assert attempts.wait_s("bob", "192.0.2.1") == 0
    clock.now += sessions.WINDOW_S
    assert attempts.wait_s("alice", "192.0.2.1") == 0


def test_one_address_does_not_try_many_users() -> None:
    attempts = Attempts(Clock())
    for number in range(sessions.FAILURES_OF_ADDRESS):
        attempts.failed(f"u{number}", "192.0.2.1")
    assert attempts.wait_s("somebody", "192.0.2.1") > 0


def test_who_gets_in_never_waits() -> None:
    attempts = Attempts(Clock())
    for _ in range(100):
        assert attempts.wait_s("alice", "192.0.2.1") == 0
        attempts.failed("alice", "192.0.2.1")
        attempts.succeeded("alice", "192.0.2.1")
