"""The final audit, round after round, until everything owed was found or has had its time.

All mailboxes are read, then those where something is missing, until nothing is or the wait is over; then those that
the run's mail is in a last time, for copies that came after the first. A mailbox that cannot be read is tried again
in every round.
"""

from collections.abc import Callable, Iterable
from typing import Final

from loadtests.control.auditing import Reading
from loadtests.control.findings import Findings
from loadtests.control.messages import Read, Report

__all__ = ["AuditRounds"]

# Ours: between two rounds; each pause is twice the one before it.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0


class AuditRounds:
    """The rounds of one audit. It tells `findings` what could not be read, and how long was waited."""

    def __init__(
        self,
        findings: Findings,
        mailboxes: int,
        members: list[int],
        order: Callable[[int, Read], None],
        now_s: float,
    ) -> None:
        """Begin at once. `order` tells a member what to read."""
        self._findings: Final = findings
        self._reading: Final = Reading(findings.plan.run, range(mailboxes), members)
        self._living = set(members)
        self._order: Final = order
        self._last = False
        self._pause_s = FIRST_PAUSE_S
        self._next_s: float | None = None
        self._missing: set[int] | None = None
        accepted_s = findings.began_s + findings.book.last_accepted_s
        self._accepted_s: Final = accepted_s
        wait_s = findings.plan.settings.audit.wait_s
        self._until_s = accepted_s + wait_s
        # A mailbox that cannot be read now has as long to come back, whenever the last message was accepted.
        self._unread_until_s = now_s + wait_s
        self._begin(self._reading.mailboxes)

    def heard(self, report: Report) -> None:
        """A worker has read mailboxes."""
        self._reading.done(report.round, report.read)

    def lose(self, member: int) -> None:
        """A worker died."""
        self._living.discard(member)
        self._reading.lose(member, sorted(self._living))

    def hurry(self, now_s: float) -> None:
        """Wait no longer for what may still come."""
        self._until_s = min(self._until_s, now_s)
        self._unread_until_s = min(self._unread_until_s, now_s)

    def tick(self, now_s: float) -> bool:
        """Time has passed; true when the audit is done."""
        reading = self._reading
        if not reading.finished:
            return False
        if self._last:
            self._conclude(now_s)
            return True
        if self._missing is None:
            self._missing = set(self._findings.book.missing())  # a look through millions: once a round
        wanted = {mailbox for mailbox in self._missing if now_s < self._until_s}
        wanted |= {mailbox for mailbox in reading.problems if now_s < self._unread_until_s}
        wanted &= set(reading.mailboxes)
        if not wanted:
            self._last = True
            self._begin(self._findings.book.concerned() | set(reading.problems))
        elif self._next_s is None:
            self._next_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        elif now_s >= self._next_s:
            self._begin(wanted)
        return False

    def _begin(self, mailboxes: Iterable[int]) -> None:
        self._next_s = self._missing = None
        for member, order in self._reading.begin(mailboxes, last=self._last).items():
            self._order(member, order)

    def _conclude(self, now_s: float) -> None:
        findings = self._findings
        findings.unread = dict(self._reading.problems)
        findings.waited_s = max(0.0, now_s - self._accepted_s)
        if now_s < self._accepted_s + findings.plan.settings.audit.wait_s:
            # The wait was cut short: nobody knows of what is still missing.
            late = dict.fromkeys(findings.book.missing(), "the wait for late mail was cut short")
            findings.unread = late | findings.unread
