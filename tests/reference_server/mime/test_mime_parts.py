"""Parts and their octets, against generated trees whose structure is known and against the standard library."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.strategies import mime
from harness.strategies.parts import Message, numbered_parts
from reference_server.mime import Part, decode_transfer, parse_message, text_of


def every_part(part: Part) -> list[Part]:
    below = (*part.children, *((part.message,) if part.message else ()))
    return [part, *(found for inner in below for found in every_part(inner))]


@given(mime.messages("token"))
def test_each_part_of_a_known_tree_is_found_with_its_octets(message: Message) -> None:
    root = parse_message(message.octets)
    assert (root.header, root.body) == (message.header, message.part.body)
    for section, known in numbered_parts(message).items():
        part = root.at([int(number) for number in section.split(".")])
        assert part is not None
        assert part.body == known.body
        assert part.media_type == f"{known.type}/{known.subtype}".lower().encode()
        assert part.body_lines in known.lines
        assert dict(part.content_type.parameters) == {k.encode(): v.encode() for k, v in known.parameters}
        assert part.encoding == known.encoding.lower().encode()
        if known.decoded is not None:
            assert decode_transfer(part.body, part.encoding) == known.decoded


@given(mime.messages("token"))
def test_the_standard_library_sees_as_many_leaves(message: Message) -> None:
    theirs = email.message_from_bytes(message.octets, policy=email.policy.compat32)
    ours = every_part(parse_message(message.octets))
    assert [part.media_type.decode() for part in ours] == [part.get_content_type() for part in theirs.walk()]


@given(mime.messages("token"), st.lists(st.integers(1, 9), max_size=6))
def test_a_number_that_no_part_has_finds_nothing(message: Message, numbers: list[int]) -> None:
    found = parse_message(message.octets).at(numbers)
    known = {tuple(int(n) for n in section.split(".")) for section in numbered_parts(message)}
    assert (found is not None) == (not numbers or tuple(numbers) in known)


lines = st.sampled_from(
    [
        b"",
        b"--b",
        b"--b--",
        b"--bb",
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: message/rfc822",
        b'Content-Type: multipart/digest; boundary="bb"',
        b"Content-Type:",
        b"Subject: x",
        b" folded",
        b"\0\xff",
        b"text",
    ]
)
mangled = st.lists(lines, max_size=14).flatmap(
    lambda some: st.sampled_from([b"\r\n", b"\n"]).map(lambda end: end.join(some))
)


@given(st.one_of(st.binary(max_size=200), mangled))
def test_any_octets_are_a_tree_that_lies_within_them(octets: bytes) -> None:
    for part in every_part(parse_message(octets)):
        assert 0 <= part.start <= part.body_start <= part.end <= len(octets)
        assert part.header + part.body == part.octets
        assert part.is_multipart == bool(part.children)
        assert isinstance(text_of(part), str)


def test_nesting_without_end_is_cut() -> None:
    octets = b"Content-Type: message/rfc822\r\n\r\n" * 10_000
    assert len(every_part(parse_message(octets))) < 100


@pytest.mark.parametrize(
    ("octets", "header", "body"),
    [
        (b"A: 1\r\n\r\nbody", b"A: 1\r\n\r\n", b"body"),
        (b"\r\nbody", b"\r\n", b"body"),
        (b"A: 1\r\n", b"A: 1\r\n", b""),
        (b"A: 1", b"A: 1", b""),
        (b"", b"", b""),
        (b"A: 1\n\nbody", b"A: 1\n\n", b"body"),
        (b"A: 1\r\n\r\n\r\nbody", b"A: 1\r\n\r\n", b"\r\nbody"),
    ],
)
def test_header_and_body(octets: bytes, header: bytes, body: bytes) -> None:
    part = parse_message(octets)
    assert (part.header, part.body) == (header, body)


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Type: multipart/mixed",
        b"Content-Type: multipart/mixed; boundary=nowhere",
        b"Content-Type: nonsense",
        b"",
    ],
)
def test_what_cannot_be_divided_or_read_is_plain_text(field: bytes) -> None:
    part = parse_message(field + b"\r\n\r\nbody")
    assert part.media_type == b"text/plain"
    assert part.children == ()


def test_the_parts_of_a_digest_are_messages() -> None:
    part = parse_message(
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n"
    )
    (child,) = part.children
    assert child.message is not None
    assert child.message.field(b"subject") == b"x"
