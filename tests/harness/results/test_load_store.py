"""A load run on disk: written whole or not at all, read back as it was, and refused in one clear line."""

from pathlib import Path

import msgspec
import pytest

from harness.errors import RunFailed, UsageError
from harness.results.load import (
    HISTOGRAMS_FILE,
    SERIES_FILE,
    SUMMARY_FILE,
    Arrivals,
    Audit,
    GeneratorHealth,
    Histograms,
    Interval,
    Latency,
    LoadSummary,
    LoadTarget,
    Machine,
    OperationInterval,
    Series,
)
from harness.results.load_store import is_load_run, read_load_run, write_load_run

SUMMARY = LoadSummary(
    scenario="inbound",
    run="0badcafe",
    seed=7,
    started_at="2026-11-24T12:00:00Z",
    wall_s=61.25,
    target=LoadTarget(name="t", endpoints={"smtp": "127.0.0.1:25"}, software={"smtp": "\x1b[31m</script>"}),
    machine=Machine(system="Linux", python="3.11.7", cores=2, memory_octets=8 * 2**30),
    settings={"rate_per_s": "20"},
    command="mailproof load inbound --seed 7",
    arrivals=Arrivals(
        mode="open",
        asked_per_s=20.0,
        made_per_s=19.99,
        planned=1200,
        made=1199,
        late=0,
        late_after_ms=10.0,
        worst_late_ms=1.5,
    ),
    completed=1190,
    errors={"421": 9},
    errors_by_operation={"smtp.connect": {"421": 9}},
    latency_ms={"smtp.message": Latency(count=1190, p50=1 / 3, p95=2.5, max=1e22)},
    audit=Audit(done=True, owed=1190, found_once=1190),
    slo=[],
    rounds=[],
    generator=GeneratorHealth(cpu=0.2, lag_ms=0.4, saturated=False),
    verdict="kept",
    sentence="Every limit held.",
)
SERIES = Series(
    interval_s=1.0,
    intervals=[
        Interval(
            at_s=0.0,
            due=20,
            begun=20,
            completed=19,
            failed=1,
            active=3,
            errors={"421": 1},
            operations={
                "smtp.message": OperationInterval(
                    count=19, failed=0, p50=1.0, p90=2.0, p95=2.5, p99=3.0, max=3.0
                )
            },
        )
    ],
)
HISTOGRAMS = Histograms(operations={"smtp.message": "HISTFAAAAA=="})


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "deep" / "run"
    write_load_run(directory, SUMMARY, SERIES, HISTOGRAMS)
    return directory


def test_a_run_is_read_as_it_was_written(run_dir: Path) -> None:
    run = read_load_run(run_dir)
    assert (run.path, run.summary, run.series, run.histograms) == (run_dir, SUMMARY, SERIES, HISTOGRAMS)


def test_its_summary_stands_for_the_directory(run_dir: Path) -> None:
    assert read_load_run(run_dir / SUMMARY_FILE) == read_load_run(run_dir)


def test_nothing_else_is_left_in_the_directory(run_dir: Path) -> None:
    write_load_run(run_dir, SUMMARY, SERIES, HISTOGRAMS)
    assert {path.name for path in run_dir.iterdir()} == {SUMMARY_FILE, SERIES_FILE, HISTOGRAMS_FILE}


def test_a_summary_alone_is_a_run(run_dir: Path) -> None:
    (run_dir / SERIES_FILE).unlink()
    (run_dir / HISTOGRAMS_FILE).unlink()
    run = read_load_run(run_dir)
    assert run.summary == SUMMARY
    assert run.series is None
    assert run.histograms is None


def test_the_summary_says_its_kind_and_schema_first(run_dir: Path) -> None:
    text = (run_dir / SUMMARY_FILE).read_text("utf-8")
    assert text.startswith('{\n  "kind": "load",\n  "schema": 1,\n')


@pytest.mark.parametrize(
    ("name", "octets", "says"),
    [
        (SUMMARY_FILE, b"", "is no file of a load run: Input data was truncated"),
        (SUMMARY_FILE, b"\xff\xfe", "is no file of a load run: JSON is malformed"),
        (SUMMARY_FILE, b"[1, 2]", "is no file of a load run: Expected `object`"),
        (SUMMARY_FILE, b'{"kind": "check", "schema": 1}', "is no file of a load run: Invalid value 'check'"),
        (
            SUMMARY_FILE,
            b'{"kind": "load", "schema": 2, "new": true}',
            "has schema 2; this version of mailproof",
        ),
        (SUMMARY_FILE, b'{"kind": "load", "schema": 1}', "missing required field `scenario`"),
        (SUMMARY_FILE, b'{"x": ' + b"[" * 100_000, "is no file of a load run"),
        (SERIES_FILE, b'{"interval_s": 1e999, "intervals": []}', "Number out of range"),
        (HISTOGRAMS_FILE, b'{"operations": {"smtp.message": 5}}', "Expected `str`, got `int`"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run_dir: Path, name: str, octets: bytes, says: str) -> None:
    (run_dir / name).write_bytes(octets)
    with pytest.raises(UsageError) as error:
        read_load_run(run_dir)
    said = str(error.value)
    assert said.startswith(f"{run_dir / name}: ")
    assert says in said
    assert "\n" not in said


def test_a_directory_without_a_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file; give the directory of a load run"):
        read_load_run(tmp_path)


def test_a_file_that_cannot_be_read_is_said(run_dir: Path) -> None:
    (run_dir / SERIES_FILE).unlink()
    (run_dir / SERIES_FILE).mkdir()
    with pytest.raises(UsageError, match=r"series\.json: cannot be read \(Is a directory\)"):
        read_load_run(run_dir)


@pytest.mark.parametrize(
    ("octets", "is_one"),
    [
        (msgspec.json.encode(SUMMARY), True),
        (b'{"kind": "load", "schema": 9}', True),
        (b'{"schema": 1, "verdicts": {}}', False),
        (b"no JSON", False),
    ],
)
def test_a_load_run_is_known_by_its_summary(tmp_path: Path, octets: bytes, is_one: bool) -> None:
    (tmp_path / SUMMARY_FILE).write_bytes(octets)
    assert is_load_run(tmp_path) is is_one
    assert is_load_run(tmp_path / SUMMARY_FILE) is is_one
    assert not is_load_run(tmp_path / "elsewhere")


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_draft(run_dir: Path) -> None:
    (run_dir / f".{SUMMARY_FILE}.part").mkdir()
    (run_dir / f".{SUMMARY_FILE}.part" / "in the way").touch()
    with pytest.raises(RunFailed, match=r"summary\.json: cannot be written"):
        write_load_run(run_dir, SUMMARY, SERIES, HISTOGRAMS)
    assert read_load_run(run_dir).summary == SUMMARY


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFailed, match="cannot be made"):
        write_load_run(tmp_path / "file" / "run", SUMMARY, SERIES, HISTOGRAMS)
