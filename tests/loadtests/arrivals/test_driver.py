"""The driver: sessions start at their time, whatever became of those before them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).with_name("driver_programs.py")


def seen_by(program: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, PROGRAMS, program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_sessions_begin_at_the_asked_rate_in_order_and_never_early() -> None:
    saw = seen_by("rate")

    assert saw["ended"]
    assert saw["begun"] == saw["planned"] == saw["made"]["begun"] == saw["made"]["due"] == 2000
    assert saw["per_s"] == pytest.approx(500, rel=0.01)
    assert saw["early"] == 0
    assert saw["in_order"]
    assert saw["left"] == 0


def test_a_server_that_hangs_does_not_hold_back_later_arrivals() -> None:
    saw = seen_by("hang")

    assert saw["hung"] == saw["users"] == 200
    assert saw["left"] == 0
    assert saw["made"]["begun"] == 200


def test_arrivals_beyond_the_most_sessions_wait_and_are_counted_as_late() -> None:
    saw = seen_by("full")

    assert (saw["active"], saw["waiting"], saw["begun"]) == (10, 90, 10)
    assert saw["users"] == 10
    assert saw["left"] == 0
    assert saw["made"]["begun"] == saw["made"]["due"] == 100
    assert saw["made"]["late"] >= 85  # the last ones to come may have waited for less than is called late
    assert saw["made"]["worst_late_s"] > 0.5
    assert saw["made"]["given_up"] == 0


def test_a_stop_gives_up_what_waits_and_drains_what_goes_on() -> None:
    saw = seen_by("stop")

    assert saw["ended"]
    assert saw["made"]["begun"] == 10
    assert saw["made"]["given_up"] == saw["made"]["due"] - 10
    assert saw["left"] == 10
    assert saw["active"] == 0
    assert saw["later"] == saw["made"]


def test_sessions_that_were_ended_before_they_began_are_given_up() -> None:
    saw = seen_by("unborn")

    assert saw["active"] == 0
    assert saw["made"]["due"] == 100
    assert saw["made"]["begun"] + saw["made"]["given_up"] == 100


def test_sessions_know_the_phase_they_arrived_in_and_users_serve_again() -> None:
    saw = seen_by("phases")

    assert saw["warm"] == 10
    assert saw["phases"] == [20, 30]
    assert saw["dues_agree"]
    assert saw["users"] < 30
    assert [made["begun"] for made in saw["made"]] == [30, 30]


def test_kinds_of_user_come_by_their_weight() -> None:
    saw = seen_by("kinds")

    assert saw["often"] + saw["seldom"] == 2000
    assert saw["often"] == pytest.approx(1500, rel=0.05)  # this seed


def test_two_drivers_share_a_phase_and_one_takes_over() -> None:
    saw = seen_by("members")
    first, second = saw["numbers"]

    assert saw["in_time"]
    assert not saw["too_late"]
    assert first == [*range(0, 100, 2), *range(100, 200)]
    assert second == [*range(1, 2 * saw["lost_from"], 2)]


def test_an_error_that_leaves_a_session_ends_nothing_else() -> None:
    saw = seen_by("errors")

    assert saw["sessions"] == 30
    assert (saw["left"], saw["active"]) == (0, 0)
