"""Commands cut out of a stream: literals of each kind, bounds, and the law that cuts change nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.wire.imap.command_reader import MAX_COMMAND_LINE, CommandReader, Incoming, TooLarge, WantsLiteral

Event = Incoming | WantsLiteral | TooLarge


def events(reader: CommandReader, *pieces: bytes) -> list[Event]:
    found: list[Event] = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next()) is not None:
            found.append(event)
    return found


def test_a_line_is_a_command() -> None:
    assert events(CommandReader(100), b"a NOOP\r\nb NOOP\r\nc") == [Incoming(b"a NOOP"), Incoming(b"b NOOP")]


def test_a_literal_is_asked_for_and_joined() -> None:
    reader = CommandReader(100)
    assert events(reader, b"a LOGIN {5}\r\n") == [WantsLiteral(b"a LOGIN {5}\r\n", 5)]
    assert reader.in_command
    assert events(reader, b"al\r\nx {0}\r\n") == [WantsLiteral(b"a LOGIN {5}\r\nal\r\nx {0}\r\n", 0)]
    assert events(reader, b"\r\n") == [Incoming(b"a LOGIN {5}\r\nal\r\nx {0}\r\n")]
    assert not reader.in_command


def test_a_literal_that_waits_for_nobody_is_not_asked_for() -> None:
    assert events(CommandReader(100), b"a X ~{3+}\r\n\r\n\0 y\r\n") == [Incoming(b"a X ~{3+}\r\n\r\n\0 y")]


def test_a_large_literal_does_not_come_or_is_dropped() -> None:
    reader = CommandReader(10)
    assert events(reader, b"a X {11}\r\n", b"b NOOP\r\n") == [
        TooLarge(b"a X {11}\r\n", 11),
        Incoming(b"b NOOP"),
    ]
    dropped = events(reader, b"c X {11+}\r\n", b"x" * 11, b" {3+}\r\nabc y\r\nd NOOP\r\n")
    assert [type(event) for event in dropped] == [TooLarge, Incoming]
    assert dropped[0].so_far.startswith(b"c X ")


def test_the_literals_of_one_command_are_bounded_together() -> None:
    found = events(CommandReader(10), b"a X {6+}\r\nabcdef {6+}\r\nabcdef\r\n")
    assert found == [TooLarge(b"a X {6+}\r\nabcdef {6+}\r\n", 12)]


def test_memory_is_bounded_while_octets_are_dropped() -> None:
    reader = CommandReader(10)
    reader.feed(b"a X {1000000000+}\r\n")
    for _ in range(100):
        assert events(reader, b"x" * 10_000) == []
        assert reader.pending <= MAX_COMMAND_LINE


def test_empty_literals_without_end_are_bounded() -> None:
    reader = CommandReader(10)
    found = events(reader, b"a X ", *[b"{0+}\r\n"] * 20_000, b"\r\nb NOOP\r\n")
    assert [type(event) for event in found] == [TooLarge, Incoming]


def test_an_endless_line_cannot_be_read() -> None:
    reader = CommandReader(10)
    with pytest.raises(RemoteProtocolError):
        events(reader, b"a" * (MAX_COMMAND_LINE + 2))


def test_lines_are_given_as_they_are_where_no_command_is_due() -> None:
    reader = CommandReader(10)
    reader.feed(b"dGVzdA== {5}\r\nDONE\r\n")
    assert [reader.next_line(), reader.next_line(), reader.next_line()] == [b"dGVzdA== {5}", b"DONE", None]


pieces = st.sampled_from(
    [
        b"a NOOP\r\n",
        b"b X {3}\r\nabc\r\n",
        b"c {2+}\r\n\r\n {1}\r\n\n\r\n",
        b"d {20+}\r\n" + b"x" * 20 + b"\r\n",
        b"\r",
        b"\n",
        b"{9}",
    ]
)


@given(st.lists(pieces, max_size=6).map(b"".join), st.lists(st.integers(0, 100), max_size=8))
def test_cuts_change_nothing(octets: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(octets)) for cut in cuts} | {len(octets)})
    cut_up = [octets[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert events(CommandReader(15), *cut_up) == events(CommandReader(15), octets)
