"""The queue's promises, held against a model, and across crashes."""

import datetime as dt
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from reference_server.clock import Clock
from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.relay.model import Fate, NextHop, Outcome, Transport
from reference_server.relay.queue import Deferral, Queue, Queued, State
from reference_server.store import Store

START = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
HOPS = tuple(NextHop(Transport.SMTP, name) for name in ("example.org", "example.net", "[192.0.2.1]"))

addresses = st.sampled_from(
    [b"a@example.org", b"b@example.net", "\u00fc@example.org".encode(), b'"x y"@example.org']
)
recipients = st.lists(
    st.builds(
        Recipient,
        addresses,
        st.sets(st.sampled_from([Notify.SUCCESS, Notify.FAILURE, Notify.DELAY])).map(frozenset),
        st.none() | st.just(b"rfc822;A+2BB@example.org"),
        st.sampled_from([b"", b"sales@example.test"]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda r: r.address,
).map(tuple)
envelopes = st.builds(
    Envelope,
    st.sampled_from([b"", b"eric@example.test"]),
    recipients,
    st.sampled_from(Body),
    st.booleans(),
    st.sampled_from([None, "FULL", "HDRS"]),
    st.none() | st.just(b"QQ314159"),
)
outcomes = st.builds(
    Outcome,
    st.just(Fate.DEFERRED),
    st.sampled_from(["4.4.1", "4.2.2"]),
    st.text(max_size=20),
    st.sampled_from(["", "mx.example.org"]),
    st.booleans(),
)
seconds = st.integers(0, 10_000)


class StillClock(Clock):
    def now(self) -> dt.datetime:
        return START + self._ahead


@dataclass
class Modelled:
    """One message, as the queue should have it."""

    arrived: dt.datetime
    envelope: Envelope
    content: bytes
    left: dict[bytes, Queued]


class Crash(Exception):
    """The process dies in the middle of a transaction."""


class QueueMachine(RuleBasedStateMachine):
    """A queue in a file, and a dict of what should be in it."""

    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.lives = 0
        self.clock = StillClock()
        self.model: dict[str, Modelled] = {}
        self.open()

    @property
    def path(self) -> Path:
        return self.directory / f"life{self.lives}.sqlite"

    def open(self) -> None:
        self.store = Store(str(self.path), self.clock)
        self.queue = Queue(self.store, self.clock)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.directory)

    @rule(target=messages, envelope=envelopes, content=st.binary(max_size=20), data=st.data())
    def add(self, envelope: Envelope, content: bytes, data: st.DataObject) -> str:
        hops = {r.address: data.draw(st.sampled_from(HOPS)) for r in envelope.recipients}
        queue_id = self.queue.add(envelope, content, hops)
        assert queue_id not in self.model
        now = self.clock.now()
        left = {r.address: Queued(r, hops[r.address], State.QUEUED, 0, now) for r in envelope.recipients}
        self.model[queue_id] = Modelled(now, envelope, content, left)
        return queue_id

    @rule(envelope=envelopes, message=messages)
    def crash_before_the_commit(self, envelope: Envelope, message: str) -> None:
        with suppress(Crash), self.store.transaction():
            self.queue.add(envelope, b"lost", {r.address: HOPS[0] for r in envelope.recipients})
            self.queue.settle(message, [r.address for r in envelope.recipients])
            self.queue.remove()
            # What the disk has at this moment, the unfinished transaction too, is all that is left.
            for suffix in ("", "-wal"):
                shutil.copy(f"{self.path}{suffix}", self.directory / f"life{self.lives + 1}.sqlite{suffix}")
            raise Crash
        self.store.close()
        self.lives += 1
        self.open()

    @rule()
    def stop_and_start(self) -> None:
        self.store.close()
        self.open()

    @rule(message=messages, gone=st.sets(addresses))
    def settle(self, message: str, gone: set[bytes]) -> None:
        self.queue.settle(message, gone)
        if message in self.model:
            left = self.model[message].left
            for address in gone & set(left):
                del left[address]
            if not left:
                del self.model[message]

    @rule(message=messages, tried=st.sets(addresses), outcome=outcomes, wait_s=seconds, told=st.booleans())
    def defer(self, message: str, tried: set[bytes], outcome: Outcome, wait_s: int, told: bool) -> None:
        now = self.clock.now()
        again = now + dt.timedelta(seconds=wait_s)
        self.queue.defer(message, {address: Deferral(outcome, again, told) for address in tried})
        left = self.model[message].left if message in self.model else {}
        for address in tried & set(left):
            was = left[address]
            left[address] = replace(
                was,
                attempts=was.attempts + 1,
                next_attempt=again,
                last_attempt=now,
                last=outcome,
                delay_told=was.delay_told or told,
            )

    @rule(wait_s=seconds)
    def wait(self, wait_s: int) -> None:
        self.clock.move(dt.timedelta(seconds=wait_s))

    @rule(chosen=st.none() | st.sets(messages))
    def hold(self, chosen: set[str] | None) -> None:
        for message in self.matching(self.queue.hold(chosen), chosen):
            self.change(message, state=State.HELD)

    @rule(chosen=st.none() | st.sets(messages))
    def release(self, chosen: set[str] | None) -> None:
        for message in self.matching(self.queue.release(chosen), chosen):
            self.change(message, only=State.HELD, state=State.QUEUED, next_attempt=EVER)

    @rule(chosen=st.none() | st.sets(messages))
    def flush(self, chosen: set[str] | None) -> None:
        for message in self.matching(self.queue.flush(chosen), chosen):
            self.change(message, only=State.QUEUED, next_attempt=EVER)

    @rule(message=consumes(messages))
    def remove(self, message: str) -> None:
        for gone in self.matching(self.queue.remove({message}), {message}):
            del self.model[gone]

    def matching(self, found: list[str], chosen: set[str] | None) -> list[str]:
        assert found == [message for message in self.model if chosen is None or message in chosen]
        return found

    def change(self, message: str, only: State | None = None, **news: object) -> None:
        left = self.model[message].left
        for address, queued in left.items():
            if only is None or queued.state is only:
                left[address] = replace(queued, **news)

    @invariant()
    def the_queue_has_what_the_model_has(self) -> None:
        entries = self.queue.entries()
        assert [entry.queue_id for entry in entries] == list(self.model)
        for entry in entries:
            expected = self.model[entry.queue_id]
            assert entry.arrived == expected.arrived
            assert entry.recipients == tuple(expected.left.values())
            recipients = tuple(queued.recipient for queued in expected.left.values())
            assert entry.envelope == replace(expected.envelope, recipients=recipients)
            assert self.queue.content(entry.queue_id) == expected.content
            assert entry.octets == len(expected.content)

    @invariant()
    def no_octet_of_a_message_that_is_done_with_is_kept(self) -> None:
        with self.store.transaction() as sql:
            (messages,) = sql.execute("SELECT COUNT(*) FROM queue_messages").fetchone()
            (left,) = sql.execute("SELECT COUNT(*) FROM queue_recipients").fetchone()
        assert messages == len(self.model)
        assert left == sum(len(message.left) for message in self.model.values())

    @invariant()
    def what_is_due_is_what_nobody_holds_and_whose_time_has_come(self) -> None:
        now = self.clock.now()
        due: dict[NextHop, dict[str, dt.datetime]] = {}
        later = []
        for message, modelled in self.model.items():
            for queued in modelled.left.values():
                if queued.state is State.QUEUED and queued.next_attempt <= now:
                    since = due.setdefault(queued.next_hop, {})
                    since[message] = min(since.get(message, now), queued.next_attempt)
                elif queued.state is State.QUEUED:
                    later.append(queued.next_attempt)
        assert set(self.queue.due_hops()) == set(due)
        assert self.queue.next_due() == min(later, default=None)
        for hop, since in due.items():
            in_order = sorted(since, key=since.__getitem__)  # the sort is stable: the older message first
            assert self.queue.due(hop) == in_order
            assert self.queue.due(hop, in_order[:1], limit=1) == in_order[1:2]
            attempt = self.queue.attempt(in_order[0], hop)
            assert attempt is not None
            assert attempt.envelope.recipients == tuple(
                queued.recipient
                for queued in self.model[in_order[0]].left.values()
                if queued.next_hop == hop and queued.state is State.QUEUED and queued.next_attempt <= now
            )


EVER = dt.datetime(1, 1, 1, tzinfo=dt.UTC)

TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=30, stateful_step_count=30)


def queue_in(path: Path) -> tuple[Store, Queue]:
    clock = StillClock()
    store = Store(str(path), clock)
    return store, Queue(store, clock)


def add(queue: Queue, *recipients: bytes) -> str:
    envelope = Envelope(b"eric@example.test", tuple(map(Recipient, recipients)))
    return queue.add(envelope, b"text", dict.fromkeys(recipients, HOPS[0]))


def test_who_listens_is_told_after_the_commit_and_of_nothing_that_was_rolled_back(tmp_path: Path) -> None:
    store, queue = queue_in(tmp_path / "queue.sqlite")
    rang: list[str] = []
    unlisten = queue.listen(lambda: rang.append("rang"))

    with store.transaction():
        add(queue, b"a@example.org")
        assert rang == []
    assert rang == ["rang"]

    with suppress(Crash), store.transaction():
        add(queue, b"a@example.org")
        raise Crash
    assert rang == ["rang"]

    unlisten()
    add(queue, b"a@example.org")
    assert rang == ["rang"]
    store.close()


def test_what_another_process_commits_is_noticed_once(tmp_path: Path) -> None:
    here, queue = queue_in(tmp_path / "queue.sqlite")
    there, other = queue_in(tmp_path / "queue.sqlite")
    queue.changed_elsewhere()

    add(queue, b"a@example.org")
    assert not queue.changed_elsewhere()
    other.flush()
    assert queue.changed_elsewhere()
    assert not queue.changed_elsewhere()

    here.close()
    there.close()


def test_an_address_given_twice_gets_the_message_once(tmp_path: Path) -> None:
    store, queue = queue_in(tmp_path / "queue.sqlite")
    queue_id = add(queue, b"a@example.org", b"a@example.org")

    (entry,) = queue.entries()
    queue.settle(queue_id, [b"a@example.org"])

    assert len(entry.recipients) == 1
    assert queue.entries() == []
    store.close()


def test_a_recipient_without_a_next_hop_is_not_queued(tmp_path: Path) -> None:
    store, queue = queue_in(tmp_path / "queue.sqlite")

    with pytest.raises(KeyError):
        queue.add(Envelope(b"", (Recipient(b"a@example.org"),)), b"", {})

    assert queue.entries() == []
    store.close()
