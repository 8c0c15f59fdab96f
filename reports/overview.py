"""A run held against the register: where the target stands on every requirement, and what that amounts to.

Every page and file of a run is a view of one `Overview`, so that no two of them count differently.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.results.model import CheckResult, Finding, GateRecord, Verdict, worst
from harness.results.store import Run
from harness.spec.model import AREAS, Level, Register, Requirement, Ruling
from reports.text import one_line, plural

__all__ = [
    "DECIDED",
    "EXIT_CODES",
    "Disposition",
    "Overview",
    "Proof",
    "Standing",
    "overview",
    "reading_order",
]

# The verdicts that say something about the target.
DECIDED: Final = frozenset(
    {Verdict.VIOLATES, Verdict.DECLINES, Verdict.CONFORMS, Verdict.OFFERS, Verdict.NOT_OFFERED}
)

EXIT_CODES: Final[Mapping[int, str]] = {
    0: "no MUST is broken",
    1: "a MUST is broken",
    2: "usage or target file is wrong",
    3: "the run, or a part of it, could not be finished",
}

_ID: Final = re.compile(r"RFC(?P<rfc>\d+)-(?P<section>[^-]+)")


class Disposition(StrEnum):
    """What this run did with a requirement."""

    TESTED = "tested"
    EXCLUDED = "excluded"
    UNTESTED = "untested"


@dataclass(frozen=True, slots=True)
class Proof:
    """What one check found on one requirement."""

    check: CheckResult
    finding: Finding


@dataclass(frozen=True, slots=True)
class Standing:
    """One requirement and what the run says of it; `proofs` come gravest first.

    `verdict` is None where no check of this run looked at it. `level` is the one it was weighed by; `implied` tells
    that the RFC uses no keyword. A requirement that the register does not know has an empty `text`.
    """

    id: str
    rfc: int
    section: str
    area: str
    level: str
    implied: bool
    party: str
    text: str
    note: str
    excluded: str
    rulings: tuple[Ruling, ...]
    verdict: Verdict | None
    proofs: tuple[Proof, ...]

    @property
    def disposition(self) -> Disposition:
        """Tested means decided: a check that could not tell has tested nothing."""
        if self.verdict in DECIDED:
            return Disposition.TESTED
        return Disposition.EXCLUDED if self.excluded else Disposition.UNTESTED

    @property
    def state(self) -> str:
        """The verdict, or ``excluded`` or ``untested`` where no check looked."""
        return (self.verdict or self.disposition).value

    @property
    def reason(self) -> str:
        """Why it stands so, in one line; empty where it was kept."""
        if self.verdict is not None:
            return next((one_line(p.finding.reason) for p in self.proofs if p.finding.reason), "")
        return self.excluded or "No check of this run covers it."


@dataclass(frozen=True, slots=True)
class Overview:
    """All standings in reading order (area as in the register, then RFC and section), and what they come to."""

    run: Run
    standings: tuple[Standing, ...]

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many requirements have each verdict; those that no check looked at are in none."""
        found = Counter(standing.verdict for standing in self.standings)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def dispositions(self) -> dict[Disposition, int]:
        """How many requirements were tested, excluded, untested; every requirement is in one."""
        found = Counter(standing.disposition for standing in self.standings)
        return {disposition: found[disposition] for disposition in Disposition}

    @property
    def decided(self) -> int:
        """How many requirements got a verdict that says something about the target."""
        return self.dispositions[Disposition.TESTED]

    def proofs(self, verdict: Verdict) -> tuple[tuple[Standing, Proof], ...]:
        """Every single finding with this verdict."""
        return tuple(
            (standing, proof)
            for standing in self.standings
            for proof in standing.proofs
            if proof.finding.verdict is verdict
        )

    def having(self, *verdicts: Verdict) -> tuple[Standing, ...]:
        """The requirements with one of these verdicts."""
        return tuple(standing for standing in self.standings if standing.verdict in verdicts)

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas in reading order."""
        return tuple(dict.fromkeys(standing.area for standing in self.standings))

    @property
    def closed_gates(self) -> tuple[GateRecord, ...]:
        """The areas that could not be tried at all."""
        return tuple(gate for gate in self.run.end.gates if not gate.open) if self.run.end else ()

    @property
    def unfinished(self) -> str:
        """Why the run did not come to its end; empty where it did."""
        if self.run.end is None:
            return "the record was cut off"
        return "" if self.run.end.finished else one_line(self.run.end.reason) or "it was stopped"

    @property
    def exit_code(self) -> int:
        """What the run comes to on the command line, without a baseline; `EXIT_CODES` has the meanings."""
        if self.verdicts[Verdict.VIOLATES]:
            return 1
        return 3 if self.unfinished or self.closed_gates or self.verdicts[Verdict.ERROR] else 0

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        target = one_line(self.run.header.target.name)
        count = self.verdicts
        scope = "so far " if self.unfinished else ""
        if not self.decided:
            return f"Nothing can be said about {target}: no check {scope}came to a verdict."
        if count[Verdict.VIOLATES]:
            clauses = [f"{target} {scope}violates {plural(count[Verdict.VIOLATES], 'requirement')}"]
            clauses += [f"declines {plural(count[Verdict.DECLINES], 'recommendation')}"] * bool(
                count[Verdict.DECLINES]
            )
            return " and ".join(clauses) + f", of {plural(self.decided, 'requirement')} decided."
        first = f"{target} {scope}violates none of the {plural(self.decided, 'requirement')} decided"
        declined = f", and declines {plural(count[Verdict.DECLINES], 'recommendation')}"
        return first + (declined if count[Verdict.DECLINES] else "") + "."

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know before trusting the headline, gravest first; often nothing."""
        count = self.verdicts
        remarks = [f"The run is not finished: {self.unfinished}."] if self.unfinished else []
        remarks += [
            f"{one_line(gate.area)} could not be tried: {one_line(gate.reason)}" for gate in self.closed_gates
        ]
        if count[Verdict.ERROR]:
            remarks.append(
                f"{plural(count[Verdict.ERROR], 'requirement')} met an error in mailproof's own checks, which says "
                "nothing about the target."
            )
        if count[Verdict.INCONCLUSIVE]:
            remarks.append(
                f"{plural(count[Verdict.INCONCLUSIVE], 'requirement')} could not be decided: what was seen proves "
                "nothing."
            )
        return tuple(remarks)


def reading_order(requirement: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a requirement id: §4.2 before §4.10, numbers before appendices, letters a to z, then aa."""
    rfc, section, letters = (*requirement.removeprefix("RFC").split("-", 2), "", "")[:3]
    parts = (rfc, *section.split("."), "", letters)
    return tuple((0, int(part), "") if part.isdigit() else (len(part), 0, part) for part in parts)


def overview(run: Run, register: Register) -> Overview:
    """Hold a run against the register. Requirements that only the run knows come after those of their area's RFC."""
    proofs: dict[str, list[Proof]] = {}
    for check in run.checks:
        for finding in check.findings:
            proofs.setdefault(finding.requirement, []).append(Proof(check, finding))
    gravity = list(Verdict).index
    for of_one in proofs.values():
        of_one.sort(key=lambda proof: gravity(proof.finding.verdict))

    standings = [
        _standing(requirement, register, proofs.pop(requirement.id, ()))
        for requirement in register.requirements
    ]
    standings += [_stranger(name, of_one) for name, of_one in proofs.items()]
    areas = list(dict.fromkeys((*AREAS, *(standing.area for standing in standings))))
    standings.sort(key=lambda standing: (areas.index(standing.area), reading_order(standing.id)))
    return Overview(run, tuple(standings))


def _standing(requirement: Requirement, register: Register, proofs: Iterable[Proof]) -> Standing:
    proofs = tuple(proofs)
    return Standing(
        id=requirement.id,
        rfc=requirement.rfc,
        section=requirement.section,
        area=requirement.area,
        level=proofs[0].finding.level if proofs else requirement.weight.value,
        implied=requirement.level is Level.IMPLIED,
        party=requirement.party.value,
        text=requirement.text,
        note=requirement.note,
        excluded=requirement.excluded,
        rulings=tuple(register.ruling(name) for name in requirement.rulings),
        verdict=worst(proof.finding.verdict for proof in proofs) if proofs else None,
        proofs=proofs,
    )


def _stranger(name: str, proofs: Iterable[Proof]) -> Standing:
    """A requirement that the run names and this version's register does not: shown, never dropped."""
    proofs = tuple(proofs)
    place = _ID.match(name)
    return Standing(
        id=name,
        rfc=int(place["rfc"]) if place else 0,
        section=place["section"] if place else "",
        area=proofs[0].check.area,
        level=proofs[0].finding.level,
        implied=False,
        party="",
        text="",
        note="",
        excluded="",
        rulings=(),
        verdict=worst(proof.finding.verdict for proof in proofs),
        proofs=proofs,
    )
