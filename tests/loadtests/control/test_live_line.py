"""The live line: told once a second, and holding nothing up whoever reads it."""

import os
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import pytest

from harness.results.load import LiveFigures
from loadtests.control.director import Director
from loadtests.control.findings import Findings
from loadtests.control.live import Live
from loadtests.control.members import Member, Roll
from loadtests.control.messages import FromDirector
from loadtests.figures.tally import Second, Sessions, TallyDelta
from loadtests.figures.watch import Watch
from loadtests.ledger.ledger import Book
from loadtests.plan import Plan, Settings


class Nobody:
    def send(self, member: Member, order: FromDirector) -> None:
        """There is no crew."""


@pytest.fixture
def director() -> Director:
    plan = Plan(scenario="mine", run="0badcafe", seed=1, target="", out="", settings=Settings())
    findings = Findings(plan, Book("0badcafe"), 100.0, Watch(()))
    return Director(findings, Roll(), Nobody(), 0, lambda _text: None)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def lines(end: int) -> list[LiveFigures]:
    return [msgspec.json.decode(line, type=LiveFigures) for line in os.read(end, 2**20).splitlines()]


def test_a_line_tells_where_the_run_stands(director: Director, pipe: tuple[int, int]) -> None:
    live = Live(pipe[1])

    live.tell(director, 100.0)

    [figures] = lines(pipe[0])
    assert figures.state == "waiting"
    assert figures.completed == 0


def test_each_message_is_said_once(director: Director, pipe: tuple[int, int]) -> None:
    live = Live(pipe[1])
    live.say("worker 1 was lost")
    live.say("worker 1 is back")

    live.tell(director, 100.0)
    live.tell(director, 101.0)

    assert [figures.message for figures in lines(pipe[0])] == ["worker 1 was lost", "worker 1 is back", ""]


def test_who_does_not_read_holds_nothing_up_and_misses_no_message(
    director: Director, pipe: tuple[int, int]
) -> None:
    live = Live(pipe[1])
    for second in range(1000):
        live.tell(director, 100.0 + second)
    live.say("said while nobody read")
    live.tell(director, 1100.0)
    while len(os.read(pipe[0], 2**16)) == 2**16:
        pass

    live.tell(director, 1101.0)

    assert [figures.message for figures in lines(pipe[0])] == ["said while nobody read"]
    assert not live.abandoned


def test_who_has_gone_is_noticed(director: Director, pipe: tuple[int, int]) -> None:
    live = Live(pipe[1])
    os.close(pipe[0])

    live.tell(director, 100.0)

    assert live.abandoned


def test_sessions_that_were_counted_are_told(director: Director, pipe: tuple[int, int]) -> None:
    live = Live(pipe[1])
    second = Second(at_s=1, sessions=Sessions(begun=5, completed=3), failures={}, latencies={}, octets={})
    director.findings.figures.add(0, 0, TallyDelta(seconds=[second]))

    live.tell(director, 101.0)

    [figures] = lines(pipe[0])
    assert figures.active == 2
