"""`summary.json`: the run in figures, for programs."""

from typing import Final

import msgspec

from harness.results.model import Verdict
from reports.overview import Overview
from reports.text import one_line

__all__ = ["SCHEMA", "Summary", "render", "summarize"]

# Raised when a reader of the older file could misread the newer; a field more is no reason.
SCHEMA: Final = 1


class TargetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The target; `products` is by protocol what it says it is, made printable."""

    name: str
    domain: str
    products: dict[str, str]


class ChecksSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many checks ran, and how many of them generate their inputs."""

    run: int
    property_based: int


class RequirementsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Every requirement of the register is in one of three: `total` is their sum."""

    total: int
    tested: int
    excluded: int
    untested: int


class FindingSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One check that saw one requirement broken."""

    requirement: str
    check: str
    title: str


class GateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an area could be tried at all."""

    area: str
    open: bool
    reason: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `wall_s` is null where the run was cut off; `verdicts` counts requirements, not checks."""

    schema: int = SCHEMA
    mailproof_version: str
    started: str
    wall_s: float | None
    finished: bool
    reason: str
    seed: int
    profile: str
    selection: list[str]
    target: TargetSummary
    verdicts: dict[str, int]
    checks: ChecksSummary
    requirements: RequirementsSummary
    violations: list[FindingSummary]
    declines: list[FindingSummary]
    gates: list[GateSummary]


def summarize(overview: Overview) -> Summary:
    """The figures of a run."""
    header, end = overview.run.header, overview.run.end
    return Summary(
        mailproof_version=header.mailproof_version,
        started=header.started,
        wall_s=end.wall_s if end else None,
        finished=not overview.unfinished,
        reason=overview.unfinished,
        seed=header.seed,
        profile=header.profile,
        selection=header.selection,
        target=TargetSummary(
            name=one_line(header.target.name),
            domain=one_line(header.target.domain),
            products={name: one_line(product) for name, product in sorted(header.target.products.items())},
        ),
        verdicts={verdict.value: count for verdict, count in overview.verdicts.items()},
        checks=ChecksSummary(
            run=len(overview.run.checks),
            property_based=sum(check.property_based for check in overview.run.checks),
        ),
        requirements=RequirementsSummary(
            total=len(overview.standings),
            **{disposition.value: count for disposition, count in overview.dispositions.items()},
        ),
        violations=_findings(overview, Verdict.VIOLATES),
        declines=_findings(overview, Verdict.DECLINES),
        gates=[
            GateSummary(area=gate.area, open=gate.open, reason=one_line(gate.reason))
            for gate in (end.gates if end else ())
        ],
    )


def render(overview: Overview) -> str:
    """The file's text."""
    return msgspec.json.format(msgspec.json.encode(summarize(overview)), indent=2).decode() + "\n"


def _findings(overview: Overview, verdict: Verdict) -> list[FindingSummary]:
    return [
        FindingSummary(requirement=standing.id, check=proof.check.check, title=one_line(proof.check.title))
        for standing, proof in overview.proofs(verdict)
    ]
