"""Addresses in turn, connections kept and limited, turns to be in doubt, and what the journal is told."""

import pytest
import trio
from trio.testing import MockClock

from reference_server.journal import Direction, Kind
from reference_server.relay.doubt import InDoubt, Turn
from reference_server.relay.model import Fate, Outcome, Transport
from reference_server.relay.routing import Exchanger
from reference_server.relay.service import contexts
from reference_server.tls import CertificateAuthority

AUTHORITY = CertificateAuthority()


# Whom to ask


def test_every_address_of_every_exchanger_is_tried_in_turn(post) -> None:
    record = post.record()
    peer = post.peer()

    async def main() -> None:
        async with post.meeting(peer) as sender:
            (port,) = {one.port for one in await sender.peers(post.attempt().next_hop)}
            way = post.way(
                Exchanger("mx1.example.test", 1, ("127.0.0.9", "::1", "127.0.0.8")),
                Exchanger("mx2.example.test", 2, ("127.0.0.7", "127.0.0.1")),
            )
            other = post.courier(way, port)
            await other.deliver(post.attempt("a"), record)
            await other.aclose()

    post.run(main)
    asked = [event.peer for event in post.events if event.text.startswith(("no connection", "connected"))]
    assert [peer.partition(":")[0] for peer in asked if "::1" not in peer] == [
        "mx1.example.test (127.0.0.9",
        "mx1.example.test (127.0.0.8",
        "mx2.example.test (127.0.0.7",
        "mx2.example.test (127.0.0.1",
    ]
    assert record.only.remote == "mx2.example.test"


def test_where_nobody_answers_it_is_deferred_as_unreachable(post) -> None:
    record = post.record()

    async def main() -> None:
        async with post.meeting(post.peer()) as sender:
            (port,) = {one.port for one in await sender.peers(post.attempt().next_hop)}
            way = post.way(Exchanger("mx.example.test", 1, ("127.0.0.9",)))
            await post.courier(way, port).deliver(post.attempt("a", "b"), record)

    post.run(main)
    assert record.fates == {"a": "deferred", "b": "deferred"}
    assert {outcome.status for outcome in record.outcomes.values()} == {"4.4.1"}


@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.DEFERRED])
def test_without_a_route_its_reason_is_everybodys(post, fate: Fate) -> None:
    reason = Outcome(fate, "5.1.2", "there is no such domain")
    record = post.record()
    post.run(post.courier(post.way(no_route=reason), 25).deliver, post.attempt("a", "b"), record)
    assert set(record.outcomes.values()) == {reason}


def test_a_greeting_that_says_never_fails_only_where_every_host_says_it(post) -> None:
    never, later = post.peer({"greeting": b"554 never\r\n"}), post.peer({"greeting": b"421 later\r\n"})
    for peers, fate in (
        ((never, never), "failed"),
        ((never, later), "deferred"),
        ((later, never), "deferred"),
    ):
        record = post.record()

        async def main(peers=peers, record=record) -> None:
            async with post.meeting(*peers) as sender:
                await sender.deliver(post.attempt("a"), record)

        post.run(main)
        assert record.fates == {"a": fate}
    assert set(never.lines) == {b"QUIT"}  # RFC 5321 §3.1 waits for it


def test_recipients_that_one_host_defers_go_to_the_next_and_no_others(post) -> None:
    first = post.peer()
    second = post.peer()
    record = post.record()

    async def main() -> None:
        async with post.meeting(first, second) as sender:
            first.rcpt = {b"b": b"450 4.2.1 not now\r\n", b"c": b"550 5.1.1 nobody\r\n"}
            await sender.deliver(post.attempt("a", "b", "c"), record)

    post.run(main)
    assert record.fates == {"a": "relayed", "b": "relayed", "c": "failed"}
    assert [line for line in second.lines if line.startswith(b"RCPT")] == [b"RCPT TO:<b@example.test>"]


def test_lmtp_goes_to_the_mailbox_agent_and_has_an_outcome_each(post) -> None:
    agent = post.peer({"final": b"250 one\r\n452 4.2.2 full\r\n"}, lmtp=True)
    record = post.record()

    async def main() -> None:
        async with post.meeting(agent) as sender:
            (port,) = {one.port for one in await sender.peers(post.attempt().next_hop)}
            mda = post.courier(post.way(), 25, lmtp=("127.0.0.1", port))
            await mda.deliver(post.attempt("a", "b", transport=Transport.LMTP), record)
            await mda.aclose()

    post.run(main)
    assert agent.lines[0] == b"LHLO me.example.org"
    assert record.fates == {"a": "relayed", "b": "deferred"}
    assert {event.kind for event in post.events} == {Kind.LMTP}


def test_without_a_mailbox_agent_lmtp_waits(post) -> None:
    record = post.record()
    attempt = post.attempt("a", transport=Transport.LMTP)
    post.run(post.courier(post.way(), 25).deliver, attempt, record)
    assert record.fates == {"a": "deferred"}


# TLS


def test_a_handshake_that_fails_is_followed_by_a_connection_in_the_clear(post) -> None:
    peer = post.peer(extensions=("STARTTLS", "PIPELINING"))
    record = post.record()

    async def main() -> None:
        async with post.meeting(peer, tls=contexts(AUTHORITY.ca_pem, None)) as sender:
            await sender.deliver(post.attempt("a"), record)

    post.run(main)
    assert record.fates == {"a": "relayed"}
    assert peer.connections == 2
    assert [line for line in peer.lines if line == b"STARTTLS"] == [b"STARTTLS"]


def test_where_the_clear_is_not_answered_either_it_is_deferred(post) -> None:
    peer = post.peer({"TLS": "close", "MAIL": b"451 4.7.0 not now\r\n"}, extensions=("STARTTLS",))
    record = post.record()

    async def main() -> None:
        async with post.meeting(peer, tls=contexts(AUTHORITY.ca_pem, None)) as sender:
            await sender.deliver(post.attempt("a"), record)

    post.run(main)
    assert record.only.status == "4.7.0"


def test_what_comes_in_the_clear_behind_starttls_is_nobodys_reply(post) -> None:
    peer = post.peer({"STARTTLS": b"220 go\r\n250-evil\r\n250 SIZE 1\r\n"}, extensions=("STARTTLS",))
    record = post.record()

    async def main() -> None:
        async with post.meeting(peer, tls=contexts(AUTHORITY.ca_pem, None)) as sender:
            await sender.deliver(post.attempt("a"), record)

    post.run(main)
    assert record.fates == {"a": "relayed"}


# Connections


def test_a_connection_is_used_again(post) -> None:
    peer = post.peer()

    async def main() -> None:
        async with post.meeting(peer) as sender:
            for _ in range(3):
                await sender.deliver(post.attempt("a"), post.record())

    post.run(main)
    assert (peer.connections, len(peer.messages)) == (1, 3)
    assert peer.lines[-1] == b"QUIT"


def test_a_connection_carries_so_many_messages_and_no_more(post) -> None:
    peer = post.peer()

    async def main() -> None:
        async with post.with_limits(per_connection=2).meeting(peer) as sender:
            for _ in range(5):
                await sender.deliver(post.attempt("a"), post.record())

    post.run(main)
    assert (peer.connections, len(peer.messages)) == (3, 5)
    assert peer.lines.count(b"QUIT") == 3


def test_a_connection_that_the_peer_closed_is_not_used_again(post) -> None:
    peer = post.peer()
    record = post.record()

    async def main() -> None:
        async with post.meeting(peer) as sender:
            await sender.deliver(post.attempt("a"), post.record())
            await trio.testing.wait_all_tasks_blocked()
            await peer.sessions[0].end(b"421 4.4.2 idle too long\r\n")
            await sender.deliver(post.attempt("a"), record)

    post.run(main)
    assert record.fates == {"a": "relayed"}
    assert peer.connections == 2


def test_kept_connections_end_after_a_while(post) -> None:
    peer = post.peer()

    async def main() -> None:
        async with post.meeting(peer) as sender, trio.open_nursery() as nursery:
            nursery.start_soon(sender.tend)
            await sender.deliver(post.attempt("a"), post.record())
            with trio.fail_after(3600):
                await peer.left.wait()
            nursery.cancel_scope.cancel()

    post.run(main)
    assert peer.lines[-1] == b"QUIT"


def test_one_host_has_so_many_connections_at_a_time(post) -> None:
    peer = post.peer()

    async def main() -> None:
        async with (
            post.with_limits(per_destination=2).meeting(peer) as sender,
            trio.open_nursery() as nursery,
        ):
            for _ in range(12):
                nursery.start_soon(sender.deliver, post.attempt("a"), post.record())

    post.run(main)
    assert len(peer.messages) == 12
    assert peer.most_open <= 2


def test_an_attempt_that_is_cancelled_leaves_no_connection_behind(post) -> None:
    arrived = trio.Event()
    record = post.record()

    async def hold() -> None:
        arrived.set()
        await trio.sleep_forever()

    peer = post.peer(hold=hold)

    async def main() -> None:
        async with post.meeting(peer) as sender:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sender.deliver, post.attempt("a"), record)
                await arrived.wait()
                nursery.cancel_scope.cancel()
            # The turn to be in doubt was given back.
            peer.hold = None
            await sender.deliver(post.attempt("b"), record)

    post.run(main)
    assert record.fates == {"b": "relayed"}


def test_what_record_raises_ends_the_attempt(post) -> None:
    class Full(Exception):
        pass

    def record(outcomes: object) -> None:
        raise Full

    async def main() -> None:
        async with post.meeting(post.peer()) as sender:
            with pytest.raises(Full):
                await sender.deliver(post.attempt("a"), record)

    post.run(main)


# In doubt


def test_only_so_many_messages_are_in_doubt_at_a_time(post) -> None:
    """Each final reply waits until everything else has come to a stop; then one peer at most has a whole message."""
    in_doubt = 0
    most = 0

    async def hold() -> None:
        nonlocal in_doubt, most
        in_doubt += 1
        most = max(most, in_doubt)
        await trio.testing.wait_all_tasks_blocked(0.01)

    def record(outcomes: object) -> None:
        nonlocal in_doubt
        in_doubt -= 1

    async def main() -> None:
        peers = [post.peer(hold=hold), post.peer(hold=hold)]
        async with post.with_limits(in_doubt=1).meeting(*peers) as sender, trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(sender.deliver, post.attempt("a"), record)

    post.run(main)
    assert (most, in_doubt) == (1, 0)


def test_turns_come_in_order_and_one_that_lasts_too_long_does_not_count() -> None:
    order: list[str] = []

    async def take(turns: InDoubt, name: str, hold_s: float) -> None:
        turn = Turn(turns)
        await turn.take()
        order.append(name)
        await trio.sleep(hold_s)
        turn.give_back()
        turn.give_back()

    async def main() -> None:
        turns = InDoubt(2, patience_s=5)
        async with trio.open_nursery() as nursery:
            for name, hold_s in (("slow", 100), ("slower", 200), ("c", 1), ("d", 1), ("e", 1)):
                nursery.start_soon(take, turns, name, hold_s)
                await trio.testing.wait_all_tasks_blocked()
            assert order == ["slow", "slower"]
            await trio.sleep(6)
            assert order == ["slow", "slower", "c", "d"]
            await trio.sleep(1)
            assert order == ["slow", "slower", "c", "d", "e"]

    trio.run(main, clock=MockClock(autojump_threshold=0))


# The journal


def test_the_journal_has_every_octet_and_whose_message_it_was(post) -> None:
    peer = post.peer({"RCPT": b"250-two\r\n250 lines\r\n"})

    async def main() -> None:
        async with post.meeting(peer) as sender:
            await sender.deliver(post.attempt("a"), post.record())

    post.run(main)
    sent = b"".join(event.octets for event in post.events if event.direction is Direction.SENT)
    assert sent == peer.heard
    received = [event.octets for event in post.events if event.direction is Direction.RECEIVED]
    assert received[0] == b"220 peer.example.test\r\n"
    assert b"250-two\r\n250 lines\r\n" in received
    about_it = [event for event in post.events if b"QUIT" not in event.octets and event.octets[:3] != b"221"]
    assert {event.queue_id for event in about_it[:-1]} == {"q1"}
    assert {event.host for event in post.events} == {"me.example.org"}
    assert all(event.text.isprintable() for event in post.events)
