"""Structures are of the size asked for, well-formed, and safe on every road."""

import email
import email.policy
import re
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.content.mime import MAX_LINE, Part, prose, structure

sizes = st.integers(40, 3000) | st.integers(3000, 60_000)


def shape(part: Part) -> tuple[str, ...]:
    message = email.message_from_bytes(part.encode(), policy=email.policy.default)
    return tuple(each.get_content_type() for each in message.walk())


@given(st.integers(3, 5000), st.integers())
def test_prose_has_exactly_its_length_and_ends_its_last_line(octets: int, seed: int) -> None:
    text = prose(octets, Random(seed))
    assert len(text) == octets
    assert text.endswith(b"\r\n")


@given(sizes, st.integers())
def test_a_structure_has_exactly_its_size(octets: int, seed: int) -> None:
    part = structure(octets, Random(seed))
    assert len(part.encode()) == part.octets == octets


@given(sizes, st.integers())
def test_no_agent_has_a_reason_to_change_it(octets: int, seed: int) -> None:
    encoded = structure(octets, Random(seed)).encode()
    assert encoded.isascii()
    assert encoded.endswith(b"\r\n")
    assert b"\0" not in encoded
    for line in encoded.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(line) <= MAX_LINE
        assert not re.search(rb"^From |[ \t]$|[\r\n]", line), line


@given(sizes, st.integers())
def test_the_parser_of_the_library_finds_no_defect(octets: int, seed: int) -> None:
    message = email.message_from_bytes(structure(octets, Random(seed)).encode(), policy=email.policy.default)
    for part in message.walk():
        assert not part.defects
        if not part.is_multipart():
            assert part.get_content()


def test_there_are_texts_alternatives_attachments_and_nested_ones() -> None:
    shapes = Counter(shape(structure(20_000, Random(seed))) for seed in range(200))
    depth = Counter(sum(each.startswith("multipart/") for each in found) for found in shapes)
    assert set(depth) == {0, 1, 3}
    assert ("multipart/alternative", "text/plain", "text/html") in shapes


def test_a_large_message_is_large_by_what_is_attached() -> None:
    for seed in range(20):
        part = structure(1_000_000, Random(seed))
        message = email.message_from_bytes(part.encode(), policy=email.policy.default)
        texts = [len(each.get_content()) for each in message.walk() if each.get_content_maintype() == "text"]
        assert sum(texts) < 40_000


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_makes_the_same(seed: int) -> None:
    assert (
        structure(50_000, Random(seed))
        == structure(50_000, Random(seed))
        != structure(50_000, Random(seed + 1))
    )


def test_some_lines_begin_with_a_dot_and_some_are_nothing_else() -> None:
    lines = prose(100_000, Random(1)).split(b"\r\n")
    assert 10 < lines.count(b".") < 100
    assert any(line.startswith(b"..") for line in lines)
