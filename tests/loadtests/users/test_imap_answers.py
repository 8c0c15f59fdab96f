"""The lean reader agrees with the wire's reader on any octets, however they are cut, and nothing fools it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.wire.imap.encode import encode_literal, encode_literal8
from harness.wire.imap.reader import ResponseReader
from loadtests.users.imap_answers import Answer, AnswerReader

TAG = b"A7 "

# What would fool a reader that looks for lines: completions, announcements and untagged data, in pieces.
TREACHERY = st.lists(
    st.sampled_from(
        [
            b"A7 OK done\r\n",
            b"\r\n",
            b"A7 ",
            b"OK",
            b"{3}\r\n",
            b"{12}",
            b"* 9 EXISTS\r\n",
            b'"',
            b"\\",
            b")",
            b"\r",
            b"\n",
            b"x",
            b"+ go\r\n",
            b"}\r\n",
            b"~{4}\r\n",
        ]
    ),
    max_size=8,
).map(b"".join)

literals = TREACHERY.map(encode_literal) | TREACHERY.map(encode_literal8)
quoted = st.sampled_from([b'"a {3}"', b'"\\"{5}"', b'"' + b"A7 OK" + b'"', b"NIL", b"(\\Seen)", b"12"])


@st.composite
def data_responses(draw: st.DrawFn) -> bytes:
    values = draw(st.lists(literals | quoted, min_size=1, max_size=3))
    items = b" ".join(b"BODY[%d] %s" % (number, value) for number, value in enumerate(values, 1))
    return b"* %d FETCH (%s)\r\n" % (draw(st.integers(1, 99)), items)


texts = st.sampled_from(
    [
        b"* OK {3}\r\n",
        b"* NO it said {12}\r\n",
        b"* BYE {1}\r\n",
        b"* 3 EXISTS\r\n",
        b"* SEARCH\r\n",
        b"* 2 EXPUNGE\r\n",
        b"A70 OK of another\r\n",
        b"A8 OK of another {3}\r\n",
        b"+ go on {5}\r\n",
        b"what is this\r\n",
        b"\r\n",
    ]
)
untagged = st.lists(data_responses() | texts, max_size=6)
completions = st.sampled_from(
    [b"OK done", b"NO [ALREADYEXISTS] there {3}", b"BAD", b"ok small", b"OK [UIDNEXT 4] x"]
)


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(edges)]


@given(untagged, completions, st.lists(st.integers(0, 10_000), max_size=8), st.binary(max_size=4))
def test_an_answer_is_what_the_wires_reader_reads(
    responses: list[bytes], completion: bytes, places: list[int], behind: bytes
) -> None:
    stream = b"".join(responses) + TAG + completion + b"\r\n"
    known = [response.raw for response in ResponseReader().feed(stream)]
    reader = AnswerReader()
    answers = [answer for piece in cut(stream, places) if (answer := reader.answer(TAG, piece))]

    assert [(answer.text, answer.responses) for answer in answers] == [(completion, responses)]
    assert known == [*responses, TAG + completion + b"\r\n"]
    assert reader.idle
    reader.answer(TAG, behind)
    assert reader.idle == (not behind)


@given(untagged, st.lists(st.integers(0, 10_000), max_size=8))
def test_responses_one_by_one_are_what_the_wires_reader_reads(
    responses: list[bytes], places: list[int]
) -> None:
    stream = b"".join(responses)
    reader = AnswerReader()
    read = []
    for piece in cut(stream, places):
        response = reader.response(piece)
        while response is not None:
            read.append(response)
            response = reader.response()
    assert read == [response.raw for response in ResponseReader().feed(stream)] == responses


@given(
    st.lists(st.tuples(untagged, completions), min_size=2, max_size=4),
    st.lists(st.integers(0, 10_000), max_size=8),
)
def test_answers_to_a_batch_come_in_order(batch: list[tuple[list[bytes], bytes]], places: list[int]) -> None:
    tags = [b"B%d " % number for number in range(len(batch))]
    stream = b"".join(
        b"".join(before) + tag + line + b"\r\n" for tag, (before, line) in zip(tags, batch, strict=True)
    )
    reader, pieces = AnswerReader(), iter(cut(stream, places))
    read: list[Answer] = []
    for tag in tags:
        answer = reader.answer(tag)
        while answer is None:
            answer = reader.answer(tag, next(pieces))
        read.append(answer)
    assert [(answer.responses, answer.text) for answer in read] == batch


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=8))
def test_any_octets_are_cut_as_the_wires_reader_cuts_them(octets: bytes, places: list[int]) -> None:
    reader = AnswerReader()
    read = []
    for piece in cut(octets, places):
        response = reader.response(piece)
        while response is not None:
            read.append(response)
            response = reader.response()
    assert read == [response.raw for response in ResponseReader().feed(octets)]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"* 1 FETCH (BODY[] {101}\r\n"],
        [b"* " + b"x" * 100],
        [b"* 1 FETCH (B[] {60}\r\n", b"y" * 60, b"z" * 60],
    ],
)
def test_a_response_beyond_the_bound_is_refused(pieces: list[bytes]) -> None:
    reader = AnswerReader(max_octets=100)
    for piece in pieces[:-1]:
        assert reader.answer(TAG, piece) is None
    with pytest.raises(RemoteProtocolError, match="at most 100"):
        reader.answer(TAG, pieces[-1])
