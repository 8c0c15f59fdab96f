"""All mail of a world, whoever's it is; straight from the stores, and nothing is marked as read."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from harness.mua.message import Header, read_header_block
from reference_server.host import RunningHost
from reference_server.store import Store

__all__ = ["MAX_SEARCHED", "Box", "Boxes", "Place", "Row"]

# Ours: what is read of a message for a list, what is searched of it, and how many messages are searched.
_HEAD_OCTETS: Final = 16 * 1024
_SEARCHED_OCTETS: Final = 256 * 1024
MAX_SEARCHED: Final = 5000

_COLUMNS: Final = "m.mailbox_id, m.uid, m.flags, m.internaldate, m.octets, b.user, b.name"
_TABLES: Final = "messages m JOIN mailboxes b ON b.id = m.mailbox_id JOIN contents c ON c.id = m.content_id"
_ONE: Final = f"SELECT {_COLUMNS}, c.octets FROM {_TABLES} WHERE m.mailbox_id = ? AND m.uid = ?"  # noqa: S608 (constant)
_LATEST: Final = f"""
SELECT {_COLUMNS}, substr(c.octets, 1, :head) FROM {_TABLES}
WHERE (:mailbox = 0 OR m.mailbox_id = :mailbox)
ORDER BY m.content_id DESC, m.mailbox_id LIMIT :count
"""  # noqa: S608 (constant)

_Columns = tuple[int, int, str, str, int, str, str, bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """A message: the host's name, the number of the mailbox there, the UID."""

    host: str
    mailbox_id: int
    uid: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for what is none."""
        host, *numbers = text.split("/")
        if len(numbers) == 2 and all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers):
            return cls(host, *map(int, numbers))
        return None

    def __str__(self) -> str:
        return f"{self.host}/{self.mailbox_id}/{self.uid}"


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox, and how many messages it has."""

    host: str
    id: int
    user: str
    name: str
    messages: int

    def __str__(self) -> str:
        return f"{self.host}/{self.id}"


@dataclass(frozen=True)
class Row:
    """A message of a list; `octets` is all of it, `head` its beginning."""

    place: Place
    user: str
    mailbox: str
    flags: frozenset[str]
    arrived: dt.datetime
    octets: int
    head: bytes

    @cached_property
    def header(self) -> Header:
        return read_header_block(self.head)

    @property
    def seen(self) -> bool:
        return "\\Seen" in self.flags


class Boxes:
    """All mailboxes of a world. Blocking."""

    def __init__(self, hosts: Mapping[str, RunningHost]) -> None:
        self._stores: Mapping[str, Store] = {name: host.store for name, host in hosts.items()}

    def boxes(self) -> list[Box]:
        """By host, user and name."""
        return [
            Box(host, mailbox.id, user, mailbox.name, store.status(mailbox.id).messages)
            for host, store in self._stores.items()
            for user in store.users()
            for mailbox in store.mailboxes(user)
            if mailbox.selectable
        ]

    def latest(self, count: int, box: Box | None = None, wanted: str = "") -> list[Row]:
        """The messages that came last, the last one first; of one mailbox or of all.

        Args:
            wanted: Words in header or text that a message has to have, in any case; the last `MAX_SEARCHED` of each
                host are looked at.
        """
        rows = [
            row
            for host, store in self._stores.items()
            if box is None or box.host == host
            for row in self._rows(host, store, box.id if box else 0, count, wanted.lower().split())
        ]
        if len(self._stores) > 1:
            rows.sort(key=lambda row: row.arrived, reverse=True)
        return rows[:count]

    @staticmethod
    def _rows(host: str, store: Store, mailbox: int, count: int, wanted: list[str]) -> list[Row]:
        head = _SEARCHED_OCTETS if wanted else _HEAD_OCTETS
        values = {"head": head, "mailbox": mailbox, "count": MAX_SEARCHED if wanted else count}
        found: list[Row] = []
        with store.transaction(lasting=False) as sql:
            for columns in sql.execute(_LATEST, values):
                row = _row(host, columns)
                if not wanted or _has(row, wanted):
                    found.append(row)
                if len(found) == count:
                    break
        return found

    def content(self, place: Place) -> tuple[Row, bytes] | None:
        """A message and all its octets; None where it is not there any more."""
        store = self._stores.get(place.host)
        if store is None:
            return None
        with store.transaction(lasting=False) as sql:
            found = sql.execute(_ONE, (place.mailbox_id, place.uid)).fetchone()
        if found is None:
            return None
        content = bytes(found[-1])
        return _row(place.host, (*found[:-1], content[:_HEAD_OCTETS])), content

    def remove(self, places: list[Place]) -> int:
        """How many were there."""
        removed = 0
        for place in places:
            if (store := self._stores.get(place.host)) is not None:
                removed += len(store.expunge(place.mailbox_id, [place.uid]))
        return removed

    def clear(self, box: Box | None = None) -> int:
        """Every message of one mailbox, or of all; how many there were."""
        removed = 0
        for each in [box] if box else self.boxes():
            store = self._stores[each.host]
            uids = [row.uid for row in store.messages(each.id)]
            removed += len(store.expunge(each.id, uids))
        return removed


def _row(host: str, columns: _Columns) -> Row:
    mailbox_id, uid, flags, arrived, octets, user, name, head = columns
    place, date = Place(host, mailbox_id, uid), dt.datetime.fromisoformat(arrived)
    return Row(place, user, name, frozenset(flags.split()), date, octets, bytes(head))


def _has(row: Row, wanted: list[str]) -> bool:
    """Header as people read it, and the text as it stands."""
    fields = "\n".join(row.header.text(name) for name in ("From", "To", "Cc", "Subject"))
    text = f"{row.user}\n{fields}\n{row.head.decode('utf-8', 'replace')}".lower()
    return all(word in text for word in wanted)
