"""The lean reader agrees with the wire's reader on any answers, however they are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.wire.pop3.responses import MultiLine, ResponseReader, encode_multi_line, encode_status
from loadtests.users.pop3_answers import Answer, AnswerReader

# What would fool a reader that looks for lines.
lines = st.lists(
    st.sampled_from([b".", b"..", b"\r\n", b"+OK", b"-ERR no", b"x", b"\r", b"\n", b".x", b""]), max_size=10
).map(b"".join)
statuses = st.builds(encode_status, st.booleans(), st.sampled_from([b"", b"2 320", b"maildrop locked"]))
multi_lines = st.builds(encode_multi_line, st.sampled_from([b"", b"120 octets"]), lines)
answers = st.tuples(statuses, st.booleans()) | st.tuples(multi_lines, st.just(True))
batches = st.lists(
    answers.filter(lambda pair: not (pair[1] and pair[0].startswith(b"+OK") and pair[0].count(b"\r\n") == 1)),
    max_size=5,
)
places = st.lists(st.integers(0, 10_000), max_size=8)


def cut(octets: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(octets) + 1) for place in at), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(edges)]


def by_the_wire(stream: bytes, forms: list[bool]) -> list[tuple[bytes, bytes]]:
    reader = ResponseReader()
    reader.feed(stream)
    read = [reader.next_response(multi_line=form) for form in forms]
    return [(r.status.raw, r.octets) if isinstance(r, MultiLine) else (r.raw, b"") for r in read if r]


@given(batches, places)
def test_answers_are_what_the_wires_reader_reads(batch: list[tuple[bytes, bool]], at: list[int]) -> None:
    stream, forms = b"".join(octets for octets, _ in batch), [form for _, form in batch]
    reader, pieces = AnswerReader(), iter(cut(stream, at))
    read: list[Answer] = []
    for form in forms:
        answer = reader.answer(multi_line=form)
        while answer is None:
            answer = reader.answer(next(pieces), multi_line=form)
        read.append(answer)

    assert [(answer.status + b"\r\n", answer.content) for answer in read] == by_the_wire(stream, forms)
    assert reader.idle


@pytest.mark.parametrize("stream", [b"hello\r\n", b"* OK IMAP ready\r\n", b"220 ready\r\n", b"\r\n"])
def test_what_is_no_answer_is_refused(stream: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="not a POP3 status line"):
        AnswerReader().answer(stream)


@pytest.mark.parametrize(
    ("stream", "multi_line"), [(b"+OK" + b"x" * 70_000, False), (b"+OK\r\n" + b"x" * 200, True)]
)
def test_an_answer_beyond_the_bound_is_refused(stream: bytes, multi_line: bool) -> None:
    with pytest.raises(RemoteProtocolError, match="at most"):
        AnswerReader(max_octets=100).answer(stream, multi_line=multi_line)


def test_dots_are_unstuffed_at_the_start_of_lines_only() -> None:
    answer = AnswerReader().answer(b"+OK\r\n..\r\n...x\r\na.b\r\n\r\n.\r\n", multi_line=True)
    assert answer is not None
    assert answer.lines == [b".", b"..x", b"a.b", b""]
