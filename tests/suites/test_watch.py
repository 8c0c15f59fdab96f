"""What a check raised, example by example, becomes what it saw."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import rule

from harness.clients.live import LiveTarget
from harness.errors import ConnectionLost, NotOffered, RemoteProtocolError, TimedOut, Unclear
from harness.results import CheckResult, Seen, Verdict
from harness.spec import load_register
from harness.target import Target
from suites.choices import ChoiceLog
from suites.covers import check_of, covers, proves
from suites.machine import CheckMachine, run_machine, step
from suites.plugin import PROFILES
from suites.watch import watch

MUST = "RFC5321-4.1.1.5-a"
SHOULD = "RFC5321-4.1.1.9-a"


def seen(
    function: Callable[..., object], *requirements: str, replayed: tuple[bytes, ...] = ()
) -> CheckResult:
    """Watch a check made of this function."""
    function.__module__ = "suites.smtp.test_made_up"
    declared = covers(*(requirements or (MUST,)), fault="smtp.made-up")(function)
    choices = ChoiceLog(replayed)
    PROFILES["quick"].activate(choices, replay=bool(replayed))
    item = cast("pytest.Function", SimpleNamespace(obj=declared, module=SimpleNamespace(__name__="made_up")))
    check = check_of(declared)
    assert check is not None
    target = LiveTarget(Target(name="nobody", domain="example.test", endpoints={}))
    return watch(item, check, target, load_register(), choices, lambda: None, seed=7).result


@pytest.fixture(autouse=True)
def _profile_of_the_tests() -> object:
    from hypothesis import settings

    yield
    settings.load_profile("tests")


def raising(*outcomes: Exception | None) -> Callable[..., None]:
    """A check that raises these, one call after the other, the last one again and again."""
    left = list(outcomes)

    def test_made_up(target: LiveTarget) -> None:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if outcome is not None:
            raise outcome

    return test_made_up


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([None], Seen.KEPT),
        ([AssertionError("x")], Seen.BROKEN),
        ([AssertionError("x"), None], Seen.UNCLEAR),
        ([AssertionError("x"), TimedOut("smtp://x", "nothing")], Seen.UNCLEAR),
        ([Unclear("greylisted")], Seen.UNCLEAR),
        ([NotOffered("no SIZE")], Seen.NOT_OFFERED),
        ([TimedOut("smtp://x", "nothing")], Seen.UNCLEAR),
        ([ConnectionLost("smtp://x", "closed")], Seen.UNCLEAR),
        ([RemoteProtocolError("rubbish")], Seen.UNCLEAR),
        ([ValueError("a fault of ours")], Seen.FAILED),
    ],
)
def test_a_plain_check(outcomes: list[Exception | None], expected: Seen) -> None:
    (finding,) = seen(raising(*outcomes)).findings

    assert finding.seen is expected
    assert bool(finding.reason) == (expected is not Seen.KEPT)


def test_the_level_weighs_a_broken_check() -> None:
    (must,) = seen(raising(AssertionError("x")), MUST).findings
    (should,) = seen(raising(AssertionError("x")), SHOULD).findings

    assert (must.verdict, should.verdict) == (Verdict.VIOLATES, Verdict.DECLINES)


def test_a_failure_in_a_proves_block_counts_against_its_requirement_alone() -> None:
    def test_made_up(target: LiveTarget) -> None:
        with proves(SHOULD):
            assert target is None

    must, should = seen(test_made_up, MUST, SHOULD).findings

    assert (must.seen, should.seen) == (Seen.UNCLEAR, Seen.BROKEN)


def test_an_outcome_in_a_proves_block_leaves_the_rest_to_go_on() -> None:
    def test_made_up(target: LiveTarget) -> None:
        with proves(SHOULD):
            raise NotOffered("not here")

    must, should = seen(test_made_up, MUST, SHOULD).findings

    assert (must.seen, should.seen) == (Seen.KEPT, Seen.NOT_OFFERED)


def test_a_check_may_not_prove_what_it_does_not_cover() -> None:
    def test_made_up(target: LiveTarget) -> None:
        with proves(SHOULD):
            pass

    (finding,) = seen(test_made_up, MUST).findings

    assert finding.seen is Seen.FAILED


def test_a_generated_failure_is_shrunk_and_can_be_replayed() -> None:
    @given(number=st.integers(0, 10_000))
    def test_made_up(target: LiveTarget, number: int) -> None:
        assert number < 17

    result = seen(test_made_up)

    assert result.findings[0].seen is Seen.BROKEN
    assert result.property_based
    assert result.counterexample is not None
    assert result.counterexample.arguments == {"number": "17"}
    assert result.counterexample.choices

    @given(number=st.integers(0, 10_000))
    def test_made_up_again(target: LiveTarget, number: int) -> None:
        assert number == 17, "the very same input"

    again = seen(test_made_up_again, replayed=tuple(result.counterexample.choices))

    assert again.findings[0].seen is Seen.KEPT
    assert again.examples == 1


def test_one_unclear_example_keeps_a_check_from_saying_kept() -> None:
    @given(number=st.integers(0, 3))
    def test_made_up(target: LiveTarget, number: int) -> None:
        if number == 2:
            raise TimedOut("smtp://x", "nothing came")

    assert seen(test_made_up).findings[0].seen is Seen.UNCLEAR


def test_unclear_examples_are_given_up_after_a_few() -> None:
    tried = []

    @given(number=st.integers())
    def test_made_up(target: LiveTarget, number: int) -> None:
        tried.append(number)
        raise Unclear("greylisted")

    seen(test_made_up)

    assert len(tried) == 3


def test_a_failure_that_does_not_come_back_is_unclear() -> None:
    calls = []

    @given(number=st.integers())
    def test_made_up(target: LiveTarget, number: int) -> None:
        calls.append(number)
        assert len(calls) != 3

    assert seen(test_made_up).findings[0].seen is Seen.UNCLEAR


class Counting(CheckMachine):
    """Broken by the third step of any dialogue."""

    def start(self) -> None:
        self.steps = 0

    @rule()
    @step
    def go(self) -> None:
        self.steps += 1
        assert self.steps < 3


class Trouble(CheckMachine):
    """The line drops at the second step."""

    def start(self) -> None:
        self.steps = 0

    @rule()
    @step
    def go(self) -> None:
        self.steps += 1
        if self.steps == 2:
            raise ConnectionLost("smtp://x", "closed")


def test_a_dialogue_shrinks_to_its_shortest() -> None:
    def test_made_up(target: LiveTarget) -> None:
        run_machine(Counting, target)

    result = seen(test_made_up)

    assert result.findings[0].seen is Seen.BROKEN
    assert result.property_based
    assert result.counterexample is not None
    assert result.counterexample.message.count("state.go()") == 3


def test_a_dialogue_cut_by_the_network_is_unclear() -> None:
    def test_made_up(target: LiveTarget) -> None:
        run_machine(Trouble, target)

    assert seen(test_made_up).findings[0].seen is Seen.UNCLEAR
