"""A generator that was too slow says so, and a target that was too slow is never taken for one."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.results.load import GeneratorHealth
from loadtests.figures.figures import Figures
from loadtests.figures.health import BEAT_S, Health, HealthDelta, Meter
from loadtests.figures.histogram import Latencies
from loadtests.figures.tally import Second, Sessions, TallyDelta


class Stretch(NamedTuple):
    """So long the loop does this: it is away for `away_s` at a time and idle for `idle_s` between."""

    seconds: float
    away_s: float = 0.0
    idle_s: float = 1.0
    own_work: bool = True  # it is away because it works; otherwise somebody else has the core


class Loop:
    """An event loop with a meter in it, on a clock of its own."""

    def __init__(self) -> None:
        self.now_s = self.cpu_s = 0.0
        self.meter = Meter(0.0, 0.0)
        self.due_s = BEAT_S

    def live(self, stretch: Stretch) -> None:
        end_s = self.now_s + stretch.seconds
        while self.now_s < end_s:
            self.now_s += stretch.away_s
            self.cpu_s += stretch.away_s if stretch.own_work else 0.0
            self._beat_when_due(self.now_s)
            self._beat_when_due(self.now_s + stretch.idle_s)
            self.now_s += stretch.idle_s

    def _beat_when_due(self, until_s: float) -> None:
        while self.due_s <= until_s:
            came_s = max(self.due_s, self.now_s)
            self.due_s = came_s + self.meter.beat(came_s, self.cpu_s)


def judged(
    stretches: Iterable[Stretch],
    sessions: Sessions | None = None,
    latencies_s: Mapping[str, float] = MappingProxyType({}),
) -> GeneratorHealth:
    loop, health, figures = Loop(), Health(), Figures()
    for stretch in stretches:
        loop.live(stretch)
        health.add(0, 0, loop.meter.drain())
    told = Second(
        at_s=0,
        sessions=sessions or Sessions(),
        failures={},
        latencies={name: Latencies([seconds]).to_octets() for name, seconds in latencies_s.items()},
        octets={},
    )
    figures.add(0, 0, TallyDelta(seconds=[told]))
    return health.judge(figures)


ALL_LATE = Sessions(due=1000, begun=1000, late=1000, worst_late_ms=9000.0)


@pytest.mark.parametrize(
    "stretches",
    [
        pytest.param([Stretch(60)], id="it never answers"),
        pytest.param([Stretch(60, away_s=0.002, idle_s=0.008)], id="it answers as fast as it can"),
        pytest.param([Stretch(17, 0.002, 0.018), Stretch(3), Stretch(0.01, 0.3, 0.1)] * 3, id="frozen 3 s in 20"),
        pytest.param([Stretch(58, 0.001, 0.009), Stretch(0.01, 1.2, 0.8)], id="it answers all at once, once"),
    ],
)  # fmt: skip
def test_a_slow_target_is_not_a_slow_generator(stretches: list[Stretch]) -> None:
    """Its sessions begin late as well, for all that there may be wait for it."""
    health = judged(stretches, ALL_LATE)

    assert (health.saturated, health.reasons) == (False, [])


@pytest.mark.parametrize(
    "stretches",
    [
        pytest.param([Stretch(20, away_s=0.01, idle_s=0.0005)], id="it works all the time"),
        pytest.param([Stretch(20, away_s=0.2, idle_s=0.05)], id="its loop is away again and again"),
        pytest.param([Stretch(20, away_s=0.2, idle_s=0.05, own_work=False)], id="others have the core"),
        pytest.param([Stretch(20, away_s=0.04, idle_s=0.013, own_work=False)], id="others have it, for moments"),
        pytest.param([Stretch(50), Stretch(8, away_s=0.5, idle_s=0.01)], id="for a part of the run"),
        pytest.param([Stretch(5), Stretch(0.01, away_s=5.0, own_work=False)], id="it was stopped"),
    ],
)  # fmt: skip
def test_a_starved_generator_says_so(stretches: list[Stretch]) -> None:
    health = judged(stretches, ALL_LATE)

    assert health.saturated
    assert all(reason.startswith("worker 0 ") for reason in health.reasons)


@pytest.mark.parametrize(
    ("latencies_s", "saturated"),
    [
        ({"smtp.message": 5.0}, False),
        ({"smtp.message": 0.2}, True),
        ({"smtp.message": 0.2, "smtp.session": 60.0}, True),  # its pauses are no answers
        ({}, True),
    ],
)  # fmt: skip
def test_on_a_machine_that_is_full_the_figures_are_whose_part_is_larger(
    latencies_s: dict[str, float], saturated: bool
) -> None:
    full = Stretch(20, away_s=0.08, idle_s=0.2, own_work=False)

    assert judged([full], ALL_LATE, latencies_s).saturated is saturated


# What beats see of its being away may be a beat less than that, which is little where it is away for longer.
@given(st.floats(0.3, 5), st.floats(0, 0.5), st.integers(1, 8))
def test_a_starved_generator_that_measures_its_own_lag_says_so(
    away_s: float, idle_share: float, answers: int
) -> None:
    """Each answer that an operation waits for finds the loop away; the target itself takes no time."""
    starved = Stretch(30, away_s, away_s * idle_share, own_work=False)

    assert judged([starved], ALL_LATE, {"smtp.message": answers * away_s}).saturated


@given(st.floats(0.95, 1), st.floats(0.001, 0.5), st.integers(5, 30))
def test_whoever_works_all_the_time_is_saturated(share: float, away_s: float, seconds: int) -> None:
    health = judged([Stretch(seconds, away_s, away_s * (1 - share) / share)])

    assert health.saturated
    assert any("of a core" in reason for reason in health.reasons)


@given(st.lists(st.floats(0.01, 0.04), min_size=1, max_size=10), st.booleans())
def test_whoever_is_away_for_a_fiftieth_of_the_time_is_not(bursts_s: list[float], own_work: bool) -> None:
    stretches = [Stretch(0.01, away_s, 50 * away_s, own_work) for away_s in bursts_s]

    assert not judged([Stretch(2), *stretches], ALL_LATE).saturated


def test_a_loop_that_was_away_counts_for_as_long_as_it_was() -> None:
    health = judged([Stretch(9), Stretch(0.01, away_s=1.0, own_work=False)])

    # Away for 1 s of 11 s: a tenth of what would have come was late, by up to that second.
    assert health.lag_ms == pytest.approx(1000, rel=0.2)
    assert health.workers[0].lag_max_ms == pytest.approx(950, abs=60)


def test_what_was_before_the_measuring_began_is_no_lag() -> None:
    meter, health = Meter(0.0, 0.0), Health()

    meter.begin(9.0, 8.5)
    meter.beat(9.0 + BEAT_S, 8.5)
    health.add(0, 0, meter.drain())

    assert health.judge(Figures()).workers[0].lag_max_ms < 1


def test_the_worst_worker_is_the_generators_figure() -> None:
    health, figures = Health(), Figures()
    health.add(0, 0, HealthDelta(seconds=10, cpu_s=2, cpu_max=0.4))
    health.add(
        1, 0, HealthDelta(seconds=10, hot_s=3, cpu_s=6, cpu_max=0.99, lag=Latencies([0.002]).to_octets())
    )

    found = health.judge(figures)

    assert (found.cpu, found.lag_ms) == (0.6, 2.0)
    assert [worker.cpu for worker in found.workers] == [0.2, 0.6]
    assert found.reasons == ["worker 1 used more than 90% of a core for 30% of the time"]


def test_a_phase_is_judged_by_itself_and_warming_up_by_nobody() -> None:
    health, figures = Health(), Figures()
    for phase, hot_s in ((-1, 10.0), (0, 0.0), (1, 5.0)):
        health.add(0, phase, HealthDelta(seconds=10, hot_s=hot_s))

    assert [health.judge(figures, phase).saturated for phase in (0, 1)] == [False, True]
    assert health.judge(figures).reasons == ["worker 0 used more than 90% of a core for 25% of the time"]


def test_a_worker_that_died_is_told_with_its_share() -> None:
    health, figures = Health(), Figures()
    health.add(0, 0, HealthDelta(seconds=10, cpu_s=1))
    health.lose(1, 12.5, 40)

    found = health.judge(figures)

    assert [(worker.worker, worker.lost_at_s, worker.share_lost) for worker in found.workers] == [
        (0, None, 0),
        (1, 12.5, 40),
    ]
    assert not found.saturated


def test_what_a_worker_tells_survives_the_wire() -> None:
    delta = HealthDelta(seconds=1.0, hot_s=1.0, cpu_s=0.95, cpu_max=0.95, lag=Latencies([0.1]).to_octets())

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(delta), type=HealthDelta) == delta


# A real event loop, in a process of its own: gevent must not be imported where trio lives.
STARVED = """
import json
from time import monotonic, process_time, thread_time
import gevent
import msgspec
from loadtests.figures.figures import Figures
from loadtests.figures.health import Health, Meter, run

def burn():
    while True:
        end_s = thread_time() + 0.12
        while thread_time() < end_s:
            pass
        gevent.sleep(0.001)

meter, health, measured = Meter(monotonic(), process_time()), Health(), 0.0
gevent.spawn(run, meter)
gevent.spawn(burn)
while measured < 1.0:
    gevent.sleep(0.5)
    delta = meter.drain()
    measured += delta.seconds
    health.add(0, 0, delta)
print(json.dumps(msgspec.to_builtins(health.judge(Figures()))))
"""


def test_a_loop_with_a_greenlet_that_burns_the_core_is_saturated() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STARVED], capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["saturated"] is True
