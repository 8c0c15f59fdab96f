"""Header edits leave every octet alone that is not meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.filters.fields import Header, field
from reference_server.filters.trace import split_trace

MESSAGE = b"A: 1\r\nSubject: one\r\n two\r\nB: 2\r\nsubject: three\r\n\r\nbody: x\r\n"

lines = st.sampled_from(
    [b"A: 1", b"B:", b" fold", b"\t", b"", b"no field", b"Sub: \xff\x00", b": x", b"C : y"]
)
ends = st.sampled_from([b"\r\n", b"\n", b"\r", b""])
messages = st.lists(st.tuples(lines, ends)).map(lambda pairs: b"".join(a + b for a, b in pairs)) | st.binary()


@given(messages)
def test_what_is_read_and_not_changed_is_written_as_it_was(message: bytes) -> None:
    assert Header(message).encode() == message


@given(messages)
def test_what_is_put_in_at_the_top_is_all_that_is_new(message: bytes) -> None:
    header = Header(message)
    header.insert(0, b"X-New", b"yes")
    assert header.encode() == b"X-New: yes\r\n" + message


@given(st.binary())
def test_a_value_never_becomes_a_field_of_its_own(value: bytes) -> None:
    raw = field(b"X", value)
    assert raw.endswith(b"\r\n")
    assert all(line.startswith((b" ", b"\t")) for line in raw[:-2].split(b"\r\n")[1:])
    assert len(Header(raw).fields) == 1


@given(st.binary())
def test_a_trace_field_and_the_rest_are_the_message(message: bytes) -> None:
    for content in (message, b"Received: x\r\n by y\r\n" + message):
        trace, rest = split_trace(content)
        assert trace + rest == content


@pytest.mark.parametrize(
    ("number", "value", "becomes"),
    [
        (1, b"new", b"A: 1\r\nSubject: new\r\nB: 2\r\nsubject: three\r\n\r\nbody: x\r\n"),
        (2, b"new", b"A: 1\r\nSubject: one\r\n two\r\nB: 2\r\nSubject: new\r\n\r\nbody: x\r\n"),
        (1, b"", b"A: 1\r\nB: 2\r\nsubject: three\r\n\r\nbody: x\r\n"),
        (2, b"a\n\tb", b"A: 1\r\nSubject: one\r\n two\r\nB: 2\r\nSubject: a\r\n\tb\r\n\r\nbody: x\r\n"),
    ],
)
def test_a_field_is_changed_by_its_number(number: int, value: bytes, becomes: bytes) -> None:
    header = Header(MESSAGE)
    assert header.change(b"Subject", number, value)
    assert header.encode() == becomes


def test_a_field_that_is_not_there_is_not_changed() -> None:
    header = Header(MESSAGE)
    assert not header.change(b"Subject", 3, b"x")
    assert not header.change(b"body", 1, b"x")
    assert header.encode() == MESSAGE


def test_a_field_is_added_above_the_blank_line() -> None:
    header = Header(MESSAGE)
    header.add(b"Z", b" last")
    assert header.encode() == MESSAGE.replace(b"three\r\n", b"three\r\nZ: last\r\n")


def test_a_line_that_is_no_field_hides_none() -> None:
    header = Header(b"From alice Tue\r\nA: 1\r\n\r\nbody\r\n")
    assert header.fields == ((b"A", b" 1"),)
    assert header.body == b"body\r\n"


def test_a_new_body_has_its_blank_line() -> None:
    header = Header(b"A: 1\r\n")
    header.body = b"new\r\n"
    assert header.encode() == b"A: 1\r\n\r\nnew\r\n"


def test_a_last_line_without_its_end_gets_it_before_something_is_added() -> None:
    header = Header(b"A: 1")
    header.add(b"B", b"2")
    assert header.encode() == b"A: 1\r\nB: 2\r\n"
