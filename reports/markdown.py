"""`summary.md`: the run on a page of a CI system's job summary."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from harness.results.model import Verdict
from reports.overview import Overview, Proof, Standing
from reports.text import number, one_line
from reports.words import COLUMNS

__all__ = ["render"]

# Ours: findings named of each kind; the page is the place for all of them.
_NAMED: Final = 20

_MARKS: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~@&:])")


def render(overview: Overview) -> str:
    """The page; what the target said is escaped, so that none of it is read as mark-up."""
    header = overview.run.header
    parts = [f"## {_escaped(overview.headline)}"]
    parts += [f"- {_escaped(remark)}" for remark in overview.remarks]
    parts += ["", *_table(overview)]
    for title, verdict in (("Violations", Verdict.VIOLATES), ("Declined", Verdict.DECLINES)):
        if found := overview.proofs(verdict):
            parts += ["", f"### {title}", *_findings(found)]
    version = _escaped(header.mailproof_version)
    parts += ["", f"Profile {_escaped(header.profile)}, seed {header.seed}, mailproof {version}."]
    parts += ["The transcripts are in `report.html`."]
    return "\n".join(parts) + "\n"


def _table(overview: Overview) -> Iterable[str]:
    yield "| | " + " | ".join(COLUMNS) + " |"
    yield "|---|" + "---:|" * len(COLUMNS)
    for area in overview.areas:
        found = Counter(standing.state for standing in overview.standings if standing.area == area)
        counts = [sum(found[state] for state in states) for states in COLUMNS.values()]
        yield f"| {_escaped(area)} | " + " | ".join(map(number, counts)) + " |"


def _findings(found: tuple[tuple[Standing, Proof], ...]) -> Iterable[str]:
    for standing, proof in found[:_NAMED]:
        reason = f": {_escaped(proof.finding.reason)}" if proof.finding.reason else ""
        yield f"- **{_escaped(standing.id)}** {_escaped(standing.text or proof.check.title)}{reason}"
    if len(found) > _NAMED:
        yield f"- … and {number(len(found) - _NAMED)} more"


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\1", one_line(text))
