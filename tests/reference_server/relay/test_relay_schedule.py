"""When mail is tried again, told of, and given up: five days in no time."""

import datetime as dt
import email
from itertools import pairwise

import trio
from hypothesis import given
from hypothesis import strategies as st

from reference_server.relay.model import Fate, Outcome
from reference_server.relay.schedule import Schedule
from reference_server.world import RelayLimits

UNREACHABLE = Outcome(Fate.DEFERRED, "4.4.1", "cannot connect to mx.example.org: refused")
MINUTES, HOURS, DAYS = (dt.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))

waits = st.floats(min_value=0.001, max_value=1e6)
times = st.integers(0, 4_000_000_000).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC))


def run_until_empty(host) -> None:
    """Let every attempt be made at its time."""

    async def live() -> None:
        relay = host.relay()
        await relay.run_once()
        while (due := host.context.queue.next_due()) is not None:
            host.context.clock.move(due - host.context.clock.now())
            await relay.run_once()

    trio.run(live)


def test_a_host_that_is_down_for_good_is_tried_for_five_days(host) -> None:
    host.courier.says = lambda *_: UNREACHABLE
    host.add("wqp@example.org")

    run_until_empty(host)

    # RFC 5321 §4.5.4.1: two attempts in the first hour, at least 30 minutes apart; then every two hours.
    assert host.moments[:4] == [0 * MINUTES, 30 * MINUTES, 60 * MINUTES, 3 * HOURS]
    assert {later - earlier for earlier, later in pairwise(host.moments[2:])} == {2 * HOURS}
    assert 5 * DAYS <= host.moments[-1] < 5 * DAYS + 2 * HOURS
    assert host.context.queue.entries() == []


def test_the_sender_is_told_once_that_it_is_late_and_once_that_it_failed(host) -> None:
    host.courier.says = lambda *_: UNREACHABLE
    host.add("wqp@example.org")

    run_until_empty(host)

    told = []
    for envelope, content in host.door.taken:
        message = email.message_from_bytes(content)
        fields = message.get_payload()[1].get_payload()[1]
        told.append(
            (
                fields["Action"],
                fields["Status"],
                dt.datetime.strptime(fields["Last-Attempt-Date"], "%a, %d %b %Y %H:%M:%S %z"),
            )
        )
        assert envelope.reverse_path == b""
        assert [r.address for r in envelope.recipients] == [b"eric@example.test"]
    start = host.courier.attempts[0][0]
    # The first attempt that fails more than four hours after the arrival, and the last of all.
    assert told == [
        ("delayed", "4.4.1", start + 5 * HOURS),
        ("failed", "4.4.1", host.courier.attempts[-1][0]),
    ]


def test_mail_gets_through_when_the_host_comes_back(host) -> None:
    up = host.courier.says
    back = host.context.clock.now() + 2 * DAYS
    host.courier.says = lambda *args: up(*args) if host.context.clock.now() >= back else UNREACHABLE
    host.add("wqp@example.org")

    run_until_empty(host)

    assert 2 * DAYS <= host.moments[-1] < 2 * DAYS + 2 * HOURS
    assert len(host.door.taken) == 1  # that it was late


def test_a_host_that_slept_through_its_limit_tries_once_more(host) -> None:
    host.add("wqp@example.org")
    host.context.clock.move(30 * DAYS)
    host.courier.says = lambda *_: UNREACHABLE

    assert host.run_once() == 1

    assert host.context.queue.entries() == []
    assert b"Action: failed" in host.door.taken[0][1]


def test_no_notice_of_a_delay_where_the_world_wants_none(sending_host) -> None:
    host = sending_host(delay_notice_s=None)
    host.courier.says = lambda *_: UNREACHABLE
    host.add("wqp@example.org")

    run_until_empty(host)

    assert [b"Action: failed" in content for _, content in host.door.taken] == [True]


@given(st.lists(waits, min_size=1, max_size=6).map(tuple), st.integers(1, 20))
def test_the_last_wait_is_repeated(retry_s: tuple[float, ...], failures: int) -> None:
    schedule = Schedule(RelayLimits(retry_s=retry_s))

    assert schedule.wait_s(failures) == (retry_s + retry_s[-1:] * failures)[failures - 1]


@given(times, waits, waits)
def test_an_attempt_on_or_after_the_limit_is_the_last(
    arrived: dt.datetime, limit_s: float, age_s: float
) -> None:
    schedule = Schedule(RelayLimits(give_up_s=limit_s, delay_notice_s=limit_s))
    now = arrived + dt.timedelta(seconds=age_s)

    assert schedule.gives_up(arrived, now) == (now >= schedule.expires(arrived))
    assert schedule.is_late(arrived, now) == schedule.gives_up(arrived, now)
