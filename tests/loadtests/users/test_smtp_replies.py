"""Replies that are cut by hand where they are simple are the ones that the wire core reads."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.wire.smtp.replies import ReplyReader
from loadtests.users.smtp_replies import Enough, Replies, extensions, text

words = st.text(alphabet="abcdefgh .<>@-0123456789", max_size=20).map(str.encode)
codes = st.integers(min_value=200, max_value=559).filter(lambda code: code != 421)


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    code = draw(codes)
    first = [b"%d-%b\r\n" % (code, line) for line in draw(st.lists(words, max_size=2))]
    return b"".join([*first, b"%d %b\r\n" % (code, draw(words))])


def pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(octets)) for cut in cuts} | {0, len(octets)})
    return [octets[a:b] for a, b in pairwise(ends)]


def peer(*pieces: bytes) -> Callable[[Enough | None], bytes]:
    """One who says this, piece by piece, and heeds what would be enough as a connection may: not at all."""
    rest = iter(pieces)
    return lambda _enough: next(rest)


@given(st.lists(replies(), min_size=1, max_size=5), st.lists(st.integers(0, 200), max_size=6), st.data())
def test_cutting_elsewhere_changes_nothing(said: list[bytes], cuts: list[int], data: st.DataObject) -> None:
    octets = b"".join(said)
    reader = Replies(peer(*pieces(octets, cuts)))
    read: list[bytes] = []
    while len(read) < len(said):
        count = data.draw(st.integers(0, len(said) - len(read)))
        behind = data.draw(st.integers(0, len(said) - len(read) - 1))
        read += [reader.next(behind)] if count == 0 else reader.some(count)

    assert read == [reply[:-2] for reply in said]
    assert read == [reply.raw[:-2] for reply in ReplyReader().feed(octets)]


def test_after_a_421_nothing_more_is_waited_for() -> None:
    reader = Replies(peer(b"250 ok\r\n421 bye\r\n"))

    assert reader.some(3) == [b"250 ok", b"421 bye"]


@pytest.mark.parametrize("octets", [b"SSH-2.0\r\n", b"25\r\n", b"250 ok\r\nhello\r\n"])
def test_octets_that_are_no_reply_raise_when_they_are_read(octets: bytes) -> None:
    reader = Replies(peer(octets))

    with pytest.raises(RemoteProtocolError):
        reader.some(2)

    assert reader.held == octets.count(b"250")


def test_what_ehlo_offers_and_how_a_reply_is_shown() -> None:
    reply = b"250-mx.example.test\r\n250-size 1000\r\n250 PIPELINING"

    assert extensions(reply) == {"SIZE": "1000", "PIPELINING": ""}
    assert text(b"250-a\r\n250 b") == "250-a / 250 b"
