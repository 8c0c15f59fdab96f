"""Who reads which mailbox in which round of the audit, and which could not be read to the end.

A mailbox has one reader for all rounds: it knows what it has read, so that nothing is counted twice. For the same
reason a mailbox that a worker died over is not read again by another: what it had found may or may not have been
told.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from loadtests.control.messages import MailboxRead, Read

__all__ = ["Reading"]


class Reading:
    """The rounds of one audit.

    Attributes:
        number: The round that goes on, -1 before the first.
        problems: Mailboxes that could not be read when that was last tried, and why.
    """

    def __init__(self, run: str, mailboxes: Iterable[int], members: Sequence[int]) -> None:
        """Divide the mailboxes among the members, of whom there is at least one."""
        self.number = -1
        self.problems: dict[int, str] = {}
        self._run: Final = run
        self._last = False
        self._readers = {mailbox: members[at % len(members)] for at, mailbox in enumerate(mailboxes)}
        self._touched: set[int] = set()
        self._open: set[int] = set()

    @property
    def mailboxes(self) -> list[int]:
        """Those that can still be read."""
        return list(self._readers)

    @property
    def finished(self) -> bool:
        """Nobody reads."""
        return not self._open

    def begin(self, mailboxes: Iterable[int], *, last: bool) -> dict[int, Read]:
        """Begin a round.

        Returns:
            member -> its order.
        """
        self.number += 1
        self._last = last
        self._open = {mailbox for mailbox in mailboxes if mailbox in self._readers}
        self._touched |= self._open
        return self._orders(self._open)

    def _orders(self, mailboxes: Iterable[int]) -> dict[int, Read]:
        shares: dict[int, list[int]] = {}
        for mailbox in sorted(mailboxes):
            shares.setdefault(self._readers[mailbox], []).append(mailbox)
        return {
            member: Read(self._run, self.number, tuple(share), self._last) for member, share in shares.items()
        }

    def done(self, number: int, read: Iterable[MailboxRead]) -> None:
        """A worker has come to the end of these in a round."""
        for one in read:
            if number == self.number:
                self._open.discard(one.mailbox)
            if one.problem:
                self.problems[one.mailbox] = one.problem
            elif one.mailbox in self._readers:
                self.problems.pop(one.mailbox, None)

    def lose(self, member: int, living: Sequence[int]) -> None:
        """A worker died. What it never began goes to the others, in the rounds to come."""
        mine = [mailbox for mailbox, reader in self._readers.items() if reader == member]
        for at, mailbox in enumerate(mine):
            self._open.discard(mailbox)
            if mailbox in self._touched or not living:
                self.problems[mailbox] = f"worker {member} died while it was reading"
                del self._readers[mailbox]
            else:
                self._readers[mailbox] = living[at % len(living)]
