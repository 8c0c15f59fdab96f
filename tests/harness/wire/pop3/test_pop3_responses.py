"""Responses, byte for byte: cutting changes nothing, what was written is read, faults are noted."""

import re
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.strategies.smtp import cuts
from harness.wire.pop3.responses import (
    MAX_PENDING,
    MAX_STATUS_LINE,
    MultiLine,
    Response,
    ResponseReader,
    Status,
    encode_challenge,
    encode_lines,
    encode_multi_line,
    encode_status,
)
from harness.wire.pop3.states import Answer

# What the reader must tell apart is more frequent than chance would have it.
pieces = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b".", b"..", b"\r\n.\r\n", b"x", b"\0", b"+OK", b"-ERR", b"\xff"]
)
contents = st.lists(pieces | st.binary(max_size=5), max_size=12).map(b"".join)
texts = st.text("".join(map(chr, range(32, 127))).replace("[", ""), max_size=30).map(
    lambda text: text.strip().encode()
)


def read(octets: bytes | list[bytes], *multi_line: bool) -> list[Response]:
    """All whole responses; behind those of `multi_line`, single lines."""
    reader, responses = ResponseReader(), []
    forms = chain(multi_line, repeat(False))
    form = next(forms)
    for piece in [octets] if isinstance(octets, bytes) else octets:
        reader.feed(piece)
        while (response := reader.next_response(multi_line=form)) is not None:
            responses.append(response)
            form = next(forms)
    return responses


def status(octets: bytes) -> Status:
    (response,) = read(octets)
    assert isinstance(response, Status)
    return response


def multi_line(octets: bytes) -> MultiLine:
    (response,) = read(octets, True)
    assert isinstance(response, MultiLine)
    return response


@given(st.data())
def test_cutting_the_stream_changes_nothing(data: st.DataObject) -> None:
    forms = data.draw(st.lists(st.booleans(), max_size=4))
    stream = b"".join(
        encode_multi_line(b"go", data.draw(contents))
        if form
        else data.draw(st.sampled_from([b"+OK\r\n", b"-err x\r\n"]))
        for form in forms
    )
    cut = data.draw(cuts(stream))
    whole = read(stream, *forms)
    assert read(cut, *forms) == whole
    assert b"".join(response.raw for response in whole) == stream
    assert [isinstance(response, MultiLine) for response in whole] == forms


@given(st.lists(pieces | st.binary(max_size=20), max_size=20), st.lists(st.booleans(), max_size=3))
def test_any_octets_are_read_or_raise_what_they_may(octets: list[bytes], forms: list[bool]) -> None:
    def outcome(pieces: list[bytes]) -> list[Response | str]:
        reader, outcomes = ResponseReader(), []
        asked = chain(forms, repeat(False))
        form = next(asked)
        for piece in pieces:
            reader.feed(piece)
            try:
                while (response := reader.next_response(multi_line=form)) is not None:
                    outcomes.append(response)
                    form = next(asked)
            except RemoteProtocolError as exc:
                return [*outcomes, str(exc)]
        return outcomes

    assert outcome(octets) == outcome([b"".join(octets)])


@given(contents)
def test_content_comes_back_with_its_last_line_ended(content: bytes) -> None:
    response = multi_line(encode_multi_line(b"", content))
    ended = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    assert response.octets == ended
    assert response.lines == ended.split(b"\r\n")[:-1]
    assert {fault.detail for fault in response.faults} == (
        ({"CR alone in a line"} if re.search(rb"\r(?!\n)", ended) else set())
        | ({"LF alone in a line"} if re.search(rb"(?<!\r)\n", ended) else set())
    )


@given(st.booleans(), texts, st.none() | st.sampled_from(["IN-USE", "SYS/TEMP", "AUTH"]))
def test_a_status_line_comes_back(ok: bool, text: bytes, code: str | None) -> None:
    read_back = status(encode_status(ok, text, code=code))
    assert (read_back.ok, read_back.code, read_back.faults) == (ok, code, ())
    assert read_back.text.endswith(text)


def test_a_negative_response_has_no_more_lines() -> None:
    first, second = read(b"-ERR no such message\r\n+OK 2 320\r\n", True, False)
    assert isinstance(first, MultiLine)
    assert (first.ok, first.lines, first.raw) == (False, [], b"-ERR no such message\r\n")
    assert isinstance(second, Status)
    assert second.text == b"2 320"


@pytest.mark.parametrize(
    ("line", "answer", "code"),
    [
        (b"+OK\r\n", Answer.OK, None),
        (b"-ERR [IN-USE] Do you have another POP session running?\r\n", Answer.ERR, "IN-USE"),
        (b"-ERR [sys/temp] later\r\n", Answer.ERR, "SYS/TEMP"),
        (b"-ERR [AUTH] no\r\n", Answer.ERR, "AUTH"),
        (b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n", Answer.OK, None),
        (b"+ \r\n", Answer.CHALLENGE, None),
        (b"+ cnNwYXV0aD0wYjk3MTQ2MmNlZjVlOGY5MzBkYjlhMzNiMDJmYzlhMA==\r\n", Answer.CHALLENGE, None),
    ],
)
def test_status_lines_without_fault(line: bytes, answer: Answer, code: str | None) -> None:
    read_back = status(line)
    assert (read_back.answer, read_back.code, read_back.faults) == (answer, code, ())
    assert read_back.raw == line


@pytest.mark.parametrize(
    ("line", "answer", "position", "rule"),
    [
        (b"+ok\r\n", Answer.OK, 0, "RFC 1939 §3"),
        (b"-Err no\r\n", Answer.ERR, 0, "RFC 1939 §3"),
        (b"+OKAY\r\n", Answer.OK, 3, "RFC 2449 §3"),
        (b"+\r\n", Answer.CHALLENGE, 1, "RFC 5034 §4"),
        (b"-ERR [IN USE] x\r\n", Answer.ERR, 5, "RFC 2449 §3"),
        (b"-ERR [\r\n", Answer.ERR, 5, "RFC 2449 §3"),
        (b"+OK a\rb\r\n", Answer.OK, 5, "RFC 2449 §3"),
        (b"+OK a\nb\r\n", Answer.OK, 5, "RFC 2449 §3"),
        (b"+OK caf\xc3\xa9\r\n", Answer.OK, 7, "RFC 2449 §3"),
        (b"+OK " + 507 * b"x" + b"\r\n", Answer.OK, 512, "RFC 1939 §3"),
    ],
)
def test_milder_faults_are_noted(line: bytes, answer: Answer, position: int, rule: str) -> None:
    read_back = status(line)
    assert read_back.answer is answer
    assert [(fault.position, fault.rule) for fault in read_back.faults] == [(position, rule)]


def test_a_line_that_is_not_stuffed_loses_its_dot_and_is_noted() -> None:
    response = multi_line(b"+OK\r\nx\r\n.y\r\n.\r\n")
    assert response.octets == b"x\r\ny\r\n"
    assert [(fault.position, fault.rule) for fault in response.faults] == [(8, "RFC 1939 §3")]


def test_a_detail_of_a_code_is_that_code() -> None:
    refusal = status(b"-ERR [SYS/PERM] broken\r\n")
    assert [code for code in ("SYS", "sys/perm", "SYS/TEMP", "SY") if refusal.has_code(code)] == [
        "SYS",
        "sys/perm",
    ]
    assert not status(b"-ERR broken\r\n").has_code("SYS")


def test_a_line_that_is_no_status_line_raises_from_then_on() -> None:
    reader = ResponseReader()
    reader.feed(b"+OK\r\nFrom: a@example.test\r\n+OK\r\n")
    assert reader.next_response() == Status(Answer.OK, b"", b"+OK\r\n")
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="not a POP3 status line"):
            reader.next_response()


def test_memory_is_bounded_in_a_line_in_a_response_and_for_what_waits() -> None:
    with pytest.raises(RemoteProtocolError, match="a line of"):
        read([b"+OK "] + [b"x" * 8192] * (MAX_PENDING // 8192 + 1))
    reader = ResponseReader(max_content=100)
    reader.feed(b"+OK\r\n" + 90 * b"x")
    assert reader.next_response(multi_line=True) is None
    reader.feed(b"xxxxxx")
    with pytest.raises(RemoteProtocolError, match="more than 100 octets"):
        reader.next_response(multi_line=True)
    with pytest.raises(RemoteProtocolError, match="nobody asked for"):
        reader.feed(101 * b"x")


def test_idle_is_between_responses() -> None:
    reader = ResponseReader()
    idle = [reader.idle]
    for piece in (b"+OK", b"\r\n", b".", b"\r\n"):
        reader.feed(piece)
        reader.next_response(multi_line=True)
        idle.append(reader.idle)
    assert idle == [True, False, False, False, True]


@pytest.mark.parametrize("text", [b"a\r\nb", b"a\nb", b"\xc3\xa9", b"[x", 510 * b"x"])
def test_what_no_status_line_can_carry_is_refused(text: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        encode_status(True, text)


def test_the_longest_status_line_is_512_octets() -> None:
    assert len(encode_status(True, 506 * b"x")) == MAX_STATUS_LINE


def test_lines_are_stuffed_and_hold_no_line_end() -> None:
    assert encode_lines(b"list", [b"TOP", b".x", b""]) == b"+OK list\r\nTOP\r\n..x\r\n\r\n.\r\n"
    assert encode_lines(b"", []) == b"+OK\r\n.\r\n"
    with pytest.raises(LocalProtocolError):
        encode_lines(b"", [b"a\r\nb"])


def test_challenges() -> None:
    assert [encode_challenge(b""), encode_challenge(b"eA==")] == [b"+ \r\n", b"+ eA==\r\n"]
