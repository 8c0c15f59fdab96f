"""`junit.xml`: one test case a check, as Jenkins, GitLab and GitHub's actions read it.

A violation is a failure and an error an error. What proved nothing, or was not there to be tried, is skipped with its
reason: a skip is never a pass. A declined recommendation passes and says so in its output.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal
from xml.etree import ElementTree as ET

from harness.results.model import CheckResult, Finding, Verdict
from reports.overview import DECIDED, Overview
from reports.text import one_line, printable, visible

__all__ = ["render"]

Outcome = Literal["failure", "error", "skipped", "passed"]

# Ours: octets of the last dialogue that a failure shows. CI systems keep every case in memory.
_DIALOGUE_OCTETS: Final = 8_000

_ARROWS: Final[Mapping[str, str]] = {"sent": "C", "received": "S"}


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    classname: str
    suite: str
    duration_s: float
    outcome: Outcome
    message: str
    detail: str = ""
    output: str = ""


def render(overview: Overview) -> str:
    """The file's text; nothing in it is forbidden by XML 1.0."""
    header = overview.run.header
    cases = [_case(check) for check in overview.run.checks]
    cases += [
        _Case("area can be tried", gate.area, gate.area, 0.0, "skipped", one_line(gate.reason))
        for gate in overview.closed_gates
    ]
    if overview.unfinished:
        cases.append(_Case("run is finished", "mailproof", "mailproof", 0.0, "error", overview.unfinished))

    root = ET.Element("testsuites", {"name": f"mailproof {one_line(header.target.name)}", **_totals(cases)})
    cases.sort(key=lambda case: case.suite)
    for area, of_area in groupby(cases, key=lambda case: case.suite):
        members = list(of_area)
        suite = ET.SubElement(
            root,
            "testsuite",
            {"name": area, "timestamp": header.started.removesuffix("Z")[:19], **_totals(members)},
        )
        properties = ET.SubElement(suite, "properties")
        for name, value in _properties(overview):
            ET.SubElement(properties, "property", {"name": name, "value": one_line(value)})
        for case in members:
            _append(suite, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _properties(overview: Overview) -> Iterable[tuple[str, str]]:
    header = overview.run.header
    yield from (("target", header.target.name), ("profile", header.profile), ("seed", str(header.seed)))
    yield ("mailproof", header.mailproof_version)
    yield from ((f"product.{name}", product) for name, product in sorted(header.target.products.items()))


def _totals(cases: Iterable[_Case]) -> dict[str, str]:
    cases = list(cases)
    outcomes = [case.outcome for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": f"{sum(case.duration_s for case in cases):.3f}",
    }


def _append(suite: ET.Element, case: _Case) -> None:
    attributes = {"name": case.name, "classname": case.classname, "time": f"{case.duration_s:.3f}"}
    element = ET.SubElement(suite, "testcase", attributes)
    if case.outcome != "passed":
        said = ET.SubElement(element, case.outcome, {"message": case.message})
        if case.outcome != "skipped":
            said.set("type", case.outcome)
        said.text = case.detail or None
    if case.output:
        ET.SubElement(element, "system-out").text = case.output


def _case(check: CheckResult) -> _Case:
    outcome, telling = _outcome(check)
    error = printable(check.error or "")
    return _Case(
        name=check.check,
        classname=f"{check.area}.{check.module.rpartition('.')[2]}",
        suite=check.area,
        duration_s=check.duration_s,
        outcome=outcome,
        message="; ".join(_says(finding) for finding in telling) or one_line(error)[:200],
        detail=_detail(check, telling, error) if outcome in ("failure", "error") else "",
        output="\n".join(_says(finding) for finding in check.findings if finding not in telling),
    )


def _outcome(check: CheckResult) -> tuple[Outcome, list[Finding]]:
    """What becomes of the case, and the findings that make it so."""

    def having(*verdicts: Verdict) -> list[Finding]:
        return [finding for finding in check.findings if finding.verdict in verdicts]

    if violated := having(Verdict.VIOLATES):
        return "failure", violated
    if (failed := having(Verdict.ERROR)) or check.error:
        return "error", failed
    if unclear := having(Verdict.INCONCLUSIVE):
        return "skipped", unclear
    if not having(*(DECIDED - {Verdict.NOT_OFFERED})):
        return "skipped", check.findings
    return "passed", []


def _says(finding: Finding) -> str:
    reason = f": {one_line(finding.reason)}" if finding.reason else ""
    return f"{finding.requirement} ({finding.level}) {finding.verdict.value.replace('_', ' ')}{reason}"


def _detail(check: CheckResult, telling: Iterable[Finding], error: str) -> str:
    parts = [one_line(check.title), *map(_says, telling)]
    if check.counterexample:
        parts += [f"{name} = {printable(value)}" for name, value in check.counterexample.arguments.items()]
    if error:
        parts.append(error)
    if check.transcripts:
        parts += ["", one_line(check.transcripts[-1].label), *_dialogue(check)]
    return "\n".join(parts)


def _dialogue(check: CheckResult) -> Iterable[str]:
    """The last connection, from its end backwards as far as there is room."""
    room, lines, entries = _DIALOGUE_OCTETS, [], check.transcripts[-1].entries
    for entry in reversed(entries):
        shown = entry.octets[: max(room, 0)]
        room -= len(entry.octets)
        if not shown and entry.octets:
            break
        cut = f" ({len(entry.octets) - len(shown)} octets left out)" if len(shown) < len(entry.octets) else ""
        lines.append(f"{_ARROWS.get(entry.direction, '*')}: {visible(shown)}{cut}")
    left_out = [f"({len(entries) - len(lines)} entries left out)"] * (len(lines) < len(entries))
    return left_out + lines[::-1]
