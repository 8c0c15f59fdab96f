"""Generated MIME messages: the standard library's parser, which never saw the tree, finds the same structure."""

import email.policy
from collections.abc import Callable, Iterator
from email.message import Message
from email.utils import getaddresses
from typing import TypeVar

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.strategies import mime
from harness.strategies.parts import (
    Address,
    Envelope,
    Fields,
    Part,
    encapsulate,
    leaf,
    multipart,
    numbered_parts,
    sections,
    untyped,
)
from harness.strategies.parts import Message as MimeMessage

# The old policy keeps every octet of a header; the new one has opinions.
POLICY = email.policy.compat32

messages = mime.messages("t-1")

Example = TypeVar("Example")

# Without the explain phase, in which find() would end on an example that is not the smallest.
_SHRINK = settings(phases=[Phase.generate, Phase.shrink], derandomize=True, max_examples=2000)


def smallest(
    strategy: SearchStrategy[Example], condition: Callable[[Example], bool] = lambda _: True
) -> Example:
    return find(strategy, condition, settings=_SHRINK)


def parsed(octets: bytes) -> Message:
    return email.message_from_bytes(octets, policy=POLICY)


def assert_same(part: Part, read: Message) -> None:
    assert not read.defects
    assert read.get_content_type() == f"{part.type}/{part.subtype}".lower()
    if part.typed:
        # The library has parameter names in lower case; they are the same in any (RFC 2045 §5.1).
        named = [(name.lower(), value) for name, value in part.parameters]
        assert read.get_params(failobj=[])[1:] == named
        assert read["Content-Transfer-Encoding"] == part.encoding
    assert read["Content-ID"] == part.fields.content_id
    assert read["Content-Description"] == part.fields.description
    assert read["Content-Language"] == (", ".join(part.fields.language) or None)
    assert read["Content-Location"] == part.fields.location
    assert_same_disposition(part, read)
    assert_same_content(part, read)


def assert_same_disposition(part: Part, read: Message) -> None:
    disposition = part.fields.disposition
    if disposition is None:
        assert read["Content-Disposition"] is None
    else:
        kind, *parameters = read.get_params(header="content-disposition", failobj=[])
        assert (kind[0], parameters) == (disposition.kind, list(disposition.parameters))


def assert_same_content(part: Part, read: Message) -> None:
    payload = read.get_payload()
    if part.message is not None:
        assert_same_message(part.message, payload[0])
    elif part.parts:
        assert len(payload) == len(part.parts)
        for inner, inner_read in zip(part.parts, payload, strict=True):
            assert_same(inner, inner_read)
    else:
        assert payload.encode("ascii") == part.body
        assert read.get_payload(decode=True) == part.decoded


def assert_same_message(message: MimeMessage, read: Message) -> None:
    envelope = message.envelope
    assert read["Subject"] == envelope.subject
    assert read["Message-ID"] == envelope.message_id
    assert read["In-Reply-To"] == envelope.in_reply_to
    for name, addresses in {
        "From": envelope.from_, "Sender": envelope.sender, "Reply-To": envelope.reply_to,
        "To": envelope.to, "Cc": envelope.cc, "Bcc": envelope.bcc,
    }.items():  # fmt: skip
        assert getaddresses(read.get_all(name, [])) == [
            (address.name or "", f"{address.mailbox}@{address.host}") for address in addresses
        ]
    assert_same(message.part, read)


@given(messages)
def test_the_standard_library_reads_the_same_tree(message: MimeMessage) -> None:
    assert_same_message(message, parsed(message.octets))


@given(mime.envelopes)
def test_the_standard_library_reads_the_same_envelope(envelope: Envelope) -> None:
    message = MimeMessage(envelope, untyped(b""))
    assert_same_message(message, parsed(message.octets))


def boundary_of(part: Part) -> bytes:
    return dict(part.parameters)["boundary"].encode()


def bodies_with_parts(message: MimeMessage) -> Iterator[tuple[Part, str]]:
    """Each multipart with the prefix of its parts' sections."""
    yield message.part, ""
    for section, part in numbered_parts(message).items():
        yield part, f"{section}."
        if part.message is not None:
            yield part.message.part, f"{section}."


@given(messages)
def test_sections_are_where_the_boundaries_put_them(message: MimeMessage) -> None:
    found = sections(message)
    assert found["HEADER"] + found["TEXT"] == found[""] == message.octets
    for body, prefix in bodies_with_parts(message):
        for number in range(1, len(body.parts) + 1):
            mark = b"--" + boundary_of(body)
            part = found[f"{prefix}{number}.MIME"] + found[f"{prefix}{number}"]
            assert mark + b"\r\n" + part + b"\r\n" + mark in body.body
    for section, part in numbered_parts(message).items():
        if part.message is not None:
            assert found[f"{section}.HEADER"] + found[f"{section}.TEXT"] == found[section]


@given(messages)
def test_no_boundary_stands_in_what_it_bounds(message: MimeMessage) -> None:
    for body, _ in bodies_with_parts(message):
        if body.parts:
            mark = b"--" + boundary_of(body)
            lines = [line for line in body.body.split(b"\r\n") if line.startswith(mark)]
            assert lines == [mark] * len(body.parts) + [mark + b"--"]


@given(messages)
def test_messages_can_be_sent(message: MimeMessage) -> None:
    octets = message.octets
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert b"\0" not in octets
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    assert octets.startswith(b"From: Mailproof <mailproof@example.org>\r\n")
    assert b"\r\nX-Mailproof-Token: t-1\r\n" in message.header


def text(body: bytes) -> Part:
    return leaf(("text", "plain", ()), "7bit", body, body)


def test_section_numbers_of_the_example_in_rfc_3501() -> None:
    envelope = Envelope((Address("a", "example.org"),))
    inner = MimeMessage(envelope, multipart("mixed", [text(b"3.1"), text(b"3.2")]))
    alternative = multipart("alternative", [text(b"4.2.2.1"), text(b"4.2.2.2")])
    deep = MimeMessage(envelope, multipart("mixed", [text(b"4.2.1"), alternative]))
    fourth = multipart("mixed", [text(b"4.1"), encapsulate(deep)])
    whole = MimeMessage(envelope, multipart("mixed", [text(b"1"), text(b"2"), encapsulate(inner), fourth]))
    numbers = numbered_parts(whole)
    # RFC 3501 §6.4.5
    assert list(numbers) == [
        "1", "2", "3", "3.1", "3.2", "4", "4.1", "4.2", "4.2.1", "4.2.2", "4.2.2.1", "4.2.2.2",
    ]  # fmt: skip
    assert all(part.body == section.encode() for section, part in numbers.items() if part.decoded is not None)
    assert {section for section in sections(whole) if not section[-1:].isdigit()} == {
        "", "HEADER", "TEXT", "3.HEADER", "3.TEXT", "4.2.HEADER", "4.2.TEXT",
        *(f"{number}.MIME" for number in numbers),
    }  # fmt: skip


def test_a_message_of_one_part_has_a_part_1_without_a_mime_header_of_its_own() -> None:
    envelope = Envelope((Address("a", "example.org"),))
    inner = MimeMessage(envelope, text(b"x"))
    assert set(sections(inner)) == {"", "HEADER", "TEXT", "1"}
    assert set(sections(MimeMessage(envelope, encapsulate(inner)))) == {
        "", "HEADER", "TEXT", "1", "1.HEADER", "1.TEXT", "1.1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "lines"), [(b"", {0}), (b"x\r\n", {1}), (b"\r\n\r\n", {2}), (b"x", {0, 1}), (b"x\r\ny", {1, 2})]
)
def test_lines_are_counted_where_they_can_be(body: bytes, lines: set[int]) -> None:
    assert text(body).lines == lines
    assert text(body).octets == len(body)


def test_parameters_are_quoted_where_they_must_be() -> None:
    part = leaf(("text", "plain", (("a", "b"), ("c", 'd"\\ e'), ("f", ""))), "7bit", b"", b"")
    assert part.header.startswith(b'Content-Type: text/plain; a=b; c="d\\"\\\\ e"; f=""\r\n')
    assert untyped(b"x").header == b"\r\n"


@given(st.binary(max_size=200))
def test_base64_is_in_lines(octets: bytes) -> None:
    encoded = mime.encode_base64(octets)
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert parsed(b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded).get_payload(decode=True) == octets


def test_trees_of_every_shape_come_up_and_the_smallest_are_small() -> None:
    part = smallest(messages).part
    assert (part.body, part.fields, part.height) == (b"", Fields(), 0)
    nested = smallest(messages, lambda message: any(part.height for part in message.part.parts))
    assert len(numbered_parts(nested)) <= 4
    smallest(messages, lambda message: "1.2.HEADER" in sections(message))
    smallest(messages, lambda message: any(not part.typed for part in message.part.parts))
