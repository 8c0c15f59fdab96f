"""A load run's page among the reports: written where its files are, or where it is asked for."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import RunFailed, UsageError
from harness.results.load import SUMMARY_FILE
from harness.results.load_store import LoadRun, write_load_run
from reports import write_all, write_reports
from reports.load import LOAD_PAGE, render, write_load_page


@pytest.fixture
def run_dir(tmp_path: Path, load_runs: Mapping[str, LoadRun]) -> Path:
    run = load_runs["clean"]
    assert run.series is not None
    assert run.histograms is not None
    write_load_run(tmp_path / "run", run.summary, run.series, run.histograms)
    return tmp_path / "run"


@pytest.mark.parametrize("named", [".", SUMMARY_FILE])
def test_the_page_is_written_beside_the_run(
    run_dir: Path, load_runs: Mapping[str, LoadRun], named: str
) -> None:
    write_load_page(run_dir / named)

    assert (run_dir / LOAD_PAGE).read_text("utf-8") == render(load_runs["clean"])


def test_the_report_of_a_load_run_is_its_page(run_dir: Path) -> None:
    write_all(run_dir)

    assert (run_dir / LOAD_PAGE).exists()
    assert not (run_dir / "junit.xml").exists()


def test_the_page_can_be_written_elsewhere(run_dir: Path, tmp_path: Path) -> None:
    write_reports(run_dir, html=tmp_path / "page.html")

    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")
    assert not (run_dir / LOAD_PAGE).exists()


def test_a_load_run_has_no_junit(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a load run, which has a page"):
        write_reports(run_dir, junit=tmp_path / "junit.xml")
    assert not (tmp_path / "junit.xml").exists()


def test_a_page_that_cannot_be_written_is_said(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"cannot be written .*; the results are kept"):
        write_load_page(run_dir, tmp_path / "nowhere" / "page.html")
