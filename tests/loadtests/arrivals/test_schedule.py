"""Schedules: they follow their rates, are made again from their seed, and are divided exactly."""

from bisect import bisect_right
from itertools import islice, pairwise
from math import exp
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.arrivals.schedule import Division, Epoch, Schedule
from loadtests.plan import Phase, Segment

rates = st.floats(min_value=0.0, max_value=200.0)
durations_s = st.floats(min_value=0.1, max_value=20.0)
segments = st.builds(Segment, from_per_s=rates, to_per_s=rates, duration_s=durations_s, counted=st.booleans())
phases = st.builds(Phase, label=st.just("a"), segments=st.lists(segments, max_size=4).map(tuple))
kinds = st.sampled_from(["poisson", "even"])
seeds = st.integers(0, 2**32)
members = st.lists(st.integers(0, 99), min_size=1, max_size=6, unique=True).map(tuple)
epochs = st.builds(Epoch, st.integers(0, 500), members)


def hold(rate_per_s: float, duration_s: float, label: str = "hold") -> Phase:
    return Phase(
        label=label, segments=(Segment(from_per_s=rate_per_s, to_per_s=rate_per_s, duration_s=duration_s),)
    )


def area(phase: Phase, until_s: float) -> float:
    """How many arrivals the rates ask for up to a moment."""
    asked, starts_s = 0.0, 0.0
    for segment in phase.segments:
        inside_s = min(max(until_s - starts_s, 0.0), segment.duration_s)
        there = segment.from_per_s + (segment.to_per_s - segment.from_per_s) * inside_s / segment.duration_s
        asked += (segment.from_per_s + there) / 2 * inside_s
        starts_s += segment.duration_s
    return asked


@given(phase=phases, seed=seeds, kind=kinds)
def test_arrivals_are_numbered_ordered_and_within_the_phase(phase: Phase, seed: int, kind: str) -> None:
    schedule = Schedule(phase, seed, kind)

    arrivals = list(schedule.arrivals())

    assert [arrival.number for arrival in arrivals] == list(range(schedule.count))
    assert all(earlier.due_s <= later.due_s for earlier, later in pairwise(arrivals))
    assert all(0 <= arrival.due_s <= schedule.duration_s + 1e-9 for arrival in arrivals)


@given(phase=phases, seed=seeds, kind=kinds)
def test_the_same_seed_makes_the_same_schedule(phase: Phase, seed: int, kind: str) -> None:
    assert list(Schedule(phase, seed, kind).arrivals()) == list(Schedule(phase, seed, kind).arrivals())


def test_another_seed_and_another_phase_make_another_schedule() -> None:
    first = list(Schedule(hold(10, 10), 1, "poisson").arrivals())

    assert first != list(Schedule(hold(10, 10), 2, "poisson").arrivals())
    assert first != list(Schedule(hold(10, 10, "again"), 1, "poisson").arrivals())


@given(phase=phases, seed=seeds, kind=kinds)
def test_the_count_follows_the_rates_at_the_end_of_each_segment(phase: Phase, seed: int, kind: str) -> None:
    dues_s = [arrival.due_s for arrival in Schedule(phase, seed, kind).arrivals()]
    end_s = 0.0
    for segment in phase.segments:
        end_s += segment.duration_s
        assert abs(bisect_right(dues_s, end_s + 1e-9) - area(phase, end_s)) <= 0.5 + 1e-6


@given(phase=phases, share=st.floats(0, 1))
def test_an_even_schedule_follows_the_rates_at_every_moment(phase: Phase, share: float) -> None:
    schedule = Schedule(phase, 0, "even")
    at_s = share * schedule.duration_s

    come = bisect_right([arrival.due_s for arrival in schedule.arrivals()], at_s)

    assert abs(come - area(phase, at_s)) <= 1.0 + 1e-6


@given(phase=phases, kind=kinds)
def test_arrivals_of_a_warming_segment_are_not_counted(phase: Phase, kind: str) -> None:
    counted = [arrival.counted for arrival in Schedule(phase, 0, kind).arrivals()]

    at = 0
    asked = 0.0
    for segment in phase.segments:
        asked += (segment.from_per_s + segment.to_per_s) / 2 * segment.duration_s
        assert counted[at : round(asked)] == [segment.counted] * (round(asked) - at)
        at = round(asked)


@pytest.mark.parametrize("seed", range(5))
def test_poisson_gaps_are_those_of_independent_people(seed: int) -> None:
    """Exponential gaps: their mean is 1/rate, their deviation as large, their distribution is the exponential one."""
    rate_per_s = 50.0
    dues_s = [arrival.due_s for arrival in Schedule(hold(rate_per_s, 400), seed, "poisson").arrivals()]
    gaps_s = sorted(later - earlier for earlier, later in pairwise(dues_s))
    mean_s = fmean(gaps_s)
    deviation_s = fmean((gap - mean_s) ** 2 for gap in gaps_s) ** 0.5

    assert mean_s == pytest.approx(1 / rate_per_s, rel=0.01)
    assert deviation_s == pytest.approx(mean_s, rel=0.03)
    # 1.36/sqrt(n) is where one sample in twenty of a true exponential lies further off; these seeds are fixed.
    worst = max(abs((at + 0.5) / len(gaps_s) - (1 - exp(-rate_per_s * g))) for at, g in enumerate(gaps_s))
    assert worst < 1.36 / len(gaps_s) ** 0.5


@pytest.mark.parametrize("seed", range(5))
def test_poisson_counts_in_a_second_vary_as_much_as_their_mean(seed: int) -> None:
    counts = [0] * 1000
    for arrival in Schedule(hold(20, 1000), seed, "poisson").arrivals():
        counts[int(arrival.due_s)] += 1
    mean = fmean(counts)

    assert fmean((count - mean) ** 2 for count in counts) / mean == pytest.approx(1.0, abs=0.15)


def test_even_arrivals_are_equally_far_apart() -> None:
    dues_s = [arrival.due_s for arrival in Schedule(hold(4, 2), 0, "even").arrivals()]

    assert dues_s == pytest.approx([0.125 + 0.25 * number for number in range(8)])


def test_a_schedule_is_made_as_it_is_asked_for() -> None:
    """A week at 10,000/s has 6 thousand million arrivals; the first ones come at once."""
    assert len(list(islice(Schedule(hold(10_000, 7 * 86_400), 0, "poisson").arrivals(), 3))) == 3


@given(members=members, count=st.integers(0, 300))
def test_members_partition_the_arrivals_in_equal_shares(members: tuple[int, ...], count: int) -> None:
    division = Division.among(members)

    shares = dict.fromkeys(members, 0)
    for number in range(count):
        shares[division.owner(number)] += 1

    assert sum(shares.values()) == count
    assert max(shares.values()) - min(shares.values()) <= 1


@given(first=members, later=st.lists(epochs, max_size=6))
def test_joins_and_deaths_leave_each_arrival_one_owner_who_was_there(
    first: tuple[int, ...], later: list[Epoch]
) -> None:
    """Whoever hears of an epoch when it is agreed divides as one who hears of all of them at the end."""
    along = Division.among(first)
    for epoch in later:
        along.reshare(epoch)
    newcomer = Division(along.epochs)

    for number in range(600):
        owner = along.owner(number)
        agreed = [epoch for epoch in along.epochs if epoch.from_number <= number]
        assert owner == newcomer.owner(number)
        assert owner in agreed[-1].members


@given(first=members, later=st.lists(epochs, max_size=6), next_one=epochs)
def test_what_came_before_an_epoch_stays_with_its_owner(
    first: tuple[int, ...], later: list[Epoch], next_one: Epoch
) -> None:
    division = Division.among(first)
    for epoch in later:
        division.reshare(epoch)
    before = [division.owner(number) for number in range(next_one.from_number)]

    division.reshare(next_one)

    assert [division.owner(number) for number in range(next_one.from_number)] == before


def test_nobody_left_is_refused() -> None:
    division = Division.among([0])

    with pytest.raises(ValueError, match="nobody is left"):
        division.reshare(Epoch(10, ()))
