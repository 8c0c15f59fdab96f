"""Readers over IMAP: one that watches a mailbox while the load runs, and one that reads it to its end afterwards."""

from array import array
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import gevent

from loadtests.ledger.known import folder_name, uid_sets
from loadtests.ledger.reading import Deleting, Finder, Unread
from loadtests.ledger.slots import How
from loadtests.ledger.token import MESSAGE_ID, TOKEN_FIELD
from loadtests.users.imap import ImapUser
from loadtests.users.imap_session import ImapSession

__all__ = ["HEADER", "ImapFinalReader", "ImapWatcher"]

HEADER: Final = b"(UID BODY.PEEK[HEADER.FIELDS (%b %b)])" % (TOKEN_FIELD, MESSAGE_ID)
CONTENT: Final = b"(UID BODY.PEEK[])"

_INBOX: Final = b"INBOX"


class ImapWatcher:
    """Tells when messages can be read in one INBOX, by IDLE and by looking; deletes them where that is wanted.

    It remembers one UID, however many messages there are.
    """

    def __init__(self, user: ImapUser, finder: Finder, *, delete: bool) -> None:
        self._user = user
        self._finder = finder
        self._delete = delete
        self._uidvalidity: int | None = None
        self._next_uid = 1

    def follow(self) -> None:
        """Watch for as long as the connection lasts.

        Raises:
            OperationFailed: It has ended.
        """
        account = self._user.shared.accounts[self._finder.mailbox]
        every_s = self._user.shared.plan.settings.reading.every_s
        with self._user.login(account) as session:
            self._open(session)
            while True:
                self._look(session)
                if b"IDLE" in session.capabilities:
                    session.idle(every_s)
                else:
                    gevent.sleep(every_s)

    def _open(self, session: ImapSession) -> None:
        """What was there before the first look is not news; what came while the connection was away is."""
        box = session.select(_INBOX) if self._delete else session.examine(_INBOX)
        if box.uidvalidity != self._uidvalidity:
            first = self._uidvalidity is None
            self._uidvalidity = box.uidvalidity
            self._next_uid = box.uidnext or 1 if first else 1

    def _look(self, session: ImapSession) -> None:
        looked_s = monotonic()
        try:
            if session.mailbox is not None and session.mailbox.exists:
                self._read_news(session)
            else:
                session.noop()
        finally:
            self._finder.absent_s = looked_s

    def _read_news(self, session: ImapSession) -> None:
        ours = []
        begin = self._next_uid
        for fetched in session.each_fetched([b"%d:*" % begin], HEADER):
            # Of "7:*" the last message is one, even where its UID is 5 (RFC 3501 §6.4.8).
            if fetched.uid is not None and fetched.uid >= begin:
                self._next_uid = max(self._next_uid, fetched.uid + 1)
                if self._finder.seen(fetched.content):
                    ours.append(fetched.uid)
        if self._delete:
            for uids in uid_sets(ours):
                self._take(session, uids)

    def _take(self, session: ImapSession, uids: bytes) -> None:
        """Read messages whole, and delete them."""
        contents = (fetched.content for fetched in session.each_fetched([uids], CONTENT))
        taken = [found for content in contents if (found := self._finder.found(content)) is not None]
        self._finder.deletes()
        with Deleting(self._finder, session, taken):
            session.remove(uids)


@dataclass(slots=True)
class _Folder:
    """What has been read of one mailbox.

    Attributes:
        counted: The UIDs of messages that the ledger was told of.
        next_uid: All before it have been looked at.
    """

    uidvalidity: int
    next_uid: int = 1
    counted: "array[int]" = field(default_factory=lambda: array("I"))


class ImapFinalReader:
    """Reads INBOX and the run's own mailboxes of one account, each message once; only the run's are read whole."""

    def __init__(self, user: ImapUser, finder: Finder) -> None:
        self._user = user
        self._finder = finder
        self._folders: dict[bytes, _Folder] = {}

    def read(self) -> None:
        """Read on from where the last call ended, or broke off.

        Raises:
            OperationFailed: It broke off.
            Unread: It can never be read to the end.
        """
        began_s = monotonic()
        try:
            with self._login() as session:
                for name in (_INBOX, *self._own_folders(session)):
                    self._read_folder(session, name)
        finally:
            self._finder.absent_s = began_s

    def remove(self) -> None:
        """Delete the messages that `read` told of, and the run's own mailboxes.

        Raises:
            OperationFailed: It was refused, or broke off.
        """
        self._finder.deletes()
        with self._login() as session:
            inbox = self._folders.get(_INBOX)
            if (
                inbox is not None
                and inbox.counted
                and session.select(_INBOX).uidvalidity == inbox.uidvalidity
            ):
                for uids in uid_sets(inbox.counted):
                    session.remove(uids)
            for name in self._own_folders(session):
                session.delete(name)

    def _login(self) -> ImapSession:
        return self._user.login(self._user.shared.accounts[self._finder.mailbox])

    def _own_folders(self, session: ImapSession) -> list[bytes]:
        return session.list_(b"*%b*" % folder_name(self._user.shared.plan.run).encode())

    def _read_folder(self, session: ImapSession, name: bytes) -> None:
        box = session.examine(name)
        folder = self._folders.setdefault(name, _Folder(box.uidvalidity))
        if folder.uidvalidity != box.uidvalidity:
            raise Unread(
                f"UIDVALIDITY of {name.decode('latin-1')} changed from {folder.uidvalidity} to {box.uidvalidity}"
            )
        if not box.exists:
            return
        begin = folder.next_uid
        counted = {uid for uid in folder.counted if uid >= begin}
        listed = session.uid_search(b"UID %d:*" % begin)
        fresh = sorted(uid for uid in listed if uid >= begin and uid not in counted)
        waiting = self._ours(session, fresh)
        for fetched in session.each_fetched(uid_sets(sorted(waiting)), CONTENT):
            if fetched.uid in waiting and (found := self._finder.found(fetched.content)) is not None:
                waiting.remove(fetched.uid)
                self._finder.tell(found, How.COUNTED)
                folder.counted.append(fetched.uid)
        if fresh:
            folder.next_uid = fresh[-1] + 1

    def _ours(self, session: ImapSession, uids: list[int]) -> set[int]:
        headers = session.each_fetched(uid_sets(uids), HEADER)
        return {each.uid for each in headers if each.uid and self._finder.token(each.content) is not None}
