"""What is known of the deliveries that one worker is owed: seventeen octets for each.

A slot is one delivery: one message to one recipient. A message to k recipients has k slots in a row, and its number
is the first of them.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from itertools import compress
from typing import Final

__all__ = ["NEVER", "NOBODY", "How", "Mark", "Slots", "State", "marks_where"]

# The mailbox of a recipient who does not exist: nothing is owed to nobody.
NOBODY: Final = 0xFFFF_FFFF
# A time that has not come; times are milliseconds since the run began, for up to 49 days.
NEVER: Final = 0xFFFF_FFFF

_ONES: Final = b"\xff" * 4


class State(IntEnum):
    """What became of a delivery, as far as its client knows.

    Attributes:
        UNKNOWN: Nobody told of it.
        UNSURE: The client saw no answer after the last octet: both sides of RFC 5321 §6.1 are possible.
        UNOWED: Accepted for somebody who does not exist.
    """

    UNKNOWN = 0
    OPEN = 1
    ACCEPTED = 2
    REFUSED = 3
    UNSURE = 4
    UNOWED = 5


class How(IntEnum):
    """What a reader did with a message it found.

    Attributes:
        SEEN: Left where it is, in the run; it will be found again.
        CONSUMED: Its deletion was confirmed: nobody will find this copy again.
        MAYBE: Its deletion was asked for, and the answer did not come.
        COUNTED: Found by the final reading, which comes across each copy once, it may be deleted or not; or by a user
            who came across it now and then, and whose deletion of it was confirmed. When it came, neither knows.
    """

    SEEN = 0
    CONSUMED = 1
    MAYBE = 2
    COUNTED = 3


class Mark:
    """A slot's octet: its state in the lowest three bits, and these."""

    STATE: Final = 0x07
    FOLLOWS: Final = 0x08  # belongs to the message of the slot before
    COPY: Final = 0x10  # one copy was found
    COPIES: Final = 0x30  # two or more
    MAYBE: Final = 0x40  # one was found whose deletion is uncertain
    DAMAGED: Final = 0x80  # a copy was not whole


def marks_where(condition: Callable[[State, int], bool]) -> bytes:
    """A table for `bytes.translate`: 1 for the marks that a condition holds for, 0 for the others.

    Args:
        condition: Asked with the state and with the whole mark.
    """
    known = set(State)
    return bytes(
        mark & Mark.STATE in known and condition(State(mark & Mark.STATE), mark) for mark in range(256)
    )


class Slots:
    """The deliveries of one worker, a column for each thing that is known.

    Attributes:
        mailboxes: Which mailbox each is owed to.
        accepted: When the client was told so.
        readable: When a reader in the run first saw it.
        absent: When it was last known not to be readable yet; 0 where nobody looked in vain.
        marks: See `Mark`.
    """

    __slots__ = ("absent", "accepted", "mailboxes", "marks", "readable")

    def __init__(self) -> None:
        self.mailboxes = array("I")
        self.accepted = array("I")
        self.readable = array("I")
        self.absent = array("I")
        self.marks = bytearray()

    def __len__(self) -> int:
        return len(self.marks)

    def add(self, first: int, mailboxes: "array[int]", marks: bytes, accepted: "array[int]") -> None:
        """Take slots from `first` on that were not told of before; those of a gap before them never were."""
        if (gap := first - len(self.marks)) > 0:
            never = array("I", _ONES * gap)
            self._extend(never, bytes(gap), never)
        self._extend(mailboxes, marks, accepted)
        if NOBODY in mailboxes:
            self._owe_nothing_to_nobody(first)

    def _extend(self, mailboxes: "array[int]", marks: bytes, accepted: "array[int]") -> None:
        self.mailboxes.extend(mailboxes)
        self.accepted.extend(accepted)
        self.readable.frombytes(_ONES * len(marks))
        self.absent.frombytes(bytes(4 * len(marks)))
        self.marks += marks

    def _owe_nothing_to_nobody(self, first: int) -> None:
        for slot in range(first, len(self.marks)):
            if self.mailboxes[slot] == NOBODY:
                self.settle(slot, self.marks[slot] & Mark.STATE, self.accepted[slot])

    def settle(self, slot: int, state: int, at_ms: int) -> None:
        """Take the state of a slot, and when it was accepted or `NEVER`; one that was not told of stays so."""
        if not self.told(slot):
            return
        if state == State.ACCEPTED and self.mailboxes[slot] == NOBODY:
            state, at_ms = State.UNOWED, NEVER
        self.marks[slot] = self.marks[slot] & ~Mark.STATE | state
        self.accepted[slot] = at_ms

    def told(self, slot: int) -> bool:
        """True where there is such a slot."""
        marks = self.marks
        return slot < len(marks) and marks[slot] & Mark.STATE != State.UNKNOWN

    def number_of(self, slot: int) -> int:
        """The number of the message that a slot belongs to."""
        while self.marks[slot] & Mark.FOLLOWS:
            slot -= 1
        return slot

    def owed_in(self, number: int, mailbox: int, homes: Mapping[int, int]) -> int:
        """The slot of a message that was found in a mailbox, -1 where it is owed to others only.

        Of several that fit, one of which no copy was found yet. A recipient who does not exist fits wherever no
        other does: only the target knows who gets such mail.
        """
        fit = nobody = -1
        slot, end = number, len(self.marks)
        while True:
            owed_to = self.mailboxes[slot]
            if owed_to == mailbox or (homes and homes.get(owed_to) == mailbox):
                if not self.marks[slot] & Mark.COPY:
                    return slot
                fit = slot
            elif owed_to == NOBODY:
                nobody = slot
            slot += 1
            if slot == end or not self.marks[slot] & Mark.FOLLOWS:
                return fit if fit >= 0 else nobody

    def found(self, slot: int, at_ms: int, absent_ms: int, how: int, *, damaged: bool) -> None:
        """Take a find of the slot in a mailbox that is owed it."""
        mark = self.marks[slot]
        if how == How.COUNTED:
            if self.readable[slot] == NEVER:
                counted = mark & Mark.COPY
                self.absent[slot] = min(self.absent[slot], absent_ms) if counted else absent_ms
        elif (at_ms, absent_ms) < (self.readable[slot], self.absent[slot]):
            self.readable[slot], self.absent[slot] = at_ms, absent_ms
        if how == How.MAYBE:
            mark |= Mark.MAYBE
        elif how != How.SEEN:
            mark |= Mark.COPIES if mark & Mark.COPY else Mark.COPY
        self.marks[slot] = mark | Mark.DAMAGED if damaged else mark

    def count(self, table: bytes) -> int:
        """How many slots have one of the marks of a table of `marks_where`."""
        return self.marks.translate(table).count(1)

    def where(self, table: bytes) -> Iterator[int]:
        """The slots that have one of these marks, in order."""
        return compress(range(len(self.marks)), self.marks.translate(table))

    def mailboxes_where(self, table: bytes) -> Iterator[int]:
        """The mailboxes that these slots are owed to."""
        return compress(self.mailboxes, self.marks.translate(table))
