"""Users who read mail, each from a mailbox of its own for as long as there are enough."""

from collections import Counter, deque
from itertools import cycle
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from locust.env import Environment
from locust.exception import StopTest

from harness.errors import UsageError
from harness.target import Account
from loadtests.accounts import Accounts
from loadtests.users.base import MailUser

if TYPE_CHECKING:
    from loadtests.context import Context

__all__ = ["ReadingUser", "Turns"]


class Turns:
    """Mailboxes that are read in turn; one is in two hands only while all are in somebody's.

    Args:
        mailboxes: At least one.
    """

    def __init__(self, mailboxes: range) -> None:
        self._free = deque(mailboxes)
        self._all = cycle(mailboxes)
        self._held: Counter[int] = Counter()

    def take(self) -> int:
        """The mailbox that has been free for longest."""
        mailbox = self._free.popleft() if self._free else next(self._all)
        self._held[mailbox] += 1
        return mailbox

    def give_back(self, mailbox: int) -> None:
        self._held[mailbox] -= 1
        if not self._held[mailbox]:
            del self._held[mailbox]
            self._free.append(mailbox)


_turns: Final[WeakKeyDictionary[Accounts, Turns]] = WeakKeyDictionary()


def _turns_of(context: "Context") -> Turns:
    """Those of this process's share of the mailboxes; of all, where there are fewer than processes.

    Raises:
        UsageError: There is no account.
    """
    accounts = context.accounts
    if not len(accounts):
        raise UsageError(f"{context.target.name} has no account to read mail with")
    if accounts not in _turns:
        members = max(1, context.plan.workers)
        _turns[accounts] = Turns(accounts.mine(context.worker % members, members) or range(len(accounts)))
    return _turns[accounts]


class ReadingUser(MailUser):
    """A user with an account: its class's own, or the next one of the target that nobody uses."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        """Raises as `MailUser`; `StopTest` also where there is no account."""
        super().__init__(environment)
        self._mailbox: int | None = None
        try:
            self._turns = _turns_of(self.shared)
        except UsageError as exc:
            environment.process_exit_code = exc.exit_code
            raise StopTest(str(exc)) from exc

    @property
    def account(self) -> Account:
        """The same one until the session's end (`hang_up`)."""
        if self.user:
            return Account(self.user, self.password, self.address or self.user)
        if self._mailbox is None:
            self._mailbox = self._turns.take()
        return self.shared.accounts[self._mailbox]

    def hang_up(self) -> None:
        super().hang_up()
        if self._mailbox is not None:
            self._turns.give_back(self._mailbox)
            self._mailbox = None
