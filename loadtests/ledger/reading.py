"""What all readers of mailboxes share: how they tell the ledger what they found, and how they fail."""

from collections.abc import Sequence
from time import monotonic
from typing import Final

from loadtests.figures.recorder import Recorder
from loadtests.ledger.ledger import Ledger
from loadtests.ledger.slots import How
from loadtests.ledger.token import Found, Token, identify, read

__all__ = ["Deleting", "Finder", "Unread", "Unrecorded"]


class Unread(Exception):
    """A mailbox can never be read to its end; the message says why."""


class Unrecorded(Recorder):
    """Counts nothing: the audit's own sessions are no part of the load."""

    __slots__ = ()

    def __init__(self) -> None:
        """It has neither tally nor table."""

    def ok(self, name: str, since_s: float, octets: int = 0, ended_s: float | None = None) -> float:  # noqa: ARG002 - as `Recorder` has it
        return monotonic()

    def failed(self, name: str, since_s: float, error_class: str, failure: Exception) -> float:  # noqa: ARG002 - as above
        return monotonic()


class Finder:
    """Tells the ledger what is found in one mailbox.

    Attributes:
        absent_s: When the reader looked last, or tried to; None before. What is found now was not to be had then.
    """

    def __init__(self, ledger: Ledger, mailbox: int) -> None:
        self.mailbox: Final = mailbox
        self.absent_s: float | None = None
        self._ledger: Final = ledger

    def token(self, header: bytes | None) -> Token | None:
        """The token of a message, of this run's alone."""
        token = identify(header) if header else None
        return token if token is not None and token.run == self._ledger.run else None

    def seen(self, header: bytes | None) -> bool:
        """Tell that a message is there; false where it is not of this run."""
        if (token := self.token(header)) is None:
            return False
        self.tell(Found(token, whole=True), How.SEEN)
        return True

    def found(self, content: bytes | None) -> Found | None:
        """What a whole message is, None where it is not of this run; `tell` is yet to be called."""
        found = read(content) if content else None
        return found if found is not None and found.token.run == self._ledger.run else None

    def tell(self, found: Found, how: How) -> None:
        self._ledger.found(self.mailbox, found, monotonic(), how, self.absent_s)

    def deletes(self) -> None:
        """Messages will be deleted from now on."""
        self._ledger.deletes_from(self.mailbox)


class Deleting:
    """A block that deletes messages: they are consumed by it, or maybe.

    A refusal says no more than a lost connection does: some of them may be gone (RFC 1939 §6).
    """

    def __init__(self, finder: Finder, taken: Sequence[Found]) -> None:
        self._finder = finder
        self._taken = taken

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: object) -> None:
        how = How.CONSUMED if kind is None else How.MAYBE
        for found in self._taken:
            self._finder.tell(found, how)
