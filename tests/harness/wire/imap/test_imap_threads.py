"""THREAD's answer: the RFC's example, whatever can be written, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.wire.imap.thread import read_threads

# A thread as a number and what answers it.
_trees = st.recursive(
    st.tuples(st.integers(1, 2**32 - 1), st.just([])),
    lambda inner: st.tuples(st.integers(1, 2**32 - 1), st.lists(inner, max_size=3)),
    max_leaves=12,
)


def _members(tree: tuple[int, list], depth: int = 0) -> list[tuple[int, int]]:
    number, answers = tree
    return [(number, depth), *(each for answer in answers for each in _members(answer, depth + 1))]


def _written(tree: tuple[int, list]) -> bytes:
    number, answers = tree
    if len(answers) == 1:
        return b"%d %s" % (number, _written(answers[0]))
    return b"%d%s" % (number, b" " * bool(answers) + b"".join(b"(%s)" % _written(each) for each in answers))


def test_the_example_of_rfc_5256_section_4() -> None:
    assert read_threads(b"(2)(3 6 (4 23)(44 7 96))") == [
        ((2, 0),),
        ((3, 0), (6, 1), (4, 2), (23, 3), (44, 2), (7, 3), (96, 4)),
    ]


def test_a_parent_that_nobody_has_is_left_out() -> None:
    assert read_threads(b"((3)(5))") == [((3, 0), (5, 0))]


@given(st.lists(_trees, max_size=4))
def test_what_was_written_is_read(trees: list[tuple[int, list]]) -> None:
    octets = b"".join(b"(%s)" % _written(tree) for tree in trees)
    assert read_threads(octets) == [tuple(_members(tree)) for tree in trees]


def test_depth_costs_no_stack() -> None:
    assert read_threads(b"(1 " * 100_000 + b"(2)" + b")" * 100_000)[0][-1] == (2, 100_000)


@pytest.mark.parametrize("octets", [b"2", b"(2", b"(2))", b"(0)", b"(x)", b"(2)3"])
def test_what_is_none_is_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_threads(octets)
