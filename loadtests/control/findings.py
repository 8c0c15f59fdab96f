"""What a run has found so far: what the director gathers, and the outcome is made of."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from harness.results.load import Round
from loadtests.control.messages import Report
from loadtests.control.phases import RunningPhase
from loadtests.figures.figures import Figures
from loadtests.figures.health import Health
from loadtests.figures.watch import Watch
from loadtests.ledger.ledger import Book
from loadtests.plan import Plan

__all__ = ["Findings", "PhaseRecord"]

# Ours: as many as a reader of a report looks at, and no more than a storm of errors may cost.
_EVIDENCE_OF_EACH = 5
_MOST_EVIDENCE = 100
_MOST_NOTES = 200


@dataclass
class PhaseRecord:
    """A phase, and what is known of it beside its figures.

    Attributes:
        stopped_s: When its arrivals were stopped, where that was before their time.
        backlogs: The fewest sessions that were seen to go on or wait in the third quarter of its time, and in the
            last: a moment in which everything stood still is in neither, for it passes.
        given_up: Arrivals that count and that nobody made.
        share_lost: The part of them that died with a worker: worker -> how many.
        judged: What it shows, once it is over.
    """

    phase: RunningPhase
    stopped_s: float | None = None
    backlogs: tuple[int | None, int | None] = (None, None)
    given_up: int = 0
    share_lost: dict[int, int] = field(default_factory=dict)
    judged: Round | None = None

    @property
    def ended_s(self) -> float:
        """When its arrivals ended, or are to end."""
        return self.phase.ends_s if self.stopped_s is None else min(self.stopped_s, self.phase.ends_s)

    def see_backlog(self, now_s: float, backlog: int) -> None:
        """Note how many sessions go on or wait."""
        third, last = self.backlogs
        middle_s = (self.phase.began_s + self.phase.ends_s) / 2
        if now_s < middle_s:
            return
        if now_s < (middle_s + self.phase.ends_s) / 2:
            self.backlogs = (backlog if third is None else min(third, backlog), None)
        else:
            self.backlogs = (third, backlog if last is None else min(last, backlog))


@dataclass
class Findings:
    """
    Attributes:
        began_s: The run's time 0, on the director's clock.
        stopped: Why it was ended before its time, "" where it was not.
        audit: What became of the audit: "" it was made; otherwise why it was not.
        unread: Mailboxes that could not be read to the end, and why.
        lost: Workers that died: when, in seconds into the run.
        refused: From a worker that could not take part, where none could.
        faults: Exceptions that nobody expected, and how often each came.
    """

    plan: Plan
    book: Book
    began_s: float
    watch: Watch
    started_at: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    figures: Figures = field(default_factory=Figures)
    health: Health = field(default_factory=Health)
    phases: list[PhaseRecord] = field(default_factory=list)
    stopped: str = ""
    audit: str = "the run has not come to it"
    waited_s: float = 0.0
    unread: dict[int, str] = field(default_factory=dict)
    lost: dict[int, float] = field(default_factory=dict)
    refused: Report | None = None
    notes: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    evidence: dict[str, list[str]] = field(default_factory=dict)

    def note(self, text: str) -> bool:
        """Keep something that is to be said with the result; False where it is kept already, or there is too much."""
        if len(self.notes) >= _MOST_NOTES or text in self.notes:
            return False
        self.notes.append(text)
        return True

    def fault(self, text: str, times: int = 1) -> None:
        """Something went wrong in the generator: the result is said to be incomplete."""
        if text in self.faults or len(self.faults) < _MOST_NOTES:
            self.faults[text] += times

    def show(self, evidence: dict[str, list[str]]) -> None:
        """Keep the first few of each error class."""
        for error_class, shown in evidence.items():
            if error_class in self.evidence or len(self.evidence) * _EVIDENCE_OF_EACH < _MOST_EVIDENCE:
                kept = self.evidence.setdefault(error_class, [])
                kept += shown[: _EVIDENCE_OF_EACH - len(kept)]
