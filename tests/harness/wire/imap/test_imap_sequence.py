"""Sequence sets: written as read, and meaning what a plain set of numbers means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.wire.imap.sequence import LARGEST, MAX_NUMBER, SequenceSet

ends = st.integers(1, 40) | st.integers(1, MAX_NUMBER) | st.just(LARGEST)
small_ends = st.integers(1, 40) | st.just(LARGEST)
sets = st.lists(st.tuples(ends, ends), min_size=1, max_size=8).map(lambda r: SequenceSet(tuple(r)))
small_sets = st.lists(st.tuples(small_ends, small_ends), min_size=1, max_size=8).map(
    lambda ranges: SequenceSet(tuple(ranges))
)


@given(sets)
def test_what_is_written_is_read_back(numbers: SequenceSet) -> None:
    assert SequenceSet.parse(numbers.encode()) == numbers


@given(small_sets, st.integers(1, 40))
def test_a_set_means_what_a_set_of_numbers_means(numbers: SequenceSet, largest: int) -> None:
    model: set[int] = set()
    for first, last in numbers.ranges:
        low, high = sorted((first or largest, last or largest))
        model |= set(range(low, high + 1))

    assert numbers.expand(largest) == sorted(model)
    assert numbers.count(largest) == len(model)
    assert {n for n in range(1, 50) if numbers.contains(n, largest)} == model
    assert numbers.normalised(largest) == SequenceSet.of(model)


@given(st.sets(st.integers(1, 200), min_size=1))
def test_the_shortest_set_of_numbers_lists_them(numbers: set[int]) -> None:
    made = SequenceSet.of(numbers)
    assert set(made.expand()) == numbers
    assert made.normalised() == made
    assert len(made.ranges) == sum(1 for n in numbers if n - 1 not in numbers)


@given(st.binary(max_size=20) | st.text("0123456789:*,", max_size=20).map(str.encode))
def test_no_octets_raise_anything_else(octets: bytes) -> None:
    try:
        numbers = SequenceSet.parse(octets)
    except RemoteProtocolError:
        return
    assert SequenceSet.parse(numbers.encode()) == numbers


# RFC 3501 §9, the comments of sequence-set and seq-range.
@pytest.mark.parametrize(
    ("text", "largest", "numbers"),
    [
        (b"2,4:7,9,12:*", 15, [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]),
        (b"*:4,5:7", 10, [4, 5, 6, 7, 8, 9, 10]),
        (b"4:2", 10, [2, 3, 4]),
        (b"3291:*", 3290, [3290, 3291]),
        (b"*", 7, [7]),
        (b"*:*", 7, [7]),
    ],
)
def test_the_rfcs_own_sets(text: bytes, largest: int, numbers: list[int]) -> None:
    assert SequenceSet.parse(text).expand(largest) == numbers


@pytest.mark.parametrize(
    "text",
    [b"", b"0", b"01", b"1,", b",1", b"1:", b":1", b"1:2:3", b"1-2", b" 1", b"1 ", b"$", b"-1", b"**", b"4294967296"],
)  # fmt: skip
def test_what_is_no_set_is_refused(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        SequenceSet.parse(text)


def test_order_is_kept_where_two_sets_are_paired() -> None:
    assert SequenceSet.parse(b"7,2:4,6:5").in_order() == [7, 2, 3, 4, 5, 6]


def test_a_set_is_not_expanded_beyond_its_bound() -> None:
    with pytest.raises(LocalProtocolError, match="4294967295 numbers"):
        SequenceSet.parse(b"1:4294967295").expand()


@pytest.mark.parametrize("ask", [SequenceSet.expand, SequenceSet.in_order, SequenceSet.count])
def test_a_star_needs_a_mailbox(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(LocalProtocolError, match="no number of its own"):
        ask(SequenceSet.parse(b"1:*"))


@pytest.mark.parametrize("numbers", [[], [-1], [MAX_NUMBER + 1]])
def test_numbers_that_are_none_are_refused(numbers: list[int]) -> None:
    with pytest.raises(LocalProtocolError):
        SequenceSet.of(numbers)
