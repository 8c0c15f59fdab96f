"""What flags say of time becomes phases, a search, or users."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.load_schedule import Asked, seconds_of, shape_of
from harness.errors import UsageError
from loadtests.plan import Settings

SETTINGS = Settings(rate_per_s=20, duration_s=30)


def test_without_flags_the_profile_decides() -> None:
    shape = shape_of(Asked(), SETTINGS)

    (phase,) = shape.phases
    (segment,) = phase.segments
    assert (segment.from_per_s, segment.to_per_s, segment.duration_s, segment.counted) == (20, 20, 30, True)
    assert (shape.mode, shape.peak_per_s, shape.sessions) == ("open", 20, 600)


def test_warming_up_is_the_first_of_the_schedule_and_counts_nothing() -> None:
    shape = shape_of(Asked(at="50,100"), Settings(rate_per_s=20, duration_s=30, warm_up_s=5))

    first, second = shape.phases
    assert [(s.duration_s, s.counted) for s in first.segments] == [(5, False), (30, True)]
    assert [(s.duration_s, s.counted) for s in second.segments] == [(30, True)]


def test_percentages_are_phases_of_the_claimed_rate() -> None:
    shape = shape_of(Asked(rate="50", duration="10", at="80,100,120%"), SETTINGS)

    assert [(p.label, p.segments[0].from_per_s) for p in shape.phases] == [
        ("80%", 40),
        ("100%", 50),
        ("120%", 60),
    ]
    assert (shape.peak_per_s, shape.duration_s, shape.sessions) == (60, 30, 1500)


def test_ramps_are_one_phase_without_a_gap() -> None:
    shape = shape_of(Asked(ramps=["0:50:10", "50:50:1m", "50:0:10"]), SETTINGS)

    (phase,) = shape.phases
    assert [(s.from_per_s, s.to_per_s, s.duration_s) for s in phase.segments] == [
        (0, 50, 10),
        (50, 50, 60),
        (50, 0, 10),
    ]
    assert (shape.peak_per_s, shape.sessions) == (50, 3500)


def test_a_search_takes_its_steps_from_the_duration() -> None:
    search = shape_of(Asked(capacity="10:500", duration="45"), SETTINGS).search

    assert search is not None
    assert (search.from_per_s, search.to_per_s, search.step_s) == (10, 500, 45)


@pytest.mark.parametrize(("think", "think_s", "peak"), [(None, 1, 30), ("0", 0, 30), ("5", 5, 6)])
def test_users_are_a_closed_run(think: str | None, think_s: float, peak: float) -> None:
    shape = shape_of(Asked(users=30, think=think), SETTINGS)

    assert (shape.mode, shape.users, shape.think_s, shape.peak_per_s) == ("closed", 30, think_s, peak)
    assert shape.phases == ()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(rate="fast"), "--rate: 'fast' is no rate"),
        (Asked(rate="0"), "above 0"),
        (Asked(rate="-3"), "above 0"),
        (Asked(rate="nan"), "'nan' is no rate"),
        (Asked(rate="inf"), "'inf' is no rate"),
        (Asked(rate="100001"), "at most 100,000"),
        (Asked(duration="soon"), "--duration: 'soon' is no time"),
        (Asked(duration="0"), "more than 0"),
        (Asked(duration="200h"), "at most 168h"),
        (Asked(at="80,,100"), "--at: '' is no percentage"),
        (Asked(at="100,100"), "twice"),
        (Asked(ramps=["10:50"]), "is not FROM:TO:SECONDS"),
        (Asked(ramps=["0:0:5"]), "starts no session"),
        (Asked(ramps=["x:50:5"]), "--ramp: 'x' is no rate"),
        (Asked(capacity="10"), "is not FROM:TO"),
        (Asked(capacity="50:50"), "not above the first"),
        (Asked(users=0), "--users: 0"),
        (Asked(users=3, think="-1"), "--think: '-1' is no time"),
        (Asked(users=3, rate="5"), "--rate does not go with --users"),
        (Asked(think="3"), "--think goes with --users"),
        (Asked(users=3, capacity="1:5"), "give one of --find-capacity and --users"),
        (Asked(ramps=["1:5:5"], duration="5"), "--duration does not go with --ramp"),
        (Asked(ramps=["1:5:5"], rate="5"), "--rate does not go with --ramp"),
    ],
)
def test_what_cannot_be_meant_is_one_line(asked: Asked, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        shape_of(asked, SETTINGS)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value_s"), [("90", 90), ("90s", 90), ("1.5m", 90), ("1.5min", 90), (" 2 h", 7200), (".5", 0.5)]
)
def test_a_time_has_the_units_people_write(text: str, value_s: float) -> None:
    assert seconds_of("--duration", text) == value_s


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_a_usage_error(text: str) -> None:
    try:
        value_s = seconds_of("--duration", text)
    except UsageError:
        return
    assert 0 < value_s <= 7 * 86400


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 1000)).filter(
            lambda r: r[0] or r[1]
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_schedule_counts_what_its_ramps_hold(ramps: list[tuple[int, int, int]]) -> None:
    shape = shape_of(Asked(ramps=[f"{a}:{b}:{s}" for a, b, s in ramps]), SETTINGS)

    assert shape.sessions == round(sum((a + b) / 2 * s for a, b, s in ramps))
    assert shape.duration_s == sum(s for _, _, s in ramps)
    assert shape.peak_per_s == max(max(a, b) for a, b, _ in ramps)
