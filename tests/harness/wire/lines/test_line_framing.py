import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.strategies.smtp import cuts
from harness.wire.lines import LineBuffer

streams = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a", b"\0", b"\xff"]), max_size=24).map(b"".join)


def lines_of(pieces: list[bytes], max_pending: int = 64) -> tuple[list[bytes], int]:
    buffer, lines = LineBuffer(max_pending), []
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.next_line()) is not None:
            lines.append(line)
    return lines, buffer.pending


@given(st.data(), streams)
def test_cutting_elsewhere_changes_nothing(data: st.DataObject, stream: bytes) -> None:
    assert lines_of(data.draw(cuts(stream))) == lines_of([stream])


@given(streams)
def test_lines_end_at_crlf_only_and_nothing_is_lost(stream: bytes) -> None:
    *whole, rest = stream.split(b"\r\n")
    assert lines_of([stream]) == (whole, len(rest))


@given(st.data(), st.integers(0, 20), st.integers(0, 20))
def test_a_line_is_bounded_whatever_the_cuts(data: st.DataObject, octets: int, bound: int) -> None:
    pieces = data.draw(cuts(b"x" * octets + b"\r\n"))
    if octets <= bound:
        assert lines_of(pieces, bound) == ([b"x" * octets], 0)
    else:
        with pytest.raises(RemoteProtocolError, match=f"at most {bound}"):
            lines_of(pieces, bound)


def test_octets_without_crlf_are_bounded() -> None:
    buffer = LineBuffer(10)
    buffer.feed(b"x" * 11)
    with pytest.raises(RemoteProtocolError):
        buffer.next_line()


@given(st.data(), st.binary(max_size=20), st.integers(0, 20))
def test_counted_octets_come_whole_and_lines_go_on_behind_them(
    data: st.DataObject, stream: bytes, octets: int
) -> None:
    buffer, taken = LineBuffer(64), None
    for piece in data.draw(cuts(stream)):
        buffer.feed(piece)
        if taken is None:
            taken = buffer.take(octets)
    if stream and len(stream) >= octets:
        assert taken == stream[:octets]
        buffer.feed(b"\r\n")
        assert buffer.next_line() == (stream[octets:] + b"\r\n").split(b"\r\n")[0]
    else:
        assert taken is None


def test_taking_in_pieces_takes_what_is_here() -> None:
    buffer = LineBuffer(64)
    buffer.feed(b"abc")
    assert [buffer.take_up_to(2), buffer.take_up_to(2), buffer.take_up_to(2)] == [b"ab", b"c", b""]
    assert buffer.pending == 0
