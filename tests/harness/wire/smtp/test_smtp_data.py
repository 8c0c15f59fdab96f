import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.strategies.smtp import cuts
from harness.wire.smtp.data import ChunkReader, DataReader, dot_stuff, encode_data

words = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\0", b"x"]), max_size=24).map(b"".join)


def read(pieces: list[bytes]) -> tuple[bytes, bool, bytes, list[str]]:
    reader = DataReader()
    content = b"".join(reader.feed(piece) for piece in pieces)
    assert reader.octets == len(content)
    return content, reader.ended, reader.rest, [str(fault) for fault in reader.faults]


@given(st.data(), words)
def test_cutting_elsewhere_changes_nothing(data: st.DataObject, stream: bytes) -> None:
    assert read(data.draw(cuts(stream))) == read([stream])


@given(words, words)
def test_what_was_encoded_is_read_back_and_the_rest_is_kept(content: bytes, behind: bytes) -> None:
    ended = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    got, is_ended, rest, _ = read([encode_data(content) + behind])
    assert (got, is_ended, rest) == (ended, True, behind)


@given(words)
def test_data_ends_at_crlf_dot_crlf_and_nowhere_else(stream: bytes) -> None:
    # The model: look for the five octets, the CRLF of the DATA command itself included.
    content, ended, rest, _ = read([stream])
    before, end, behind = (b"\r\n" + stream).partition(b"\r\n.\r\n")
    assert ended == bool(end)
    if ended:
        assert rest == behind
        assert content == (before + b"\r\n")[2:].replace(b"\r\n.", b"\r\n") or before.startswith(b"\r\n.")


@given(words)
def test_no_more_than_three_octets_are_held(stream: bytes) -> None:
    reader = DataReader()
    for octet in stream:
        reader.feed(bytes([octet]))
        assert len(reader._held) <= 3


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n",
        b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n",
    ],
)  # fmt: skip
def test_twelve_false_ends_end_nothing(end: bytes) -> None:
    assert not read([b"x" + end + b"NOOP\r\n"])[1]


@given(words)
def test_the_first_bare_cr_and_lf_are_reported_where_they_are(content: bytes) -> None:
    reader = DataReader()
    got = reader.feed(encode_data(content))
    bare = {
        "CR": got.replace(b"\r\n", b"xx").find(b"\r"),
        "LF": got.replace(b"\r\n", b"xx").find(b"\n"),
    }
    assert {fault.detail[:2]: fault.position for fault in reader.faults} == {
        name: at for name, at in bare.items() if at >= 0
    }


@pytest.mark.parametrize(
    ("content", "on_the_wire"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
        (b"a\n.b\r\n", b"a\n.b\r\n.\r\n"),
    ],
)
def test_content_on_the_wire(content: bytes, on_the_wire: bytes) -> None:
    assert encode_data(content) == on_the_wire


def test_each_line_gets_one_dot() -> None:
    assert dot_stuff(b"...\r\n..\r\na.\r\n") == b"....\r\n...\r\na.\r\n"


@given(st.data(), st.binary(max_size=30), st.binary(max_size=10))
def test_a_chunk_is_its_octets_and_no_more(data: st.DataObject, chunk: bytes, behind: bytes) -> None:
    reader = ChunkReader(len(chunk))
    got = b"".join(reader.feed(piece) for piece in data.draw(cuts(chunk + behind)))
    assert (got, reader.rest, reader.ended) == (chunk, behind, True)


def test_a_chunk_cut_short_has_not_ended() -> None:
    reader = ChunkReader(3)
    assert (reader.feed(b"ab"), reader.ended, reader.remaining) == (b"ab", False, 1)
