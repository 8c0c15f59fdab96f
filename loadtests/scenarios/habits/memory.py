"""What mail programs remember of a mailbox from one session to the next."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from gevent.lock import BoundedSemaphore

from harness.errors import UsageError
from loadtests.context import Context
from loadtests.ledger.known import Known
from loadtests.ledger.reading import Finder
from loadtests.users.imap_mailbox import Mailbox
from loadtests.users.reading import ReadingUser

if TYPE_CHECKING:
    from loadtests.accounts import Accounts

__all__ = ["Folder", "Maildrop", "Memories", "mailbox_of", "random_of"]

M = TypeVar("M")

# Ours: who first opens an old mailbox looks so far back and no further.
_FIRST_LOOK: Final = 500

_users: Final = count()


class Memories(Generic[M]):
    """One memory for each place of a run, in this process."""

    def __init__(self) -> None:
        self._runs: Final[WeakKeyDictionary[Accounts, dict[object, M]]] = WeakKeyDictionary()

    def of(self, context: Context, place: object, make: Callable[[], M]) -> M:
        """What is remembered of a place, which is any value that tells it from the others; made at the first time."""
        run = self._runs.setdefault(context.accounts, {})
        if place not in run:
            run[place] = make()
        return run[place]


@dataclass
class Maildrop:
    """A maildrop, as a program remembers it that may leave mail on the server.

    Attributes:
        known: Messages that were retrieved.
        turn: To be held while in session: a maildrop is one session's at a time (RFC 1939 §4).
    """

    finder: Finder
    known: Known = field(default_factory=Known)
    turn: BoundedSemaphore = field(default_factory=BoundedSemaphore)


@dataclass
class Folder:
    """A folder, as a program remembers it that keeps a copy.

    Attributes:
        next_uid: The first message that it has not heard of.
        ours: The run's own messages there, and nobody else's. Who acts on one takes it out meanwhile.
    """

    uidvalidity: int = 0
    next_uid: int = 1
    ours: list[int] = field(default_factory=list)

    def open(self, mailbox: Mailbox) -> None:
        """Forget what has become of no use: UIDs are good for one UIDVALIDITY (RFC 3501 §2.3.1.1)."""
        if mailbox.uidvalidity != self.uidvalidity:
            self.uidvalidity = mailbox.uidvalidity
            self.next_uid = max(1, mailbox.uidnext - _FIRST_LOOK)
            self.ours.clear()

    def take(self, random: Random) -> int | None:
        """One of the run's own messages, for nobody else from now on."""
        if not self.ours:
            return None
        at = random.randrange(len(self.ours))
        self.ours[at], self.ours[-1] = self.ours[-1], self.ours[at]
        return self.ours.pop()

    @contextmanager
    def holding(self, random: Random) -> Iterator[int | None]:
        """One of the run's own messages, which nobody else takes away in this block; None where there is none."""
        uid = self.take(random)
        try:
            yield uid
        finally:
            if uid is not None:
                self.ours.append(uid)


def random_of(context: Context) -> Random:
    """A user's own; a run with the same seed has the same."""
    return Random(f"{context.plan.seed}/{context.worker}/{next(_users)}")  # noqa: S311 - it decides habits


def mailbox_of(user: ReadingUser) -> int:
    """The number of the mailbox that a user has in this session.

    Raises:
        UsageError: The account is none of the run's.
    """
    mailbox = user.shared.accounts.number_of(user.account.address)
    if mailbox is None:
        raise UsageError(
            f"{user.account.address} is none of the target's accounts; list it in the target file"
        )
    return mailbox
