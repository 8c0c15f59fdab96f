"""What `write_all` leaves behind, read by others' parsers."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from harness.errors import RunFailed, UsageError
from harness.results import model
from harness.results.model import CheckResult, Finding, Seen, Verdict
from harness.results.store import RESULT_FILE, Run
from harness.spec.load import load_register
from harness.spec.model import Register
from reports import junit, markdown, summary, write_all, write_reports
from reports.overview import Overview, overview

FILES = ("summary.json", "report.html", "junit.xml", "summary.md")
DOC = Path(__file__).parents[2] / "docs" / "result-format.md"


@pytest.fixture
def real_register(monkeypatch: pytest.MonkeyPatch, register: Register) -> None:
    """Let the package's functions hold runs against the tests' register."""
    monkeypatch.setattr("reports.load_register", lambda: register)


@pytest.mark.usefixtures("real_register")
def test_the_same_run_gives_the_same_octets(run: Run) -> None:
    write_all(run.path)
    first = {name: (run.path / name).read_bytes() for name in FILES}

    write_all(run.path / RESULT_FILE)

    assert {name: (run.path / name).read_bytes() for name in FILES} == first
    assert sorted(path.name for path in run.path.iterdir()) == sorted([*FILES, RESULT_FILE])


@pytest.mark.usefixtures("real_register")
def test_single_reports_go_where_they_are_told(run: Run, tmp_path: Path) -> None:
    write_reports(run.path, junit=tmp_path / "j.xml", markdown=tmp_path / "m.md")

    assert (tmp_path / "j.xml").read_text().startswith("<?xml")
    assert (tmp_path / "m.md").read_text().startswith("## ")
    assert not (run.path / "report.html").exists()


@pytest.mark.usefixtures("real_register")
def test_a_run_that_was_cut_is_reported_up_to_its_last_whole_line(run: Run) -> None:
    record = run.path / RESULT_FILE
    record.write_bytes(record.read_bytes()[:-400])

    write_all(run.path)

    figures = json.loads((run.path / "summary.json").read_text())
    assert figures["finished"] is False
    assert figures["wall_s"] is None
    assert figures["checks"]["run"] == len(run.checks) - 1


def test_a_report_of_nothing_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"result\.jsonl: cannot be read"):
        write_all(tmp_path)


@pytest.mark.usefixtures("real_register")
def test_a_file_that_cannot_be_written_is_one_line(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="cannot be written") as failed:
        write_reports(run.path, html=tmp_path / "no" / "such" / "page.html")

    assert "\n" not in str(failed.value)


def test_a_run_is_reported_against_the_register_that_comes_with_the_package(run: Run) -> None:
    write_all(run.path)

    figures = json.loads((run.path / "summary.json").read_text())
    assert figures["requirements"]["total"] >= len(load_register())


def test_the_summary_reads_back_as_its_own_type(seen: Overview) -> None:
    read = msgspec.json.decode(summary.render(seen), type=summary.Summary)

    assert read == summary.summarize(seen)
    assert read.requirements.total == (
        read.requirements.tested + read.requirements.excluded + read.requirements.untested
    )
    assert set(read.verdicts) == {verdict.value for verdict in Verdict}
    assert len(read.violations) == len(seen.proofs(Verdict.VIOLATES)) > 0
    assert len(read.declines) == len(seen.proofs(Verdict.DECLINES)) > 0


def _tree(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  what we wrote ourselves


def test_junit_counts_what_it_holds(seen: Overview) -> None:
    root = _tree(junit.render(seen))
    counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}

    for element in (root, *root.iter("testsuite")):
        assert int(element.attrib["tests"]) == len(list(element.iter("testcase")))
        for attribute, tag in counted.items():
            assert int(element.attrib[attribute]) == len(list(element.iter(tag)))
    assert len(list(root.iter("testcase"))) == len(seen.run.checks) + len(seen.closed_gates)


def _states(root: ET.Element) -> Iterator[tuple[str, str]]:
    for case in root.iter("testcase"):
        children = [child.tag for child in case if child.tag != "system-out"]
        yield case.attrib["name"], children[0] if children else "passed"


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ([Verdict.CONFORMS], "passed"),
        ([Verdict.CONFORMS, Verdict.NOT_TESTED], "passed"),
        ([Verdict.DECLINES], "passed"),
        ([Verdict.CONFORMS, Verdict.INCONCLUSIVE], "skipped"),
        ([Verdict.NOT_TESTED], "skipped"),
        ([Verdict.NOT_OFFERED], "skipped"),
        ([Verdict.DECLINES, Verdict.ERROR], "error"),
        ([Verdict.ERROR, Verdict.VIOLATES], "failure"),
        ([], "skipped"),
    ],
)
def test_junit_passes_only_what_was_decided(
    write_run: Callable[..., Run], register: Register, run: Run, verdicts: list[Verdict], state: str
) -> None:
    findings = [
        Finding(requirement=name, level="MUST", seen=Seen.KEPT, verdict=found, reason="why")
        for name, found in zip(register, verdicts, strict=False)
    ]
    check = msgspec.structs.replace(run.checks[1], findings=findings, error=None)

    root = _tree(junit.render(overview(write_run(check), register)))

    assert dict(_states(root))[check.check] == state


def test_an_unfinished_run_is_an_error_in_junit(write_run: Callable[..., Run], register: Register) -> None:
    root = _tree(junit.render(overview(write_run(end=None), register)))

    assert list(_states(root)) == [("run is finished", "error")]


def test_markdown_is_short_and_has_a_table_of_all_areas(seen: Overview) -> None:
    page = markdown.render(seen)

    assert len(page.splitlines()) < 80
    assert all(f"| {area} |" in page for area in seen.areas)


def _records(struct: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(struct)]


def _structs(module: object) -> list[type[msgspec.Struct]]:
    found = [value for value in vars(module).values() if isinstance(value, type)]
    return [value for value in found if issubclass(value, msgspec.Struct) and value is not msgspec.Struct]


@pytest.mark.parametrize("struct", [*_structs(model), *_structs(summary)], ids=lambda struct: struct.__name__)
def test_the_format_document_names_every_field(struct: type[msgspec.Struct]) -> None:
    named = set(re.findall(r"`([a-z_]+)`", DOC.read_text()))

    assert set(_records(struct)) <= named


def test_the_format_document_names_every_verdict_and_observation() -> None:
    text = DOC.read_text()

    assert all(f"`{word.value}`" in text for word in (*Verdict, *Seen))


def test_the_fixture_is_a_run_with_counterexample_and_error(run: Run) -> None:
    def having(condition: Callable[[CheckResult], object]) -> int:
        return sum(bool(condition(check)) for check in run.checks)

    assert having(lambda check: check.counterexample) > 1
    assert having(lambda check: check.error) > 1
