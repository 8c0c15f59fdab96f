import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.strategies.smtp import cuts
from harness.wire.smtp.replies import (
    MAX_PENDING,
    EnhancedCode,
    Reply,
    ReplyReader,
    encode_reply,
    read_extensions,
)

codes = st.builds(
    lambda a, b, c: a * 100 + b * 10 + c, st.integers(2, 5), st.integers(0, 5), st.integers(0, 9)
)
texts = st.text("abc XYZ-=.\t\xe9", max_size=20).map(lambda text: text.encode("latin-1"))
replies = st.tuples(codes, st.lists(texts, min_size=1, max_size=4))
streams = st.lists(
    st.sampled_from([b"250", b"550", b"199", b"-", b" ", b"ok", b"\r\n", b"\r", b"\n", b"\0", b"2"]),
    max_size=30,
).map(b"".join)


def read(pieces: list[bytes]) -> tuple[list[Reply], str]:
    """All replies and the error that ended them."""
    reader, read_so_far = ReplyReader(), []
    try:
        for piece in [*pieces, b"", b""]:
            read_so_far += reader.feed(piece)
    except RemoteProtocolError as exc:
        return read_so_far, str(exc)
    return read_so_far, ""


def only(octets: bytes) -> Reply:
    (reply,) = ReplyReader().feed(octets)
    return reply


@given(st.data(), streams)
def test_cutting_elsewhere_changes_nothing(data: st.DataObject, stream: bytes) -> None:
    assert read(data.draw(cuts(stream))) == read([stream])


@given(st.lists(replies, max_size=4))
def test_what_was_encoded_is_read_back_without_a_fault(sent: list[tuple[int, list[bytes]]]) -> None:
    stream = b"".join(encode_reply(code, lines) for code, lines in sent)
    got, error = read([stream])
    assert [(reply.code, list(reply.lines)) for reply in got] == sent
    assert not error
    assert not any(reply.faults for reply in got)
    assert b"".join(reply.raw for reply in got) == stream


@given(st.binary(max_size=60))
def test_no_octets_raise_anything_else(stream: bytes) -> None:
    got, error = read([stream])
    assert error or sum(len(reply.raw) for reply in got) <= len(stream)


@pytest.mark.parametrize(
    ("octets", "position", "rule"),
    [
        (b"250 ok\nmore\r\n", 6, "RFC 5321 §2.3.8"),
        (b"250 ok\r more\r\n", 6, "RFC 5321 §2.3.8"),
        (b"250 o\0k\r\n", 5, "RFC 5321 §2.3.8"),
        (b"250-a\r\n251 b\r\n", 7, "RFC 5321 §4.2.1"),
        (b"650 ok\r\n", 0, "RFC 5321 §4.2"),
        (b"190 ok\r\n", 0, "RFC 5321 §4.2"),
        (b"299 ok\r\n", 0, "RFC 5321 §4.2"),
        (b"250ok\r\n", 3, "RFC 5321 §4.2"),
        (b"250 " + b"x" * 507 + b"\r\n", 512, "RFC 5321 §4.5.3.1.5"),
    ],
)
def test_a_fault_is_noted_and_the_reply_is_read(octets: bytes, position: int, rule: str) -> None:
    reply = only(octets)
    assert [(fault.position, fault.rule) for fault in reply.faults] == [(position, rule)]
    assert reply.raw == octets


def test_the_longest_legal_line_is_no_fault() -> None:
    assert only(b"250 " + b"x" * 506 + b"\r\n").faults == ()


@pytest.mark.parametrize("octets", [b"250\r\n", b"250 \r\n"])
def test_a_reply_needs_no_text(octets: bytes) -> None:
    reply = only(octets)
    assert (reply.code, reply.lines, reply.faults) == (250, (b"",), ())


@pytest.mark.parametrize("line", [b"hello\r\n", b"\r\n", b"25\r\n", b"* OK IMAP4rev1\r\n", b"+OK POP3\r\n"])
def test_what_is_no_reply_line_raises_from_then_on(line: bytes) -> None:
    reader = ReplyReader()
    assert len(reader.feed(b"220 hello\r\n" + line + b"250 ok\r\n")) == 1
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            reader.feed(b"250 ok\r\n")


@pytest.mark.parametrize("piece", [b"x" * 1024, b"250-x\r\n" * 200])
def test_a_peer_without_end_is_cut_off(piece: bytes) -> None:
    reader, fed = ReplyReader(), 0

    def feed_without_end() -> None:
        nonlocal fed
        while True:
            reader.feed(piece)
            fed += len(piece)

    with pytest.raises(RemoteProtocolError, match=str(MAX_PENDING)):
        feed_without_end()
    assert fed <= MAX_PENDING


def test_enhanced_codes_are_read_and_written() -> None:
    octets = encode_reply(550, [b"No such user", b"here"], EnhancedCode(5, 1, 1))
    assert octets == b"550-5.1.1 No such user\r\n550 5.1.1 here\r\n"
    assert only(octets).enhanced == EnhancedCode(5, 1, 1)
    assert only(b"250 2.0.0\r\n").enhanced == EnhancedCode(2, 0, 0)


@pytest.mark.parametrize("text", [b"ok", b"3.1.1 no", b"2.1 no", b"2.1.1x", b"2.1234.1 no", b" 2.1.1 no"])
def test_other_texts_are_no_enhanced_code(text: bytes) -> None:
    assert only(b"250 " + text + b"\r\n").enhanced is None


@pytest.mark.parametrize(
    ("code", "line"),
    [(250, b"a\r\nb"), (250, b"a\n"), (199, b"a"), (600, b"a"), (260, b"a"), (250, b"x" * 507)],
)
def test_what_a_reply_cannot_carry_is_refused(code: int, line: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        encode_reply(code, [line])


def test_extensions_are_read_from_ehlo() -> None:
    reply = only(
        b"250-mx.example.test greets you\r\n250-SIZE 1000\r\n250-auth PLAIN LOGIN\r\n250 PIPELINING\r\n"
    )
    assert read_extensions(reply) == {"SIZE": "1000", "AUTH": "PLAIN LOGIN", "PIPELINING": ""}
