"""A worker: makes itself known to the director, and takes part in its runs."""

import logging
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

import gevent
import msgspec
from gevent.event import AsyncResult
from gevent.queue import SimpleQueue
from locust import User
from locust.env import Environment

from harness.errors import MailproofError, UnreachableTarget
from loadtests.control.faults import Faults
from loadtests.control.making import Place
from loadtests.control.messages import Finish, FromDirector, FromWorker, Hello, Prepare, Report, Welcome
from loadtests.control.part import Part
from loadtests.plan import Plan

__all__ = ["Worker"]

logger: Final = logging.getLogger(__name__)

# Ours: of so many exchanges the quickest tells best how far two clocks are apart.
_EXCHANGES: Final = 5
_ANSWER_S: Final = 1.0

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def clock_name() -> str:
    """Processes that give the same name read the same clock; ``""`` where nobody can know."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


class Worker:
    """One generator process.

    Attributes:
        part: What it does in the run that goes on, or went on last.
        exit_code: What a process that only works ends with.
    """

    def __init__(
        self,
        environment: Environment,
        kinds: Sequence[type[User]],
        own_plan: Plan | None,
        tell: Callable[[FromWorker], None],
    ) -> None:
        """
        Args:
            kinds: The user classes of the locustfile.
            own_plan: What this process was given itself: where its target file is.
            tell: Gives a message to the director.
        """
        self.part: Part | None = None
        self.exit_code = 3
        self._own_plan: Final = own_plan
        self._tell: Final = tell
        self._orders: Final[SimpleQueue[FromDirector]] = SimpleQueue()
        self._answer: AsyncResult[Welcome] = AsyncResult()
        self._place: Final = Place(environment, kinds, Faults(environment), tell)

    def start(self) -> None:
        """Make the process known, and do what the director says from then on."""
        gevent.spawn(self._greet)

    def take(self, order: FromDirector) -> None:
        """An order has come; it is done in its turn."""
        if isinstance(order, Welcome):
            self._answer.set(order)
        else:
            self._orders.put(order)

    def close(self) -> None:
        """The process ends: what was not told yet is told."""
        if self.part is not None:
            self.part.close()

    def _greet(self) -> None:
        """Say hello until somebody answers, and compare clocks; then serve."""
        ours, quickest_s = clock_name(), float("inf")
        left = _EXCHANGES
        while left:
            self._answer = AsyncResult()
            sent_s = monotonic()
            self._tell(Hello(sent_s, platform.node(), ours))
            answer = self._answer.wait(_ANSWER_S)
            took_s = monotonic() - sent_s
            if answer is None or answer.echo_s != sent_s:
                continue
            left -= 1
            if answer.clock == ours and ours:
                self._place.behind_s = 0.0
                break
            if took_s < quickest_s:
                quickest_s = took_s
                self._place.behind_s = answer.director_s - (sent_s + took_s / 2)
        self._serve()

    def _serve(self) -> None:
        while True:
            order = self._orders.get()
            try:
                self._do(order)
            except Exception as exc:
                logger.exception("an order was not done")
                self._place.faults.note(exc, exc.__traceback__)

    def _do(self, order: FromDirector) -> None:
        if isinstance(order, Prepare):
            self._prepare(order)
        elif self.part is not None and not isinstance(order, Welcome) and order.run == self.part.run:
            self.part.take(order)
            if isinstance(order, Finish):
                self.exit_code = 0

    def _prepare(self, order: Prepare) -> None:
        if self.part is not None:
            if self.part.run == order.plan.run:
                return
            self.part.close()
        plan = order.plan
        if self._own_plan is not None:
            plan = msgspec.structs.replace(plan, target=self._own_plan.target)
        problem, exit_code = "", UnreachableTarget.exit_code
        try:
            self.part = Part(self._place, plan, order.worker, order.began_s)
        except MailproofError as exc:
            problem, exit_code = str(exc), exc.exit_code
            logger.error("%s", exc)  # noqa: TRY400 - one line that says it all; a traceback adds nothing
        except Exception as exc:
            problem = f"{type(exc).__name__}: {exc}"
            logger.exception("this worker cannot make ready")
        if problem:
            self.exit_code = exit_code
            refusal = Report(
                run=plan.run,
                worker=order.worker,
                serial=0,
                stage="refused",
                problem=problem,
                exit_code=exit_code,
            )
            self._tell(refusal)
