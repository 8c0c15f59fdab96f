"""Readers over POP3: one that looks into a maildrop in the run, and one that reads it to its end afterwards."""

from collections.abc import Iterator
from time import monotonic

import gevent

from loadtests.ledger.known import Known
from loadtests.ledger.reading import Deleting, Finder
from loadtests.ledger.slots import How
from loadtests.users.errors import OperationFailed
from loadtests.users.pop3 import Pop3User
from loadtests.users.pop3_session import Pop3Session

__all__ = ["Pop3FinalReader", "Pop3Watcher", "listed"]


def listed(session: Pop3Session) -> dict[int, bytes]:
    """Number -> unique-id; the number itself where the server has no UIDL, which is right while nobody deletes."""
    try:
        return dict(session.uidl())
    except OperationFailed:
        if session.closed:
            raise
        count, _octets = session.stat()
        return {number: b"%d" % number for number in range(1, count + 1)}


def headers(session: Pop3Session, numbers: list[int]) -> Iterator[bytes]:
    """The messages' headers, and the bodies where the server has no TOP."""
    return session.each_top(numbers) if session.offers("TOP") else session.each_retr(numbers)


class Pop3Watcher:
    """Tells when messages can be read in one maildrop; deletes them where that is wanted.

    It remembers eight octets for each message that it left there.
    """

    def __init__(self, user: Pop3User, finder: Finder, *, delete: bool) -> None:
        self._user = user
        self._finder = finder
        self._delete = delete
        self._known: Known | None = None
        self._last: tuple[int, bytes] | None = None

    def follow(self) -> None:
        """Look again and again.

        Raises:
            OperationFailed: One time it failed.
        """
        every_s = self._user.shared.plan.settings.reading.every_s
        while True:
            self._look()
            gevent.sleep(every_s)

    def _look(self) -> None:
        looked_s = monotonic()
        try:
            with self._user.login(self._user.shared.accounts[self._finder.mailbox]) as session:
                if self._known is None:
                    # What was there before the first look is not news.
                    known = Known()
                    known.add(listed(session).values())
                    self._known = known
                elif self._changed(session):
                    self._read_news(session, self._known)
        finally:
            self._finder.absent_s = looked_s

    def _changed(self, session: Pop3Session) -> bool:
        """Whether the maildrop is another one than at the end of the last look: its end tells."""
        count, _octets = session.stat()
        if not count:
            self._last = None
            return False
        before = self._last
        self._last = None
        if before is not None and before[0] == count and session.offers("UIDL"):
            self._last = before if session.uidl_of([count]) == [before] else None
        return self._last is None

    def _read_news(self, session: Pop3Session, known: Known) -> None:
        uids = listed(session)
        _, fresh = known.compare(uids.items())
        fresh.sort()
        if self._delete:
            left = self._take(session, fresh)
        else:
            for header in headers(session, fresh):
                self._finder.seen(header)
            left = fresh
            self._last = max(uids.items())
        known.add(uids[number] for number in left)

    def _take(self, session: Pop3Session, numbers: list[int]) -> list[int]:
        """Read messages, delete the run's, and quit, which is what deletes them; the numbers of the others."""
        ours, taken = [], []
        for number, content in zip(numbers, session.each_retr(numbers), strict=True):
            self._finder.seen(content)
            if (found := self._finder.found(content)) is not None:
                ours.append(number)
                taken.append(found)
        session.dele(*ours)
        self._finder.deletes()
        with Deleting(self._finder, taken):
            session.quit()
        return sorted(set(numbers).difference(ours))


class Pop3FinalReader:
    """Reads one maildrop, each message once; only the run's messages are read whole where the server has TOP."""

    def __init__(self, user: Pop3User, finder: Finder) -> None:
        self._user = user
        self._finder = finder
        self._looked_at = Known()
        self._counted = Known()

    def read(self) -> None:
        """Read on from where the last call ended, or broke off.

        Raises:
            OperationFailed: It broke off.
        """
        began_s = monotonic()
        try:
            with self._login() as session:
                uids = listed(session)
                _, fresh = self._looked_at.compare(uids.items())
                fresh.sort()
                ours = [
                    number
                    for number, head in zip(fresh, headers(session, fresh), strict=True)
                    if self._finder.token(head)
                ]
                self._looked_at.add(uids[number] for number in set(fresh).difference(ours))
                self._count(session, uids, ours)
        finally:
            self._finder.absent_s = began_s

    def _count(self, session: Pop3Session, uids: dict[int, bytes], ours: list[int]) -> None:
        counted = []
        try:
            for number, content in zip(ours, session.each_retr(ours), strict=True):
                if (found := self._finder.found(content)) is not None:
                    self._finder.tell(found, How.COUNTED)
                    counted.append(uids[number])
        finally:
            self._looked_at.add(counted)
            self._counted.add(counted)

    def remove(self) -> None:
        """Delete the messages that `read` told of.

        Raises:
            OperationFailed: It was refused, or broke off.
        """
        if not len(self._counted):
            return
        self._finder.deletes()
        with self._login() as session:
            counted, _ = self._counted.compare(listed(session).items())
            session.dele(*counted)

    def _login(self) -> Pop3Session:
        return self._user.login(self._user.shared.accounts[self._finder.mailbox])
