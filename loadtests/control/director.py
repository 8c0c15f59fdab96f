"""What is done when in a run: wait for the workers, phase after phase, drain, audit, done.

This is logic alone: it is told what happens and what time it is, and gives orders to a crew. Whoever drives it (see
`plugin`) calls `tick` several times a second.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol

from loadtests.control.audit_rounds import AuditRounds
from loadtests.control.findings import Findings, PhaseRecord
from loadtests.control.members import Member, Roll, Standing
from loadtests.control.messages import Finish, FromDirector, Prepare, Report, Reshare, Stop
from loadtests.control.phases import phases_of, running
from loadtests.control.rounds import round_of, steps_of

__all__ = ["Crew", "Director", "State"]

# Ours: a worker makes its messages ready within this, or the run begins without it.
PATIENCE_S: Final = 60.0
# From the order to the first arrival: time for the order to reach everybody.
LEAD_S: Final = 0.5
# Ours: who lost all workers waits so long for one that comes back.
ALONE_S: Final = 10.0
# What a worker takes to end sessions by force and to say so.
GRACE_S: Final = 10.0


class State(StrEnum):
    """Where a run stands; the words are those of `LiveFigures`."""

    WAITING = "waiting"
    RUNNING = "running"
    DRAINING = "draining"
    AUDITING = "auditing"
    DONE = "done"


class Crew(Protocol):
    """Those who do the work."""

    def send(self, member: Member, order: FromDirector) -> None:
        """Tell a worker; it may be dead."""


class Director:
    """One run, from its start to its end.

    Attributes:
        state: Where it stands.
        findings: What it has found so far.
        record: The phase that goes on, or the last one.
    """

    def __init__(
        self, findings: Findings, roll: Roll, crew: Crew, mailboxes: int, say: Callable[[str], None]
    ) -> None:
        """
        Args:
            mailboxes: How many the audit reads; 0 where nobody can read any.
            say: Is told at once what people at a terminal should know; the findings' notes keep it too.
        """
        self.state = State.WAITING
        self.findings: Final = findings
        self.record: PhaseRecord | None = None
        self._plan: Final = findings.plan
        self._run: Final = findings.plan.run
        self._roll: Final = roll
        self._crew: Final = crew
        self._say_now: Final = say
        self._phases: Final = phases_of(findings.plan)
        self._mailboxes: Final = mailboxes
        self._taking_part: set[int] = set()
        self._alone_since_s: float | None = None
        self._audit: AuditRounds | None = None
        self._doing: Final[Mapping[State, Callable[[float], None]]] = {
            State.WAITING: self._wait,
            State.RUNNING: self._watch_arrivals,
            State.DRAINING: self._watch_draining,
            State.AUDITING: self._watch_audit,
            State.DONE: lambda _now_s: None,
        }

    @property
    def total_s(self) -> float:
        """How long all arrivals last; 0 where nobody can know."""
        return self._phases.total_s

    # What happens

    def start(self) -> None:
        """The run begins: everybody who is there makes ready."""
        self._roll.renew()
        for member in self._roll.living:
            self.greeted(member)

    def greeted(self, member: Member) -> None:
        """A process has said that it is there."""
        if self.state is not State.DONE:
            self._crew.send(member, Prepare(self._plan, member.number, self.findings.began_s))

    def heard(self, report: Report, now_s: float) -> None:
        """A worker reports."""
        if report.run != self._run:
            return
        member, before = self._roll.heard(report)
        self._keep(report)
        if member.standing is Standing.REFUSED and before is not Standing.REFUSED:
            self._say(f"worker {member.number} on {member.host} cannot take part: {report.problem}")
        if before is Standing.LOST and member.living:
            self.findings.lost.pop(member.number, None)
            self._say(f"worker {member.number} is back")
        if member.standing is Standing.READY and before is not Standing.READY:
            self._joined(member, now_s)
        if self._audit is not None:
            self._audit.heard(report)

    def left(self, who: str, now_s: float) -> None:
        """A process said that it goes."""
        member = self._roll.left(who)
        if member is not None and self.state is not State.DONE:
            self._lost(member, now_s)

    def stop(self, why: str, now_s: float) -> None:
        """No more arrivals: drain, audit, done. In the audit: no more waiting for what may still come."""
        if self.state is State.DONE:
            return
        self.findings.stopped = self.findings.stopped or why
        self._say(f"stopped: {why}")
        if self.state is State.WAITING:
            self._finish(why)
        elif self.state is State.RUNNING:
            self._stop_arrivals(now_s)
        elif self._audit is not None:
            self._audit.hurry(now_s)

    def abort(self, why: str) -> None:
        """Done at once, with what there is."""
        if self.state is not State.DONE:
            self.findings.stopped = why
            self._say(f"ended at once: {why}")
            self._finish(why)

    def tick(self, now_s: float) -> None:
        """Time has passed."""
        if self.state is State.DONE:
            return
        for member in self._roll.silent(now_s):
            self._lost(member, now_s)
        if not self._somebody(now_s):
            self._say("no worker is left")
            self._finish("no worker is left to read the mailboxes")
        self._doing[self.state](now_s)

    # Who takes part

    def _joined(self, member: Member, now_s: float) -> None:
        if self.state is not State.RUNNING or self.record is None:
            return
        self._say(f"worker {member.number} on {member.host} takes part from now on")
        self._reshare(now_s)
        self._taking_part.add(member.number)
        self._crew.send(member, self.record.phase.begin(self._run))

    def _lost(self, member: Member, now_s: float) -> None:
        at_s = now_s - self.findings.began_s
        self._say(f"worker {member.number} on {member.host} was lost {at_s:.0f} s into the run")
        self.findings.lost[member.number] = at_s
        if self.state is State.RUNNING:
            self._reshare(now_s)
        if self._audit is not None:
            self._audit.lose(member.number)

    def _reshare(self, now_s: float) -> None:
        if self.record is None:
            return
        phase = self.record.phase
        epoch = phase.reshare([member.number for member in self._roll.ready], now_s)
        if epoch is not None:
            self._everybody(Reshare(self._run, phase.number, epoch))

    def _somebody(self, now_s: float) -> bool:
        """Whether there is anybody to work with, or was until a moment ago."""
        if self.state is State.WAITING or self._roll.ready:
            self._alone_since_s = None
            return True
        if self._alone_since_s is None:
            self._alone_since_s = now_s
        return now_s - self._alone_since_s < ALONE_S

    def _everybody(self, order: FromDirector) -> None:
        for member in self._roll.ready:
            self._crew.send(member, order)

    # What is going on

    @property
    def _current(self) -> PhaseRecord:
        """The phase that goes on, in states that have one."""
        if self.record is None:
            raise RuntimeError(f"no phase goes on while {self.state}")
        return self.record

    def _wait(self, now_s: float) -> None:
        expected = max(1, self._plan.workers)
        patient = now_s - self.findings.began_s < PATIENCE_S
        members = list(self._roll)
        ready = len(self._roll.ready)
        decided = [member for member in members if member.standing is not Standing.PREPARING]
        if patient and (len(decided) < expected or len(decided) < len(members)):
            return
        if not ready:
            refused = next((member for member in members if member.standing is Standing.REFUSED), None)
            self.findings.refused = refused.report if refused is not None else None
            self._finish("no worker could take part" if members else "no worker came")
            return
        if ready < expected:
            self._say(f"{ready} of {expected} workers take part")
        self._next_phase(now_s)

    def _next_phase(self, now_s: float) -> None:
        what = None if self.findings.stopped else self._phases.next(steps_of(self.findings))
        if what is None:
            self._begin_audit(now_s)
            return
        members = [member.number for member in self._roll.ready]
        if not members:
            return
        # Users of closed mode begin when they hear of it, and nobody holds them to a time.
        lead_s = LEAD_S if self._plan.mode == "open" else 0.0
        phase = running(len(self.findings.phases), what, self._plan, members, now_s + lead_s)
        self.record = PhaseRecord(phase)
        self.findings.phases.append(self.record)
        self._taking_part = set(members)
        self._everybody(phase.begin(self._run))
        self.state = State.RUNNING

    def _watch_arrivals(self, now_s: float) -> None:
        record = self._current
        record.phase.look_ahead(now_s)
        record.see_backlog(
            now_s, sum(m.report.active + m.report.waiting for m in self._roll.ready if m.report)
        )
        if now_s >= record.phase.ends_s:
            self.state = State.DRAINING

    def _stop_arrivals(self, now_s: float) -> None:
        record = self._current
        record.stopped_s = now_s
        self._everybody(Stop(self._run, record.phase.number))
        self.state = State.DRAINING

    def _watch_draining(self, now_s: float) -> None:
        record = self._current
        busy = [
            member
            for member in self._roll.ready
            if member.number in self._taking_part and not _drained(member, record.phase.number)
        ]
        limit_s = min(record.ended_s, now_s) + self._plan.settings.drain_s + GRACE_S
        if busy and now_s < limit_s:
            return
        if record.judged is None:
            for member in busy:
                self.findings.fault(f"worker {member.number} did not say that its sessions have ended")
            self._end_phase(record)
        self._next_phase(now_s)

    def _end_phase(self, record: PhaseRecord) -> None:
        self._account(record)
        record.judged = round_of(self.findings, record)

    def _account(self, record: PhaseRecord) -> None:
        """What of each worker's share was not begun, as far as it has told."""
        figures, phase = self.findings.figures, record.phase
        record.given_up = 0
        for member in self._roll:
            begun = figures.sessions(member.number, phase.number).begun
            missing = phase.share(member.number) - begun if phase.planned is not None else 0
            record.given_up += missing
            if member.standing is Standing.LOST:
                record.share_lost[member.number] = missing
                figures.abandon(member.number, self.findings.lost[member.number])

    def _begin_audit(self, now_s: float) -> None:
        members = {member.number: member for member in self._roll.ready}
        if not self._plan.settings.audit.enabled:
            self._finish("the audit was not asked for")
        elif not self.findings.book.sent:
            self._finish("")
        elif not self._mailboxes:
            self._finish("the target has no endpoint for IMAP or POP3, so nobody can read what was delivered")
        elif members:
            self._audit = AuditRounds(
                self.findings,
                self._mailboxes,
                sorted(members),
                lambda number, order: self._crew.send(members[number], order),
                now_s,
            )
            self.state = State.AUDITING

    def _watch_audit(self, now_s: float) -> None:
        assert self._audit is not None
        if self._audit.tick(now_s):
            self._finish("")

    def _finish(self, why_no_audit: str) -> None:
        findings = self.findings
        if self.record is not None and self.record.judged is None:
            self._end_phase(self.record)
        findings.audit = why_no_audit
        for record in findings.phases:
            self._account(record)  # who was away may have told of it later
            if record.given_up < 0:
                findings.fault(f"{-record.given_up} arrivals of phase {record.phase.label} were made twice")
        for number, at_s in findings.lost.items():
            share = sum(record.share_lost.get(number, 0) for record in findings.phases)
            findings.health.lose(number, at_s, share)
        for member in self._roll:
            if member.missed:
                findings.fault(f"{member.missed} reports of worker {member.number} were lost on the way")
        self.state = State.DONE
        for member in self._roll.living:
            self._crew.send(member, Finish(self._run))

    # What is kept

    def _keep(self, report: Report) -> None:
        findings = self.findings
        for phase, delta in report.figures:
            findings.figures.add(report.worker, phase, delta)
        if report.health is not None:
            findings.health.add(report.worker, report.phase, report.health)
        if report.ledger:
            findings.book.add(report.worker, report.ledger)
        if report.disorder:
            findings.fault(f"a new division reached worker {report.worker} too late")
        for text in report.notes:
            self._say(f"worker {report.worker}: {text}")
        for text in report.remarks:
            self.remark(text)
        for text, times in report.faults.items():
            findings.fault(text, times)
        findings.show(report.evidence)

    def remark(self, text: str) -> None:
        """Say something that is said once, however often it comes."""
        if self.findings.note(text):
            self._say_now(text)

    def _say(self, text: str) -> None:
        self.findings.note(text)
        self._say_now(text)


def _drained(member: Member, phase: int) -> bool:
    report = member.report
    return report is not None and report.phase == phase and report.stage == "drained"
