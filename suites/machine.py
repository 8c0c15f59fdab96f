"""Stateful checks: Hypothesis picks the commands, a model says what each must answer."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from harness.clients.live import LiveTarget
from suites.covers import Observation, observation
from suites.watch import PROVES_NOTHING, use_seed

__all__ = ["CheckMachine", "run_machine", "step"]

P = ParamSpec("P")
M = TypeVar("M", bound="CheckMachine")


class CheckMachine(RuleBasedStateMachine):
    """A dialogue with the target beside a model of it; every rule and invariant is a `step`.

    Attributes:
        over: True once a step proved nothing (a timeout, a policy): the rest of the dialogue is left out.
    """

    def __init__(self, target: LiveTarget) -> None:
        super().__init__()
        self.target = target
        self.over = False
        self._observation = observation.get() or _outside_a_check()
        self._observation.examples += 1
        target.begin()
        try:
            self.start()
        except PROVES_NOTHING as exc:
            self.give_up(exc)

    def start(self) -> None:
        """Open the sessions that the dialogue needs."""

    def give_up(self, exc: Exception) -> None:
        """What was seen proves nothing from here on."""
        self.over = True
        self._observation.unclear.append(exc)

    def teardown(self) -> None:
        self.target.end()


def step(rule: Callable[Concatenate[M, P], None]) -> Callable[Concatenate[M, P], None]:
    """Put below ``@rule`` and ``@invariant``: a step that proves nothing ends the dialogue without a failure."""

    @functools.wraps(rule)
    def run(machine: M, *args: P.args, **kwargs: P.kwargs) -> None:
        if machine.over:
            return
        try:
            rule(machine, *args, **kwargs)
        except PROVES_NOTHING as exc:
            machine.give_up(exc)

    return run  # type: ignore[return-value]  # wraps() loses that the first argument is positional


def run_machine(machine: Callable[[LiveTarget], CheckMachine], target: LiveTarget) -> None:
    """Run a stateful check with the profile's settings; call it as the body of the check.

    Raises:
        AssertionError: The target left the model; the steps are in the notes.
    """
    seen = observation.get()
    if seen is not None:
        seen.generated = True
        seen.examples = 0

    def factory() -> CheckMachine:
        return machine(target)

    if seen is not None:
        use_seed(factory, seen.seed)
    run_state_machine_as_test(factory, settings=settings())  # type: ignore[arg-type]  # a factory is documented


def _outside_a_check() -> Observation:
    raise LookupError("a stateful check runs inside a check")
