"""Where the mail of a host's users is, and the one way to put a message there."""

import datetime as dt
import urllib.parse
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reference_server.mda.files.locks import LOCK_WAIT_S
from reference_server.mda.files.maildir import deliver_to_maildir
from reference_server.mda.files.mbox import deliver_to_mbox
from reference_server.mda.files.reading import move_read
from reference_server.world.model import MailboxKind

__all__ = ["MailFiles", "file_name"]

_INBOX: Final = "INBOX"
# What most file systems take, less what is put around it (``.NAME.kept``).
_MAX_NAME_OCTETS: Final = 200


def file_name(name: str) -> str:
    """A user's or mailbox's name as that of a file in one directory: the same for usual names, and never another's.

    Raises:
        ValueError: It is empty or too long.
    """
    quoted = urllib.parse.quote(name, safe="@+=!#$&',;^`{}~ ")
    quoted = f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
    quoted = f"{quoted[:-5]}%2Elock" if quoted.endswith(".lock") else quoted
    if not 0 < len(quoted) <= _MAX_NAME_OCTETS:
        raise ValueError(f"{name[:40]!r} cannot be the name of a file")
    return quoted


@dataclass(frozen=True, slots=True)
class MailFiles:
    """The files of one host: ``spool/eric`` and ``home/eric/mbox``, ``home/eric/Maildir``.

    Attributes:
        kind: MBOX or MAILDIR.
    """

    directory: Path
    kind: MailboxKind

    def spool(self, user: str) -> Path:
        """Where an mbox user's new mail comes in: a file named after the user."""
        return self.directory / "spool" / file_name(user)

    def mbox(self, user: str) -> Path:
        """Where the user keeps what has been read."""
        return self._home(user) / "mbox"

    def maildir(self, user: str) -> Path:
        return self._home(user) / "Maildir"

    def place(self, user: str, mailbox: str = _INBOX) -> Path:
        """The file or Maildir of a mailbox; others than INBOX are ``mail/NAME``, or ``Maildir/.NAME``."""
        inbox = mailbox.upper() == _INBOX
        if self.kind is MailboxKind.MBOX:
            return self.spool(user) if inbox else self._home(user) / "mail" / file_name(mailbox)
        return self.maildir(user) if inbox else self.maildir(user) / f".{file_name(mailbox)}"

    def deliver(
        self,
        user: str,
        mailbox: str,
        content: bytes,
        *,
        sender: str,
        date: dt.datetime,
        flags: Collection[str] = frozenset(),
        wait_s: float = LOCK_WAIT_S,
    ) -> Path:
        """Put a message into a mailbox, made where it is missing; on disk when this returns.

        Args:
            flags: Of IMAP; each kind of mailbox keeps those that it has a letter for.

        Returns:
            The mbox file, or the message's file.

        Raises:
            MailboxBusy: Another program had the file for `wait_s`.
            OSError: It cannot be written, and is as before.
            ValueError: A name cannot be that of a file.
        """
        place = self.place(user, mailbox)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.kind is MailboxKind.MAILDIR:
            return deliver_to_maildir(place, content, date=date, flags=flags)
        deliver_to_mbox(place, content, sender=sender, date=date, flags=flags, wait_s=wait_s)
        return place

    def move_read(self, user: str, *, wait_s: float = LOCK_WAIT_S) -> int:
        """What a classic mail reader does when it ends: what has been read leaves the spool (`reading.move_read`)."""
        mbox = self.mbox(user)
        mbox.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return move_read(self.spool(user), mbox, wait_s=wait_s)

    def _home(self, user: str) -> Path:
        return self.directory / "home" / file_name(user)
