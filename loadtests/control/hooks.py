"""The parts that a process of Locust's plays in a run with a plan, hooked to Locust's events."""

import logging
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import time
from types import FrameType
from typing import TYPE_CHECKING, Final, cast

import gevent
from gevent.event import Event
from locust import User, runners
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message
from locust.runners import MasterRunner, Runner, WorkerRunner

from harness.errors import UsageError
from harness.target import Target
from loadtests.context import Terms
from loadtests.control.director import Crew
from loadtests.control.lead import Lead
from loadtests.control.making import weigh
from loadtests.control.members import Member
from loadtests.control.messages import (
    ROAD,
    FromDirector,
    FromWorker,
    Goodbye,
    decode_from_director,
    decode_from_worker,
    encode,
)
from loadtests.control.worker import Worker
from loadtests.plan import Plan
from loadtests.users.surroundings import expect

if TYPE_CHECKING:
    from locust.web import WebUI

__all__ = ["hook_in"]

logger: Final = logging.getLogger(__name__)

# Locust's table of a worker reaches the master as often as our figures do.
_TABLE_EVERY_S: Final = 1.0
# Ours: who was under way when Locust stopped has so long more than its draining.
_GRACE_S: Final = 15.0
# Ours: a process that was forked is there within this, or it has died.
_FORKED_S: Final = 60.0
# Ours: workers end by themselves when they have heard nothing of their master for so long.
_MASTER_GONE_S: Final = 20
# A master that says nothing for so long has gone, and nobody else will end its workers.
_GONE_S: Final = 4.0


def hook_in(
    environment: Environment, runner: Runner, web_ui: "WebUI | None", plan: Plan, stand_in: type[User]
) -> None:
    """Have this process take its part in runs of a plan.

    Raises:
        UsageError: The target file cannot be used.
    """
    kinds = list(environment.user_classes)
    terms = Terms(plan, Target.load(Path(plan.target)))
    environment.user_classes = [stand_in] if plan.mode == "open" else weigh(kinds, terms)
    runners.WORKER_REPORT_INTERVAL = _TABLE_EVERY_S
    runners.MASTER_HEARTBEAT_TIMEOUT = _MASTER_GONE_S
    # Locust ends with the last of these greenlets. Alone it has one, which dies where it finds no descriptor to look
    # at its own process with.
    runner.greenlet.spawn(Event().wait)
    process = _Process(environment, runner, web_ui, terms)
    if isinstance(runner, WorkerRunner):
        _Working(process, runner, Worker(environment, kinds, plan, lambda said: _to_master(runner, said)))
        return
    process.set_options()
    if isinstance(runner, MasterRunner):
        _Leading(process, _Workers(runner))
        return
    alone = _Alone()
    leading = _Leading(process, alone)
    alone.worker = Worker(environment, kinds, plan, lambda said: leading.lead.take("alone", said))
    expect(environment)
    alone.worker.start()


@dataclass(frozen=True)
class _Process:
    """A process of Locust's, in a run with a plan."""

    environment: Environment
    runner: Runner
    web_ui: "WebUI | None"
    terms: Terms

    @property
    def plan(self) -> Plan:
        return self.terms.plan

    @property
    def options(self) -> Namespace:
        return cast("Namespace", self.environment.parsed_options)

    def set_options(self) -> None:
        """The plan says how long a run lasts; of users that stand in for others one is enough."""
        options = self.options
        options.run_time = None
        options.num_users = 1 if self.plan.mode == "open" else options.num_users or self.plan.users
        options.spawn_rate = options.spawn_rate or options.num_users
        options.enable_rebalancing = self.plan.mode == "closed"

    def listen(self, **listeners: Callable[..., None]) -> None:
        """Hear of Locust's events, by their names."""
        for event, listener in listeners.items():
            getattr(self.environment.events, event).add_listener(listener)


class _Workers:
    """The workers of a master."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner: Final = runner

    def send(self, member: Member, order: FromDirector) -> None:
        try:
            self._runner.send_message(ROAD, encode(order), member.who)  # type: ignore[arg-type]  # octets travel too
        except RPCError:
            logger.exception("worker %d was not told", member.number)


class _Alone:
    """The only worker, in this process."""

    worker: Worker

    def send(self, _member: Member, order: FromDirector) -> None:
        self.worker.take(order)


def _to_master(runner: WorkerRunner, said: FromWorker) -> None:
    try:
        runner.send_message(ROAD, encode(said))  # type: ignore[arg-type]  # octets travel too
    except RPCError:
        # The director notices by the report's number that this one is missing.
        logger.exception("the master was not told")


class _Leading:
    """The process that leads."""

    def __init__(self, process: _Process, crew: Crew) -> None:
        self._process: Final = process
        self._ending = False
        self.lead: Final = Lead(
            process.terms,
            crew,
            alone=not isinstance(process.runner, MasterRunner),
            ended=self._ended,
            idle=self._leave,
        )
        process.runner.register_message(ROAD, self._hear)
        process.listen(
            test_start=self._test_start,
            test_stopping=self._test_stopping,
            quitting=self._quitting,
            quit=self._quit,
        )
        self._take_signals()
        self.lead.start()
        if process.options.processes:
            gevent.spawn_later(_FORKED_S, self._miss_forks)

    def _hear(self, msg: Message, **_event: object) -> None:
        self.lead.take(msg.node_id, decode_from_worker(msg.data))

    def _take_signals(self) -> None:
        """In place of Locust's handlers, which end the process at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self.lead.signals += 1

    def _test_start(self, **_event: object) -> None:
        self._take_signals()  # Locust has set its own by now
        self.lead.begin()

    def _test_stopping(self, **_event: object) -> None:
        runner = self._process.runner
        if isinstance(runner, MasterRunner) and runner.worker_count <= 0:
            return  # of workers that are silent the director has its own opinion
        self.lead.stop("stopped by Locust")
        if self._process.plan.mode == "closed":
            # Locust ends its users when this returns, in the middle of what they do.
            self.lead.arrivals_over.wait(self._process.plan.settings.drain_s + _GRACE_S)

    def _quitting(self, **_event: object) -> None:
        self._ending = True
        self.lead.close()

    def _quit(self, **_event: object) -> None:
        if self.lead.refusal:
            # Behind all that Locust says at its end: who reads the last line reads what is wrong.
            sys.stderr.write(f"{self.lead.refusal}\n")

    def _ended(self, code: int) -> None:
        environment = self._process.environment
        if environment.process_exit_code != UsageError.exit_code:
            environment.process_exit_code = code
        if not self._ending:
            gevent.spawn(self._end_locust)

    def _end_locust(self) -> None:
        """Without a web page the process ends with its run; with one it ends when it is told to."""
        process = self._process
        if process.options.headless or self.lead.signals:
            self._leave()
            return
        process.runner.stop()
        if process.options.autostart and process.options.autoquit >= 0:
            gevent.sleep(process.options.autoquit)
            self._leave()

    def _leave(self) -> None:
        """End the process; its workers hear of it."""
        if self._ending:
            return
        self._ending = True
        process = self._process
        if process.environment.process_exit_code is None:
            process.environment.process_exit_code = 3
        process.runner.quit()
        if process.web_ui is not None:
            process.web_ui.stop()  # type: ignore[no-untyped-call]  # Locust's
        elif not self.lead.begun:
            sys.exit(3)  # Locust still waits for workers, and hears nothing else

    def _miss_forks(self) -> None:
        if not self.lead.begun and not self._ending:
            logger.error("not all processes have come up within %d s", _FORKED_S)
            self._leave()


class _Working:
    """A process that only works."""

    def __init__(self, process: _Process, runner: WorkerRunner, worker: Worker) -> None:
        self._process: Final = process
        self._runner: Final = runner
        self._worker: Final = worker
        self._signals = 0
        runner.register_message(ROAD, self._hear)
        process.listen(quitting=self._quitting)
        expect(process.environment)
        if process.options.processes:
            signal.signal(signal.SIGINT, self._signalled)
            gevent.spawn(self._stay_with_master, os.getppid())
        worker.start()

    def _hear(self, msg: Message, **_event: object) -> None:
        self._worker.take(decode_from_director(msg.data))

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _stay_with_master(self, master: int) -> None:
        """A terminal tells Ctrl-C to all processes; the master decides, for as long as there is one."""
        while True:
            gevent.sleep(0.5)
            heard_s = self._runner.last_heartbeat_timestamp or 0.0
            silent = time() - heard_s > _GONE_S
            if os.getppid() != master or self._signals > 1 or (self._signals and silent):
                sys.exit(3)

    def _quitting(self, **_event: object) -> None:
        self._worker.close()
        environment = self._process.environment
        if environment.process_exit_code is None:
            environment.process_exit_code = self._worker.exit_code
        _to_master(self._runner, Goodbye())
