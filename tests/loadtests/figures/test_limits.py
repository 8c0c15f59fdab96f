"""A limit is read, or refused with the place and what may stand there; figures keep it, break it, or say nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from harness.errors import UsageError
from harness.results.load import Audit, Judged, Latency
from loadtests.figures.figures import Totals
from loadtests.figures.histogram import Latencies
from loadtests.figures.limits import Limit, judge, parse_limits, read_limits
from loadtests.figures.tally import Second, Sessions

operations = st.from_regex(r"[a-z]{1,6}(\.[a-z0-9-]{1,8}){1,2}", fullmatch=True)
percentiles = st.sampled_from(["p50", "p95", "p99.9", "p99.99", "p97.125", "p100", "p5"])
numbers = st.integers(0, 999_999_999).map(str) | st.decimals(0, 9999, places=3).map(str)
times = st.sampled_from(["us", "ms", "s", "min"])
plain = st.sampled_from(["lost", "duplicated", "corrupted", "misdelivered", "late"])
comparators = st.sampled_from(["<", "<=", "=", ">=", ">"])
spaces = st.sampled_from(["", " ", "  "])


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


rules = (
    joined(
        operations,
        st.just(" "),
        percentiles | st.sampled_from(["max", "mean"]),
        spaces,
        comparators,
        spaces,
        numbers,
        spaces,
        times,
    )
    | joined(st.just("delivery p95"), spaces, comparators, spaces, numbers, spaces, times)
    | joined(operations, st.just(" rate "), comparators, numbers, st.sampled_from(["/s", "/min"]))
    | joined(operations, st.just(" count "), comparators, numbers)
    | joined(
        st.just("errors") | operations.map("{} errors".format),
        spaces,
        comparators,
        numbers,
        spaces,
        st.just("%"),
    )
    | joined(plain, spaces, comparators, spaces, numbers)
)


@given(rules)
def test_a_limit_written_out_reads_as_itself(text: str) -> None:
    limit = Limit.parse(text)

    assert Limit.parse(limit.rule) == limit


@given(rules | st.text(max_size=30), st.data())
def test_what_is_no_limit_is_refused_and_nothing_else_happens(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))

    with pytest.raises(UsageError, match="at column"):
        Limit.parse(text[:at] + "?" + text[at:])  # no limit has a question mark


@pytest.mark.parametrize(
    ("text", "column", "stands", "expected"),
    [
        ("smtp.message p95 << 5 s", 18, "'<<'", "<, <=, =, >= or >"),
        ("smtp.message p95 < 5", 21, "it ends", "a unit (us, ms, s or min)"),
        ("smtp.message p95 < 5 h", 22, "'h'", "a unit (us, ms, s or min)"),
        ("smtp.message p95 < 5 s or so", 24, "'or'", "nothing more"),
        ("smtp.message p95 < five s", 20, "'five'", "a number"),
        ("smtp.message p95 < 1.2.3 s", 20, "'1.2.3'", "a number"),
        ("smtp.message p95 < -1 s", 20, "'-1'", "a number"),
        ("smtp.message p999 < 5 s", 14, "'p999'", "a percentile (as p95 or p99.9) or max, mean, count"),
        ("smtp.message p0 < 5 s", 14, "'p0'", "a percentile"),
        ("smtp.message", 13, "it ends", "a percentile"),
        ("smtp.message rate > 5", 22, "it ends", "a unit (/s or /min)"),
        ("delivery mean < 1 s", 10, "'mean'", "p50, p90, p95, p99, p99.9, p99.99, max or count"),
        ("delivery p97 < 1 s", 10, "'p97'", "p50, p90, p95, p99, p99.9, p99.99, max or count"),
        ("error < 1%", 1, "'error'", "an operation (as smtp.message) or errors, delivery, lost"),
        ("errors < 1", 11, "it ends", "a unit (%)"),
        ("lost = 0 s", 10, "'s'", "nothing more"),
        ("lost == 0", 6, "'=='", "<, <=, =, >= or >"),
        ("", 1, "it ends", "an operation"),
    ],
)  # fmt: skip
def test_a_refusal_says_where_what_stands_there_and_what_may(
    text: str, column: int, stands: str, expected: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        Limit.parse(text)

    said = str(refusal.value)
    assert f"at column {column} " in said
    assert stands in said
    assert expected in said


def test_the_rules_of_a_file_are_one_on_a_line(tmp_path: Path) -> None:
    file = tmp_path / "limits"
    file.write_text("# what we promise\nsmtp.message p95<5s  # people wait\n\n  lost = 0\n")

    assert [limit.rule for limit in read_limits(file)] == ["smtp.message p95 < 5 s", "lost = 0"]


def test_a_wrong_rule_in_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "limits"
    file.write_text("lost = 0\nlots = 0\n")

    with pytest.raises(UsageError, match=r"limits, line 2: limit 'lots = 0': at column 1 stands 'lots'"):
        read_limits(file)


@pytest.mark.parametrize("octets", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, octets: bytes | None) -> None:
    file = tmp_path / "limits"
    if octets is not None:
        file.write_bytes(octets)

    with pytest.raises(UsageError, match="cannot read the limits in"):
        read_limits(file)


def test_a_wrong_rule_among_others_is_told_with_where_they_stand() -> None:
    with pytest.raises(UsageError, match=r"^office\.toml: limit 'x': at column 1 stands 'x'"):
        parse_limits(["lost = 0", "x"], "office.toml")


def totals_of(
    samples_s: dict[str, list[float]],
    failures: dict[str, dict[str, int]] | None = None,
    sessions: Sessions | None = None,
    *,
    span_s: int = 1,
) -> Totals:
    """All of it happens in the first second, and an octet is sent in the last one."""
    nothing = Second(at_s=0, sessions=Sessions(), failures={}, latencies={}, octets={})
    first = structs.replace(
        nothing,
        sessions=sessions or Sessions(),
        failures=failures or {},
        latencies={name: Latencies(each).to_octets() for name, each in samples_s.items()},
    )
    last = structs.replace(nothing, at_s=span_s - 1, octets={"smtp.message": 1})
    totals = Totals()
    totals.add(first)
    totals.add(last)
    return totals


TOTALS = totals_of(
    {"smtp.message": [number / 1000 for number in range(1, 1001)], "smtp.connect": [0.002] * 990},
    {"smtp.connect": {"refused": 10}, "smtp.auth": {"535": 4}},
    Sessions(due=1000, begun=1000, completed=970, failed=30),
    span_s=20,
)
AUDIT = Audit(
    done=True,
    owed=1000,
    found_once=990,
    lost=3,
    duplicated=2,
    corrupted=1,
    late=7,
    readable_after_ms=Latency(count=900, p50=40.0, p95=900.0, p9999=5000.0, max=6000.0),
)


@pytest.mark.parametrize(
    ("rule", "value", "kept"),
    [
        ("smtp.message p95 < 1 s", 0.950, True),
        ("smtp.message p95 < 950 ms", 950, False),
        ("smtp.message p99.9 <= 999.999 ms", 999, True),
        ("smtp.message max = 1 s", 1, True),
        ("smtp.message mean < 0.01 min", 500.5 / 60_000, True),
        ("smtp.message max > 999999 us", 1_000_000, True),
        ("smtp.message count >= 1001", 1000, False),
        ("smtp.message rate >= 50/s", 50, True),
        ("smtp.message rate > 3000/min", 3000, False),
        ("smtp.connect errors <= 1%", 1, True),
        ("smtp.auth errors < 99%", 100, False),
        ("smtp.auth count > 0", 0, False),
        ("errors < 3%", 3, False),  # of sessions; of operations it is less
        ("delivery p50 < 50 ms", 40, True),
        ("delivery p99.99 < 5 s", 5, False),
        ("delivery max <= 6 s", 6, True),
        ("delivery count = 900", 900, True),
        ("lost = 0", 3, False),
        ("duplicated <= 2", 2, True),
        ("corrupted < 1", 1, False),
        ("misdelivered = 0", 0, True),
        ("late < 10", 7, True),
    ],
)  # fmt: skip
def test_a_limit_is_judged_in_its_own_unit(rule: str, value: float, kept: bool) -> None:
    judged = judge(Limit.parse(rule), TOTALS, AUDIT, label="100%")

    assert judged.value == pytest.approx(value, rel=1 / 1000)
    assert (judged.rule, judged.kept, judged.round) == (rule, kept, "100%")


@pytest.mark.parametrize(
    ("rule", "audit", "note"),
    [
        ("smtp.mesage p95 < 1 s", AUDIT, "nothing was measured of smtp.mesage; did you mean smtp.message?"),
        ("imap.idle p95 < 1 s", AUDIT, "nothing was measured of imap.idle"),
        ("imap.idle count = 0", AUDIT, "nothing was measured of imap.idle"),
        ("smtp.auth p95 < 1 s", AUDIT, "all 4 failed"),
        ("lost = 0", None, "the mailboxes were not read"),
        ("lost = 0", Audit(done=False, why_not="no mailbox is known"), "no mailbox is known"),
        ("lost = 0", Audit(done=True), "no message was accepted"),
        ("delivery p95 < 1 s", Audit(done=True, owed=5), "no reader saw a message arrive"),
    ],
)  # fmt: skip
def test_what_was_not_measured_is_neither_kept_nor_broken(rule: str, audit: Audit | None, note: str) -> None:
    assert judge(Limit.parse(rule), TOTALS, audit) == Judged(rule=rule, value=None, kept=None, note=note)


def test_a_run_in_which_nothing_happened_keeps_no_limit() -> None:
    for rule in ("errors < 1%", "errors = 0%", "smtp.message rate >= 0/s"):
        assert judge(Limit.parse(rule), Totals(), None).kept is None


def test_errors_are_the_larger_share_of_sessions_and_operations() -> None:
    few_sessions_fail = totals_of(
        {"smtp.mail": [0.1]}, {"smtp.mail": {"450": 1}}, Sessions(completed=99, failed=1)
    )

    assert judge(Limit.parse("errors < 60%"), few_sessions_fail).value == 50
    assert (
        judge(Limit.parse("errors < 60%"), few_sessions_fail).note
        == "failed: 1 of 100 sessions, 1 of 2 operations"
    )


def test_a_percentile_of_too_few_samples_is_said_to_be_the_longest() -> None:
    few = totals_of({"imap.fetch": [0.1, 0.2, 0.3]})

    assert judge(Limit.parse("imap.fetch p99 < 1 s"), few).note == "of 3 measured this is the longest"
    assert judge(Limit.parse("imap.fetch p50 < 1 s"), few).note == ""


@pytest.mark.parametrize(
    ("rule", "lost", "kept"),
    [("lost = 0", 0, None), ("lost = 0", 1, False), ("lost < 5", 0, True), ("lost < 5", 2, None)],
)
def test_undecided_deliveries_may_break_a_limit_and_never_mend_it(
    rule: str, lost: int, kept: bool | None
) -> None:
    undecided = Audit(done=True, owed=10, lost=lost, undecided=4)

    judged = judge(Limit.parse(rule), TOTALS, undecided)

    assert (judged.kept, judged.note) == (kept, "4 deliveries are undecided")


def test_limits_of_the_audit_are_told_from_those_of_a_phase() -> None:
    of_audit = [
        Limit.parse(rule).of_audit
        for rule in ("lost = 0", "delivery p95 < 1 s", "errors = 0", "a.b max < 1 s")
    ]

    assert of_audit == [True, True, False, False]
