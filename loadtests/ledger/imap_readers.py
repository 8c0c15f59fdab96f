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
from loadtests.users.imap_mailbox import Mailbox
from loadtests.users.imap_session import ImapSession

__all__ = ["HEADER", "ImapFinalReader", "ImapWatcher"]

HEADER: Final = b"(UID BODY.PEEK[HEADER.FIELDS (%b %b)])" % (TOKEN_FIELD, MESSAGE_ID)
CONTENT: Final = b"(UID BODY.PEEK[])"

_INBOX: Final = b"INBOX"


class ImapWatcher:
    """Tells when messages can be read in one INBOX, by IDLE and by looking; deletes them where that is wanted.

    It remembers the next UID, however many messages there are.
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
            box = self._open(session)
            while True:
                self._look(session, box)
                if b"IDLE" in session.capabilities:
                    session.idle(every_s)
                else:
                    gevent.sleep(every_s)

    def _open(self, session: ImapSession) -> Mailbox:
        """What was there before the first look is not news; what came while the connection was away is."""
        box = session.select(_INBOX) if self._delete else session.examine(_INBOX)
        uids = session.all_uids()
        if self._uidvalidity is None:
            self._next_uid = max(uids, default=0) + 1
        elif self._uidvalidity != box.uidvalidity:
            self._next_uid = 1
        self._uidvalidity = box.uidvalidity
        box.looked_at = sum(uid < self._next_uid for uid in uids)
        return box

    def _look(self, session: ImapSession, box: Mailbox) -> None:
        looked_s = monotonic()
        try:
            if box.exists <= box.looked_at:
                session.noop()
            while box.exists > box.looked_at:
                self._read_news(session, box)
        finally:
            self._finder.absent_s = looked_s

    def _read_news(self, session: ImapSession, box: Mailbox) -> None:
        # While FETCH is answered no number changes (RFC 3501 §7.4.1).
        numbers = b"%d:%d" % (box.looked_at + 1, box.exists)
        box.looked_at = box.exists
        ours = []
        for fetched in session.each_fetched([numbers], HEADER, uid=False):
            if fetched.uid is not None and self._finder.seen(fetched.content):
                ours.append(fetched.uid)
            self._next_uid = max(self._next_uid, (fetched.uid or 0) + 1)
        if self._delete:
            for uids in uid_sets(ours):
                self._take(session, uids)

    def _take(self, session: ImapSession, uids: bytes) -> None:
        """Read messages whole, and delete them."""
        contents = (fetched.content for fetched in session.each_fetched([uids], CONTENT))
        taken = [found for content in contents if (found := self._finder.found(content)) is not None]
        self._finder.deletes()
        with Deleting(self._finder, taken):
            session.remove(uids)


@dataclass(slots=True)
class _Folder:
    """What has been read of one mailbox, by UIDs.

    Attributes:
        looked_at: Messages that were read, or are none of the run's.
        counted: Those of them that the ledger was told of.
    """

    uidvalidity: int
    looked_at: "array[int]" = field(default_factory=lambda: array("I"))
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
        # No SEARCH: there are servers whose SEARCH finds nothing, and they would be said to have lost the message.
        fresh = sorted(set(session.all_uids()).difference(folder.looked_at))
        ours = self._ours(session, fresh)
        folder.looked_at.extend(uid for uid in fresh if uid not in ours)
        for fetched in session.each_fetched(uid_sets(sorted(ours)), CONTENT):
            if fetched.uid in ours and (found := self._finder.found(fetched.content)) is not None:
                ours.remove(fetched.uid)
                self._finder.tell(found, How.COUNTED)
                folder.looked_at.append(fetched.uid)
                folder.counted.append(fetched.uid)

    def _ours(self, session: ImapSession, uids: list[int]) -> set[int]:
        headers = session.each_fetched(uid_sets(uids), HEADER)
        return {each.uid for each in headers if each.uid and self._finder.token(each.content) is not None}
