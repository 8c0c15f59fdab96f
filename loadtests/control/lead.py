"""Drives the director of each run, in the master or in the only process: hears, orders, writes, tells, ends.

One greenlet does all of it, from the process's start to its end. Signals only leave a mark that it finds.
"""

import logging
import os
from collections.abc import Callable
from time import monotonic
from typing import Final

import gevent
import msgspec
from gevent.event import Event
from gevent.queue import Empty, SimpleQueue

from harness.errors import MailproofError, RunFailed, UsageError
from loadtests.accounts import Accounts
from loadtests.context import Terms
from loadtests.control.director import Crew, Director, State
from loadtests.control.findings import Findings
from loadtests.control.keeping import Keeper
from loadtests.control.live import Live
from loadtests.control.making import readable
from loadtests.control.members import Roll
from loadtests.control.messages import FromWorker, Hello, Report, Welcome
from loadtests.control.verdict import EXIT_CODES
from loadtests.control.worker import clock_name
from loadtests.figures.watch import Watch
from loadtests.ledger.ledger import Book
from loadtests.plan import LIVE_VARIABLE, Plan

__all__ = ["Lead"]

logger: Final = logging.getLogger(__name__)

TICK_S: Final = 0.1
TELL_EVERY_S: Final = 1.0


class Lead:
    """Runs, one after the other.

    Attributes:
        director: Of the run that goes on, or went on last; None before the first.
        begun: There was a run, or was to be one.
        signals: How often somebody asked for the end.
        refusal: Why there is no result, in one line.
        arrivals_over: Set while no run has arrivals.
    """

    def __init__(
        self, terms: Terms, crew: Crew, *, alone: bool, ended: Callable[[int], None], idle: Callable[[], None]
    ) -> None:
        """
        Args:
            alone: The arrivals are made in this process too.
            ended: A run has ended with this exit code, and its results are written.
            idle: Somebody asked for the end while there was no run.

        Raises:
            UsageError: A user of the target is there twice.
        """
        self.director: Director | None = None
        self.begun = False
        self.signals = 0
        self.refusal = ""
        self.arrivals_over: Final = Event()
        self.arrivals_over.set()
        self._plan: Final = terms.plan
        self._target: Final = terms.target
        self._accounts: Final = Accounts(self._target.accounts, self._target.policy)
        self._crew: Final = crew
        self._alone: Final = alone
        self._ended: Final = ended
        self._idle: Final = idle
        self._roll: Final = Roll()
        self._inbox: Final[SimpleQueue[tuple[str, FromWorker]]] = SimpleQueue()
        self._live: Final = Live(_live_file())
        self._keeper: Keeper | None = None
        self._heeded = 0
        self._runs = 0
        self._asked_to_begin = False
        self._told_s = 0.0

    def start(self) -> None:
        """Hear who is there, from now on."""
        gevent.spawn(self._work)

    def take(self, who: str, message: FromWorker) -> None:
        """Something was said; it is heard in its turn."""
        self._inbox.put((who, message))

    def begin(self) -> None:
        """Begin a run, unless one goes on; what fails in that is this process's end, and not Locust's to log."""
        self.begun = self._asked_to_begin = True

    def _begin(self) -> None:
        if self.going_on:
            logger.warning("the run before has not come to its end; this start is not heeded")
            return
        now_s = monotonic()
        plan = _again(self._plan, self._runs)
        self._runs += 1
        book = Book(plan.run, self._accounts.homes, self._accounts.names)
        findings = Findings(plan, book, now_s, Watch(()))
        try:
            findings.watch = Watch(plan.pids)
        except UsageError as exc:
            findings.note(str(exc))
        keeper = Keeper(findings, self._target, alone=self._alone)
        mailboxes = len(self._accounts) if readable(self._target) else 0
        self.director = Director(findings, self._roll, self._crew, mailboxes, self._live.say)
        self._keeper = keeper
        self.arrivals_over.clear()
        self.director.start()

    @property
    def going_on(self) -> bool:
        """A run has begun, and its results are not written."""
        return self._keeper is not None

    def stop(self, why: str) -> None:
        """Stop arrivals, drain, audit, report."""
        self._asked_to_begin = False
        if self.director is not None:
            self.director.stop(why, monotonic())

    def close(self) -> None:
        """The process ends now: keep what there is."""
        if self.director is not None and self.going_on:
            self.director.abort("the generator was ended")
            self._finish()

    # The greenlet

    def _work(self) -> None:
        while True:
            try:
                self._hear()
                if self._asked_to_begin:
                    self._asked_to_begin = False
                    self._begin()
                self._heed_signals()
                if self.director is not None and self.going_on:
                    self._step(self.director, monotonic())
            except Exception as exc:
                logger.exception("the director failed")
                self._fail(f"the director failed: {type(exc).__name__}: {exc}")

    def _fail(self, why: str) -> None:
        """Whatever it was, the run is over, and what was found is kept where that can be."""
        self.refusal = why
        try:
            if self.director is not None and self.going_on:
                self.director.findings.fault(why)
                self.director.abort("the director failed")
                self._finish()
        except Exception:
            logger.exception("the results cannot be written")
        finally:
            self._keeper = None
            self.arrivals_over.set()
            self._ended(3)

    def _hear(self) -> None:
        """Take what was said, for a tick."""
        until_s = monotonic() + TICK_S
        while (left_s := until_s - monotonic()) > 0:
            try:
                who, message = self._inbox.get(timeout=left_s)
            except Empty:
                return
            self._heard(who, message)

    def _heard(self, who: str, message: FromWorker) -> None:
        now_s = monotonic()
        if isinstance(message, Hello):
            member, new = self._roll.greet(who, message)
            self._crew.send(member, Welcome(message.sent_s, now_s, clock_name()))
            if new and self.director is not None and self.going_on:
                self.director.greeted(member)
        elif self.director is not None and self.going_on:
            if isinstance(message, Report):
                self.director.heard(message, now_s)
            else:
                self.director.left(who, now_s)

    def _heed_signals(self) -> None:
        while self._heeded < self.signals:
            self._heeded += 1
            if self.director is None or not self.going_on:
                self._idle()
            elif self.director.findings.stopped:
                self.director.abort("asked twice to end")
            else:
                self.director.stop("asked to end", monotonic())

    def _step(self, director: Director, now_s: float) -> None:
        director.tick(now_s)
        if director.state in (State.AUDITING, State.DONE):
            self.arrivals_over.set()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            director.findings.watch.sample(now_s - director.findings.began_s)
            for text in director.findings.watch.notes():
                director.findings.note(text)
            self._live.tell(director, now_s)
            if self._live.abandoned and not director.findings.stopped:
                director.stop("the command that started it has gone", now_s)
        if director.state is State.DONE:
            self._finish()
        elif self._keeper is not None:
            try:
                self._keeper.keep(now_s)
            except (OSError, RunFailed) as exc:
                # For want of a descriptor it is for a moment; a disk that is full will be at the end.
                director.remark(f"results so far cannot be written ({exc}); the run goes on")

    def _finish(self) -> None:
        """Write the results, and say that the run has ended."""
        director, keeper = self.director, self._keeper
        if director is None or keeper is None:
            return
        self._keeper = None
        self.arrivals_over.set()
        code = 3
        refused = director.findings.refused
        try:
            if refused is not None:
                # Nothing was done: there is no result, and the reason is told.
                self.refusal, code = refused.problem, refused.exit_code
            else:
                summary = keeper.finish(monotonic())
                code = EXIT_CODES[summary.verdict]
                logger.info("%s: %s", summary.verdict, summary.sentence)
        except (MailproofError, OSError) as exc:
            self.refusal = str(exc)
        self._live.tell(director, monotonic())
        self._ended(code)


def _again(plan: Plan, before: int) -> Plan:
    """The plan of a later run in the same process: its messages are its own, its results are beside the first's."""
    if not before:
        return plan
    run = f"{(int(plan.run, 16) + before) % 16**8:08x}"
    return msgspec.structs.replace(plan, run=run, out=f"{plan.out}.{before + 1}")


def _live_file() -> int | None:
    number = os.environ.get(LIVE_VARIABLE, "")
    return int(number) if number.isdigit() else None
