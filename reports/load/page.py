"""The page of a load run: one file that asks nobody for anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from harness.errors import UsageError
from harness.results.load import Latency
from harness.results.load_store import LoadRun
from reports.html.frame import asset, environment, policy
from reports.load import units
from reports.load.charts import Chart
from reports.load.curves import Curves
from reports.load.hdr import Bucket, decode
from reports.load.limits import shown_value, standing
from reports.load.noise import FEW, above
from reports.load.overview import AUDIT, PERCENTILES, Operation, Overview, Words
from reports.load.rates import against_rate, outcome
from reports.load.spread import spread
from reports.text import one_line

__all__ = ["render"]

# Ours: characters of one piece of evidence, and pieces, that a page shows; summary.json has all.
_EVIDENCE_CHARACTERS: Final = 4_000
_EVIDENCE_PIECES: Final = 60
# Ours: operations with charts of their own; more are tables only.
_CHARTED: Final = 100

_GLYPHS: Final = {
    "kept": "conforms",
    "broken": "violates",
    "not measured": "not_tested",
    "saturated": "error",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """What there is to be seen of one operation."""

    key: str
    operation: Operation
    over_time: Chart | None
    spread: Chart | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A class of the audit; `share` is of what was owed."""

    words: Words
    count: int
    share: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of evidence, cut to the page; `left_out` characters of it are not shown."""

    text: str
    left_out: int


class Page:
    """What the template asks while it is filled in."""

    def __init__(self, run: LoadRun) -> None:
        self.run: Final = run
        self.summary: Final = run.summary
        self.overview: Final = Overview(run.summary)
        self.charted: Final = self.overview.operations[:_CHARTED]
        self.curves: Final = Curves(run.series, len(self.charted)) if run.series else None

    @cached_property
    def over_time(self) -> list[Chart]:
        """Arrivals and the sessions that went on; empty where there is no series."""
        if not self.curves:
            return []
        deaths = [
            (worker.lost_at_s, f"worker {worker.worker} died")
            for worker in self.summary.generator.workers
            if worker.lost_at_s is not None
        ]
        return [self.curves.arrivals(deaths), self.curves.active()]

    @cached_property
    def errors_over_time(self) -> Chart | None:
        """Errors by class; None where there were none, or no series."""
        return self.curves.errors(self.summary.errors) if self.curves else None

    @cached_property
    def against_rate(self) -> Chart | None:
        """See `rates.against_rate`."""
        return against_rate(self.overview)

    @cached_property
    def panels(self) -> list[Panel]:
        """The operations one by one, the main one first in sight."""
        return [self._panel(f"operation-{place}", one) for place, one in enumerate(self.charted, 1)]

    @property
    def error_classes(self) -> list[str]:
        """The most frequent first."""
        return sorted(self.summary.errors, key=lambda name: (-self.summary.errors[name], name))

    @property
    def audit_rows(self) -> list[AuditRow]:
        """The audit's classes; those of which there are none are left out, but for the gravest."""
        audit = self.summary.audit
        rows = []
        for field, words in AUDIT.items():
            count: int = getattr(audit, field)
            if count or words.form in ("plain", "kept", "broken"):
                share = units.share(count, audit.owed) if field not in ("owed", "strangers") else ""
                rows.append(AuditRow(words, count, share, tuple(audit.examples.get(field, ()))))
        return rows

    @property
    def evidence(self) -> list[Excerpt]:
        """The last exchanges before errors, cut to what a page can carry."""
        return [
            Excerpt(text[:_EVIDENCE_CHARACTERS], max(len(text) - _EVIDENCE_CHARACTERS, 0))
            for text in self.summary.evidence[:_EVIDENCE_PIECES]
        ]

    def is_main(self, operation: Operation) -> bool:
        """Whether it is the one to be shown first."""
        return operation is self._main

    @cached_property
    def _main(self) -> Operation | None:
        return self.overview.main

    def _panel(self, key: str, operation: Operation) -> Panel:
        name, latency = operation.name, operation.latency
        bounds = [bound for bound in self.overview.bounds if bound.operation == name]
        return Panel(
            key,
            operation,
            self.curves.latency(name, f"{key}-time", bounds) if self.curves else None,
            spread(name, f"{key}-spread", self._buckets(name), latency),
        )

    def _buckets(self, name: str) -> Sequence[Bucket]:
        text = self.run.histograms.operations.get(name) if self.run.histograms else None
        if not text:
            return ()
        try:
            return decode(text)
        except UsageError as exc:
            raise UsageError(f"{self.run.path}: histograms.json: {one_line(name)}: {exc}") from exc


def render(run: LoadRun) -> str:
    """The page as text; the same run gives the same page.

    Raises:
        UsageError: A histogram of the run is damaged.
    """
    style, script = asset("base.css", "load.css"), asset("theme.js", "load.js")
    return (
        _environment()
        .get_template("load.html.j2")
        .render(
            page=Page(run),
            summary=run.summary,
            percentiles=PERCENTILES,
            style=Markup(style),  # noqa: S704  our own files, not the run's
            script=Markup(script),  # noqa: S704  our own files, not the run's
            policy=policy(style, script),
        )
    )


@cache
def _environment() -> Environment:
    made = environment()
    made.filters |= {
        "ms": units.ms,
        "per_s": units.per_s,
        "round_figure": units.round_figure,
        "round_ms": units.round_ms,
        "share": units.share,
        "span": units.span,
        "memory": units.memory,
        "outcome": outcome,
        "standing": standing,
        "shown_value": shown_value,
        "glyph_name": _GLYPHS.__getitem__,
        "percentile": _percentile,
        "is_luck": _is_luck,
    }
    return made


def _is_luck(latency: Latency, field: str) -> bool:
    return field != "max" and above(latency.count, field) < FEW


def _percentile(latency: Latency, field: str) -> float:
    value: float = getattr(latency, field)
    return value
