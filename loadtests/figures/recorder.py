"""Where every operation of a load run is counted: our tally, Locust's table, and evidence of what failed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from loadtests.figures.locust_table import LocustTable
from loadtests.figures.tally import Tally, TallyDelta

if TYPE_CHECKING:
    from locust.env import Environment

__all__ = ["Evident", "Recorder"]

# Ours: what a reader of a report looks at, and no more than a storm of errors may cost.
EVIDENCE_OF_EACH: Final = 3


@runtime_checkable
class Evident(Protocol):
    """A failure that can show what went before it; `OperationFailed` is one."""

    @property
    def evidence(self) -> str: ...


class Evidence:
    """The last exchanges before the first few errors of each class."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, list[str]] = {}

    def offer(self, error_class: str, failure: Evident) -> None:
        """Render a failure's evidence, where its class has too little of it."""
        taken = self._taken.get(error_class, 0)
        if taken < EVIDENCE_OF_EACH and (shown := failure.evidence):
            self._taken[error_class] = taken + 1
            self._waiting.setdefault(error_class, []).append(f"{failure}\n{shown}")

    def take(self) -> dict[str, list[str]]:
        """error class -> what was rendered since this was last asked."""
        waiting, self._waiting = self._waiting, {}
        return waiting


@dataclass
class _Shared:
    """What the recorders of all phases have in common."""

    table: LocustTable
    evidence: Evidence = field(default_factory=Evidence)
    phases: "dict[int, Recorder]" = field(default_factory=dict)


class Recorder:
    """Counts what sessions of one phase do.

    A session keeps the recorder of the phase it arrived in. Phases of a number below 0 only warm up: neither Locust's
    table nor anybody else hears of them.
    """

    __slots__ = ("_listeners", "_octets", "_samples", "_shared", "_table", "number", "tally")

    def __init__(
        self, environment: "Environment", tally: Tally, number: int = 0, *, shared: "_Shared | None" = None
    ) -> None:
        self._shared: Final = shared or _Shared(LocustTable(environment))
        self.tally: Final = tally
        self.number: Final = number
        self._samples: Final = tally.samples
        self._octets: Final = tally.octets
        self._table: Final = self._shared.table if number >= 0 else None
        self._listeners: Final = self._shared.table.listeners if number >= 0 else ()
        if self._table is not None:
            tally.heard = self._table.enter
        self._shared.phases[number] = self

    def phase(self, number: int, tally: Tally) -> "Recorder":
        """The recorder of another phase, which shares everything but the tally."""
        return Recorder(self._shared.table.environment, tally, number, shared=self._shared)

    def of(self, number: int) -> "Recorder":
        """The recorder of a phase that was begun; `KeyError` where it was not."""
        return self._shared.phases[number]

    @property
    def evidence(self) -> Evidence:
        """Shared by all phases, as Locust's table is."""
        return self._shared.evidence

    def drain(self, now_s: float) -> dict[int, TallyDelta]:
        """What each phase's tally has to hand over; Locust's table is up to date afterwards."""
        return {number: each.tally.drain(now_s) for number, each in self._shared.phases.items()}

    # What happens; `ok` is called several times for each message

    def ok(self, name: str, since_s: float, octets: int = 0, ended_s: float | None = None) -> float:
        """An operation succeeded.

        Args:
            name: As ``smtp.rcpt``; from a fixed list.
            since_s: When it began, or when it was to begin; `time.monotonic`.
            octets: Of the message that it sent or read.
            ended_s: When; None for now.

        Returns:
            When it ended, and the next operation may begin.
        """
        if ended_s is None:
            ended_s = monotonic()
        self._samples[name].append(ended_s - since_s)
        if octets:
            self._octets[name] += octets
        if len(self._listeners) > 1:
            self._shared.table.tell(name, ended_s - since_s, octets, None)
        return ended_s

    def ok_together(self, names: Sequence[str], since_s: float) -> float:
        """Operations that were begun together have all succeeded now; as so many calls of `ok`."""
        if len(self._listeners) > 1:
            return max(self.ok(name, since_s) for name in names)
        now_s = monotonic()
        samples, took_s = self._samples, now_s - since_s
        for name in names:
            samples[name].append(took_s)
        return now_s

    def failed(self, name: str, since_s: float, error_class: str, failure: Exception) -> float:
        """An operation failed now; `failure` shows evidence where it is `Evident`. Returns now."""
        now_s = monotonic()
        self.tally.failures[name, error_class] += 1
        if self._table is not None:
            self._table.failed(name, now_s - since_s, failure)
            if len(self._listeners) > 1:
                self._table.tell(name, now_s - since_s, 0, failure)
        if isinstance(failure, Evident):
            self.evidence.offer(error_class, failure)
        return now_s

    def session_due(self) -> None:
        self.tally.session_due()

    def session_begun(self, due_s: float) -> None:
        """A session that was due at `due_s` begins now."""
        self.tally.session_begun(max(0.0, monotonic() - due_s))

    def session_ended(self, *, ok: bool) -> None:
        self.tally.session_ended(ok=ok)

    def session_abandoned(self) -> None:
        """A session was ended from outside."""
        self.tally.sessions.abandoned += 1
