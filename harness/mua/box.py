"""A mailbox to read, whatever holds it: a server by IMAP or POP3, or a file."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

from harness.errors import RunFailed
from harness.mua.decode import decode_words
from harness.mua.message import read_header_block, read_message

__all__ = ["MAX_MESSAGE_OCTETS", "Box", "Entry", "Mark", "checked_size", "entry_of", "says"]

# Ours: a message larger than this is not fetched.
MAX_MESSAGE_OCTETS: Final = 64 * 1024 * 1024


class Mark(StrEnum):
    """What a mailbox knows of a message."""

    UNREAD = "N"
    ANSWERED = "A"
    FLAGGED = "F"
    DELETED = "D"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing.

    Attributes:
        sender: The From field, decoded; names and addresses as they stand.
        date: Aware; None where nobody can tell.
    """

    number: int
    marks: frozenset[Mark]
    date: dt.datetime | None
    sender: str
    subject: str
    octets: int


class Box(ABC):
    """Messages by number, from 1; a number means the same message as long as the box is open.

    Everything that reads from a server raises `TransportError`, `ProtocolError` or `RunFailed`.
    """

    name: str

    @property
    @abstractmethod
    def count(self) -> int:
        """The highest number there is."""

    @abstractmethod
    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        """What a listing says of these; those that are gone are left out."""

    @abstractmethod
    def content(self, number: int) -> bytes:
        """The message, octet for octet where the mailbox has it so; nothing is marked."""

    @abstractmethod
    def close(self) -> None:
        """Leave as things are."""

    def refresh(self) -> int:
        """Look for new messages, which get the next numbers; how many there are."""
        return 0

    def mark_read(self, number: int) -> bool:  # noqa: ARG002 (for those that can)
        """Remember that it was read; whether the mailbox can."""
        return False

    def mark_answered(self, number: int) -> bool:  # noqa: ARG002 (for those that can)
        """Remember that it was answered; whether the mailbox can."""
        return False

    @abstractmethod
    def unread(self) -> list[int]:
        """The numbers of those not read; all of them where the mailbox cannot tell."""

    def search(self, text: str, numbers: Iterable[int]) -> list[int]:
        """Which of these hold a text in their header or body, case aside."""
        return [number for number in numbers if says(self.content(number), text)]

    @abstractmethod
    def finish(self, *, deleted: Collection[int], read: Collection[int]) -> str:
        """Delete for good, keep what was read where the user's habit wants it, and say in a line what was done."""

    def check(self, number: int) -> int:
        """The number, where there is such a message. Raises `RunFailed`."""
        if not 1 <= number <= self.count:
            raise RunFailed(f"{self.name} has no message {number}; it has {self.count}")
        return number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def entry_of(
    number: int, header: bytes, octets: int, marks: Iterable[Mark], received: dt.datetime | None = None
) -> Entry:
    """A line of a listing from a header; `received` is the date where the header has none."""
    fields = read_header_block(header)
    return Entry(
        number,
        frozenset(marks),
        fields.date or (received.astimezone() if received else None),
        fields.text("From"),
        fields.text("Subject"),
        octets,
    )


def says(content: bytes, text: str) -> bool:
    """Whether a message holds a text, case aside."""
    letter = read_message(content)
    header = "\n".join(decode_words(letter.header.raw(name)) for name in ("From", "To", "Cc", "Subject"))
    return text.casefold() in f"{header}\n{letter.text}".casefold()


def checked_size(name: str, number: int, octets: int) -> None:
    """Raises `RunFailed` where a message is larger than we fetch."""
    if octets > MAX_MESSAGE_OCTETS:
        raise RunFailed(
            f"{name}: message {number} has {octets:,} octets; at most {MAX_MESSAGE_OCTETS:,} are read"
        )
