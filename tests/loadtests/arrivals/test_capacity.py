"""The search for capacity, against servers whose knee is known."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.arrivals.capacity import Capacity, Outcome, Step, capacity, knee, most_steps, next_rate
from loadtests.plan import Search

LOWEST, HIGHEST, STEP_S = 5.0, 20_000.0, 20.0

precisions = st.floats(0.01, 0.4)
knees = st.floats(LOWEST * 1.01, HIGHEST * 0.99)


def searched(
    search: Search,
    carries_per_s: float,
    *,
    makes_per_s: float = 1e9,
    deviates: float = 0.0,
    lies_at: int = -1,
    seed: int = 0,
) -> tuple[Capacity, list[Step]]:
    """Search a server that carries so much, with a generator that makes so much.

    Args:
        deviates: By how much one step's capacity differs from another's, as a ratio's standard deviation.
        lies_at: The step that says the contrary.
    """
    random = Random(seed)
    steps: list[Step] = []
    while (rate := next_rate(search, steps)) is not None:
        carried = rate <= carries_per_s * random.lognormvariate(0.0, deviates)
        outcome = Outcome.KEPT if carried != (len(steps) == lies_at) else Outcome.BROKEN
        steps.append(Step(rate, Outcome.SATURATED if rate > makes_per_s else outcome))
    return capacity(search, steps), steps


def within(precision: float) -> Search:
    return Search(from_per_s=LOWEST, to_per_s=HIGHEST, precision=precision, step_s=STEP_S)


@given(carries=knees, precision=precisions)
def test_a_known_knee_is_found_within_the_precision(carries: float, precision: float) -> None:
    found, steps = searched(within(precision), carries)

    assert found.per_s is not None
    # Or by as little as one arrival in a step, where that is more.
    assert found.per_s <= carries < max(found.per_s * (1 + precision), found.per_s + 1.01 / STEP_S)
    assert found.broken_per_s is not None
    assert carries < found.broken_per_s
    assert found.settled
    assert not found.at_least
    assert len(steps) <= most_steps(within(precision))


@given(carries=knees, precision=precisions)
def test_both_sides_of_the_boundary_are_tried_twice(carries: float, precision: float) -> None:
    found, steps = searched(within(precision), carries)

    tried = [step.rate_per_s for step in steps]
    assert tried.count(found.per_s) == 2
    assert tried.count(found.broken_per_s) == 2


@given(lies_at=st.integers(0, 30), carries=knees)
def test_one_step_that_lies_does_not_move_the_answer(lies_at: int, carries: float) -> None:
    found, steps = searched(within(0.05), carries, lies_at=lies_at)

    assert found.settled
    assert found.per_s is not None
    assert found.per_s <= carries < found.per_s * 1.05
    assert len(steps) <= most_steps(within(0.05))


@pytest.mark.parametrize("seed", range(40))
def test_a_server_that_carries_a_little_more_or_less_each_time_is_measured_so(seed: int) -> None:
    """Each step's own capacity deviates by 2%: the answer is as exact as the precision and two of those."""
    found, _steps = searched(within(0.05), 1234.5, deviates=0.02, seed=seed)

    assert found.per_s == pytest.approx(1234.5, rel=0.05 + 2 * 0.02)


@given(carries=knees, precision=precisions, deviates=st.floats(0, 10), seed=st.integers())
def test_no_server_makes_a_search_endless(
    carries: float, precision: float, deviates: float, seed: int
) -> None:
    found, steps = searched(within(precision), carries, deviates=deviates, seed=seed)

    assert len(steps) <= most_steps(within(precision))
    assert found.per_s is None or LOWEST <= found.per_s <= HIGHEST


@given(makes=knees, precision=precisions)
def test_a_saturated_generator_gives_at_least_what_it_made(makes: float, precision: float) -> None:
    found, _steps = searched(within(precision), HIGHEST, makes_per_s=makes)

    assert found.at_least
    assert found.settled
    assert found.per_s is not None
    assert found.per_s <= makes < found.per_s * (1 + precision)
    assert "the generator could not make" in found.reason


@given(carries=knees, above=st.floats(1.5, 4), precision=st.floats(0.01, 0.2))
def test_a_saturated_step_does_not_hide_a_knee_below_it(
    carries: float, above: float, precision: float
) -> None:
    found, _steps = searched(within(precision), carries, makes_per_s=carries * above)

    assert not found.at_least
    assert found.per_s is not None
    assert found.per_s <= carries < found.per_s * (1 + precision)


def test_a_server_that_carries_all_is_said_to_carry_at_least_the_highest_rate() -> None:
    found, steps = searched(within(0.05), 1e9)

    assert found == Capacity(HIGHEST, None, True, True, "20000/s held, and nothing higher was tried")
    assert [step.rate_per_s for step in steps][-2:] == [HIGHEST, HIGHEST]


def test_a_server_that_carries_nothing_has_no_capacity() -> None:
    found, steps = searched(within(0.05), 0.0)

    assert found.per_s is None
    assert found.reason == "the limits were broken at 5/s, the lowest rate tried"
    assert len(steps) == 2


def test_a_generator_that_makes_nothing_finds_no_capacity() -> None:
    found, _steps = searched(within(0.05), 100.0, makes_per_s=0.0)

    assert found.per_s is None
    assert found.reason == "the generator could not make 5/s, the lowest rate tried"


def test_a_search_that_was_stopped_says_what_it_has() -> None:
    steps = [Step(5.0, Outcome.KEPT), Step(10.0, Outcome.KEPT), Step(20.0, Outcome.BROKEN)]

    found = capacity(within(0.05), steps)

    assert (found.per_s, found.broken_per_s, found.settled) == (10.0, 20.0, False)
    assert capacity(within(0.05), []).reason == "nothing was tried"


def test_a_search_among_few_arrivals_ends_where_nothing_lies_between() -> None:
    """At a step of 20 s, 0.5/s is ten arrivals: nothing lies between ten and eleven."""
    search = Search(from_per_s=0.1, to_per_s=10, precision=0.01, step_s=20)

    found, _steps = searched(search, 0.52)

    assert (found.per_s, found.broken_per_s, found.settled) == (0.5, 0.55, True)


@given(carries=knees, off=st.floats(-0.4, 0.4))
def test_what_was_asked_may_be_told_less_exactly(carries: float, off: float) -> None:
    """A step's rate told as arrivals over seconds is the rate that was wanted, to half an arrival."""
    search = within(0.05)
    steps: list[Step] = []
    while (rate := next_rate(search, steps)) is not None:
        outcome = Outcome.KEPT if rate <= carries else Outcome.BROKEN
        steps.append(Step((rate * STEP_S + off) / STEP_S, outcome))

    assert capacity(search, steps) == searched(search, carries)[0]


def test_the_knee_is_where_latency_begins_to_climb() -> None:
    points = [(rate, 1 / (1 - rate / 100)) for rate in (10.0, 20.0, 40.0, 60.0, 80.0, 90.0, 95.0, 99.0)]

    assert knee(points) in {80.0, 90.0}
    assert knee(points[::-1]) == knee(points)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1.0, 1.0), (2.0, 9.0)],
        [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)],
        [(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)],
    ],
)
def test_a_line_has_no_knee(points: list[tuple[float, float]]) -> None:
    assert knee(points) is None
