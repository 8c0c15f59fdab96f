"""The verdict, its sentence, and the settings that a summary shows."""

import pytest

from harness.results.load import Arrivals, Audit, GeneratorHealth, Judged
from loadtests.arrivals.capacity import Capacity
from loadtests.control.outcome import settings_of
from loadtests.control.sentence import Told, sentence_of
from loadtests.control.verdict import EXIT_CODES, Verdict, limits_of_mail, verdict_of
from loadtests.plan import Settings

SLOW = Judged(rule="smtp.message p95 < 5 s", value=7.2, kept=False)
QUICK = Judged(rule="smtp.message p95 < 5 s", value=0.2, kept=True)
UNMEASURED = Judged(rule="imap.fetch p99 < 1 s", value=None, kept=None)
LOST = Judged(rule="lost = 0", value=3, kept=False)

ARRIVALS = Arrivals(
    mode="open",
    asked_per_s=40,
    made_per_s=39.9,
    planned=2400,
    made=2394,
    late=0,
    late_after_ms=10,
    worst_late_ms=1,
)


def told(verdict: Verdict, *judged: Judged, **changes: object) -> str:
    fields = {
        "target": "small",
        "verdict": verdict,
        "arrivals": ARRIVALS,
        "judged": judged,
        "audit": Audit(done=True, owed=2394, found_once=2394),
        "generator": GeneratorHealth(cpu=0.2, lag_ms=1, saturated=False),
        "capacity": None,
        "missing": (),
    }
    return sentence_of(Told(**(fields | changes)))  # type: ignore[arg-type]  # what a test says


@pytest.mark.parametrize(
    ("judged", "saturated", "unfinished", "verdict"),
    [
        ([], False, False, "kept"),
        ([QUICK], False, False, "kept"),
        ([QUICK, SLOW], False, False, "broken"),
        ([QUICK, UNMEASURED], False, False, "unfinished"),
        ([QUICK], False, True, "unfinished"),
        ([QUICK, SLOW], False, True, "broken"),
        ([QUICK], True, False, "generator saturated"),
        ([SLOW], True, True, "generator saturated"),
        ([LOST], True, True, "broken"),
    ],
)
def test_mail_comes_before_the_generator_and_the_generator_before_the_limits(
    judged: list[Judged], saturated: bool, unfinished: bool, verdict: Verdict
) -> None:
    assert verdict_of(judged, saturated=saturated, unfinished=unfinished) == verdict


def test_only_a_run_that_kept_everything_ends_with_0() -> None:
    assert [verdict for verdict, code in EXIT_CODES.items() if code == 0] == ["kept"]
    assert EXIT_CODES["broken"] == 1


def test_a_limit_of_ones_own_takes_the_place_of_the_one_about_the_same_mail() -> None:
    assert limits_of_mail(["lost < 5", "errors < 1%"]) == [
        "duplicated = 0",
        "corrupted = 0",
        "misdelivered = 0",
    ]


def test_the_sentence_of_a_run_that_kept_its_limits() -> None:
    assert told("kept", QUICK) == (
        "small carried 39.9 sessions a second within every limit;"
        " of 2,394 accepted deliveries each was found exactly once."
    )


def test_the_sentence_of_a_run_that_broke_limits_says_which_and_by_how_much() -> None:
    audit = Audit(done=True, owed=2394, found_once=2391, lost=3)

    assert told("broken", LOST, SLOW, audit=audit) == (
        "small did not hold at 39.9 sessions a second: lost = 0 (was 3), smtp.message p95 < 5 s (was 7.2);"
        " of 2,394 accepted deliveries 2,391 were found once, 3 were lost."
    )


def test_the_sentence_of_a_saturated_generator_gives_its_reasons() -> None:
    generator = GeneratorHealth(cpu=1.0, lag_ms=90, saturated=True, reasons=["worker 0 had no CPU left"])

    assert told("generator saturated", QUICK, generator=generator).startswith(
        "the generator, and not small, was the limit at 39.9 sessions a second (worker 0 had no CPU left);"
    )


@pytest.mark.parametrize("verdict", ["broken", "generator saturated", "unfinished"])
def test_why_nobody_looked_is_said_once_whatever_else_there_is_to_say(verdict: Verdict) -> None:
    why = "nobody can read what was delivered"

    sentence = told(verdict, SLOW, audit=Audit(done=False, why_not=why, owed=7), missing=(why,))

    assert sentence.count(why) == 1


def test_the_sentence_of_an_unfinished_run_says_what_is_missing() -> None:
    sentence = told(
        "unfinished", UNMEASURED, missing=["asked to end"], audit=Audit(done=False, why_not="stopped")
    )

    assert sentence == (
        "not finished: asked to end, nothing was measured for imap.fetch p99 < 1 s;"
        " nobody looked for the mail (stopped)."
    )


def test_the_sentence_of_a_search_is_the_capacity() -> None:
    found = Capacity(123.4, 150.0, False, True, "123.4/s held, 150/s did not")

    assert told("kept", QUICK, capacity=found).startswith(
        "small carries 123.4 sessions a second within the limits (123.4/s held, 150/s did not);"
    )


def test_settings_are_shown_by_their_keys() -> None:
    shown = settings_of(Settings(limits=("errors < 1%",)))

    assert shown["rate_per_s"] == "10.0"
    assert shown["traffic.messages"] == "[1,1]"
    assert shown["reading.mode"] == "leave"
    assert shown["limits"] == '["errors < 1%"]'
    assert "content.directory" not in shown
