"""Two load runs side by side: every percentile, what is newly broken, and noise only where it can be shown."""

import json
import random
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from harness.errors import UsageError
from harness.results.load import Judged, Latency
from harness.results.load_store import LoadRun
from reports.load import compare, print_diff, render_diff
from reports.load.hdr import Bucket
from reports.load.noise import above, interval_ms, overlap

Runs = Mapping[str, LoadRun]


def changed(run: LoadRun, **fields: object) -> LoadRun:
    """The same run with another summary, and no histograms."""
    return LoadRun(run.path, replace(run.summary, **fields), run.series, None)


def printed(old: LoadRun, new: LoadRun) -> str:
    out = StringIO()
    print_diff(compare(old, new), Console(file=out, width=100, highlight=False))
    return out.getvalue()


def test_every_percentile_of_every_operation_is_compared(load_runs: Runs) -> None:
    old, new = load_runs["clean"], load_runs["broken"]
    rows = {(row.operation, row.measure): row for row in compare(old, new).latency}

    for name, latency in old.summary.latency_ms.items():
        other = new.summary.latency_ms[name]
        for field, measure in (("p50", "p50"), ("p999", "p99.9"), ("p9999", "p99.99"), ("max", "max")):
            row = rows[name, measure]
            was, now = getattr(latency, field), getattr(other, field)
            assert (row.old_ms, row.new_ms) == (was, now)
            assert row.percent == pytest.approx(100 * (now / was - 1))
    assert ("accepted to readable", "p95") in rows


def test_a_run_is_no_worse_than_itself(load_runs: Runs) -> None:
    for run in load_runs.values():
        diff = compare(run, run)
        assert diff.worse == []
        assert diff.settings == []
        assert {row.percent for row in diff.latency} <= {0.0, None}
        assert {row.note for row in diff.latency} <= {""}


def test_what_held_and_is_broken_now_is_said_once(load_runs: Runs) -> None:
    diff = compare(load_runs["clean"], load_runs["broken"])

    assert diff.worse == [
        "smtp.message p95 < 500 ms is broken now",
        "errors < 1 % is broken now",
        "lost = 0 is broken now",
        "3 duplicated, 0 before",
        "1 corrupted, 0 before",
    ]
    assert diff.sentence.startswith(
        "smtp.message p95 < 500 ms is broken now; errors < 1 % is broken now; and 3 more."
    )
    assert compare(load_runs["broken"], load_runs["clean"]).worse == []


def test_a_limit_that_held_and_was_not_measured_is_no_success(load_runs: Runs) -> None:
    diff = compare(load_runs["clean"], load_runs["empty"])

    assert "Nothing was measured for 1 limit that held." in diff.remarks
    assert "The new run was not finished." in diff.remarks
    assert "The new run was not audited." in diff.remarks
    assert {one.new for one in diff.audit} == {None}


def test_what_makes_them_hard_to_compare_is_said(load_runs: Runs) -> None:
    diff = compare(load_runs["saturated"], load_runs["closed"])

    assert diff.remarks == [
        "The generator of the old run was saturated: its figures are not the target's.",
        "One load is open, the other closed: latencies differ in meaning.",
    ]
    assert ("rate_per_s", "400", "0") in {(one.key, one.old, one.new) for one in diff.settings}


def test_runs_of_two_scenarios_are_not_compared(load_runs: Runs) -> None:
    other = changed(load_runs["clean"], scenario="imap\x1b[31m")

    with pytest.raises(
        UsageError, match=r"mailproof-load is a run of inbound, mailproof-load of imap\\x1b\[31m"
    ):
        compare(load_runs["clean"], other)


def exponential(seed: int, count: int, mean_ms: float) -> list[Bucket]:
    """Samples as buckets of single microseconds."""
    rng = random.Random(seed)
    values = sorted(round(rng.expovariate(1 / mean_ms) * 1000) + 1 for _ in range(count))
    return [Bucket(value, value, 1) for value in values]


def test_the_interval_of_a_percentile_holds_the_true_value_nearly_always() -> None:
    true_ms = 23.026  # the 90th percentile of an exponential distribution whose mean is 10 ms
    inside = 0
    for seed in range(300):
        low, high = interval_ms(exponential(seed, 500, 10.0), "p90") or (0.0, 0.0)
        inside += low <= true_ms <= high
    assert inside >= 279  # 93 of 100; 95 are promised


def test_samples_of_one_distribution_meet_and_those_of_another_do_not() -> None:
    one, same = exponential(1, 2000, 10.0), exponential(2, 2000, 10.0)
    slower = exponential(3, 2000, 15.0)

    assert overlap(interval_ms(one, "p95"), interval_ms(same, "p95"))
    assert not overlap(interval_ms(one, "p95"), interval_ms(slower, "p95"))


@given(count=st.integers(0, 40), measure=st.sampled_from(["p99", "p999", "p9999", "max"]))
def test_few_samples_have_no_interval_for_what_is_rare(count: int, measure: str) -> None:
    buckets = [Bucket(100, 100, count)] if count else []

    assert interval_ms(buckets, measure) is None
    assert above(count, measure) == 1


def test_noise_is_said_only_where_histograms_show_it(load_runs: Runs) -> None:
    old, new = load_runs["clean"], load_runs["broken"]
    with_them = {(row.operation, row.measure): row.note for row in compare(old, new).latency}
    without = {(row.operation, row.measure): row.note for row in compare(changed(old), changed(new)).latency}

    assert with_them["smtp.data", "p95"] == "within noise"
    assert with_them["smtp.message", "p95"] == ""
    assert with_them["smtp.message", "p99.9"] == "rests on 1 sample"
    assert "within noise" not in without.values()
    assert without["smtp.data", "p95"] == ""
    assert without["smtp.data", "p99.9"] == "rests on 1 sample"


def test_the_json_is_the_whole_comparison(load_runs: Runs) -> None:
    document = json.loads(render_diff(compare(load_runs["clean"], load_runs["broken"])))

    assert (document["kind"], document["schema"], document["scenario"]) == ("load-diff", 1, "inbound")
    assert {
        "sentence",
        "worse",
        "remarks",
        "figures",
        "latency",
        "errors",
        "audit",
        "limits",
        "settings",
    } <= set(document)
    assert {"rule": "lost = 0", "old": "kept", "new": "broken"} in document["limits"]
    assert document["audit"][2] == {"name": "lost", "old": 0, "new": 7}


def test_the_terminal_has_the_answer_and_the_figures(load_runs: Runs) -> None:
    said = printed(load_runs["clean"], load_runs["broken"])

    assert "! The load differs: 30 sessions/s were asked for, 40 now." in said
    assert "! rate_per_s: 30, 40 now" in said
    assert "smtp.message p95 went from 85.2 ms to 1.51 s (17.7 times)." in said
    assert "p95 85.2 ms 1.51 s 17.7 times" in " ".join(said.split())
    assert "lost = 0                   kept     broken" in said


def test_what_is_hostile_is_shown_in_the_terminal_and_does_nothing(load_runs: Runs) -> None:
    huge = load_runs["huge"]
    said = printed(huge, changed(huge, latency_ms={"x\x1b[2J": Latency(count=1, p50=1.0)}, slo=[]))

    assert not set(said) & {"\x00", "\x1b", "\u202e"}
    assert "\\x1b[2J" in said


def test_a_rule_that_only_the_new_run_has_can_be_broken(load_runs: Runs) -> None:
    run = load_runs["clean"]
    more = [*run.summary.slo, Judged(rule="smtp.connect p99 < 1 ms", value=23.9, kept=False)]

    assert compare(changed(run), changed(run, slo=more)).worse == ["smtp.connect p99 < 1 ms is broken now"]


def test_the_paths_of_both_are_kept(load_runs: Runs) -> None:
    run = load_runs["clean"]
    diff = compare(LoadRun(Path("a"), run.summary, None, None), LoadRun(Path("b"), run.summary, None, None))

    assert (diff.old.path, diff.new.path) == ("a", "b")
