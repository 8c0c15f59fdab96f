"""Figures, axes and shapes: what is drawn is where it should be, and says what it is."""

import json
import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.results.load import Interval, OperationInterval, Series
from reports.load.charts import area, bars, data_block, joined, stacked, steps
from reports.load.pooling import pooled
from reports.load.scales import Linear, counts, latencies, seconds
from reports.load.units import change, limit_value, memory, ms, per_s, round_figure, round_ms, share, span

POSITIVE = st.floats(1e-6, 1e12)


@pytest.mark.parametrize(
    ("value_ms", "shown"),
    [
        (0, "0 ms"),
        (0.05, "0.0500 ms"),
        (0.842, "0.842 ms"),
        (8.4, "8.40 ms"),
        (9.996, "10.0 ms"),
        (84.049, "84.0 ms"),
        (841.7, "842 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (1234.5, "1.23 s"),
        (61_234, "61.2 s"),
        (600_000, "600 s"),
    ],
)
def test_a_time_has_three_digits_and_its_unit(value_ms: float, shown: str) -> None:
    assert ms(value_ms) == shown


@given(value=POSITIVE)
def test_no_rounding_is_off_by_more_than_half_a_percent(value: float) -> None:
    text = ms(value)
    number, unit = text.replace(",", "").split()

    assert float(number) * {"ms": 1, "s": 1000}[unit] == pytest.approx(value, rel=0.00501)


def test_figures_have_their_units() -> None:
    assert [round_ms(value) for value in (0.5, 20, 1000, 2500)] == ["0.5 ms", "20 ms", "1 s", "2.5 s"]
    assert [per_s(value) for value in (0, 0.25, 19.94, 142.4, 1240)] == ["0", "0.250", "19.9", "142", "1,240"]
    assert [round_figure(value) for value in (0, 0.25, 20, 1240)] == ["0", "0.25", "20", "1,240"]
    assert [share(1, 3), share(1, 10_000_000), share(0, 5), share(5, 0)] == [
        "33.3 %",
        "0.0000100 %",
        "0 %",
        "",
    ]
    assert [memory(512), memory(96 * 2**20), memory(3 * 2**29)] == ["512 octets", "96 MiB", "1.5 GiB"]
    assert [span(0.842), span(61.0), span(7500)] == ["842 ms", "1 min 1 s", "2 h 5 min"]
    assert [limit_value(1.2, "s"), limit_value(4.62, "%"), limit_value(7, "")] == ["1.20 s", "4.62 %", "7"]
    assert [change(8, 9), change(8, 7), change(8, 8), change(2, 34.4)] == [
        "+12.5 %",
        "-12.5 %",
        "same",
        "17.2 times",
    ]
    assert change(0, 5) == ""


@given(low=st.floats(0, 1e9), ratio=st.floats(1, 1e9), ticks=st.integers(3, 12))
def test_an_axis_by_ratio_holds_its_values_and_its_marks_are_in_order(
    low: float, ratio: float, ticks: int
) -> None:
    scale = latencies(low, low * ratio, ticks)
    places = [tick.at for tick in scale.ticks]

    assert scale.low <= max(low, 0.001) * (1 + 1e-6)
    assert scale.high >= low * ratio * (1 - 1e-6)
    assert places == sorted(set(places))
    assert all(0 <= place <= 1 for place in places)
    assert len(places) >= 1
    assert scale.place(scale.low * (scale.high / scale.low) ** 0.25) == pytest.approx(0.25)


@given(highest=st.floats(0, 1e12))
def test_an_axis_of_counts_begins_at_nothing_and_holds_the_highest(highest: float) -> None:
    scale = counts(highest, round_figure)

    assert scale.low == 0
    assert scale.high >= highest * (1 - 1e-9)
    assert [scale.ticks[0].label, scale.ticks[0].at, scale.ticks[-1].at] == ["0", 0, 1]
    assert 2 <= len(scale.ticks) <= 6


@given(first=st.floats(0, 1e6), length=st.floats(0, 1e7))
def test_a_clock_has_a_few_marks_in_order(first: float, length: float) -> None:
    scale = seconds(first, first + length)
    places = [tick.at for tick in scale.ticks]

    assert places == sorted(set(places))
    assert len(places) <= 9


def test_a_clock_speaks_as_people_do() -> None:
    assert [tick.label for tick in seconds(0, 60).ticks][:3] == ["0 s", "10 s", "20 s"]
    assert [tick.label for tick in seconds(0, 300).ticks][:3] == ["0 min", "1 min", "2 min"]
    assert [tick.label for tick in seconds(0, 180).ticks][:3] == ["0 s", "30 s", "60 s"]
    assert [tick.label for tick in seconds(0, 90_000).ticks][:3] == ["0 h", "6 h", "12 h"]


def test_a_line_keeps_each_value_to_the_next_edge_and_stops_at_a_gap() -> None:
    scale = Linear(0, 10)

    assert (
        steps([10, 5, 5, None, 0], [0, 200, 400, 600, 800, 1000], scale, 100)
        == "M0 0H200V50H600M800 100H1000"
    )
    assert area([10, 5], [0, 500, 1000], scale, 100) == "M0 109V0H500V50H1000V109Z"
    assert joined([(0.1, 0.5), (0.2, 1.0)], 100) == "M100 50L200 0"
    assert joined([], 100) == ""


@given(values=st.lists(st.none() | st.floats(0, 1e9), max_size=30))
def test_a_line_has_a_stretch_for_each_run_of_values(values: list[float | None]) -> None:
    edges = [1000 * place / max(len(values), 1) for place in range(len(values) + 1)]
    path = steps(values, edges, counts(1e9, round_figure), 100)

    begins = sum(one is not None and before is None for before, one in pairwise([None, *values]))
    assert path.count("M") == begins
    assert re.fullmatch(r"[MHV0-9. ]*", path)


def test_a_bar_that_is_not_nothing_can_be_seen() -> None:
    path = bars([1_000_000, 0, 1], [0, 10, 20, 30], counts(1_000_000, round_figure), 100)

    assert path == "M0 100V0H10V100ZM20 100V98.5H30V100Z"


def test_layers_stand_on_each_other() -> None:
    low, high = stacked([[1, 0], [2, 5]], [0, 500, 1000], Linear(0, 10), 100)

    assert low == "M0 109V90H500V109Z"
    assert high == "M0 109V70H500V50H1000V109Z"


@given(word=st.text(max_size=30))
def test_no_word_ends_a_block_of_data(word: str) -> None:
    block = data_block({"rows": [[f"</script>&{word}", "n", [1, None, 0.5]]]})

    assert not set(block) & set("<>&")
    assert block.isascii()
    ((name, unit, values),) = json.loads(block)["rows"]
    assert name.startswith("</script>&")
    assert (unit, values) == ("n", [1, None, 0.5])


def series_of(columns: list[tuple[int, int, float]]) -> Series:
    return Series(
        interval_s=2.0,
        intervals=[
            Interval(
                at_s=2.0 * place,
                due=count,
                begun=count,
                completed=count,
                failed=failed,
                active=failed,
                errors={"421": failed},
                operations={
                    "smtp.message": OperationInterval(
                        count=count,
                        failed=failed,
                        p50=p50,
                        p90=p50 + 1,
                        p95=p50 + 2,
                        p99=p50 + 3,
                        max=p50 + 4,
                    )
                },
            )
            for place, (count, failed, p50) in enumerate(columns)
        ],
    )


COLUMNS = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 100), st.floats(0.1, 1e5)), min_size=1, max_size=60
)


@given(columns=COLUMNS, most=st.integers(1, 70))
def test_putting_intervals_together_loses_no_count_and_no_peak(
    columns: list[tuple[int, int, float]], most: int
) -> None:
    whole = series_of(columns)
    few = pooled(whole, most)

    assert len(few.intervals) <= most
    assert few.interval_s == whole.interval_s * math.ceil(len(columns) / most)
    for name in ("due", "begun", "completed", "failed"):
        assert sum(getattr(one, name) for one in few.intervals) == sum(
            getattr(one, name) for one in whole.intervals
        )
    assert sum(one.errors["421"] for one in few.intervals) == sum(failed for _, failed, _ in columns)
    for measure, more in (("p50", 0), ("p99", 3), ("max", 4)):
        highest = max((p50 + more for count, _, p50 in columns if count), default=0.0)
        drawn = [getattr(one.operations["smtp.message"], measure) for one in few.intervals]
        if few is not whole:
            assert max(drawn) == highest


@given(columns=COLUMNS)
def test_what_fits_is_left_as_it_is(columns: list[tuple[int, int, float]]) -> None:
    whole = series_of(columns)

    assert pooled(whole, len(columns)) is whole
