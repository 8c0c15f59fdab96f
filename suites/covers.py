"""What a check says of itself: the requirements it proves and the fault that turns it red.

```python
@covers("RFC5321-4.1.1.5-a", fault="smtp.rset-keeps-transaction")
@needs(endpoint(Protocol.SMTP))
def test_rset_discards_sender_and_recipients(target: LiveTarget) -> None:
```

A check is one sentence, its name; a plain `assert` that fails contradicts every requirement it covers. Where a check
proves several different things, each has its own `proves` block, and a failure in it counts against that alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, TypeVar

from harness.errors import CheckOutcome

__all__ = ["Check", "Observation", "broken_requirements", "check_of", "covers", "observation", "proves"]

F = TypeVar("F", bound=Callable[..., object])

_ATTRIBUTE: Final = "__mailproof_check__"
_TAG: Final = "__mailproof_requirements__"


@dataclass(frozen=True, slots=True)
class Check:
    """A check's declaration.

    Attributes:
        requirements: Ids of the register.
        fault: The named deviation of the reference server that must turn this check red.
        also: Other deviations under which it rightly turns red too.
    """

    id: str
    title: str
    area: str
    requirements: tuple[str, ...]
    fault: str
    also: tuple[str, ...] = ()
    intrusive: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        return (self.fault, *self.also)


def covers(
    *requirements: str, fault: str, also: tuple[str, ...] = (), intrusive: bool = False
) -> Callable[[F], F]:
    """Declare a check; the outermost decorator.

    Args:
        requirements: Ids that the check's name states, all of them.
        fault: See `Check`.
        also: See `Check`.
        intrusive: Leaves traces or load that an operator should agree to; left out unless asked for.
    """
    if not requirements:
        raise ValueError("a check covers at least one requirement")

    def declare(function: F) -> F:
        name = function.__name__.removeprefix("test_")
        area = function.__module__.split(".")[1]
        check = Check(f"{area}.{name}", name.replace("_", " "), area, requirements, fault, also, intrusive)
        setattr(function, _ATTRIBUTE, check)
        return function

    return declare


def check_of(function: Callable[..., object]) -> Check | None:
    """The declaration of a test function, None where it has none."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Check) else None


@dataclass(slots=True)
class Observation:
    """What one check has seen so far, over all its examples.

    Attributes:
        seed: What Hypothesis makes its inputs from.
        generated: True where Hypothesis makes the inputs.
        examples: How many inputs were tried.
        arguments: The generated arguments of the last one, as Python writes them.
        unclear: Why examples proved nothing, in order; any of them keeps the check from saying "kept".
        partial: Requirement -> why its own `proves` block proved nothing.
    """

    check: Check
    seed: int = 0
    generated: bool = False
    examples: int = 0
    arguments: dict[str, str] = field(default_factory=dict)
    unclear: list[Exception] = field(default_factory=list)
    partial: dict[str, CheckOutcome] = field(default_factory=dict)


observation: Final[ContextVar[Observation | None]] = ContextVar("observation", default=None)


@contextmanager
def proves(*requirements: str) -> Iterator[None]:
    """A part of a check that speaks for these requirements alone.

    A failing `assert` inside counts against them only. `Unclear` and `NotOffered` raised inside are kept for them
    and the check goes on.

    Raises:
        ValueError: The check does not cover one of them.
    """
    seen = observation.get()
    if seen is not None and (stray := set(requirements) - set(seen.check.requirements)):
        raise ValueError(f"{seen.check.id} proves {', '.join(sorted(stray))} without covering it")
    try:
        yield
    except AssertionError as exc:
        if not hasattr(exc, _TAG):
            setattr(exc, _TAG, requirements)
        raise
    except CheckOutcome as exc:
        if seen is None:
            raise
        seen.partial.update(dict.fromkeys(requirements, exc))


def broken_requirements(exc: AssertionError, check: Check) -> tuple[str, ...]:
    """Which of the check's requirements a failed assertion counts against."""
    tagged: tuple[str, ...] = getattr(exc, _TAG, check.requirements)
    return tagged
