"""The life of a message as JSON: written and read back, and what is not one is refused by name."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.results.life import (
    Direction,
    Ending,
    Lane,
    LaneKind,
    Life,
    Moved,
    Stage,
    Standing,
    Step,
    encode_life,
    numbered,
    read_life,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
TIMES = st.integers(0, 2**40)

MOVED = st.builds(
    Moved, at_us=TIMES, direction=st.sampled_from(Direction), octets=st.binary(max_size=30), text=TEXT
)
STEPS = st.builds(
    Step,
    number=st.integers(1, 99),
    stage=st.sampled_from(Stage),
    at_us=TIMES,
    lasted_us=TIMES,
    actor=TEXT,
    peer=TEXT,
    title=TEXT,
    said=TEXT,
    answered=TEXT,
    standing=st.sampled_from(Standing),
    facts=st.lists(TEXT, max_size=3).map(tuple),
    moved=st.lists(MOVED, max_size=3).map(tuple),
)
LIVES = st.builds(
    Life,
    mailproof_version=TEXT,
    world=TEXT,
    started=TEXT,
    sender=TEXT,
    recipient=TEXT,
    subject=TEXT,
    ending=st.sampled_from(Ending),
    says=TEXT,
    lanes=st.lists(
        st.builds(Lane, name=TEXT, short=TEXT, kind=st.sampled_from(LaneKind), about=TEXT), max_size=3
    ).map(tuple),
    steps=st.lists(STEPS, max_size=3).map(tuple),
)


@given(life=LIVES)
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, life: Life) -> None:
    path = tmp_path_factory.mktemp("life") / "life.json"
    path.write_bytes(encode_life(life))

    assert read_life(path) == life


@given(steps=st.lists(STEPS, max_size=6))
def test_numbers_follow_time(steps: list[Step]) -> None:
    found = numbered(steps)

    assert [step.number for step in found] == list(range(1, len(steps) + 1))
    assert [step.at_us for step in found] == sorted(step.at_us for step in steps)


def test_steps_of_one_moment_stay_as_they_came() -> None:
    first = Step(number=0, stage=Stage.QUEUE, at_us=7, lasted_us=0, actor="a", title="one", said="")
    second = msgspec.structs.replace(first, title="two")

    assert [step.title for step in numbered([first, second])] == ["one", "two"]


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"{", "is not the life of a message"),
        (b'{"type":"run"}', "is not the life of a message"),
        (b"", "is not the life of a message"),
    ],
)
def test_what_is_no_life_is_refused(tmp_path: Path, octets: bytes, problem: str) -> None:
    path = tmp_path / "life.json"
    path.write_bytes(octets)

    with pytest.raises(UsageError, match=problem):
        read_life(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    life = Life(
        schema=99,
        mailproof_version="",
        world="",
        started="",
        sender="",
        recipient="",
        subject="",
        ending=Ending.DELIVERED,
        says="",
        lanes=(),
        steps=(),
    )
    path = tmp_path / "life.json"
    path.write_bytes(encode_life(life))

    with pytest.raises(UsageError, match="schema 99"):
        read_life(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.json: cannot be read"):
        read_life(tmp_path / "gone.json")
