"""The readers of one generator process: those that watch mailboxes in the run, and those of the final audit."""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Final, Protocol

import gevent
from gevent.pool import Pool
from locust.env import Environment

from harness.errors import UsageError
from harness.target import Target
from loadtests.ledger.imap_readers import ImapFinalReader, ImapWatcher
from loadtests.ledger.pop3_readers import Pop3FinalReader, Pop3Watcher
from loadtests.ledger.reading import Finder, Unread, Unrecorded
from loadtests.plan import READERS
from loadtests.users.errors import OperationFailed
from loadtests.users.imap import ImapUser
from loadtests.users.pop3 import Pop3User
from loadtests.users.surroundings import context_of

__all__ = ["FinalReader", "Readers", "Watcher", "reading_protocol"]

# Ours: mailboxes that one process reads at the same time in the final audit.
AT_ONCE: Final = 20

# Ours: how often a reading that broke off goes on at once, and how long it waits before.
TRIES: Final = 3
FIRST_PAUSE_S: Final = 0.25

# Ours: the longest that a watcher waits before it tries again.
LONGEST_PAUSE_S: Final = 5.0


class Watcher(Protocol):
    """Watches one mailbox in the run."""

    def follow(self) -> None:
        """Until it fails: `OperationFailed`."""


class FinalReader(Protocol):
    """Reads one mailbox after the run, each message once."""

    def read(self) -> None:
        """Read on; raises `OperationFailed` where it broke off, `Unread` where it never can."""

    def remove(self) -> None:
        """Delete what was read; raises `OperationFailed`."""


def reading_protocol(target: Target, wanted: str) -> str:
    """``imap`` or ``pop3``: how readers read, by `Reading.protocol` and what the target has.

    Raises:
        UsageError: It has no such endpoint, or no account.
    """
    offered = [name for name, ways in READERS.items() if not target.endpoints.keys().isdisjoint(ways)]
    if not target.accounts:
        raise UsageError(f"{target.name} has no account whose mail could be read")
    if wanted in offered:
        return wanted
    if wanted != "auto" or not offered:
        named = "IMAP or POP3" if wanted == "auto" else wanted.upper()
        raise UsageError(f"{target.name} has no endpoint for {named}, so nobody can read what was delivered")
    return offered[0]


class Readers:
    """All readers of one process in one run.

    Attributes:
        notes: What people should know: which watcher had trouble, which mailbox could not be tidied, and why.

    Raises:
        UsageError: As `reading_protocol`.
    """

    def __init__(self, environment: Environment) -> None:
        self._context: Final = context_of(environment)
        self._reading: Final = self._context.plan.settings.reading
        protocol = reading_protocol(self._context.target, self._reading.protocol)
        self._kind: Final = _KINDS[protocol](environment)
        self._final: Final[dict[int, FinalReader]] = {}
        self._watching: Final[dict[int, gevent.Greenlet]] = {}
        self._said: Final[set[tuple[str, str]]] = set()
        self._pool: Final = Pool(AT_ONCE)
        self.notes: Final[list[str]] = []

    def close(self) -> None:
        """End everything at once."""
        self.stop()
        self._pool.kill()
        self._kind.user.hang_up()

    # In the run

    def watch(self) -> None:
        """Watch this process's share of the mailboxes that the profile has watched, from now on.

        To be called again when the share has changed.
        """
        if self._reading.mode == "none":
            return
        mine = {mailbox for mailbox in self._context.mine if mailbox < self._reading.mailboxes}
        self._end(set(self._watching) - mine)
        for mailbox in mine - set(self._watching):
            self._watching[mailbox] = gevent.spawn(self._watch, mailbox)

    def stop(self) -> None:
        """Watch no longer. What was being deleted is told of as maybe deleted."""
        self._end(set(self._watching))

    def _end(self, mailboxes: Iterable[int]) -> None:
        gevent.killall([self._watching.pop(mailbox) for mailbox in mailboxes])

    def _watch(self, mailbox: int) -> None:
        finder = self._finder(mailbox)
        watcher = self._kind.watcher(finder, delete=self._reading.mode == "delete")
        pause_s = FIRST_PAUSE_S
        while True:
            begun_s = monotonic()
            try:
                watcher.follow()
            except OperationFailed as exc:
                finder.absent_s = max(finder.absent_s or 0.0, begun_s)
                self._say_once(mailbox, exc)
            if monotonic() - begun_s > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            gevent.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _say_once(self, mailbox: int, trouble: OperationFailed) -> None:
        """Each kind of trouble has one note: a server that goes down has it with every reader."""
        kind = (trouble.operation, trouble.error_class)
        if kind not in self._said:
            self._said.add(kind)
            self.notes.append(
                f"the reader of {self._name(mailbox)}, first of all, had trouble and tried again: {trouble}"
            )

    # After it

    def read(self, mailboxes: Iterable[int], *, remove: bool = False) -> Iterator[tuple[int, str]]:
        """Read mailboxes, several at once, each on from where this was last called for it.

        Args:
            remove: Delete the run's messages that were read, and its own mailboxes.

        Yields:
            Each mailbox when it has been read, with what hindered that, ``""`` for nothing.
        """
        yield from self._pool.imap_unordered(
            lambda mailbox: (mailbox, self._read(mailbox, remove=remove)), mailboxes
        )

    def _read(self, mailbox: int, *, remove: bool) -> str:
        if mailbox not in self._final:
            self._final[mailbox] = self._kind.final_reader(self._finder(mailbox))
        reader = self._final[mailbox]
        if problem := _tried(reader.read):
            return problem
        if remove and (problem := _tried(reader.remove)):
            self.notes.append(f"the run's messages are left in {self._name(mailbox)}: {problem}")
        return ""

    def _finder(self, mailbox: int) -> Finder:
        return Finder(self._context.ledger, mailbox)

    def _name(self, mailbox: int) -> str:
        return self._context.accounts.names[mailbox]


class _OverImap:
    def __init__(self, environment: Environment) -> None:
        self.user: Final = ImapUser(environment)
        self.user.recorder = Unrecorded()

    def watcher(self, finder: Finder, *, delete: bool) -> Watcher:
        return ImapWatcher(self.user, finder, delete=delete)

    def final_reader(self, finder: Finder) -> FinalReader:
        return ImapFinalReader(self.user, finder)


class _OverPop3:
    def __init__(self, environment: Environment) -> None:
        self.user: Final = Pop3User(environment)
        self.user.recorder = Unrecorded()

    def watcher(self, finder: Finder, *, delete: bool) -> Watcher:
        return Pop3Watcher(self.user, finder, delete=delete)

    def final_reader(self, finder: Finder) -> FinalReader:
        return Pop3FinalReader(self.user, finder)


_KINDS: Final[dict[str, type[_OverImap] | type[_OverPop3]]] = {"imap": _OverImap, "pop3": _OverPop3}


def _tried(action: Callable[[], None]) -> str:
    """Do it, again where it fails; what hindered it the last time, ``""`` for nothing."""
    problem, pause_s = "", FIRST_PAUSE_S
    for left in reversed(range(TRIES)):
        try:
            action()
        except Unread as exc:
            return str(exc)
        except OperationFailed as exc:
            problem = str(exc)
        else:
            return ""
        if left:
            gevent.sleep(pause_s)
            pause_s *= 2
    return problem
