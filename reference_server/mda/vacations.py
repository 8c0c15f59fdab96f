"""Whom a user's rules have answered, and until when that is enough (RFC 5230 §4.1)."""

import datetime as dt
from typing import Final, NamedTuple

from reference_server.store import Store

__all__ = ["Answer", "Key", "answered", "remember"]

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS vacations ("
    " user TEXT NOT NULL, response TEXT NOT NULL, sender TEXT NOT NULL, until TEXT NOT NULL,"
    " PRIMARY KEY (user, response, sender)) WITHOUT ROWID"
)


class Key(NamedTuple):
    """One answer of one user to one sender; `sender` is folded to lower case."""

    user: str
    response: str
    sender: str


class Answer(NamedTuple):
    """An answer that goes out, and for how many days its sender gets no other."""

    key: Key
    days: int


def answered(store: Store, key: Key, *, now: dt.datetime) -> bool:
    """Whether the sender had this answer, and not long enough ago."""
    with store.transaction() as sql:
        sql.execute(_TABLE)
        query = "SELECT 1 FROM vacations WHERE user = ? AND response = ? AND sender = ? AND until > ?"
        return sql.execute(query, (*key, now.isoformat())).fetchone() is not None


def remember(store: Store, answer: Answer, *, now: dt.datetime) -> None:
    """In the caller's transaction, with the message itself."""
    until = now + dt.timedelta(days=answer.days)
    with store.transaction() as sql:
        sql.execute(_TABLE)
        sql.execute("INSERT OR REPLACE INTO vacations VALUES (?, ?, ?, ?)", (*answer.key, until.isoformat()))
