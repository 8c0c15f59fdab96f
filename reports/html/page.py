"""The report's page: one file that asks nobody for anything."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from harness.results.model import CheckResult, Verdict
from reports.html.evidence import Allowance, Evidence, evidence
from reports.html.frame import asset, environment, policy
from reports.html.rfcs import NAMES
from reports.overview import Disposition, Overview, Standing
from reports.text import number, one_line
from reports.words import COLUMNS, STATES

__all__ = ["render"]

_FOUND: Final = (Verdict.VIOLATES, Verdict.DECLINES)
_TOLD_IN_ROW: Final = frozenset(STATES) - {
    Verdict.CONFORMS.value,
    Verdict.OFFERS.value,
    Disposition.UNTESTED.value,
}
_FOLDED: Final = frozenset(disposition.value for disposition in Disposition)


@dataclass(frozen=True, slots=True)
class Section:
    """The requirements of one RFC in one area: those a check looked at, and the rest."""

    rfc: int
    met: tuple[Standing, ...]
    rest: tuple[Standing, ...]

    @property
    def title(self) -> str:
        """What people call the RFC; empty where we have no name for it."""
        return NAMES.get(self.rfc, "")

    @property
    def rest_says(self) -> str:
        """``12 untested, 3 excluded``."""
        counts = Counter(standing.state for standing in self.rest)
        return ", ".join(
            f"{number(counts[state])} {words.name}" for state, words in STATES.items() if counts[state]
        )


@dataclass(frozen=True, slots=True)
class Area:
    """One protocol: how many requirements a check met and how they came out, and its sections."""

    name: str
    tally: Mapping[str, int]
    segments: tuple[tuple[str, float, float], ...]
    sections: tuple[Section, ...]
    remark: str


class Page:
    """What the template asks while it is filled in."""

    def __init__(self, overview: Overview) -> None:
        self.overview = overview
        self.run = overview.run
        self.findings = [(verdict, overview.having(verdict)) for verdict in _FOUND]
        self.columns = tuple(COLUMNS)
        self.areas = [_area(overview, name) for name in overview.areas]
        self.rulings = sorted(
            {ruling.id: ruling for standing in overview.standings for ruling in standing.rulings}.items()
        )
        self._home = _homes(overview)
        covered = set(self._home)
        self.homeless = [check for check in self.run.checks if check.check not in covered]
        loud = sum(map(_is_loud, self.run.checks))
        self._allowance = Allowance.of(loud, len(self.run.checks) - loud)

    @property
    def states(self) -> list[tuple[str, int]]:
        """Every state and how many requirements have it, in reading order."""
        counts = Counter(standing.state for standing in self.overview.standings)
        return [(state, counts[state]) for state in STATES]

    def facet(self, attribute: str) -> list[tuple[str, int]]:
        """The values of a standing's attribute in reading order, and how many requirements have each."""
        return list(
            Counter(str(getattr(standing, attribute)) for standing in self.overview.standings).items()
        )

    def shows_evidence(self, check: CheckResult, place: str) -> bool:
        """A check's evidence is on the page once: where its gravest finding is told."""
        return self._home.get(check.check) == place

    def home(self, check: CheckResult) -> str:
        """The anchor near which the evidence is."""
        return self._home[check.check]

    def evidence(self, check: CheckResult) -> Evidence:
        """The connections of a check, cut to the page."""
        loud = _is_loud(check)
        return evidence(check, self._allowance.loud if loud else self._allowance.quiet, loud=loud)

    def again(self, check: CheckResult) -> str:
        """The command that sends the counterexample again, given beside the run's directory; or runs the check."""
        if check.counterexample:
            return shlex.join(["mailproof", "replay", self.run.path.resolve().name, check.check])
        return shlex.join(["mailproof", "check", "--only", check.check, "--seed", str(self.run.header.seed)])


def render(overview: Overview) -> str:
    """The page as text; the same run gives the same page."""
    style, script = asset("base.css", "report.css"), asset("theme.js", "report.js")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=Page(overview),
            overview=overview,
            header=overview.run.header,
            states=STATES,
            style=Markup(style),  # noqa: S704  our own files, not the run's
            script=Markup(script),  # noqa: S704  our own files, not the run's
            policy=policy(style, script),
        )
    )


@cache
def _environment() -> Environment:
    made = environment()
    made.tests |= {"told_in_row": _TOLD_IN_ROW.__contains__}
    return made


def _is_loud(check: CheckResult) -> bool:
    quiet = {Verdict.CONFORMS, Verdict.OFFERS, Verdict.NOT_OFFERED, Verdict.NOT_TESTED}
    return any(finding.verdict not in quiet for finding in check.findings)


def _homes(overview: Overview) -> dict[str, str]:
    """By check the anchor of the place that shows its evidence."""
    homes: dict[str, str] = {}
    for verdict in _FOUND:
        for standing in overview.having(verdict):
            for proof in standing.proofs:
                if proof.finding.verdict is verdict:
                    homes.setdefault(proof.check.check, f"finding-{standing.id}")
    for standing in overview.standings:
        for proof in standing.proofs:
            homes.setdefault(proof.check.check, standing.id)
    return homes


def _area(overview: Overview, name: str) -> Area:
    standings = [standing for standing in overview.standings if standing.area == name]
    counts = Counter(standing.state for standing in standings)
    tally = {column: sum(counts[state] for state in states) for column, states in COLUMNS.items()}
    met = [(state, counts[state]) for state in STATES if counts[state] and state not in _FOLDED]
    return Area(
        name=name,
        tally=tally,
        segments=_segments(met),
        sections=tuple(
            _section(rfc, tuple(of_rfc))
            for rfc, of_rfc in groupby(standings, key=lambda standing: standing.rfc)
        ),
        remark=next((one_line(gate.reason) for gate in overview.closed_gates if gate.area == name), ""),
    )


def _section(rfc: int, standings: Sequence[Standing]) -> Section:
    return Section(
        rfc,
        met=tuple(standing for standing in standings if standing.verdict is not None),
        rest=tuple(standing for standing in standings if standing.verdict is None),
    )


def _segments(counts: Sequence[tuple[str, int]]) -> tuple[tuple[str, float, float], ...]:
    """A bar of 100 units: state, where its part begins and how long it is."""
    total = sum(count for _, count in counts)
    segments, begin = [], 0.0
    for state, count in counts:
        length = round(100 * count / total, 2)
        segments.append((state, round(begin, 2), length))
        begin += length
    return tuple(segments)
