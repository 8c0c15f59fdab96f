"""A run on disk: written as it goes, read back whole, also when it was cut."""

from pathlib import Path

import pytest

from harness.errors import RunFailed, UsageError
from harness.results import (
    CheckResult,
    Counterexample,
    EntryRecord,
    Finding,
    RunEnd,
    RunHeader,
    RunWriter,
    Seen,
    TargetFacts,
    TranscriptRecord,
    Verdict,
    read_run,
)
from harness.results.baseline import Baseline

HEADER = RunHeader(
    mailproof_version="0.1.0",
    started="2026-11-24T12:00:00+00:00",
    seed=7,
    profile="quick",
    selection=[],
    target=TargetFacts(name="t", domain="example.test", endpoints={"smtp": "127.0.0.1:25"}, products={}),
)
END = RunEnd(wall_s=1.5, finished=True, reason="", gates=[])


def result(check: str, verdict: Verdict = Verdict.CONFORMS) -> CheckResult:
    seen = Seen.BROKEN if verdict is Verdict.VIOLATES else Seen.KEPT
    return CheckResult(
        check=check,
        title=check,
        area="smtp",
        module="suites.smtp.test_x",
        findings=[Finding(requirement="RFC5321-1-a", level="MUST", seen=seen, verdict=verdict, reason="")],
        duration_s=0.1,
        examples=3,
        property_based=True,
        counterexample=Counterexample(message="m", arguments={"n": "1"}, choices=[b"\x00\xff"]),
        transcripts=[
            TranscriptRecord(
                label="smtp://x",
                entries=[EntryRecord(at_us=1, direction="sent", octets=b"\x00\xff\r\n", tls=False)],
            )
        ],
    )


def write(directory: Path, *checks: CheckResult, end: bool = True) -> None:
    with RunWriter(directory, HEADER) as writer:
        for check in checks:
            writer.write(check)
        if end:
            writer.write(END)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write(tmp_path, result("smtp.a"), result("smtp.b"))

    run = read_run(tmp_path)

    assert (run.header, run.checks, run.end) == (HEADER, (result("smtp.a"), result("smtp.b")), END)


def test_each_record_is_on_disk_before_the_next_one(tmp_path: Path) -> None:
    with RunWriter(tmp_path, HEADER) as writer:
        writer.write(result("smtp.a"))

        assert read_run(tmp_path).checks == (result("smtp.a"),)


def test_a_file_cut_anywhere_is_read_up_to_its_last_whole_record(tmp_path: Path) -> None:
    write(tmp_path, result("smtp.a"), result("smtp.b"))
    path = tmp_path / "result.jsonl"
    octets = path.read_bytes()
    first = octets.index(b"\n") + 1

    for cut in range(first, len(octets), 7):
        path.write_bytes(octets[:cut])
        whole = octets[:cut].count(b"\n")
        run = read_run(tmp_path)
        assert len(run.checks) + (run.end is not None) + 1 in (whole, whole + 1)


@pytest.mark.parametrize("octets", [b"", b"\n", b"{}\n", b"not json\n", b'{"type":"end"}\n'])
def test_what_is_no_run_is_refused_with_its_name(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "result.jsonl").write_bytes(octets)

    with pytest.raises(UsageError, match=r"result\.jsonl"):
        read_run(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "result.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"schema":1', b'"schema":999'))

    with pytest.raises(UsageError, match="schema 999"):
        read_run(tmp_path)


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(RunFailed, match="--out"):
        RunWriter(tmp_path / "file" / "run", HEADER)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_keeps_what_was_written_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "result.jsonl").symlink_to("/dev/full")

    with pytest.raises(RunFailed, match="free space"):
        RunWriter(tmp_path, HEADER)


def test_a_baseline_accepts_what_it_names_until_it_expires(tmp_path: Path) -> None:
    import datetime as dt

    path = tmp_path / "baseline.toml"
    path.write_text(
        '[[known]]\nrequirement = "RFC5321-1-a"\ncheck = "smtp.a"\nreason = "old"\nexpires = 2026-12-01\n'
    )
    baseline = Baseline.load(path)
    broken = [result("smtp.a", Verdict.VIOLATES)]

    assert baseline.new_violations(broken, dt.date(2026, 12, 1)) == []
    assert baseline.new_violations(broken, dt.date(2026, 12, 2)) == [("RFC5321-1-a", "smtp.a")]
    assert baseline.stale(broken) == []
    assert [known.check for known in baseline.stale([result("smtp.a")])] == ["smtp.a"]
    assert baseline.stale([result("smtp.b")]) == []


@pytest.mark.parametrize(
    "text", ["[[known]]\n", "known = 3\n", "[[known]\n", '[[known]]\nrequirement = "x"\nwhy = 1\n']
)
def test_a_broken_baseline_names_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.toml"
    path.write_text(text)

    with pytest.raises(UsageError, match=r"baseline\.toml"):
        Baseline.load(path)
