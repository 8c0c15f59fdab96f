"""A profile's phases: warm-up, course and parts, at shares of the rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.arrivals.course import planned_phases
from loadtests.arrivals.schedule import Schedule
from loadtests.plan import Phase, Segment, Settings

stretches = st.tuples(st.floats(0, 10), st.floats(0, 10), st.floats(0.1, 100))
courses = st.lists(stretches, min_size=1, max_size=5).map(tuple)
parts = st.integers(1, 10)


def segment(first: float, last: float, duration_s: float) -> Segment:
    return Segment(from_per_s=first, to_per_s=last, duration_s=duration_s)


def test_a_plain_profile_holds_its_rate() -> None:
    assert planned_phases(Settings(), 50, 60) == (Phase(label="all", segments=(segment(50, 50, 60),)),)


def test_a_spike_is_one_phase_that_rises_and_falls() -> None:
    spike = Settings(course=((1, 1, 2), (5, 5, 1), (1, 1, 2)))

    (phase,) = planned_phases(spike, 10, 100)

    assert phase.segments == (segment(10, 10, 40), segment(50, 50, 20), segment(10, 10, 40))


def test_parts_are_phases_of_equal_length() -> None:
    first, second = planned_phases(Settings(parts=2), 10, 100)

    assert (first.label, second.label) == ("part 1 of 2", "part 2 of 2")
    assert first.segments == second.segments == (segment(10, 10, 50),)


def test_a_warm_up_comes_once_at_the_first_rate_and_does_not_count() -> None:
    first, second = planned_phases(Settings(warm_up_s=5), 10, 100, {"80%": 80, "120%": 120})

    assert first.label == "80%"
    assert first.segments[0] == Segment(from_per_s=8, to_per_s=8, duration_s=5, counted=False)
    assert second.segments == (segment(12, 12, 100),)


@given(course=courses, number=parts, rate=st.floats(1, 100), duration_s=st.floats(1, 1000))
def test_all_parts_together_last_as_long_as_asked(
    course: tuple[tuple[float, float, float], ...], number: int, rate: float, duration_s: float
) -> None:
    phases = planned_phases(Settings(course=course, parts=number), rate, duration_s)

    schedules = [Schedule(phase, 0, "even") for phase in phases]
    assert len({phase.label for phase in phases}) == number
    assert sum(each.duration_s for each in schedules) == pytest.approx(duration_s)
    assert len({each.count for each in schedules}) == 1
