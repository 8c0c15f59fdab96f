"""Drift: the last part of a long run against its first, said in words."""

from harness.results.load import Arrivals, Latency, Round
from loadtests.control.drift import drift_notes

ARRIVALS = Arrivals(
    mode="open", asked_per_s=1, made_per_s=1, planned=1, made=1, late=0, late_after_ms=10, worst_late_ms=0
)


def part(label: str, p95: float, count: int = 100) -> Round:
    latency = Latency(count=count, p50=p95 / 2, p95=p95, p99=p95 * 2)
    return Round(
        label=label,
        arrivals=ARRIVALS,
        completed=count,
        errors={},
        latency_ms={"smtp.message": latency},
        slo=[],
        saturated=False,
        kept=True,
    )


def test_the_last_part_is_held_against_the_first() -> None:
    rounds = [part("part 1 of 3", 10.0), part("part 2 of 3", 99.0), part("part 3 of 3", 12.5)]

    (note,) = drift_notes(rounds, 3, "smtp.message")

    assert note == (
        "drift of smtp.message from part 1 of 3 to part 3 of 3:"
        " p50 5 to 6.25 ms (+25%), p95 10 to 12.5 ms (+25%), p99 20 to 25 ms (+25%)"
    )


def test_each_share_of_the_rate_has_its_own() -> None:
    rounds = [part(f"{share}%, part {number} of 2", 10.0) for share in (80, 100) for number in (1, 2)]

    notes = list(drift_notes(rounds, 2, "smtp.message"))

    assert [note.split(":")[0] for note in notes] == [
        "drift of smtp.message from 80%, part 1 of 2 to 80%, part 2 of 2",
        "drift of smtp.message from 100%, part 1 of 2 to 100%, part 2 of 2",
    ]


def test_what_was_not_measured_in_both_has_no_drift() -> None:
    rounds = [part("part 1 of 2", 10.0), part("part 2 of 2", 0.0, count=0)]

    assert not list(drift_notes(rounds, 2, "smtp.message"))
    assert not list(drift_notes(rounds, 2, "imap.fetch"))
    assert not list(drift_notes(rounds[:1], 2, "smtp.message"))
    assert not list(drift_notes(rounds, 1, "smtp.message"))
