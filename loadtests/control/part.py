"""A worker's part in one run: its share of the arrivals, its readers, its reports."""

from collections.abc import Callable, Sequence
from time import monotonic, process_time
from typing import Final

import gevent
from gevent.event import Event

from loadtests.arrivals.driver import Driver
from loadtests.arrivals.schedule import Division, Epoch, Schedule
from loadtests.control.dismissal import dismiss
from loadtests.control.making import Place, kinds_of, make_context, wants_readers
from loadtests.control.messages import (
    REPORT_EVERY_S,
    Begin,
    Finish,
    FromDirector,
    MailboxRead,
    Read,
    Report,
    Reshare,
    Stage,
    Stop,
)
from loadtests.figures import health
from loadtests.figures.tally import Tally
from loadtests.ledger.readers import Readers
from loadtests.plan import Plan
from loadtests.users.surroundings import expect, provide

__all__ = ["Part"]


class Part:
    """One run, as this worker takes part in it.

    Raises:
        UsageError: The target file is wrong, or has not what the users need.
        UnreachableTarget: The target does not answer from here.
    """

    def __init__(self, place: Place, plan: Plan, worker: int, began_s: float) -> None:
        self.run: Final = plan.run
        self._place: Final = place
        self._plan: Final = plan
        self._worker: Final = worker
        self._stage: Stage = "preparing"
        self._phase = -1
        self._serial = 0
        self._disorder = False
        self._closed = False
        self._round = -1
        self._has_read: list[MailboxRead] = []
        self._readers: Readers | None = None
        self._stopped: Final = Event()
        self._changed: Final = Event()
        self._greenlets: Final[list[gevent.Greenlet]] = []
        self._meter: Final = health.Meter(monotonic(), process_time())
        self._context: Final = make_context(place, plan, worker, began_s - place.behind_s)
        self._remarks = list(self._context.letters.notes)
        kinds = kinds_of(place, self._context)
        self._driver: Final = Driver(
            kinds,
            max_sessions=plan.settings.max_sessions,
            seed=plan.seed + worker,
            on_due=lambda _due_s, phase: self._context.recorder.of(phase).session_due(),
        )
        self._spawn(health.run, self._meter)
        self._spawn(self._keep_reporting)
        self._go_to("ready")

    def take(self, order: FromDirector) -> None:
        """Do what the director says."""
        if isinstance(order, Begin) and order.phase == self._phase:
            self._divide(order.division)  # it was away, and takes part again
        elif isinstance(order, Begin):
            self._begin(order)
        elif isinstance(order, Reshare) and order.phase == self._phase:
            self._divide([order.epoch])
        elif isinstance(order, Stop) and order.phase == self._phase:
            self._stopped.set()
            self._driver.stop()
        elif isinstance(order, Read):
            self._spawn(self._read, order)
        elif isinstance(order, Finish):
            self.close()

    def close(self) -> None:
        """The run is over; what is under way is ended."""
        if self._closed:
            return
        self._closed = True
        self._driver.close()
        gevent.killall(self._greenlets)
        if self._readers is not None:
            self._readers.close()
        self._report()
        expect(self._place.environment)

    # Phases

    def _begin(self, order: Begin) -> None:
        """Take part in a phase, until all sessions of it have ended."""
        context, self._phase = self._context, order.phase
        context.recorder = context.recorder.phase(order.phase, Tally(context.started_s))
        self._stopped.clear()
        began_s = order.began_s - self._place.behind_s
        provide(self._place.environment, context)
        if self._readers is None and wants_readers(self._plan, context.target):
            self._readers = Readers(self._place.environment)
        self._take_share(order.division[-1].members)
        arrivals: Callable[[float], None] = self._let_users_work
        if order.what is not None:
            arrivals = self._let_driver_work
            schedule = Schedule(order.what, self._plan.seed, self._plan.settings.arrivals)
            self._driver.start(
                schedule, Division(order.division), self._worker, began_s=began_s, phase=order.phase
            )
        self._go_to("arriving")
        self._spawn(arrivals, order.ends_s - self._place.behind_s)

    def _let_driver_work(self, _ends_s: float) -> None:
        self._driver.wait()
        self._go_to("draining")
        self._driver.drain(self._plan.settings.drain_s)
        self._go_to("drained")

    def _let_users_work(self, ends_s: float) -> None:
        """Closed mode: Locust's users start sessions until the time is over, and may end the last one."""
        self._stopped.wait(max(0.0, ends_s - monotonic()))
        self._go_to("draining")
        dismiss(self._place.runner, self._plan.settings.drain_s)
        self._go_to("drained")

    def _divide(self, epochs: Sequence[Epoch]) -> None:
        self._take_share(epochs[-1].members)
        if self._plan.mode == "open":
            in_time = [self._driver.reshare(epoch) for epoch in epochs]
            self._disorder |= not in_time[-1]

    def _take_share(self, members: Sequence[int]) -> None:
        if self._worker in members:
            self._context.share = (members.index(self._worker), len(members))
        if self._readers is not None:
            self._readers.watch()

    # The audit

    def _read(self, order: Read) -> None:
        if self._readers is None:
            return
        self._readers.stop()
        self._round = order.round
        self._go_to("reading")
        remove = order.last and self._plan.settings.audit.delete
        for mailbox, problem in self._readers.read(order.mailboxes, remove=remove):
            self._has_read.append(MailboxRead(mailbox, problem))
        self._changed.set()

    # Reports

    def _go_to(self, stage: Stage) -> None:
        self._stage = stage
        self._changed.set()

    def _keep_reporting(self) -> None:
        while True:
            self._changed.wait(REPORT_EVERY_S)
            self._changed.clear()
            self._report()

    def _report(self) -> None:
        measured = self._meter.drain()
        figures = self._context.recorder.drain(monotonic())
        has_read, self._has_read = self._has_read, []
        remarks, self._remarks = self._remarks, []
        working = self._stage in ("arriving", "draining")
        self._place.tell(
            Report(
                run=self.run,
                worker=self._worker,
                serial=self._serial,
                stage=self._stage,
                phase=self._phase,
                active=self._driver.active,
                waiting=self._driver.waiting,
                disorder=self._disorder,
                round=self._round,
                read=has_read,
                notes=self._notes(),
                remarks=remarks,
                figures=[(number, delta) for number, delta in figures.items() if delta.seconds],
                health=measured if working else None,
                ledger=self._context.ledger.drain(),
                faults=self._place.faults.take(),
                evidence=self._context.recorder.evidence.take(),
            )
        )
        self._serial += 1
        self._disorder = False

    def _notes(self) -> list[str]:
        notes = list(self._readers.notes) if self._readers is not None else []
        if self._readers is not None:
            self._readers.notes.clear()
        return notes

    def _spawn(self, what: Callable[..., None], *arguments: object) -> None:
        self._greenlets[:] = [each for each in self._greenlets if not each.dead]
        self._greenlets.append(gevent.spawn(what, *arguments))
