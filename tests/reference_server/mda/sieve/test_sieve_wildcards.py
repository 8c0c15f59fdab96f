"""``:matches`` held against a regular expression, and what its wildcards stand for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.mda.sieve.glob import captured, glob

ALPHABET = b"ab*?\\"

values = st.lists(st.sampled_from(ALPHABET), max_size=12).map(bytes)
patterns = st.lists(st.sampled_from(ALPHABET), max_size=8).map(bytes)


def as_expression(pattern: bytes) -> re.Pattern[bytes]:
    """The same pattern as a regular expression that tries everything, as little as possible first."""
    tokens = re.findall(rb"\\.|.", pattern, re.DOTALL)
    special = {b"*": b"(.*?)", b"?": b"(.)"}
    return re.compile(
        b"".join(special.get(token, re.escape(token[-1:])) for token in tokens),
        re.DOTALL,
    )


@given(value=values, pattern=patterns)
def test_a_pattern_matches_what_the_regular_expression_matches(value, pattern):
    expected = as_expression(pattern).fullmatch(value)

    places = glob(value, pattern)

    assert (places is not None) == (expected is not None)
    if expected is not None:
        assert captured(value, places) == (value, *expected.groups())


@given(value=st.binary(max_size=40))
def test_a_value_whose_wildcards_are_quoted_matches_itself_alone(value):
    quoted = re.sub(rb"[*?\\]", rb"\\\g<0>", value)

    assert glob(value, quoted) == []
    assert glob(value + b"x", quoted) is None


@pytest.mark.parametrize(
    ("value", "pattern", "groups"),
    [
        # RFC 5229 §3.2.
        (b"[acme-users] [fwd] version 1.0 is out", b"[*] *", (b"acme-users", b"[fwd] version 1.0 is out")),
        (b"coyote@ACME.Example.COM", b"coyote@**.COM", (b"", b"ACME.Example")),
        (b"Foo <list.example.org@x", b"*<*@*", (b"Foo ", b"list.example.org", b"x")),
        (b"", b"*", (b"",)),
        (b"", b"", ()),
        (b"frop", b"?*", (b"f", b"rop")),
        (b"frop", b"*?", (b"fro", b"p")),
        (b"aXbXc", b"*X*", (b"a", b"bXc")),
    ],
)
def test_wildcards_stand_for_as_little_as_possible(value, pattern, groups):
    places = glob(value, pattern)

    assert places is not None
    assert captured(value, places) == (value, *groups)


def test_a_pattern_made_to_be_tried_again_and_again_is_not():
    # A matcher that tries every star anew needs 2^40 steps here.
    assert glob(b"a" * 50_000, b"*a" * 40 + b"*b") is None
    assert glob(b"a" * 50_000, b"*?a" * 40 + b"b") is None
