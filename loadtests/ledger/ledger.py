"""A worker's ledger of what it sent and found, and the book that the ledgers of all workers are added to.

The ledger keeps nothing that it has told: `drain` empties it, and what it told is seventeen octets a delivery in the
book. A message proves by its own seal that it is whole, so no digest is kept.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from harness.results.load import Audit
from loadtests.ledger.audit import FOUND, MISSING, OWED, Auditor
from loadtests.ledger.batches import FIND, SETTLED, Batch, column, column_octets, decode, encode
from loadtests.ledger.slots import NEVER, NOBODY, How, Mark, Slots, State
from loadtests.ledger.token import Found

__all__ = ["Book", "Ledger"]

# Numbers where much is counted: an `IntEnum` computes slowly.
_ACCEPTED: Final = int(State.ACCEPTED)
_NO_STATE: Final = 0xFF & ~Mark.STATE
_OPEN: Final = bytes([State.OPEN])
_NEVER: Final = b"\xff" * 4


class Ledger:
    """What one generator process sends and finds. All times are seconds of the clock that `started_s` is of.

    Args:
        run: Eight hexadecimal digits.
        worker: This process's number in the run.
        started_s: When the run began.
    """

    def __init__(self, run: str, worker: int, started_s: float) -> None:
        self.run: Final = run
        self.worker: Final = worker
        self._started_s = started_s
        self._number = 0
        self._first = 0
        self._mailboxes = array("I")
        self._marks = bytearray()
        self._accepted = array("I")
        self._latest_ms = 0
        self._settled = bytearray()
        self._finds = bytearray()
        self._deleting: set[int] = set()
        self._deletes_from: list[int] = []

    def open(self, recipients: Sequence[int]) -> int:
        """A message is about to be sent.

        Args:
            recipients: The mailbox of each, no two of which lead to the same (see `Accounts.recipients`); `NOBODY`
                for one who does not exist.

        Returns:
            The message's number, which is the slot of its first recipient; the next one's is one higher, and so on.
        """
        slot = self._first + len(self._marks)
        count = len(recipients)
        self._mailboxes.extend(recipients)
        self._accepted.frombytes(_NEVER * count)
        self._marks += _OPEN
        if count > 1:
            self._marks += bytes([State.OPEN | Mark.FOLLOWS]) * (count - 1)
        return slot

    def accepted(self, slot: int, at_s: float) -> None:
        """The server took over the message for this recipient (RFC 5321 §6.1): it is owed."""
        at_ms = self._ms(at_s)
        if at_ms > self._latest_ms:
            self._latest_ms = at_ms
        self._settle(slot, _ACCEPTED, at_ms)

    def refused(self, slot: int) -> None:
        """The server said an error, or the message was not sent to its end: nothing is owed."""
        self._settle(slot, State.REFUSED, NEVER)

    def unsure(self, slot: int) -> None:
        """The message was sent to its end and no reply came: it may arrive, and is not owed."""
        self._settle(slot, State.UNSURE, NEVER)

    def _settle(self, slot: int, state: int, at_ms: int) -> None:
        if (at := slot - self._first) >= 0:
            self._marks[at] = self._marks[at] & _NO_STATE | state
            self._accepted[at] = at_ms
        else:
            self._settled += SETTLED.pack(slot, state, at_ms)

    def found(self, mailbox: int, found: Found, at_s: float, how: How, absent_s: float | None = None) -> bool:
        """A reader found a message: its own worker's, another's, or one of another run.

        A reader tells of each copy once (`How.SEEN` may come before another), and of a reading that broke off only
        what it will not come across again.

        Args:
            absent_s: When the same reader last looked into the mailbox, or tried to, and the message was not to be
                had: that it is late is said only where this proves it. None where it has not looked before; a reader
                in the run is then taken to have seen the message when it came.

        Returns:
            Whether the message is of this run; no other is kept.
        """
        token = found.token
        if token.run != self.run:
            return False
        at_ms = self._ms(at_s)
        unlooked_ms = 0 if how == How.COUNTED else at_ms
        absent_ms = unlooked_ms if absent_s is None else self._ms(absent_s)
        self._finds += FIND.pack(token.worker, token.slot, mailbox, at_ms, absent_ms, how, not found.whole)
        return True

    def deletes_from(self, mailbox: int) -> None:
        """A reader is about to take messages from a mailbox: were this worker to die, what is missing there may have
        been found. To be said before the first deletion."""
        if mailbox not in self._deleting:
            self._deleting.add(mailbox)
            self._deletes_from.append(mailbox)

    def drain(self) -> bytes:
        """What was not told yet, for `Book.add`; ``b""`` where there is nothing. It is forgotten here."""
        if not (self._marks or self._settled or self._finds or self._deletes_from):
            return b""
        batch = Batch(
            self.worker,
            self._number,
            self._first,
            column_octets(self._mailboxes),
            bytes(self._marks),
            column_octets(self._accepted),
            self._latest_ms,
            bytes(self._settled),
            bytes(self._finds),
            self._deletes_from,
        )
        self._number += 1
        self._first += len(self._marks)
        self._mailboxes, self._accepted = array("I"), array("I")
        self._marks, self._settled, self._finds = bytearray(), bytearray(), bytearray()
        self._deletes_from = []
        return encode(batch)

    def _ms(self, at_s: float) -> int:
        return int((at_s - self._started_s) * 1000 + 0.5) if at_s > self._started_s else 0


class Book:
    """What all workers told: the master's, or the only process's own.

    Batches may come in any order and more than once; each is entered once, and those of one worker in their order.

    Args:
        homes: Where the mail of a mailbox goes instead, by the target's aliases and forwards: see `Accounts.homes`.
        names: What each mailbox is called, for examples.
    """

    def __init__(self, run: str, homes: Mapping[int, int] | None = None, names: Sequence[str] = ()) -> None:
        self.run: Final = run
        self.homes: Final = homes or {}
        self.names: Final = names
        self.last_accepted_s = 0.0
        self._slots: defaultdict[int, Slots] = defaultdict(Slots)
        self._next: Counter[int] = Counter()
        self._early: defaultdict[int, dict[int, Batch]] = defaultdict(dict)
        self._unplaced: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._misplaced: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
        self._deletes_from: defaultdict[int, set[int]] = defaultdict(set)

    def add(self, worker: int, octets: bytes) -> None:
        """Enter what a worker's `Ledger.drain` gave; ``b""`` says nothing.

        Raises:
            msgspec.MsgspecError: These are not the octets of a batch.
        """
        if not octets:
            return
        batch = decode(octets)
        early = self._early[worker]
        if batch.number >= self._next[worker]:
            early[batch.number] = batch
        while (due := early.pop(self._next[worker], None)) is not None:
            self._next[worker] += 1
            self._enter(due)

    def _enter(self, batch: Batch) -> None:
        slots = self._slots[batch.worker]
        slots.add(batch.first, column(batch.mailboxes), batch.marks, column(batch.accepted))
        for slot, state, at_ms in SETTLED.iter_unpack(batch.settled):
            slots.settle(slot, state, at_ms)
        self.last_accepted_s = max(self.last_accepted_s, batch.latest_ms / 1000)
        self._deletes_from[batch.worker].update(batch.deletes_from)
        if unplaced := self._unplaced.pop(batch.worker, None):
            self._place(unplaced)
        self._place(batch.finds)

    def _place(self, finds: bytes | bytearray) -> None:
        """Enter finds at their slots; those whose slot nobody told of wait for it."""
        for worker, number, mailbox, at_ms, absent_ms, how, damaged in FIND.iter_unpack(finds):
            slots = self._slots[worker]
            if not slots.told(number):
                self._unplaced[worker] += FIND.pack(worker, number, mailbox, at_ms, absent_ms, how, damaged)
            elif (slot := slots.owed_in(number, mailbox, self.homes)) < 0:
                self._misplaced[worker].add((number, mailbox))
            else:
                slots.found(slot, at_ms, absent_ms, how, damaged=damaged)

    @property
    def sent(self) -> int:
        """Deliveries tried so far, whatever became of them."""
        return sum(map(len, self._slots.values()))

    @property
    def owed(self) -> int:
        """Deliveries accepted so far."""
        return sum(slots.count(OWED) for slots in self._slots.values())

    @property
    def found(self) -> int:
        """Of them, those of which a copy was counted so far."""
        return sum(slots.count(FOUND) for slots in self._slots.values())

    def missing(self) -> Counter[int]:
        """mailbox -> accepted deliveries that are still to be found there."""
        owed_to: Counter[int] = Counter()
        for slots in self._slots.values():
            owed_to.update(slots.mailboxes_where(MISSING))
        missing: Counter[int] = Counter()
        for mailbox, count in owed_to.items():
            missing[self.homes.get(mailbox, mailbox)] += count
        return missing

    def concerned(self) -> set[int]:
        """The mailboxes that a message was sent to (where their mail goes), or where one was found."""
        sent_to: set[int] = set().union(*(slots.mailboxes for slots in self._slots.values())) - {NOBODY}
        found_in = {mailbox for finds in self._misplaced.values() for _, mailbox in finds}
        strange = {
            mailbox for finds in self._unplaced.values() for _, _, mailbox, *_ in FIND.iter_unpack(finds)
        }
        return {self.homes.get(mailbox, mailbox) for mailbox in sent_to} - {NOBODY} | found_in | strange

    def audit(
        self,
        *,
        unread: Collection[int] = (),
        ended: Collection[int] = (),
        why_not: str = "",
        waited_s: float = 0.0,
        late_after_s: float = 60.0,
    ) -> Audit:
        """What became of every message, once all workers have told what they know.

        Args:
            unread: Mailboxes that could not be read to the end: what is missing there is undecided.
            ended: Workers that died; what they did not tell in time is not held against the target.
            why_not: Why the mailboxes were not read at all; everything that is missing is undecided then.
            waited_s: How long the final reading went on after the last message was accepted.
        """
        cut_off = set(ended) | self._enter_what_is_left()
        taken_from = (self._deletes_from[worker] for worker in cut_off)
        auditor = Auditor(
            run=self.run,
            homes=self.homes,
            names=self.names,
            misplaced=self._misplaced,
            strangers=self._strangers(),
            unread=set(unread).union(*taken_from),
            ended=cut_off,
            why_not=why_not,
            late_after_ms=int(late_after_s * 1000),
        )
        for worker, slots in sorted(self._slots.items()):
            auditor.enter(worker, slots)
        return auditor.audit(waited_s)

    def _enter_what_is_left(self) -> set[int]:
        """Enter batches that wait for one that never came; the workers whose telling has such a gap."""
        cut_off = {worker for worker, early in self._early.items() if early}
        for worker in cut_off:
            early = self._early.pop(worker)
            for number in sorted(early):
                self._next[worker] = number + 1
                self._enter(early[number])
        return cut_off

    def _strangers(self) -> dict[int, set[int]]:
        return {
            worker: {number for _, number, *_ in FIND.iter_unpack(finds)}
            for worker, finds in self._unplaced.items()
        }
