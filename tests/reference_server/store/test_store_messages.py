"""The store's promises, held against a model and against SQLite's file."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reference_server.store import (
    INBOX,
    Delivery,
    MailboxExists,
    NoSuchMailbox,
    NoSuchUser,
    Store,
    StoreError,
    StoreFailed,
)


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    made.create_user("alice")
    made.create_user("bob")
    yield made
    made.close()


def inbox(store: Store, user: str = "alice") -> int:
    found = store.mailbox(user, INBOX)
    assert found is not None
    return found.id


def test_an_acceptance_is_for_all_mailboxes_or_for_none(store: Store) -> None:
    with pytest.raises(NoSuchUser):
        store.accept([Delivery("alice", INBOX, b"x"), Delivery("nobody", INBOX, b"x")])
    with pytest.raises(NoSuchMailbox):
        store.accept([Delivery("alice", INBOX, b"x"), Delivery("bob", "Missing", b"x")])
    assert store.messages(inbox(store)) == []


def test_recipients_and_copies_share_one_content_until_the_last_is_gone(store: Store) -> None:
    here, there = store.accept([Delivery("alice", INBOX, b"x"), Delivery("bob", INBOX, b"x")])
    copies = store.create_mailbox("alice", "Copies")
    ((uid, copied),) = store.copy(here.mailbox_id, [here.uid], copies.id)
    assert here.content_id == there.content_id == store.messages(copies.id)[0].content_id
    store.expunge(here.mailbox_id, [uid])
    store.expunge(there.mailbox_id, [there.uid])
    assert store.content(here.content_id) == b"x"
    store.expunge(copies.id, [copied])
    assert store.content(here.content_id) is None


def test_append_keeps_flags_and_date(store: Store) -> None:
    date = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    row = store.append(inbox(store), b"abc", ["\\Seen", "work"], date)
    assert store.messages(inbox(store)) == [row]
    assert (row.flags, row.internaldate, row.octets) == ({"\\Seen", "work"}, date, 3)


def test_status_counts(store: Store) -> None:
    for flags in ([], ["\\Seen"], ["\\Seen", "\\Deleted"]):
        store.append(inbox(store), b"abc", flags)
    status = store.status(inbox(store))
    assert (status.messages, status.unseen, status.deleted, status.recent, status.size) == (3, 1, 1, 3, 9)
    assert store.take_recent(inbox(store)) == {1, 2, 3}
    assert store.take_recent(inbox(store)) == set()


def test_changes_and_removals_are_told_by_modseq(store: Store) -> None:
    first, second = (store.append(inbox(store), octets) for octets in (b"1", b"2"))
    changed, held_back = store.set_flags(inbox(store), [1, 2], "add", ["\\Seen"], unchangedsince=first.modseq)
    assert ([row.uid for row in changed], held_back) == ([1], [2])
    assert [row.uid for row in store.changes(inbox(store), second.modseq)] == [1]
    before = changed[0].modseq
    assert store.expunge(inbox(store), [2, 9]) == [2]
    assert store.expunged_since(inbox(store), before) == [2]
    assert store.expunged_since(inbox(store), before + 1) == []


def test_listeners_are_told_after_the_commit_and_not_after_a_failure(store: Store) -> None:
    told: list[str] = []
    stop = store.listen(inbox(store), lambda: told.append("told"))
    with pytest.raises(NoSuchUser):
        store.accept([Delivery("alice", INBOX, b"x"), Delivery("nobody", INBOX, b"x")])
    assert told == []
    store.append(inbox(store), b"x")
    assert told == ["told"]
    stop()
    store.append(inbox(store), b"x")
    assert told == ["told"]


def test_a_maildrop_is_locked_once(store: Store) -> None:
    assert [store.lock_maildrop("alice"), store.lock_maildrop("alice"), store.lock_maildrop("bob")] == [
        True,
        False,
        True,
    ]
    store.unlock_maildrop("alice")
    assert store.lock_maildrop("alice")


def test_a_name_used_again_gets_a_greater_uidvalidity(store: Store) -> None:
    first = store.create_mailbox("alice", "Work")
    store.delete_mailbox("alice", "Work")
    assert store.create_mailbox("alice", "Work").uidvalidity > first.uidvalidity


def test_mailboxes_form_a_tree(store: Store) -> None:
    store.create_mailbox("alice", "a/b/c")
    assert [m.name for m in store.mailboxes("alice")] == [INBOX, "a", "a/b", "a/b/c"]
    with pytest.raises(MailboxExists):
        store.create_mailbox("alice", "a/b")
    store.rename_mailbox("alice", "a/b", "x/y")
    assert [m.name for m in store.mailboxes("alice")] == [INBOX, "a", "x", "x/y", "x/y/c"]
    store.delete_mailbox("alice", "x/y")
    bare = store.mailbox("alice", "x/y")
    assert bare is not None
    assert not bare.selectable
    with pytest.raises(StoreError):
        store.delete_mailbox("alice", "x/y")
    with pytest.raises(StoreError):
        store.delete_mailbox("alice", "inbox")
    with pytest.raises(NoSuchMailbox):
        store.rename_mailbox("alice", "nowhere", "z")


def test_renaming_inbox_hands_its_messages_over(store: Store) -> None:
    store.append(inbox(store), b"x")
    store.rename_mailbox("alice", "INBOX", "Old")
    old = store.mailbox("alice", "Old")
    assert old is not None
    assert [row.uid for row in store.messages(old.id)] == [1]
    assert store.messages(inbox(store)) == []
    assert store.append(inbox(store), b"y").uid == 2


def test_subscriptions_outlive_their_mailbox(store: Store) -> None:
    store.create_mailbox("alice", "Work")
    store.subscribe("alice", "Work")
    assert [m.name for m in store.mailboxes("alice") if m.subscribed] == ["Work"]
    store.delete_mailbox("alice", "Work")
    assert store.subscriptions("alice") == ["Work"]
    store.unsubscribe("alice", "Work")
    assert store.subscriptions("alice") == []


def test_a_file_that_cannot_be_written_is_told_and_changes_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "mail.sqlite"))
    store.create_user("alice")
    store._sql.execute("PRAGMA max_page_count = 1")  # SQLite's own way to be full
    with pytest.raises(StoreFailed):
        store.append(inbox(store), b"x" * 1_000_000)
    assert store.messages(inbox(store)) == []
    store.close()


class Mailbox(RuleBasedStateMachine):
    """One mailbox, and a dict of UID -> (content, flags) that says what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.store.create_user("alice")
        self.id = inbox(self.store)
        self.other = self.store.create_mailbox("alice", "Other").id
        self.model: dict[int, tuple[bytes, frozenset[str]]] = {}
        self.used = 0
        self.modseq = 0

    def teardown(self) -> None:
        self.store.close()

    uids = st.lists(st.integers(1, 8), max_size=4)
    flags = st.frozensets(st.sampled_from(["\\Seen", "\\Deleted", "work"]))

    @rule(content=st.binary(max_size=4), flags=flags)
    def append(self, content: bytes, flags: frozenset[str]) -> None:
        row = self.store.append(self.id, content, flags)
        assert row.uid > self.used
        self.used = row.uid
        self.model[row.uid] = content, flags

    @rule(uids=uids, flags=flags, mode=st.sampled_from(["add", "remove", "replace"]))
    def flag(self, uids: list[int], flags: frozenset[str], mode) -> None:
        self.store.set_flags(self.id, uids, mode, flags)
        for uid in set(uids) & set(self.model):
            content, old = self.model[uid]
            new = {"add": old | flags, "remove": old - flags, "replace": flags}[mode]
            self.model[uid] = content, new

    @rule(uids=uids)
    def expunge(self, uids: list[int]) -> None:
        assert self.store.expunge(self.id, uids) == sorted(set(uids) & set(self.model))
        self.model = {uid: kept for uid, kept in self.model.items() if uid not in uids}

    @rule(uids=uids)
    def move(self, uids: list[int]) -> None:
        pairs = self.store.move(self.id, uids, self.other)
        assert [uid for uid, _ in pairs] == sorted(set(uids) & set(self.model))
        self.model = {uid: kept for uid, kept in self.model.items() if uid not in uids}

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        rows = self.store.messages(self.id)
        assert {row.uid: (self.store.content(row.content_id), row.flags) for row in rows} == self.model
        assert [row.uid for row in rows] == sorted(self.model)

    @invariant()
    def highestmodseq_never_falls_and_bounds_every_message(self) -> None:
        mailbox = self.store.mailbox_by_id(self.id)
        assert mailbox is not None
        assert mailbox.highestmodseq >= max(
            [self.modseq, *(row.modseq for row in self.store.messages(self.id))]
        )
        self.modseq = mailbox.highestmodseq


TestMailboxAgainstItsModel = Mailbox.TestCase


def test_a_commit_waits_for_the_disk_unless_it_may_be_done_twice(store: Store) -> None:
    def waits(sql: sqlite3.Connection) -> bool:
        return sql.execute("PRAGMA synchronous").fetchone() == (2,)

    with store.transaction() as sql:
        assert waits(sql)
    with store.transaction(lasting=False) as sql:
        assert not waits(sql)
        with store.transaction() as inner:
            assert not waits(inner)  # the outermost decides
    with store.transaction() as sql:
        assert waits(sql)
