"""The runner: who gets mail and when, what a failure costs others, and what a broken disk costs nobody."""

import datetime as dt
import email
from collections import Counter
from dataclasses import replace

import pytest
import trio
import trio.testing

from reference_server.envelope import Notify, Recipient
from reference_server.relay.model import Attempt, Fate, Outcome, Transport
from reference_server.relay.queue import Queue, State
from reference_server.relay.runner import Relay
from reference_server.store import INBOX, Store, StoreFailed

UNREACHABLE = Outcome(Fate.DEFERRED, "4.4.1", "cannot connect to mx.example.org: refused")
BUSY = Outcome(Fate.DEFERRED, "4.3.2", "421 4.3.2 busy", "mx.example.org", by_peer=True)
NO_SUCH_USER = Outcome(Fate.FAILED, "5.1.1", "550 5.1.1 No such user here", "mx.example.org", by_peer=True)
HANDED_ON = Outcome(Fate.RELAYED, "2.0.0", "250 2.0.0 OK", "mx.example.org", by_peer=True)
LONG = dt.timedelta(days=1)


def tried(host) -> list[tuple[str, list[bytes]]]:
    return [(a.queue_id, [r.address for r in a.envelope.recipients]) for _, a in host.courier.attempts]


def actions(content: bytes) -> list[tuple[str, str]]:
    groups = email.message_from_bytes(content).get_payload()[1].get_payload()[1:]
    return [(group["Final-Recipient"].removeprefix("rfc822; "), group["Action"]) for group in groups]


def test_recipients_of_one_next_hop_travel_together(host) -> None:
    queue_id = host.add("a@example.org", "b@example.net", "c@example.org")

    assert host.run_once() == 2

    assert sorted(tried(host)) == [
        (queue_id, [b"a@example.org", b"c@example.org"]),
        (queue_id, [b"b@example.net"]),
    ]
    assert host.context.queue.entries() == []
    assert host.door.taken == []


def test_a_domain_is_one_destination_in_any_case(host) -> None:
    host.add("a@example.org", "b@Example.ORG")

    assert host.run_once() == 1


def test_each_recipient_has_its_own_fate(host) -> None:
    answers = {b"gone@example.org": NO_SUCH_USER, b"busy@example.org": BUSY}
    ok = host.courier.says
    host.courier.says = lambda attempt, address: answers.get(address) or ok(attempt, address)
    host.add("gone@example.org", "fine@example.org", "busy@example.org")

    host.run_once()

    ((envelope, content),) = host.door.taken
    assert [r.address for r in envelope.recipients] == [b"eric@example.test"]
    assert actions(content) == [("gone@example.org", "failed")]
    (entry,) = host.context.queue.entries()
    (left,) = entry.recipients
    assert left.recipient.address == b"busy@example.org"
    assert (left.attempts, left.last) == (1, BUSY)


def test_all_that_fail_at_one_moment_share_a_report(host) -> None:
    host.courier.says = lambda *_: NO_SUCH_USER
    host.add("a@example.org", "b@example.org")

    host.run_once()

    assert [actions(content) for _, content in host.door.taken] == [
        [("a@example.org", "failed"), ("b@example.org", "failed")]
    ]


@pytest.mark.parametrize(
    ("transport", "fate", "told"),
    [
        (Transport.SMTP, Fate.RELAYED, "relayed"),
        (Transport.SMTP, Fate.DELIVERED, None),  # the next host got NOTIFY=SUCCESS and tells it itself
        (Transport.LMTP, Fate.RELAYED, "delivered"),
        (Transport.LMTP, Fate.DELIVERED, None),
    ],
)
def test_who_tells_of_a_success(host, transport, fate, told) -> None:
    host.courier.says = lambda *_: replace(HANDED_ON, fate=fate)
    asks = Recipient(b"asks@example.org", frozenset({Notify.SUCCESS}))
    host.add(asks, "quiet@example.org", transport=transport)

    host.run_once()

    assert [actions(content) for _, content in host.door.taken] == (
        [[("asks@example.org", told)]] if told else []
    )


def test_nobody_is_told_of_mail_from_nobody(host) -> None:
    host.courier.says = lambda *_: NO_SUCH_USER
    host.add("a@example.org", sender=b"")

    host.run_once()

    assert host.door.taken == []
    assert host.context.queue.entries() == []


def test_the_failure_and_its_report_are_recorded_together_or_not_at_all(host) -> None:
    host.courier.says = lambda *_: NO_SUCH_USER
    host.door.broken = True
    host.add("a@example.org", "b@example.org")
    relay = host.relay()

    async def scenario() -> None:
        await relay.run_once()
        assert len(host.context.queue.entries()[0].recipients) == 2
        host.door.broken = False
        await relay.run_once()

    trio.run(scenario)

    assert len(host.courier.attempts) == 1  # what the other host has answered is not asked again
    assert len(host.door.taken) == 1
    assert host.context.queue.entries() == []


def test_while_an_outcome_cannot_be_recorded_nothing_else_is_tried(sending_host) -> None:
    host = sending_host(per_destination=1)
    host.courier.says = lambda *_: NO_SUCH_USER
    host.door.broken = True
    for number in range(5):
        host.add(f"a{number}@example.org")

    host.run_once()

    assert len(host.courier.attempts) == 1
    assert len(host.context.queue.entries()) == 5


def test_final_delivery_and_its_record_are_one_transaction(host) -> None:
    """A disk that fails at the record takes the mailbox row back too, so that trying again delivers once."""
    store = host.context.store

    def file(attempt: Attempt) -> dict[bytes, Outcome]:
        mailbox = store.mailbox("alice", INBOX)
        assert mailbox is not None
        store.append(mailbox.id, attempt.content)
        return {r.address: host.door.outcome for r in attempt.envelope.recipients}

    host.door.deliver_queued = file
    host.door.broken = True
    asks = Recipient(b"alice@example.test", frozenset({Notify.SUCCESS}))
    host.add(asks, transport=Transport.LOCAL)
    inbox = store.mailbox("alice", INBOX)
    assert inbox is not None

    host.run_once()
    assert store.messages(inbox.id) == []
    host.door.broken = False
    host.run_once()

    assert len(store.messages(inbox.id)) == 1
    assert [actions(content) for _, content in host.door.taken] == [[("alice@example.test", "delivered")]]
    assert host.context.queue.entries() == []


def test_a_destination_out_of_reach_is_tried_once_for_all_its_mail(sending_host) -> None:
    host = sending_host(per_destination=1)
    ok = host.courier.says
    host.courier.says = lambda a, r: UNREACHABLE if r.endswith(b"example.org") else ok(a, r)
    for number in range(250):
        host.add(f"a{number}@example.org", f"b{number}@example.net")

    host.run_once()

    where = Counter(attempt.next_hop.name for _, attempt in host.courier.attempts)
    assert where == {"example.org": 1, "example.net": 250}
    left = [queued for entry in host.context.queue.entries() for queued in entry.recipients]
    assert len(left) == 250
    assert {(queued.attempts, queued.last) for queued in left} == {(1, UNREACHABLE)}


def test_what_a_peer_says_of_one_message_is_not_said_of_others(host) -> None:
    host.courier.says = lambda *_: BUSY
    for number in range(5):
        host.add(f"a{number}@example.org")

    assert host.run_once() == 5


def test_no_more_connections_to_a_destination_than_the_world_allows(sending_host) -> None:
    host = sending_host(per_destination=2)
    for number in range(20):
        host.add(f"a{number}@example.org", f"b{number}@example.net")

    assert host.run_once() == 40

    assert set(host.courier.busiest.values()) == {2}


def test_a_destination_with_much_mail_does_not_keep_others_waiting(sending_host) -> None:
    host = sending_host(per_destination=1)
    for number in range(50):
        host.add(f"a{number}@example.org")
    host.add("late@example.net")

    host.run_once()

    order = [attempt.next_hop.name for _, attempt in host.courier.attempts]
    assert order.index("example.net") <= 2


def test_each_destination_gets_its_mail_in_the_order_it_came(sending_host) -> None:
    host = sending_host(per_destination=1)
    added = [host.add("a@example.org") for _ in range(20)]

    host.run_once()

    assert [queue_id for queue_id, _ in tried(host)] == added


def test_a_courier_that_says_nothing_or_breaks_costs_one_retry(host) -> None:
    async def say_nothing(attempt, record) -> None:
        if attempt.envelope.recipients[0].address == b"breaks@example.org":
            raise ZeroDivisionError
        record({})

    host.courier.deliver = say_nothing
    host.add("a@example.org")
    host.add("breaks@example.org")

    assert host.run_once() == 2

    left = [queued for entry in host.context.queue.entries() for queued in entry.recipients]
    assert [(queued.attempts, queued.last.status) for queued in left] == [(1, "4.3.0")] * 2


def test_a_message_that_our_own_fault_keeps_from_being_recorded_is_held(host) -> None:
    def break_down(envelope: object, content: bytes) -> None:
        raise ZeroDivisionError

    host.courier.says = lambda *_: NO_SUCH_USER
    host.door.accept = break_down
    host.add("a@example.org")
    host.add("b@example.org", sender=b"")

    host.run_once()

    (entry,) = host.context.queue.entries()
    assert entry.recipients[0].state is State.HELD
    assert len(host.courier.attempts) == 2


def test_what_the_operator_holds_or_removes_is_not_sent(host) -> None:
    held, removed, sent = (host.add("a@example.org") for _ in range(3))
    host.context.queue.hold([held])
    host.context.queue.remove([removed])

    host.run_once()

    assert [queue_id for queue_id, _ in tried(host)] == [sent]
    assert [entry.queue_id for entry in host.context.queue.entries()] == [held]

    host.context.queue.release([held])
    host.run_once()

    assert host.context.queue.entries() == []


def test_a_message_held_or_removed_while_it_is_tried(host) -> None:
    held, removed = (host.add(f"a@{domain}") for domain in ("example.org", "example.net"))

    def meddle(attempt: Attempt, address: bytes) -> Outcome:
        host.context.queue.hold([held])
        host.context.queue.remove([removed])
        return NO_SUCH_USER if attempt.queue_id == removed else BUSY

    host.courier.says = meddle
    host.run_once()

    (entry,) = host.context.queue.entries()
    assert (entry.queue_id, entry.recipients[0].state, entry.recipients[0].attempts) == (held, State.HELD, 1)
    assert host.door.taken == []


# For ever


async def until(condition) -> None:
    """Wait for something that happens soon, or fail."""
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 (what is waited for is in the store, which has no event)
            await trio.sleep(0.01)


def run_with(host, scenario) -> None:
    """The relay in the background while the scenario happens."""

    async def live() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.relay().run)
            await scenario()
            nursery.cancel_scope.cancel()

    trio.run(live)


def test_mail_added_in_another_thread_goes_at_once(host) -> None:
    async def scenario() -> None:
        await trio.testing.wait_all_tasks_blocked()
        await trio.to_thread.run_sync(host.add, "a@example.org")
        await until(lambda: not host.context.queue.entries())

    run_with(host, scenario)


def test_a_retry_goes_when_the_world_says_it_is_time(host) -> None:
    ok, host.courier.says = host.courier.says, lambda *_: BUSY

    async def scenario() -> None:
        host.add("a@example.org")
        await until(host.context.queue.next_due)
        host.courier.says = ok
        host.context.clock.move(LONG)
        await until(lambda: not host.context.queue.entries())

    run_with(host, scenario)


def test_what_another_process_does_to_the_file_is_noticed(sending_host, tmp_path) -> None:
    path = str(tmp_path / "host.sqlite")
    host = sending_host(path)
    ok, host.courier.says = host.courier.says, lambda *_: BUSY

    async def scenario() -> None:
        host.add("a@example.org")
        await until(host.context.queue.next_due)
        host.courier.says = ok
        operator = Store(path, host.context.clock)
        Queue(operator, host.context.clock).flush()
        operator.close()
        await until(lambda: not host.context.queue.entries())

    run_with(host, scenario)


def test_what_was_under_way_when_the_relay_died_is_tried_again(host) -> None:
    ok = host.courier.deliver
    begun = []

    async def hang(attempt, record) -> None:
        begun.append(attempt.queue_id)
        await trio.sleep_forever()

    host.courier.deliver = hang
    queue_id = host.add("a@example.org")

    async def die() -> None:
        await until(lambda: begun)

    run_with(host, die)
    host.courier.deliver = ok
    host.run_once()

    assert begun == [queue_id]
    assert host.context.queue.entries() == []


def test_outcomes_that_the_disk_did_not_take_are_recorded_when_it_does(host) -> None:
    host.courier.says = lambda *_: NO_SUCH_USER
    host.door.broken = True

    async def scenario() -> None:
        host.add("a@example.org")
        await until(lambda: host.courier.attempts)
        host.door.broken = False
        await until(lambda: not host.context.queue.entries())

    run_with(host, scenario)
    assert len(host.courier.attempts) == 1
    assert len(host.door.taken) == 1


def test_a_file_that_cannot_be_read_for_a_while_does_not_end_the_relay(host, monkeypatch) -> None:
    asked = []

    def locked(*_: object) -> None:
        asked.append("asked")
        raise StoreFailed("database is locked")

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            for name in ("due_hops", "next_due", "due", "attempt"):
                patch.setattr(host.context.queue, name, locked)
            host.add("a@example.org")
            await until(lambda: len(asked) > 1)
        await until(lambda: not host.context.queue.entries())

    run_with(host, scenario)


@pytest.mark.parametrize("transport", [each for each in Transport if each is not Transport.BATCH])
def test_a_fault_of_ours_costs_nobody_else_anything(host, transport) -> None:
    settle = host.context.queue.settle

    def break_down(queue_id: str, addresses: list[bytes]) -> None:
        if queue_id == poisoned:
            raise ZeroDivisionError
        settle(queue_id, addresses)

    host.context.queue.settle = break_down
    poisoned = host.add("a@example.org", transport=transport)
    host.add("b@example.org", transport=transport)

    host.run_once()

    (entry,) = host.context.queue.entries()
    assert (entry.queue_id, entry.recipients[0].state) == (poisoned, State.HELD)


def test_a_relay_is_made_of_the_hosts_own_acceptance(host) -> None:
    host.courier.says = lambda *_: NO_SUCH_USER
    relay = Relay(host.context, host.courier)
    host.add("a@example.org", sender=b"alice@example.test")

    trio.run(relay.run_once)

    inbox = host.context.store.mailbox("alice", INBOX)
    assert inbox is not None
    (row,) = host.context.store.messages(inbox.id)
    content = host.context.store.content(row.content_id)
    assert content is not None
    assert content.startswith(b"Return-Path: <>\r\n")
    assert actions(content) == [("a@example.org", "failed")]


def test_a_report_that_is_filed_here_goes_with_the_record_that_fails(host, monkeypatch) -> None:
    """The transaction of both breaks at its very end: the sender gets one report, not two."""
    host.courier.says = lambda *_: NO_SUCH_USER
    relay = Relay(host.context, host.courier)
    host.add("a@example.org", sender=b"alice@example.test")
    inbox = host.context.store.mailbox("alice", INBOX)
    assert inbox is not None

    def disk_full(*_: object) -> None:
        assert host.context.store.messages(inbox.id), "the report was filed in this transaction"
        raise StoreFailed("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(host.context.queue, "settle", disk_full)
        trio.run(relay.run_once)
    assert host.context.store.messages(inbox.id) == []
    trio.run(relay.run_once)

    assert len(host.context.store.messages(inbox.id)) == 1
    assert len(host.courier.attempts) == 1
