"""A run held against the register."""

from collections.abc import Callable

import msgspec
import pytest

from harness.results.model import Finding, RunEnd, Seen, Verdict
from harness.results.store import Run
from harness.spec.model import Register
from reports.overview import Disposition, Overview, overview, reading_order


def test_every_requirement_of_the_register_stands_somewhere_once(seen: Overview, register: Register) -> None:
    assert sorted(standing.id for standing in seen.standings) == sorted(register)
    assert sum(seen.dispositions.values()) == len(register)


def test_verdicts_count_what_checks_looked_at(seen: Overview) -> None:
    looked_at = [standing for standing in seen.standings if standing.proofs]

    assert sum(seen.verdicts.values()) == len(looked_at)
    assert all(seen.verdicts[verdict] for verdict in Verdict if verdict is not Verdict.NOT_OFFERED)


def test_what_could_not_tell_has_tested_nothing(seen: Overview) -> None:
    undecided = seen.having(Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED)

    assert undecided
    assert {standing.disposition for standing in undecided} == {Disposition.UNTESTED}


def test_sections_come_in_reading_order(seen: Overview) -> None:
    keys = [
        (list(seen.areas).index(standing.area), reading_order(standing.id)) for standing in seen.standings
    ]

    assert keys == sorted(keys)
    assert reading_order("RFC5321-4.2-a") < reading_order("RFC5321-4.10-a") < reading_order("RFC5321-F.3-a")
    assert reading_order("RFC5321-4.1-z") < reading_order("RFC5321-4.1-aa") < reading_order("RFC5321-4.1.1-a")


def test_a_requirement_that_the_register_does_not_know_is_shown(
    write_run: Callable[..., Run], register: Register, run: Run
) -> None:
    stranger = Finding(
        requirement="RFC9999-1.2-a", level="MUST", seen=Seen.BROKEN, verdict=Verdict.VIOLATES, reason="broken"
    )
    changed = msgspec.structs.replace(run.checks[0], findings=[stranger])

    seen = overview(write_run(changed), register)

    assert [standing.id for standing in seen.having(Verdict.VIOLATES)] == ["RFC9999-1.2-a"]
    assert len(seen.standings) == len(register) + 1


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (None, "the record was cut off"),
        (RunEnd(wall_s=1.0, finished=False, reason="interrupted", gates=[]), "interrupted"),
    ],
)
def test_an_unfinished_run_says_so_first(
    write_run: Callable[..., Run], register: Register, end: RunEnd | None, said: str
) -> None:
    seen = overview(write_run(end=end), register)

    assert seen.remarks[0] == f"The run is not finished: {said}."
    assert "no check so far came to a verdict" in seen.headline
    assert seen.exit_code == 3


def test_the_headline_counts_violations(seen: Overview) -> None:
    violated = len(seen.having(Verdict.VIOLATES))

    assert f"violates {violated} requirements and declines" in seen.headline
    assert seen.exit_code == 1


def test_a_run_without_findings_is_clean(write_run: Callable[..., Run], run: Run, register: Register) -> None:
    kept = [check for check in run.checks if {f.verdict for f in check.findings} == {Verdict.CONFORMS}]
    end = RunEnd(wall_s=1.0, finished=True, reason="", gates=[])

    seen = overview(write_run(*kept, end=end), register)

    assert seen.headline.startswith("Postfix 3.7 + Dovecot 2.3 violates none of the ")
    assert (seen.exit_code, seen.remarks) == (0, ())
