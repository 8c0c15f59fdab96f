"""Users who read mail, each from a mailbox of its own for as long as there are enough."""

from collections import Counter, deque
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from harness.errors import UsageError
from harness.target import Account
from loadtests.accounts import Accounts
from loadtests.users.base import MailUser

if TYPE_CHECKING:
    from loadtests.context import Context, Terms

__all__ = ["ReadingUser", "Turns"]


class Turns:
    """Mailboxes that are read in turn; one is in two hands only while all are in somebody's.

    Args:
        mailboxes: At least one.
        share: Of which share of all mailboxes they are: see `Context.share`.
    """

    def __init__(self, mailboxes: Sequence[int], share: tuple[int, int] = (0, 1)) -> None:
        self.share: Final = share
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


# Of a run: what tells the people of one kind from the others -> their turns.
_turns: Final[WeakKeyDictionary[Accounts, dict[object, Turns]]] = WeakKeyDictionary()


def _turns_of(kind: "type[ReadingUser]", context: "Context") -> Turns:
    """Those of this process's own mailboxes that are the kind's; where there is none, all of its own, or all."""
    accounts = context.accounts
    of_run = _turns.setdefault(accounts, {})
    owns = kind.owns.__func__  # type: ignore[attr-defined]  # a class method has it
    turns = of_run.get(owns)
    if turns is None or turns.share != context.share:
        mine = context.mine or range(len(accounts))
        turns = of_run[owns] = Turns([n for n in mine if kind.owns(context, n)] or mine, context.share)
    return turns


class ReadingUser(MailUser):
    """A user with an account: its class's own, or the next one of the target that nobody uses."""

    abstract = True

    _taken: tuple[Turns, int] | None = None

    @classmethod
    def owns(cls, terms: "Terms", mailbox: int) -> bool:  # noqa: ARG003 - a kind of people looks at them
        """Whether people of this class use this mailbox. Classes that take mail away have to divide them."""
        return True

    def check(self) -> None:
        """
        Raises:
            UsageError: There is nobody to log in as.
        """
        if not self.user and not len(self.shared.accounts):
            raise UsageError(
                f"{type(self).__name__} needs an account: list it in the target file or an accounts file, or name it"
                " in the class (`user`, `password`)"
            )

    @property
    def account(self) -> Account:
        """The same one until the session's end (`hang_up`)."""
        if self.user:
            return Account(self.user, self.password, self.address or self.user)
        if self._taken is None:
            turns = _turns_of(type(self), self.shared)
            self._taken = turns, turns.take()
        return self.shared.accounts[self._taken[1]]

    def hang_up(self) -> None:
        super().hang_up()
        if self._taken is not None:
            turns, mailbox = self._taken
            turns.give_back(mailbox)
            self._taken = None
