"""Runs one check and says what it saw: the only place where an outcome becomes `Seen`.

Hypothesis takes whatever an example raises for a failure to be shrunk. So what proves nothing (`Unclear`, a timeout,
a lost connection) is caught here, example by example, before Hypothesis sees it: only a failed assertion shrinks.
"""

import functools
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import settings
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.reporting import with_reporter

from harness.clients.live import LiveTarget
from harness.clients.transcript import Transcript
from harness.errors import CheckOutcome, NotOffered, RemoteProtocolError, TransportError
from harness.results import (
    CheckResult,
    Counterexample,
    EntryRecord,
    Finding,
    Seen,
    TranscriptRecord,
    verdict,
)
from harness.spec import Register
from suites.choices import ChoiceLog
from suites.covers import Check, Observation, broken_requirements, observation
from suites.needs import claimed

__all__ = ["PROVES_NOTHING", "Watched", "use_seed", "watch"]

# What an example may raise without contradicting anything.
PROVES_NOTHING: Final = (CheckOutcome, TransportError, RemoteProtocolError)

# Ours: after so many examples that proved nothing, the rest would only cost time.
_ENOUGH_UNCLEAR: Final = 3

# Ours: what a reason may cost on a page; the whole message is in the counterexample.
_REASON_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of a check: the record for the run, and the exception behind it."""

    result: CheckResult
    exception: Exception | None

    @property
    def transport_trouble(self) -> bool:
        """True where the network, not a rule, kept the check from seeing anything."""
        return isinstance(self.exception, TransportError)


def watch(
    item: pytest.Function,
    check: Check,
    target: LiveTarget,
    register: Register,
    choices: ChoiceLog,
    ready: Callable[[], None],
    *,
    seed: int = 0,
) -> Watched:
    """Run a check, where a plain one is broken once more, and weigh what it saw.

    Args:
        ready: Raises `CheckOutcome` where the check need not be tried: gate closed, ability missing.

    `KeyboardInterrupt` travels on; the check that was cut off leaves no record.
    """
    started = time.monotonic()
    seen = Observation(check, seed, generated=hasattr(item.obj, "hypothesis"))
    choices.clear()
    token = observation.set(seen)
    try:
        exception = _attempt(item, seen, target, ready)
        if isinstance(exception, AssertionError) and not seen.generated:
            exception = _confirmed(item, seen, target, exception)
    finally:
        observation.reset(token)
        target.end()
    findings = _findings(seen, exception, register, target)
    statuses = {finding.seen for finding in findings}
    result = CheckResult(
        check=check.id,
        title=check.title,
        area=check.area,
        module=item.module.__name__,
        findings=findings,
        duration_s=round(time.monotonic() - started, 4),
        examples=seen.examples,
        property_based=seen.generated,
        counterexample=_counterexample(seen, exception, choices) if Seen.BROKEN in statuses else None,
        transcripts=[_record(t) for t in target.transcripts],
        error="".join(traceback.format_exception(exception)) if Seen.FAILED in statuses else None,
    )
    return Watched(result, exception)


def _attempt(
    item: pytest.Function, seen: Observation, target: LiveTarget, ready: Callable[[], None]
) -> Exception | None:
    try:
        ready()
        target.begin()
        _guard_examples(item.obj, seen, target)
        if not seen.generated:
            seen.examples = 1
        with with_reporter(_silent):
            item.obj(target=target)
    except Exception as exc:  # noqa: BLE001 (not swallowed: weighed by _findings, an unknown one as an error)
        return exc
    return seen.unclear[0] if seen.unclear else None


def _silent(_message: object) -> None:
    """Hypothesis would print how its search goes; what it found is in the exception's notes."""


def _confirmed(
    item: pytest.Function, seen: Observation, target: LiveTarget, first: AssertionError
) -> Exception | None:
    """A plain check that was broken is tried once more: what does not break twice is not called broken."""
    again = _attempt(item, seen, target, lambda: None)
    if isinstance(again, AssertionError):
        return again
    return NotReproduced(f"broke once and not again: {_first_line(first)}")


class NotReproduced(CheckOutcome):
    """Broken once, kept or unclear when repeated."""


def _guard_examples(function: Callable[..., object], seen: Observation, target: LiveTarget) -> None:
    """Put ourselves between Hypothesis and the test body (`inner_test` is its documented hook for that)."""
    handle = getattr(function, "hypothesis", None)
    if handle is None:
        return
    body = getattr(handle.inner_test, "__wrapped__", handle.inner_test)

    @functools.wraps(body)
    def example(**arguments: object) -> None:
        if len(seen.unclear) >= _ENOUGH_UNCLEAR:
            return
        target.begin()
        seen.examples += 1
        seen.arguments = {
            name: repr(value) for name, value in arguments.items() if not isinstance(value, LiveTarget)
        }
        try:
            body(**arguments)
        except PROVES_NOTHING as exc:
            seen.unclear.append(exc)

    handle.inner_test = example
    # The profile in force when the check was imported is not the one in force now.
    function._hypothesis_internal_use_settings = settings()  # type: ignore[attr-defined]  # no public way
    use_seed(function, seen.seed)


def use_seed(function: Callable[..., object], seed: int) -> None:
    """As `hypothesis.seed`, which would also take away the database that keeps the counterexample."""
    function._hypothesis_internal_use_seed = seed  # type: ignore[attr-defined]  # no public way sets it alone


def _findings(
    seen: Observation, exception: Exception | None, register: Register, target: LiveTarget
) -> list[Finding]:
    broken = broken_requirements(exception, seen.check) if isinstance(exception, AssertionError) else ()
    findings = []
    for requirement_id in seen.check.requirements:
        requirement = register[requirement_id]
        try:
            claimed(requirement_id.partition("-")[0], target)
            status, reason = _status(seen, exception, requirement_id, broken)
        except NotOffered as exc:
            status, reason = Seen.NOT_OFFERED, str(exc)
        findings.append(
            Finding(
                requirement=requirement_id,
                level=str(requirement.level),
                seen=status,
                verdict=verdict(status, requirement.weight),
                reason=reason,
            )
        )
    return findings


def _status(
    seen: Observation, exception: Exception | None, requirement_id: str, broken: tuple[str, ...]
) -> tuple[Seen, str]:
    """What was seen of one requirement, and why where it was not kept."""
    if requirement_id in broken:
        return Seen.BROKEN, _first_line(exception)
    partial = seen.partial.get(requirement_id)
    if broken and partial is None:
        return Seen.UNCLEAR, f"not reached: {', '.join(broken)} was broken first"
    reason = partial or exception
    if reason is None:
        return (Seen.KEPT, "") if seen.examples else (Seen.UNCLEAR, "no example was tried")
    for kinds, status, words in _PROVING_NOTHING:
        if isinstance(reason, kinds):
            return status, f"{words}{_first_line(reason)}"
    return Seen.FAILED, f"{type(reason).__name__}: {_first_line(reason)}"


# What may end a check without contradicting anything, and how it is told; the first that fits.
_PROVING_NOTHING: Final[tuple[tuple[type[Exception], Seen, str], ...]] = (
    (NotOffered, Seen.NOT_OFFERED, ""),
    (CheckOutcome, Seen.UNCLEAR, ""),
    (TransportError, Seen.UNCLEAR, ""),
    (RemoteProtocolError, Seen.UNCLEAR, "the target's octets could not be read: "),
    (Flaky, Seen.UNCLEAR, "broke once and not again with the same input: "),
    (Unsatisfiable, Seen.UNCLEAR, "no generated input fitted this target: "),
)


def _first_line(exc: BaseException | None) -> str:
    line = str(exc).strip().partition("\n")[0] or type(exc).__name__
    return line if len(line) <= _REASON_CHARS else line[: _REASON_CHARS - 1] + "…"


def _counterexample(seen: Observation, exception: Exception | None, choices: ChoiceLog) -> Counterexample:
    notes = getattr(exception, "__notes__", [])
    return Counterexample(
        message="\n".join([str(exception), *notes]),
        arguments=dict(seen.arguments),
        choices=choices.saved(),
    )


def _record(transcript: Transcript) -> TranscriptRecord:
    return TranscriptRecord(
        label=transcript.label,
        entries=[
            EntryRecord(at_us=e.at_us, direction=str(e.direction), octets=e.octets, tls=e.tls)
            for e in transcript.entries
        ],
    )
