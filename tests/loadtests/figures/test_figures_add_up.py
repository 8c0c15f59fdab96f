"""Whatever a process counts is in the figures once, whenever it is handed over and however coarse the series."""

from collections import Counter
from collections.abc import Iterator

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from harness.results.load import Series
from loadtests.figures.figures import MOST_INTERVALS, Figures
from loadtests.figures.histogram import Latencies
from loadtests.figures.tally import Batch, Second, Sessions, Tally, TallyDelta

OPERATIONS = ("smtp.connect", "smtp.message", "imap.fetch")
CLASSES = ("421", "550", "timeout")

# What can happen: a success and its seconds, a failure, a session's moments, time that passes, a hand-over.
successes = st.tuples(st.just("ok"), st.sampled_from(OPERATIONS), st.floats(0, 700))
failures = st.tuples(st.just("failed"), st.sampled_from(OPERATIONS), st.sampled_from(CLASSES))
moments = st.tuples(st.sampled_from(["due", "completed", "broken"])) | st.tuples(
    st.just("begun"), st.floats(0, 3)
)
passing = st.tuples(st.just("passes"), st.floats(0, 5))
handing = st.tuples(st.sampled_from(["tick", "drain"]))
histories = st.lists(successes | failures | moments | passing | handing, max_size=60)


def play(history: list[tuple[object, ...]], tally: Tally, began_s: float) -> Iterator[TallyDelta]:
    now_s = began_s
    for what, *facts in history:
        match what, facts:
            case "ok", [str(name), float(seconds)]:
                tally.samples[name].append(seconds)
                tally.octets[name] += 7
            case "failed", [str(name), str(error_class)]:
                tally.failures[name, error_class] += 1
            case "due", []:
                tally.session_due()
            case "begun", [float(late_s)]:
                tally.session_begun(late_s)
            case "completed" | "broken", []:
                tally.session_ended(ok=what == "completed")
            case "passes", [float(seconds)]:
                now_s += seconds
            case "tick", []:
                tally.tick(now_s)
            case "drain", []:
                yield tally.drain(now_s)
    yield tally.drain(now_s)


def over_the_wire(delta: TallyDelta) -> TallyDelta:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(delta), type=TallyDelta)


@given(histories, st.floats(0, 1e6))
def test_what_was_drained_adds_up_to_what_was_counted(
    history: list[tuple[object, ...]], began_s: float
) -> None:
    figures = Figures()

    for delta in play(history, Tally(began_s), began_s):
        figures.add(0, 0, over_the_wire(delta))

    total, happened = figures.total(), Counter(what for what, *_ in history)
    for name in OPERATIONS:
        samples_s = [event[2] for event in history if event[:2] == ("ok", name)]
        assert total.latencies[name].to_octets() == Latencies(samples_s).to_octets()
        assert total.octets[name] == 7 * len(samples_s)
    expected = Counter(event[1:] for event in history if event[0] == "failed")
    assert expected == {
        (name, error_class): times
        for name, classes in total.errors_by_operation.items()
        for error_class, times in classes.items()
    }
    lateness = [event[1] for event in history if event[0] == "begun"]
    assert total.sessions == Sessions(
        due=happened["due"],
        begun=happened["begun"],
        completed=happened["completed"],
        failed=happened["broken"],
        late=sum(late_s > 0.010 for late_s in lateness),
        worst_late_ms=max((1000 * late_s for late_s in lateness), default=0.0),
    )


@given(histories)
def test_who_hears_the_samples_hears_each_once(history: list[tuple[object, ...]]) -> None:
    heard: list[Batch] = []

    for _ in play(history, Tally(0.0, heard=heard.append), 0.0):
        pass

    samples_s = [(name, one) for batch in heard for name, all_s in batch.samples_s.items() for one in all_s]
    failed = sum((Counter(batch.failures) for batch in heard), Counter())
    assert sorted(samples_s) == sorted(event[1:] for event in history if event[0] == "ok")
    assert failed == Counter(event[1:] for event in history if event[0] == "failed")


def test_lists_of_samples_stay_the_same_so_that_their_append_can_be_kept() -> None:
    tally = Tally(0.0)
    append = tally.samples["smtp.mail"].append
    append(0.001)
    first = tally.drain(1.0)
    append(0.002)
    append(0.003)

    second = tally.drain(2.0)

    counts = [
        Latencies.from_octets(one.latencies["smtp.mail"]).count for one in first.seconds + second.seconds
    ]
    assert counts == [1, 2]


def test_what_was_counted_between_two_ticks_belongs_to_the_second_between_them() -> None:
    tally = Tally(100.0)
    tally.tick(103.01)
    tally.session_due()

    (second,) = tally.drain(103.99).seconds

    assert second.at_s == 3


def second(at_s: int, name: str, samples_s: list[float], sessions: Sessions) -> Second:
    return Second(
        at_s=at_s,
        sessions=sessions,
        failures={name: {"421": at_s % 3}} if at_s % 3 else {},
        latencies={name: Latencies(samples_s).to_octets()} if samples_s else {},
        octets={},
    )


seconds = st.builds(
    second,
    st.integers(0, 10 * MOST_INTERVALS),
    st.sampled_from(OPERATIONS),
    st.lists(st.floats(0, 10), max_size=3),
    st.builds(Sessions, due=st.integers(0, 5), begun=st.integers(0, 5), completed=st.integers(0, 5)),
)


@given(st.lists(st.tuples(st.integers(0, 3), seconds), max_size=40))
def test_a_coarser_series_holds_what_a_finer_one_held(told: list[tuple[int, Second]]) -> None:
    figures = Figures()
    for worker, each in told:
        figures.add(worker, 0, TallyDelta(seconds=[each]))

    series, total = figures.series(), figures.total()

    assert len(series.intervals) <= MOST_INTERVALS
    assert [one.at_s for one in series.intervals] == [
        number * series.interval_s for number in range(len(series.intervals))
    ]
    assert sum(one.due for one in series.intervals) == total.sessions.due
    assert sum(one.begun for one in series.intervals) == total.sessions.begun
    assert sum(one.completed for one in series.intervals) == total.sessions.completed
    assert _counts(series) == {name: one.count for name, one in total.latencies.items() if one.count}
    assert sum((Counter(one.errors) for one in series.intervals), Counter()) == Counter(total.errors)
    if series.intervals:
        assert series.intervals[-1].active == figures.active


def _counts(series: Series) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for interval in series.intervals:
        counts.update({name: one.count for name, one in interval.operations.items() if one.count})
    return dict(counts)


@given(st.lists(st.lists(st.floats(0, 10), min_size=1, max_size=4), min_size=1, max_size=30))
def test_an_intervals_percentiles_are_of_all_its_samples(parts: list[list[float]]) -> None:
    figures = Figures()
    for worker, samples_s in enumerate(parts):
        told = second(3, "smtp.message", samples_s, Sessions())
        figures.add(worker, 0, TallyDelta(seconds=[told]))

    shown = figures.series().intervals[3].operations["smtp.message"]

    expected = Latencies([sample for part in parts for sample in part])
    assert shown.count == expected.count
    assert [shown.p50, shown.p90, shown.p95, shown.p99] == expected.percentiles_ms([50, 90, 95, 99])
    assert figures.recent("smtp.message").to_octets() == expected.to_octets()


def test_what_only_warms_up_is_in_the_series_and_in_no_total() -> None:
    figures = Figures()
    figures.add(0, -1, TallyDelta(seconds=[second(1, "smtp.message", [0.5], Sessions(due=2, begun=2))]))
    figures.add(0, 0, TallyDelta(seconds=[second(9, "smtp.message", [0.1], Sessions(due=1, begun=1))]))

    assert figures.total().sessions.due == figures.sessions(0).due == 1
    assert figures.total().latency_ms["smtp.message"].max == 100.0
    assert figures.series().intervals[1].due == 2
    assert figures.active == 3


def test_phases_are_parted_and_their_sum_is_the_whole() -> None:
    figures = Figures()
    for phase, seconds_s in enumerate(([0.1, 0.2], [0.3])):
        told = second(10 * phase, "smtp.message", seconds_s, Sessions(completed=len(seconds_s)))
        figures.add(0, phase, TallyDelta(seconds=[told]))

    assert [figures.total(phase).latency_ms["smtp.message"].count for phase in (0, 1)] == [2, 1]
    assert figures.total().sessions.completed == 3
    assert figures.total().span_s == 11


def test_the_sessions_of_a_process_that_dies_go_on_no_longer() -> None:
    figures = Figures()
    for worker, begun in ((0, 5), (1, 4)):
        told = second(2, "smtp.message", [], Sessions(begun=begun, completed=1))
        figures.add(worker, 0, TallyDelta(seconds=[told]))

    lost = figures.abandon(0, 6.2)

    assert lost == 4
    assert figures.active == figures.total().sessions.active == 3
    assert [interval.active for interval in figures.series().intervals] == [0, 0, 7, 7, 7, 7, 3]
    assert figures.abandon(0, 7.0) == 0


def test_an_operation_that_never_succeeded_is_named_with_none_measured() -> None:
    figures = Figures()
    told = Second(
        at_s=0, sessions=Sessions(), failures={"smtp.connect": {"refused": 3}}, latencies={}, octets={}
    )
    figures.add(0, 0, TallyDelta(seconds=[told]))

    assert figures.total().latency_ms["smtp.connect"].count == 0
    assert figures.series().intervals[0].operations["smtp.connect"].failed == 3
