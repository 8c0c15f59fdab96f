"""What became of every message, from the slots and what was found: the arithmetic of `Book.audit`.

Ten million slots are counted by their marks; only those that something is wrong with are looked at one by one.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from harness.results.load import Audit
from loadtests.figures.histogram import Latencies
from loadtests.ledger.slots import NEVER, Mark, Slots, State, marks_where
from loadtests.ledger.token import Token

__all__ = ["FOUND", "MISSING", "OWED", "Auditor"]

MOST_EXAMPLES: Final = 10

_SEEN: Final = Mark.COPIES | Mark.MAYBE | Mark.DAMAGED
_NOT_ACCEPTED: Final = (State.REFUSED, State.UNSURE)

OWED: Final = marks_where(lambda state, _: state == State.ACCEPTED)
# Owed, and a reader has counted a copy.
FOUND: Final = marks_where(lambda state, mark: state == State.ACCEPTED and bool(mark & Mark.COPIES))
# Owed, and nobody has come across it.
MISSING: Final = marks_where(lambda state, mark: state == State.ACCEPTED and not mark & _SEEN)
_FOUND_ONCE: Final = marks_where(
    lambda state, mark: state == State.ACCEPTED and mark & (Mark.COPIES | Mark.DAMAGED) == Mark.COPY
)
_MAYBE: Final = marks_where(lambda state, mark: state == State.ACCEPTED and mark & _SEEN == Mark.MAYBE)
_DUPLICATED: Final = marks_where(
    lambda state, mark: state not in (State.UNOWED, State.UNKNOWN) and mark & Mark.COPIES == Mark.COPIES
)
_DAMAGED: Final = marks_where(lambda _, mark: bool(mark & Mark.DAMAGED))
_DESPITE_ERROR: Final = marks_where(lambda state, mark: state in _NOT_ACCEPTED and bool(mark & _SEEN))
_OPEN_FOUND: Final = marks_where(lambda state, mark: state == State.OPEN and bool(mark & _SEEN))

# Times are compared so many slots at once; a stretch in which no reader saw anything costs nothing.
_STRETCH: Final = 1 << 16
_NOT_SEEN: Final = b"\xff" * 4 * _STRETCH
_NOT_LOOKED_FOR: Final = bytes(4 * _STRETCH)


@dataclass
class Auditor:
    """One audit.

    Attributes:
        misplaced: worker -> the number of a message and a mailbox that it is not owed to, where it was found.
        strangers: worker -> numbers of messages that were found and that nobody told of.
        unread: Mailboxes that were not read to the end.
        ended: Workers that died.
    """

    run: str
    homes: Mapping[int, int]
    names: Sequence[str]
    misplaced: Mapping[int, Collection[tuple[int, int]]]
    strangers: Mapping[int, Collection[int]]
    unread: Collection[int]
    ended: Collection[int]
    why_not: str
    late_after_ms: int
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    readable_after: Latencies = field(default_factory=Latencies)

    def enter(self, worker: int, slots: Slots) -> None:
        """Add what became of a worker's messages."""
        self.counts["owed"] += slots.count(OWED)
        self.counts["found_once"] += slots.count(_FOUND_ONCE)
        self.counts["undecided"] += slots.count(_MAYBE)
        self._name("duplicated", worker, slots, slots.where(_DUPLICATED))
        self._name("corrupted", worker, slots, slots.where(_DAMAGED))
        self._name("accepted_despite_error", worker, slots, slots.where(_DESPITE_ERROR))
        # A worker that lives has told all it knows: it did not see this one through, and the server did.
        open_found = "strangers" if worker in self.ended else "accepted_despite_error"
        self._name(open_found, worker, slots, slots.where(_OPEN_FOUND))
        self._name("lost", worker, slots, self._lost(worker, slots))
        for stretch in range(0, len(slots), _STRETCH):
            self._name("late", worker, slots, self._late(slots, stretch))
            self._enter_readable(slots, stretch)
        for number, mailbox in self.misplaced.get(worker, ()):
            found_in = f", found in {self._name_of(mailbox)}"
            self._name("misdelivered", worker, slots, [number], found_in)
        self._name_strangers(worker, self.strangers.get(worker, ()))

    def _lost(self, worker: int, slots: Slots) -> Iterator[int]:
        """What is missing, but for what is in a mailbox that was not read, or somewhere else instead."""
        if self.why_not:
            self.counts["undecided"] += slots.count(MISSING)
            return
        elsewhere = Counter(number for number, _ in self.misplaced.get(worker, ()))
        for slot in slots.where(MISSING):
            mailbox = slots.mailboxes[slot]
            if mailbox in self.unread or self.homes.get(mailbox, mailbox) in self.unread:
                self.counts["undecided"] += 1
            elif elsewhere and elsewhere[number := slots.number_of(slot)]:
                elsewhere[number] -= 1
            else:
                yield slot

    def _late(self, slots: Slots, start: int) -> list[int]:
        """Those of a stretch that were looked for in vain after their time."""
        absent = slots.absent[start : start + _STRETCH]
        if _NOT_LOOKED_FOR.startswith(absent.tobytes()):
            return []
        accepted, late_after = slots.accepted[start : start + _STRETCH], self.late_after_ms
        pairs = enumerate(zip(absent, accepted, strict=True), start)
        return [slot for slot, (known, told) in pairs if known > told + late_after]

    def _enter_readable(self, slots: Slots, start: int) -> None:
        readable = slots.readable[start : start + _STRETCH]
        if _NOT_SEEN.startswith(readable.tobytes()):
            return
        pairs = zip(readable, slots.accepted[start : start + _STRETCH], strict=True)
        self.readable_after.add_many(
            [(seen - told) / 1000 for seen, told in pairs if seen != NEVER and told != NEVER]
        )

    def _name(self, kind: str, worker: int, slots: Slots, found: Iterable[int], more: str = "") -> None:
        """Count deliveries, and name the first of a kind: which message, to whom, when it was accepted."""
        examples = self.examples.setdefault(kind, [])
        deliveries = iter(found)
        for slot in islice(deliveries, MOST_EXAMPLES - len(examples)):
            at_ms = slots.accepted[slot]
            accepted = "not accepted" if at_ms == NEVER else f"accepted at {at_ms / 1000:.3f} s"
            token = Token(self.run, worker, slots.number_of(slot))
            examples.append(f"{token} to {self._name_of(slots.mailboxes[slot])}, {accepted}{more}")
            self.counts[kind] += 1
        self.counts[kind] += sum(1 for _ in deliveries)

    def _name_strangers(self, worker: int, numbers: Collection[int]) -> None:
        examples = self.examples.setdefault("strangers", [])
        for number in islice(sorted(numbers), MOST_EXAMPLES - len(examples)):
            examples.append(f"{Token(self.run, worker, number)}: no worker told of it")
        self.counts["strangers"] += len(numbers)

    def _name_of(self, mailbox: int) -> str:
        return self.names[mailbox] if mailbox < len(self.names) else f"mailbox {mailbox}"

    def audit(self, waited_s: float) -> Audit:
        """The figures."""
        return Audit(
            done=not self.why_not,
            why_not=self.why_not,
            late_after_s=self.late_after_ms / 1000,
            waited_s=waited_s,
            readable_after_ms=self.readable_after.latency(),
            examples={kind: examples for kind, examples in self.examples.items() if examples},
            **{name: self.counts[name] for name in _COUNTED},
        )


_COUNTED: Final = (
    "owed",
    "found_once",
    "lost",
    "duplicated",
    "corrupted",
    "misdelivered",
    "late",
    "accepted_despite_error",
    "undecided",
    "strangers",
)
