"""Users, mailboxes and subscriptions."""

import sqlite3

from reference_server.store.errors import HasChildren, MailboxExists, NoSuchMailbox, NoSuchUser, StoreError
from reference_server.store.rows import MailboxRow
from reference_server.store.schema import INBOX, Database

__all__ = ["Mailboxes"]

_COLUMNS = (
    "id, user, name, uidvalidity, uidnext, highestmodseq,"
    " EXISTS (SELECT 1 FROM subscriptions s WHERE s.user = mailboxes.user AND s.name = mailboxes.name),"
    " special_use, selectable"
)


def _row(found: tuple[int, str, str, int, int, int, int, str | None, int]) -> MailboxRow:
    return MailboxRow(*found[:6], subscribed=bool(found[6]), special_use=found[7], selectable=bool(found[8]))


class Mailboxes(Database):
    """The tree of each user's mailboxes. INBOX always exists and is found in any case (RFC 3501 §5.1)."""

    def create_user(self, user: str) -> None:
        """An account with its INBOX; twice is once."""
        with self.transaction() as sql:
            sql.execute("INSERT OR IGNORE INTO users VALUES (?)", (user,))
            if self.mailbox(user, INBOX) is None:
                self._insert(sql, user, INBOX, None)

    def users(self) -> list[str]:
        with self.transaction() as sql:
            return [name for (name,) in sql.execute("SELECT name FROM users ORDER BY name")]

    def mailbox(self, user: str, name: str) -> MailboxRow | None:
        """The mailbox of this name, None where there is none."""
        name = _canonical(name)
        query = f"SELECT {_COLUMNS} FROM mailboxes WHERE user = ? AND name = ?"  # noqa: S608 (constant columns)
        with self.transaction() as sql:
            found = sql.execute(query, (user, name)).fetchone()
        return _row(found) if found else None

    def mailbox_by_id(self, mailbox_id: int) -> MailboxRow | None:
        """The mailbox as it stands now, None when it was deleted."""
        query = f"SELECT {_COLUMNS} FROM mailboxes WHERE id = ?"  # noqa: S608 (constant columns)
        with self.transaction() as sql:
            found = sql.execute(query, (mailbox_id,)).fetchone()
        return _row(found) if found else None

    def mailboxes(self, user: str) -> list[MailboxRow]:
        """All of a user's mailboxes, by name."""
        query = f"SELECT {_COLUMNS} FROM mailboxes WHERE user = ? ORDER BY name"  # noqa: S608 (constant columns)
        with self.transaction() as sql:
            return [_row(found) for found in sql.execute(query, (user,))]

    def create_mailbox(self, user: str, name: str, special_use: str | None = None) -> MailboxRow:
        """A new mailbox, and the parents it lacks (RFC 3501 §6.3.3).

        Raises:
            MailboxExists: There is a selectable one.
            NoSuchUser: There is no such account.
        """
        name = _canonical(name)
        with self.transaction() as sql:
            if not sql.execute("SELECT 1 FROM users WHERE name = ?", (user,)).fetchone():
                raise NoSuchUser(user)
            existing = self.mailbox(user, name)
            if existing is not None and existing.selectable:
                raise MailboxExists(name)
            parent, _, leaf = name.rpartition("/")
            if parent and leaf and self.mailbox(user, parent) is None:
                self.create_mailbox(user, parent)
            if existing is not None:
                self._revive(sql, existing)
            else:
                self._insert(sql, user, name, special_use)
            return self._existing(user, name)

    def _existing(self, user: str, name: str) -> MailboxRow:
        found = self.mailbox(user, name)
        if found is None:
            raise NoSuchMailbox(name)
        return found

    def _insert(self, sql: sqlite3.Connection, user: str, name: str, special_use: str | None) -> None:
        sql.execute(
            "INSERT INTO mailboxes (user, name, uidvalidity, special_use) VALUES (?, ?, ?, ?)",
            (user, name, self._next_uidvalidity(sql), special_use),
        )

    def _revive(self, sql: sqlite3.Connection, mailbox: MailboxRow) -> None:
        sql.execute(
            "UPDATE mailboxes SET selectable = 1, uidvalidity = ?, uidnext = 1 WHERE id = ?",
            (self._next_uidvalidity(sql), mailbox.id),
        )

    @staticmethod
    def _next_uidvalidity(sql: sqlite3.Connection) -> int:
        """Greater than any before, so that a name used again never repeats a UID (RFC 3501 §2.3.1.1)."""
        query = "UPDATE counters SET value = value + 1 WHERE name = 'uidvalidity' RETURNING value"
        (value,) = sql.execute(query).fetchone()
        return int(value)

    def delete_mailbox(self, user: str, name: str) -> None:
        """Remove a mailbox and its messages; with children left its name stays, not selectable (RFC 3501 §6.3.4).

        Raises:
            NoSuchMailbox: There is none.
            HasChildren: It is not selectable, and has children.
            StoreError: It is INBOX.
        """
        with self.transaction() as sql:
            mailbox = self._existing(user, name)
            if mailbox.name == INBOX:
                raise StoreError("INBOX cannot be deleted")
            if self._children(mailbox):
                if not mailbox.selectable:
                    raise HasChildren(f"{mailbox.name} has children")
                sql.execute("UPDATE mailboxes SET selectable = 0 WHERE id = ?", (mailbox.id,))
            else:
                sql.execute("DELETE FROM mailboxes WHERE id = ?", (mailbox.id,))
            self._forget_messages(sql, mailbox.id)
            self.touch(mailbox.id)

    def _forget_messages(self, sql: sqlite3.Connection, mailbox_id: int) -> None:
        sql.execute("DELETE FROM messages WHERE mailbox_id = ?", (mailbox_id,))
        sql.execute("DELETE FROM expunged WHERE mailbox_id = ?", (mailbox_id,))
        sql.execute("DELETE FROM contents WHERE id NOT IN (SELECT content_id FROM messages)")

    def _children(self, mailbox: MailboxRow) -> list[MailboxRow]:
        return [m for m in self.mailboxes(mailbox.user) if m.name.startswith(mailbox.name + "/")]

    def rename_mailbox(self, user: str, old: str, new: str) -> None:
        """Give a mailbox and its children a new name; INBOX gives its messages and stays (RFC 3501 §6.3.5).

        Raises:
            NoSuchMailbox: There is no `old`.
            MailboxExists: There is a `new`, or a child's new name is taken.
        """
        new = _canonical(new)
        with self.transaction() as sql:
            mailbox = self._existing(user, old)
            if self.mailbox(user, new) is not None:
                raise MailboxExists(new)
            if mailbox.name == INBOX:
                target = self.create_mailbox(user, new)
                self._hand_over(sql, mailbox.id, target.id)
                return
            if new.startswith(mailbox.name + "/"):
                raise StoreError(f"{mailbox.name} cannot move below itself")
            parent = new.rpartition("/")[0]
            if parent and self.mailbox(user, parent) is None:
                self.create_mailbox(user, parent)
            for moved in [mailbox, *self._children(mailbox)]:
                name = new + moved.name[len(mailbox.name) :]
                sql.execute("UPDATE mailboxes SET name = ? WHERE id = ?", (name, moved.id))

    def _hand_over(self, sql: sqlite3.Connection, source_id: int, target_id: int) -> None:
        (count,) = sql.execute("SELECT COUNT(*) FROM messages WHERE mailbox_id = ?", (source_id,)).fetchone()
        sql.execute(
            "INSERT INTO messages SELECT ?, ROW_NUMBER() OVER (ORDER BY uid), content_id, octets, flags,"
            " internaldate, 1, recent FROM messages WHERE mailbox_id = ?",
            (target_id, source_id),
        )
        sql.execute("UPDATE mailboxes SET uidnext = ? WHERE id = ?", (count + 1, target_id))
        query = "UPDATE mailboxes SET highestmodseq = highestmodseq + 1 WHERE id = ? RETURNING highestmodseq"
        (modseq,) = sql.execute(query, (source_id,)).fetchone()
        sql.execute(
            "INSERT INTO expunged SELECT mailbox_id, uid, ? FROM messages WHERE mailbox_id = ?",
            (modseq, source_id),
        )
        sql.execute("DELETE FROM messages WHERE mailbox_id = ?", (source_id,))
        self.touch(source_id)
        self.touch(target_id)

    def subscriptions(self, user: str) -> list[str]:
        """The names subscribed to, by name; some may name no mailbox any more (RFC 3501 §6.3.6)."""
        with self.transaction() as sql:
            rows = sql.execute("SELECT name FROM subscriptions WHERE user = ? ORDER BY name", (user,))
            return [name for (name,) in rows]

    def subscribe(self, user: str, name: str) -> None:
        with self.transaction() as sql:
            sql.execute("INSERT OR IGNORE INTO subscriptions VALUES (?, ?)", (user, _canonical(name)))

    def unsubscribe(self, user: str, name: str) -> None:
        with self.transaction() as sql:
            sql.execute("DELETE FROM subscriptions WHERE user = ? AND name = ?", (user, _canonical(name)))


def _canonical(name: str) -> str:
    """INBOX in any case is INBOX, also as the first level of a name; a trailing separator says nothing."""
    first, separator, rest = name.rstrip("/").partition("/")
    return (INBOX if first.upper() == INBOX else first) + separator + rest
