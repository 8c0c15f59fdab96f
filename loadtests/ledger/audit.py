"""What became of every message, from the slots and what was found: the arithmetic of `Book.audit`.

Ten million slots are counted by their marks; only those that something is wrong with are looked at one by one.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
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
        self._name("duplicated", worker, slots, _DUPLICATED)
        self._name("corrupted", worker, slots, _DAMAGED)
        self._name("accepted_despite_error", worker, slots, _DESPITE_ERROR)
        # A worker that lives has told all it knows: it did not see this one through, and the server did.
        open_found = "strangers" if worker in self.ended else "accepted_despite_error"
        self._name(open_found, worker, slots, _OPEN_FOUND)
        self._enter_misplaced(worker, slots)
        self._enter_missing(worker, slots)
        self._enter_times(worker, slots)
        for number in self.strangers.get(worker, ()):
            if self._is_example("strangers"):
                self.examples["strangers"].append(f"{self._token(worker, number)}: no worker told of it")

    def _name(self, kind: str, worker: int, slots: Slots, marks: bytes) -> None:
        """Count the slots with these marks, and name the first of them."""
        for slot in islice(slots.where(marks), MOST_EXAMPLES):
            self._say(kind, worker, slots, slot)
            self.counts[kind] -= 1
        self.counts[kind] += slots.count(marks)

    def _enter_misplaced(self, worker: int, slots: Slots) -> None:
        for number, mailbox in self.misplaced.get(worker, ()):
            self._say("misdelivered", worker, slots, number, f", found in {self._name_of(mailbox)}")

    def _enter_missing(self, worker: int, slots: Slots) -> None:
        """Tell the lost from those whose mailbox was not read, and from those that are somewhere else."""
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
                self._say("lost", worker, slots, slot)

    def _enter_times(self, worker: int, slots: Slots) -> None:
        unseen, unabsent = b"\xff" * 4 * _STRETCH, bytes(4 * _STRETCH)
        for start in range(0, len(slots), _STRETCH):
            accepted = slots.accepted[start : start + _STRETCH]
            absent = slots.absent[start : start + _STRETCH]
            readable = slots.readable[start : start + _STRETCH]
            if not unseen.startswith(readable.tobytes()):
                times = zip(readable, accepted, strict=True)
                self.readable_after.add_many(
                    [(seen - at) / 1000 for seen, at in times if seen != NEVER and at != NEVER]
                )
            if not unabsent.startswith(absent.tobytes()):
                for at, (known, told) in enumerate(zip(absent, accepted, strict=True), start):
                    if known > told + self.late_after_ms:
                        self._say("late", worker, slots, at)

    def _is_example(self, kind: str) -> bool:
        """Count one more of a kind; true where it is among the first, that are named."""
        self.counts[kind] += 1
        return len(self.examples.setdefault(kind, [])) < MOST_EXAMPLES

    def _say(self, kind: str, worker: int, slots: Slots, slot: int, more: str = "") -> None:
        """Count a delivery, and name it: which message, to whom, when it was accepted."""
        if self._is_example(kind):
            at_ms = slots.accepted[slot]
            accepted = "not accepted" if at_ms == NEVER else f"accepted at {at_ms / 1000:.3f} s"
            token = self._token(worker, slots.number_of(slot))
            self.examples[kind].append(f"{token} to {self._name_of(slots.mailboxes[slot])}, {accepted}{more}")

    def _token(self, worker: int, number: int) -> str:
        return str(Token(self.run, worker, number))

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
            examples=self.examples,
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
