"""Messages: the one road in, and everything that happens to them afterwards."""

import datetime as dt
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from reference_server.store.errors import NoSuchMailbox, NoSuchUser
from reference_server.store.mailboxes import Mailboxes
from reference_server.store.rows import Delivery, MessageRow, Status
from reference_server.store.schema import INBOX

__all__ = ["FlagMode", "Store"]

FlagMode = Literal["add", "remove", "replace"]

_COLUMNS = "mailbox_id, uid, flags, internaldate, octets, modseq, content_id, recent"


def _row(found: tuple[int, int, str, str, int, int, int, int]) -> MessageRow:
    mailbox_id, uid, flags, internaldate, octets, modseq, content_id, recent = found
    date = dt.datetime.fromisoformat(internaldate)
    return MessageRow(
        mailbox_id, uid, frozenset(flags.split()), date, octets, modseq, content_id, bool(recent)
    )


class Store(Mailboxes):
    """The message store behind every protocol.

    Every change is one transaction: when the call returns it is on disk (for a file), for all mailboxes or for none.
    """

    def accept(self, deliveries: Sequence[Delivery]) -> list[MessageRow]:
        """Put messages into mailboxes: all of them, or none.

        Raises:
            NoSuchUser: A delivery is for no account.
            NoSuchMailbox: A delivery names a mailbox that is missing (an INBOX never is).
            StoreFailed: The disk is full, for instance.
        """
        contents: dict[bytes, int] = {}
        with self.transaction() as sql:
            return [self._put(sql, delivery, contents) for delivery in deliveries]

    def _put(self, sql: sqlite3.Connection, delivery: Delivery, contents: dict[bytes, int]) -> MessageRow:
        mailbox = self.mailbox(delivery.user, delivery.mailbox)
        if mailbox is None or not mailbox.selectable:
            raise NoSuchUser(delivery.user) if delivery.mailbox == INBOX else NoSuchMailbox(delivery.mailbox)
        if delivery.content not in contents:
            cursor = sql.execute("INSERT INTO contents (octets) VALUES (?)", (delivery.content,))
            contents[delivery.content] = int(cursor.lastrowid or 0)
        date = delivery.internaldate or self._clock.now()
        return self._add(
            sql, mailbox.id, contents[delivery.content], len(delivery.content), delivery.flags, date
        )

    def _add(
        self,
        sql: sqlite3.Connection,
        mailbox_id: int,
        content_id: int,
        octets: int,
        flags: Collection[str],
        date: dt.datetime,
    ) -> MessageRow:
        query = (
            "UPDATE mailboxes SET uidnext = uidnext + 1, highestmodseq = highestmodseq + 1 WHERE id = ?"
            " RETURNING uidnext - 1, highestmodseq"
        )
        uid, modseq = sql.execute(query, (mailbox_id,)).fetchone()
        row = MessageRow(mailbox_id, uid, frozenset(flags), date, octets, modseq, content_id, recent=True)
        sql.execute(
            "INSERT INTO messages (mailbox_id, uid, content_id, octets, flags, internaldate, modseq)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (mailbox_id, uid, content_id, octets, " ".join(sorted(flags)), date.isoformat(), modseq),
        )
        self.touch(mailbox_id)
        return row

    def messages(self, mailbox_id: int) -> list[MessageRow]:
        """All messages of a mailbox, UIDs rising."""
        query = f"SELECT {_COLUMNS} FROM messages WHERE mailbox_id = ? ORDER BY uid"  # noqa: S608 (constant columns)
        with self.transaction() as sql:
            return [_row(found) for found in sql.execute(query, (mailbox_id,))]

    def content(self, content_id: int) -> bytes | None:
        """A message's octets, None once it is gone from every mailbox."""
        with self.transaction() as sql:
            found = sql.execute("SELECT octets FROM contents WHERE id = ?", (content_id,)).fetchone()
        return bytes(found[0]) if found else None

    def status(self, mailbox_id: int) -> Status:
        """Counts, without reading the messages."""
        query = (
            "SELECT COUNT(*), SUM(instr(' ' || flags || ' ', ' \\Seen ') = 0), SUM(recent),"
            " SUM(instr(' ' || flags || ' ', ' \\Deleted ') > 0), SUM(octets) FROM messages WHERE mailbox_id = ?"
        )
        with self.transaction() as sql:
            found = sql.execute(query, (mailbox_id,)).fetchone()
        return Status(*(int(number or 0) for number in found))

    def usage(self, user: str) -> int:
        """Octets of all of a user's messages (RFC 9208 §4.1.1)."""
        query = "SELECT SUM(octets) FROM messages JOIN mailboxes m ON m.id = mailbox_id WHERE m.user = ?"
        with self.transaction() as sql:
            (octets,) = sql.execute(query, (user,)).fetchone()
        return int(octets or 0)

    def take_recent(self, mailbox_id: int) -> set[int]:
        """The UIDs no session has been told of as recent; from now on they are told (RFC 3501 §2.3.2)."""
        with self.transaction() as sql:
            query = "UPDATE messages SET recent = 0 WHERE mailbox_id = ? AND recent = 1 RETURNING uid"
            return {uid for (uid,) in sql.execute(query, (mailbox_id,)).fetchall()}

    def set_flags(
        self,
        mailbox_id: int,
        uids: Iterable[int],
        mode: FlagMode,
        flags: Collection[str],
        *,
        unchangedsince: int | None = None,
    ) -> tuple[list[MessageRow], list[int]]:
        """Change flags.

        Returns:
            The messages as they are now, and the UIDs left alone because their MODSEQ is above `unchangedsince`
            (RFC 7162 §3.1.3). Unknown UIDs are in neither.
        """
        wanted = frozenset(flags)
        changed: list[MessageRow] = []
        refused: list[int] = []
        with self.transaction() as sql:
            for row in self._chosen(sql, mailbox_id, uids):
                if unchangedsince is not None and row.modseq > unchangedsince:
                    refused.append(row.uid)
                    continue
                after = {"add": row.flags | wanted, "remove": row.flags - wanted, "replace": wanted}[mode]
                changed.append(row if after == row.flags else self._reflag(sql, row, after))
        return changed, refused

    def _reflag(self, sql: sqlite3.Connection, row: MessageRow, flags: frozenset[str]) -> MessageRow:
        modseq = self._next_modseq(sql, row.mailbox_id)
        sql.execute(
            "UPDATE messages SET flags = ?, modseq = ? WHERE mailbox_id = ? AND uid = ?",
            (" ".join(sorted(flags)), modseq, row.mailbox_id, row.uid),
        )
        return MessageRow(
            row.mailbox_id, row.uid, flags, row.internaldate, row.octets, modseq, row.content_id, row.recent
        )

    def _chosen(self, sql: sqlite3.Connection, mailbox_id: int, uids: Iterable[int]) -> list[MessageRow]:
        query = f"SELECT {_COLUMNS} FROM messages WHERE mailbox_id = ? AND uid = ?"  # noqa: S608 (constant columns)
        rows = (sql.execute(query, (mailbox_id, uid)).fetchone() for uid in sorted(set(uids)))
        return [_row(found) for found in rows if found]

    def _next_modseq(self, sql: sqlite3.Connection, mailbox_id: int) -> int:
        query = "UPDATE mailboxes SET highestmodseq = highestmodseq + 1 WHERE id = ? RETURNING highestmodseq"
        (modseq,) = sql.execute(query, (mailbox_id,)).fetchone()
        self.touch(mailbox_id)
        return int(modseq)

    def expunge(self, mailbox_id: int, uids: Iterable[int]) -> list[int]:
        """Remove messages; returns the UIDs that were there, rising."""
        with self.transaction() as sql:
            rows = self._chosen(sql, mailbox_id, uids)
            if rows:
                modseq = self._next_modseq(sql, mailbox_id)
            for row in rows:
                sql.execute("DELETE FROM messages WHERE mailbox_id = ? AND uid = ?", (mailbox_id, row.uid))
                sql.execute("INSERT INTO expunged VALUES (?, ?, ?)", (mailbox_id, row.uid, modseq))
                sql.execute(
                    "DELETE FROM contents WHERE id = ?1 AND NOT EXISTS"
                    " (SELECT 1 FROM messages WHERE content_id = ?1)",
                    (row.content_id,),
                )
        return [row.uid for row in rows]

    def copy(self, source_id: int, uids: Iterable[int], target_id: int) -> list[tuple[int, int]]:
        """Copy messages with flags and dates (RFC 3501 §6.4.7); returns (UID there, UID here), rising."""
        with self.transaction() as sql:
            return [
                (
                    row.uid,
                    self._add(sql, target_id, row.content_id, row.octets, row.flags, row.internaldate).uid,
                )
                for row in self._chosen(sql, source_id, uids)
            ]

    def move(self, source_id: int, uids: Iterable[int], target_id: int) -> list[tuple[int, int]]:
        """Copy and remove in one (RFC 6851 §3.3); returns as `copy`."""
        with self.transaction():
            pairs = self.copy(source_id, uids, target_id)
            self.expunge(source_id, [uid for uid, _ in pairs])
            return pairs

    def changes(self, mailbox_id: int, since_modseq: int) -> list[MessageRow]:
        """Messages added or changed after `since_modseq` (RFC 7162 §3.1.4), UIDs rising."""
        query = f"SELECT {_COLUMNS} FROM messages WHERE mailbox_id = ? AND modseq > ? ORDER BY uid"  # noqa: S608 (constant columns)
        with self.transaction() as sql:
            return [_row(found) for found in sql.execute(query, (mailbox_id, since_modseq))]

    def expunged_since(self, mailbox_id: int, modseq: int) -> list[int]:
        """UIDs removed after `modseq` (RFC 7162 §3.2.5.2), rising."""
        with self.transaction() as sql:
            query = "SELECT uid FROM expunged WHERE mailbox_id = ? AND modseq > ? ORDER BY uid"
            return [uid for (uid,) in sql.execute(query, (mailbox_id, modseq))]

    def append(
        self,
        mailbox_id: int,
        content: bytes,
        flags: Collection[str] = (),
        internaldate: dt.datetime | None = None,
    ) -> MessageRow:
        """One message into one mailbox, by the same road as any other.

        Raises:
            NoSuchMailbox: It was deleted.
        """
        with self.transaction():
            mailbox = self.mailbox_by_id(mailbox_id)
            if mailbox is None:
                raise NoSuchMailbox(str(mailbox_id))
            delivery = Delivery(mailbox.user, mailbox.name, content, frozenset(flags), internaldate)
            return self.accept([delivery])[0]
