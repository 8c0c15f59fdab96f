"""What a peer can do wrong, at every stage: no message is lost, and it goes elsewhere where that is safe."""

import pytest
import trio

STAGES = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "final")
BAD = {
    "closes": "close",
    "resets": "reset",
    "says nothing": "hang",
    "sends an endless line": "endless",
    "says 421": b"421 4.3.2 shutting down\r\n",
    "says 450": b"450 4.2.0 not now\r\n",
    "says 550": b"550 5.7.1 never\r\n",
    "says what no reply is": b"hello there\r\n",
    "says 999": b"999 what?\r\n",
    "says 150": b"150 wait\r\n",
    "says 350 where that is no answer": b"350 go on\r\n",
    "says two replies for one": b"250 OK\r\n250 OK\r\n",
    "begins a reply and closes": "cut",
}
PERMANENT = "says 550"
SURE = {"says 421", "says 450"}


def expected(stage: str, problem: str) -> tuple[str, bool]:
    """What becomes of the message where there is one host only, and whether another host gets it."""
    if (stage, problem) == ("EHLO", PERMANENT):
        return "relayed", False  # by HELO
    if (stage, problem) == ("DATA", "says 350 where that is no answer"):
        return "relayed", False  # RFC 5321 §4.2.1: the first digit counts
    if problem == "says two replies for one":
        return ("relayed", False) if stage == "final" else ("deferred", True)
    if problem == PERMANENT:
        return "failed", stage == "greeting"
    return "deferred", stage != "final" or problem in SURE


def combinations() -> list[tuple[str, str]]:
    return [(stage, problem) for stage in STAGES for problem in BAD]


@pytest.mark.parametrize(("stage", "problem"), combinations())
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()], ids=["pipelined", "one by one"])
def test_a_host_that_is_alone(post, stage: str, problem: str, extensions: tuple[str, ...]) -> None:
    bad = post.peer({stage: BAD[problem]}, extensions)
    record = post.record()

    async def main() -> None:
        async with post.meeting(bad) as courier:
            await courier.deliver(post.attempt("a", "b"), record)

    post.run(main)
    fate, _ = expected(stage, problem)
    assert record.fates == {"a": fate, "b": fate}, post.events
    assert {outcome.remote for outcome in record.outcomes.values()} == {"mx1.example.test"}
    assert {outcome.status[0] for outcome in record.outcomes.values()} == {
        {"relayed": "2", "deferred": "4", "failed": "5"}[fate]
    }


@pytest.mark.parametrize(("stage", "problem"), combinations())
def test_a_host_with_another_behind_it(post, stage: str, problem: str) -> None:
    bad, good = post.peer({stage: BAD[problem]}), post.peer()
    record = post.record()

    async def main() -> None:
        async with post.meeting(bad, good) as courier:
            await courier.deliver(post.attempt("a"), record)

    post.run(main)
    alone, elsewhere = expected(stage, problem)
    assert good.messages == [post.content] * elsewhere, post.events
    assert record.fates == {"a": "relayed" if elsewhere else alone}


@pytest.mark.parametrize("problem", ["closes", "says 421", "resets"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
def test_a_kept_connection_that_ends_is_no_answer(post, stage: str, problem: str) -> None:
    """The peer takes one message on its first connection, and none more."""
    peer = post.peer()
    records = [post.record(), post.record()]

    async def main() -> None:
        async with post.meeting(peer) as courier:
            await courier.deliver(post.attempt("a"), records[0])
            peer.sessions[0].does = {stage: BAD[problem]}
            await courier.deliver(post.attempt("a"), records[1])

    post.run(main)
    assert [record.fates for record in records] == [{"a": "relayed"}, {"a": "relayed"}]
    assert peer.connections == 2
    assert len(peer.messages) == 2


def test_replies_that_trickle_in_for_ever_are_not_awaited_for_ever(post) -> None:
    slow = post.peer({"EHLO": "trickle"})
    record = post.record()

    async def main() -> None:
        async with post.meeting(slow) as courier:
            with trio.fail_after(3600):
                await courier.deliver(post.attempt("a"), record)

    post.run(main)
    assert record.fates == {"a": "deferred"}


def test_a_peer_that_reads_nothing_is_left_in_the_end(post) -> None:
    big = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n"
    deaf = post.peer({"DATA": b"354 go on\r\n", "content": "deaf"})
    record = post.record()

    async def main() -> None:
        async with post.meeting(deaf) as courier:
            with trio.fail_after(3600):
                await courier.deliver(post.attempt("a", content=big + b"text\r\n" * 3_000_000), record)

    post.run(main)
    assert record.fates == {"a": "deferred"}
