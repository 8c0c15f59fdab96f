"""`mailproof diff`, and `mailproof report` of a load run: which runs go together, and what the command ends with."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from harness.cli.app import app
from harness.errors import UsageError
from harness.results import (
    CheckResult,
    Finding,
    RunEnd,
    RunHeader,
    RunWriter,
    Seen,
    TargetFacts,
    Verdict,
)
from harness.results.load import (
    Arrivals,
    Audit,
    GeneratorHealth,
    Histograms,
    Judged,
    Latency,
    LoadSummary,
    LoadTarget,
    Machine,
    Series,
)
from harness.results.load_store import write_load_run

SUMMARY = LoadSummary(
    scenario="inbound",
    run="0a1b2c3d",
    seed=1,
    started_at="2026-11-24T13:05:09Z",
    wall_s=60,
    target=LoadTarget(name="a server", endpoints={"smtp": "smtp://127.0.0.1:25"}),
    machine=Machine(system="Linux", python="3.11", cores=2, memory_octets=2**30),
    settings={},
    command="mailproof load inbound",
    arrivals=Arrivals(
        mode="open",
        asked_per_s=10,
        made_per_s=10,
        planned=600,
        made=600,
        late=0,
        late_after_ms=10,
        worst_late_ms=1,
    ),
    completed=600,
    errors={},
    errors_by_operation={},
    latency_ms={"smtp.message": Latency(count=600, p50=5, p90=8, p95=10, p99=20, p999=30, p9999=30, max=30)},
    audit=Audit(done=True, owed=600, found_once=600),
    slo=[Judged(rule="smtp.message p95 < 5 s", value=0.01, kept=True)],
    rounds=[],
    generator=GeneratorHealth(cpu=0.2, lag_ms=1, saturated=False),
    verdict="kept",
    sentence="A server carried 10 sessions a second within every limit.",
)
SLOW = msgspec.structs.replace(
    SUMMARY,
    latency_ms={
        "smtp.message": Latency(count=600, p50=5, p90=8, p95=15, p99=9000, p999=9000, p9999=9000, max=9000)
    },
)
BROKEN = msgspec.structs.replace(
    SLOW, slo=[Judged(rule="smtp.message p95 < 5 s", value=9, kept=False)], verdict="broken"
)
LOSING = msgspec.structs.replace(
    SUMMARY, audit=Audit(done=True, owed=600, found_once=598, lost=2), verdict="broken"
)


def load_run(path: Path, summary: LoadSummary) -> str:
    write_load_run(path, summary, Series(interval_s=1, intervals=[]), Histograms(operations={}))
    return str(path)


def check_run(path: Path, verdict: Verdict) -> str:
    header = RunHeader(
        mailproof_version="0.1.0",
        started="2026-11-24T13:05:09Z",
        seed=1,
        profile="quick",
        selection=[],
        target=TargetFacts(name="a server", domain="example.test", endpoints={}, products={}),
    )
    seen = Seen.BROKEN if verdict is Verdict.VIOLATES else Seen.KEPT
    finding = Finding(requirement="RFC5321-4.1.1.5-b", level="MUST", seen=seen, verdict=verdict, reason="")
    check = CheckResult(
        check="smtp.rset",
        title="RSET is answered 250",
        area="smtp",
        module="suites",
        findings=[finding],
        duration_s=0.1,
        examples=1,
        property_based=False,
    )
    with RunWriter(path, header) as writer:
        writer.write(check)
        writer.write(RunEnd(wall_s=1, finished=True, reason="", gates=[]))
    return str(path)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def refused(*words: str) -> str:
    error = invoke(*words).exception
    assert isinstance(error, UsageError)
    assert "\n" not in str(error)
    return str(error)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (SUMMARY, SUMMARY, 0),
        (SUMMARY, SLOW, 0),
        (SUMMARY, BROKEN, 1),
        (SUMMARY, LOSING, 1),
        (BROKEN, SUMMARY, 0),
        (BROKEN, BROKEN, 0),
        (LOSING, LOSING, 0),
    ],
)
def test_two_load_runs(tmp_path: Path, old: LoadSummary, new: LoadSummary, code: int) -> None:
    runs = load_run(tmp_path / "old", old), load_run(tmp_path / "new", new)

    result = invoke("diff", *runs)
    as_json = invoke("diff", *runs, "--json")

    assert (result.exit_code, as_json.exit_code) == (code, code)
    assert "smtp.message" in result.output
    document = json.loads(as_json.output)
    assert (document["kind"], bool(document["worse"])) == ("load-diff", bool(code))
    p95 = next(row for row in document["latency"] if row["measure"] == "p95")
    was, now = old.latency_ms["smtp.message"].p95, new.latency_ms["smtp.message"].p95
    assert (p95["old_ms"], p95["new_ms"]) == (was, now)
    assert p95["percent"] == pytest.approx(100 * (now - was) / was)


def test_two_load_runs_have_a_page(tmp_path: Path) -> None:
    page = tmp_path / "diff.html"

    result = invoke(
        "diff", load_run(tmp_path / "old", SUMMARY), load_run(tmp_path / "new", SLOW), "--html", str(page)
    )

    assert result.exit_code == 0, result.exception
    assert page.read_text().startswith("<!")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (Verdict.CONFORMS, Verdict.CONFORMS, 0),
        (Verdict.CONFORMS, Verdict.VIOLATES, 1),
        (Verdict.VIOLATES, Verdict.CONFORMS, 0),
        (Verdict.VIOLATES, Verdict.VIOLATES, 0),
    ],
)
def test_two_check_runs(tmp_path: Path, old: Verdict, new: Verdict, code: int) -> None:
    runs = check_run(tmp_path / "old", old), check_run(tmp_path / "new", new)

    result = invoke("diff", *runs)
    as_json = invoke("diff", *runs, "--json")

    assert (result.exit_code, as_json.exit_code) == (code, code)
    assert result.output.count("RFC5321-4.1.1.5-b") == (old is not new)
    assert json.loads(as_json.output)["new_violations"] == code


def test_runs_that_do_not_go_together_are_one_line(tmp_path: Path) -> None:
    load = load_run(tmp_path / "load", SUMMARY)
    other = load_run(tmp_path / "other", msgspec.structs.replace(SUMMARY, scenario="office"))
    check = check_run(tmp_path / "check", Verdict.CONFORMS)

    assert "only runs of one scenario can be compared" in refused("diff", load, other)
    assert f"{load} is a load run and {check} a check run" in refused("diff", load, check)
    assert "there is no run" in refused("diff", load, str(tmp_path / "nowhere"))
    assert "there is no run" in refused("diff", str(tmp_path), load)
    assert "--html" in refused("diff", check, check, "--html", "x.html")


def test_the_page_of_a_load_run_is_written_again(tmp_path: Path) -> None:
    run = load_run(tmp_path / "load", SUMMARY)

    assert invoke("report", run).exit_code == 0
    assert (tmp_path / "load" / "report.html").exists()
    assert invoke("report", run, "--html", str(tmp_path / "page.html")).exit_code == 0
    assert (tmp_path / "page.html").exists()
    assert "is a load run" in refused("report", run, "--junit", "x.xml")
