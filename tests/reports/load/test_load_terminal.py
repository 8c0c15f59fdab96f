"""The end of a load run in the terminal: on one screen, and deaf to what the target says."""

from collections.abc import Mapping
from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console

from harness.results.load import Judged
from harness.results.load_store import LoadRun
from reports.load import print_load_summary

Runs = Mapping[str, LoadRun]
KINDS = ("clean", "broken", "saturated", "search", "empty", "nothing", "closed", "huge")


def printed(run: LoadRun, width: int = 80) -> str:
    out = StringIO()
    print_load_summary(run, Console(file=out, width=width, highlight=False))
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_a_screen(load_runs: Runs, kind: str) -> None:
    lines = printed(load_runs[kind]).splitlines()

    assert len(lines) <= 24
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_on_a_wide_terminal_it_is_no_wider(load_runs: Runs) -> None:
    assert max(len(line) for line in printed(load_runs["broken"], 200).splitlines()) <= 80


def test_what_is_hostile_is_shown_and_does_nothing(load_runs: Runs) -> None:
    said = printed(load_runs["huge"])

    assert not set(said) & {"\x00", "\x1b", "\u202e"}
    assert "\\x1b[31m" in said


def test_it_says_the_answer_the_limits_the_latencies_and_the_audit(load_runs: Runs) -> None:
    said = printed(load_runs["broken"])

    assert said.startswith("Postfix 3.7 + Dovecot 2.3 lost 7 accepted messages and broke 3 of 5 limits")
    assert "! Worker 1 died 41 s into the run; 374 arrivals" in said
    assert "kept         delivery p95 < 60 s  250 ms\nbroken       errors < 1 %  4.62 %" in said
    assert "not measured pop3.retr p99 < 1 s" in said
    assert "smtp.message  2,301     120   45.5 ms   1.51 s   2.67 s   2.98 s" in said
    assert "Audit: 2,301 owed, 2,290 found once, 7 lost, 3 duplicated, 1 corrupted" in said
    assert said.endswith("\nReport: mailproof-load/report.html\n")


def test_a_saturated_generator_is_said_before_any_figure(load_runs: Runs) -> None:
    said = printed(load_runs["saturated"])

    assert (
        said.index("! The generator was saturated") < said.index("! worker 0 used 99.8 %") < said.index("p95")
    )


def test_rounds_are_told_apart_while_they_are_few(load_runs: Runs) -> None:
    assert "80 %: 84.5 ms  100 %: 85.4 ms  120 %:" in printed(load_runs["broken"])
    assert "held in 7 of 11 rounds" in printed(load_runs["search"])


def test_of_many_limits_the_broken_ones_are_named(load_runs: Runs) -> None:
    run = load_runs["clean"]
    many = [Judged(rule=f"imap.op{place} p95 < 1 s", value=0.5, kept=place != 17) for place in range(20)]
    said = printed(LoadRun(run.path, replace(run.summary, slo=many), run.series, run.histograms))

    assert "broken       imap.op17 p95 < 1 s  500 ms" in said
    assert "… and 15 more limits" in said


def test_an_audit_that_was_not_made_says_nothing_of_mail(load_runs: Runs) -> None:
    said = printed(load_runs["empty"])

    assert "Audit: not made; nothing is said of lost mail" in said
    assert "owed" not in said
