"""Laws of the response reader: it reads what was written however cut, nothing breaks it, memory is bounded."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.strategies.imap import Said, responses
from harness.strategies.smtp import cuts
from harness.wire.imap.parser import parse_response
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import Response, Unknown

dialogues = st.lists(responses, min_size=1, max_size=4)


def read(octets: bytes) -> list[Response]:
    return ResponseReader().feed(octets)


def stream(said: list[Said[Response]]) -> bytes:
    return b"".join(octets + b"\r\n" for octets, _ in said)


@given(responses)
def test_what_a_server_says_is_what_is_read(said: Said[Response]) -> None:
    octets, meant = said
    (response,) = read(octets + b"\r\n")
    assert response.faults == ()
    assert response == replace(meant, raw=octets + b"\r\n")


@given(dialogues, st.data())
def test_cuts_change_nothing(said: list[Said[Response]], data: st.DataObject) -> None:
    octets = stream(said)
    reader = ResponseReader()
    pieces = [response for piece in data.draw(cuts(octets)) for response in reader.feed(piece)]
    assert pieces == read(octets)
    assert [response.raw for response in pieces] == [octets + b"\r\n" for octets, _ in said]
    assert reader.idle


@given(dialogues, st.data())
def test_octets_that_were_changed_are_read_or_noted_but_never_break_the_reader(
    said: list[Said[Response]], data: st.DataObject
) -> None:
    octets = bytearray(stream(said))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        match data.draw(st.sampled_from(["change", "insert", "remove"])):
            case "change":
                octets[at] = data.draw(st.integers(0, 255))
            case "insert":
                octets[at:at] = data.draw(
                    st.sampled_from([b"(", b")", b'"', b"\\", b"{3}", b"\r\n", b" ", b"NIL"])
                )
            case _:
                if len(octets) > 1:
                    del octets[at]
    reader = ResponseReader(max_response_octets=10_000)
    try:
        found = reader.feed(bytes(octets))
    except RemoteProtocolError:
        return
    assert bytes(octets).startswith(b"".join(response.raw for response in found))
    for response in found:
        assert all(0 <= fault.position <= len(response.raw) for fault in response.faults)
        assert response == parse_response(response.raw)


@given(st.binary(max_size=200) | st.text('*+A12 OKNILFETCH()[]{}"\\<>.\r\n', max_size=200).map(str.encode))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    reader = ResponseReader(max_response_octets=1000)
    try:
        found = reader.feed(octets) + reader.feed(b"\r\n" * 3)
    except RemoteProtocolError:
        return
    assert (octets + b"\r\n" * 3).startswith(b"".join(response.raw for response in found))
    assert all(response.faults for response in found if isinstance(response, Unknown))


@given(st.integers(20, 200), st.integers(1, 50))
def test_a_line_without_end_is_refused_at_the_bound(bound: int, piece: int) -> None:
    reader = ResponseReader(max_response_octets=bound)
    pieces = [b"x" * piece] * (bound // piece + 2)
    with pytest.raises(RemoteProtocolError, match=f"at most {bound}"):
        [reader.feed(octets) for octets in pieces]


@given(st.integers(20, 10**12))
def test_a_literal_beyond_the_bound_is_refused_when_announced(octets: int) -> None:
    reader = ResponseReader(max_response_octets=19 + 20)
    with pytest.raises(RemoteProtocolError, match="at most 39"):
        reader.feed(b"* 1 FETCH (BODY[] {%d}\r\n" % octets)


def test_literals_that_are_within_the_bound_one_by_one_are_bounded_together() -> None:
    reader = ResponseReader(max_response_octets=100)
    with pytest.raises(RemoteProtocolError):
        reader.feed(b"* 1 FETCH (" + b"BODY[] {10}\r\n0123456789 " * 10)


def test_what_was_whole_before_the_failure_is_returned_first() -> None:
    reader = ResponseReader(max_response_octets=30)
    (response,) = reader.feed(b"* OK ready\r\n" + b"x" * 40)
    assert response.raw == b"* OK ready\r\n"
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            reader.feed(b"")


@pytest.mark.parametrize("opening", [b"(", b'("a" ', b"(((", b'(("a" "b" NIL NIL NIL "7BIT" 1)'])
def test_nesting_is_bounded(opening: bytes) -> None:
    for item in (b"BODYSTRUCTURE", b"X-UNKNOWN"):
        (response,) = read(b"* 1 FETCH (%s %s)\r\n" % (item, opening * 5000))
        assert response.faults
