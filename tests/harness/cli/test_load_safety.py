"""A load run says what it is about to do, and does not do everything."""

from dataclasses import replace

import pytest

from harness.cli.load_safety import CEILING_PER_S, check_allowed, plan_in_words
from harness.cli.load_schedule import Asked, Shape, shape_of
from harness.errors import UsageError
from harness.target import Account, Endpoint, Protocol, Target
from loadtests.plan import Settings, Traffic

HERE = Target(
    name="a server",
    domain="example.test",
    endpoints={Protocol.SMTP: Endpoint(Protocol.SMTP, "127.0.0.1", 25)},
    accounts=(Account("a", "secret", "a@example.test"),) * 3,
)
ELSEWHERE = replace(HERE, endpoints={Protocol.SMTP: Endpoint(Protocol.SMTP, "192.0.2.1", 25)})
SETTINGS = Settings(
    needs=((Protocol.SMTP,),),
    rate_per_s=10,
    duration_s=60,
    traffic=Traffic(messages=(1, 3), recipients=(2, 2)),
)


def shape(rate: float) -> Shape:
    return shape_of(Asked(rate=str(rate)), SETTINGS)


def test_this_host_has_no_ceiling() -> None:
    check_allowed(HERE, shape(5000), authorized=False, max_rate=None)
    with pytest.raises(UsageError, match="ceiling of 10/s"):
        check_allowed(HERE, shape(11), authorized=False, max_rate=10)


def test_a_target_elsewhere_needs_its_owner() -> None:
    with pytest.raises(UsageError, match="--authorized"):
        check_allowed(ELSEWHERE, shape(1), authorized=False, max_rate=1000)
    check_allowed(ELSEWHERE, shape(CEILING_PER_S), authorized=True, max_rate=None)


@pytest.mark.parametrize(
    "asked",
    [
        Asked(rate="101"),
        Asked(rate="90", at="100,120"),
        Asked(ramps=["1:101:5"]),
        Asked(capacity="1:101"),
        Asked(users=101),
        Asked(users=101, think="0"),
    ],
)
def test_the_ceiling_is_held_against_the_highest_rate(asked: Asked) -> None:
    with pytest.raises(UsageError, match="above the ceiling of 100/s for a target that is not on this host"):
        check_allowed(ELSEWHERE, shape_of(asked, SETTINGS), authorized=True, max_rate=None)
    check_allowed(ELSEWHERE, shape_of(asked, SETTINGS), authorized=True, max_rate=200)


def test_what_is_about_to_happen_is_one_line() -> None:
    line = plan_in_words("inbound", ELSEWHERE, shape(10), SETTINGS, "0a1b2c3d")

    assert line == (
        "inbound against a server (smtp://192.0.2.1:25): up to 10 sessions/s for 60 s, about 600 in all, "
        "1 to 3 message(s) each to 2 recipient(s); 3 accounts; run 0a1b2c3d"
    )


def test_a_search_and_closed_users_are_told_as_such() -> None:
    search = plan_in_words("inbound", HERE, shape_of(Asked(capacity="1:50"), SETTINGS), SETTINGS, "0a1b2c3d")
    closed = plan_in_words("inbound", HERE, shape_of(Asked(users=7), SETTINGS), SETTINGS, "0a1b2c3d")

    assert "from 1 up to 50 sessions/s, in steps of 20 s, until a limit breaks" in search
    assert "7 users for 60 s (closed" in closed
