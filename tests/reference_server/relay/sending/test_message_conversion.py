"""Content made 7-bit or 8-bit: read back by the standard library, it is what was sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.envelope import Body
from reference_server.relay.conversion import CannotConvert, convert, fits, has_8bit_header

BINARY = b"\0\xff\r\n.\r\n\x80 \r\rx\n"
TARGETS = (Body.SEVEN_BIT, Body.EIGHT_BIT)


@dataclass(frozen=True)
class Leaf:
    """A part with its octets, written as it is said to be encoded."""

    octets: bytes
    media_type: str
    encoding: str

    def written(self, level: int = 0) -> bytes:
        said = f"Content-Transfer-Encoding: {self.encoding}\r\n" if self.encoding else ""
        return f"Content-Type: {self.media_type}\r\n{said}X-After: here\r\n\r\n".encode() + self.octets

    def leaves(self) -> "Iterator[Leaf]":
        yield self


@dataclass(frozen=True)
class Parts:
    """A multipart."""

    parts: "tuple[Leaf | Parts | Mail, ...]"
    encoding: str

    def written(self, level: int = 0) -> bytes:
        said = f"Content-Transfer-Encoding: {self.encoding}\r\n" if self.encoding else ""
        head = f"Content-Type: multipart/mixed; boundary=b{level}\r\n{said}\r\npreamble\r\n".encode()
        between = b"--b%d\r\n" % level
        inner = b"".join(between + part.written(level + 1) + b"\r\n" for part in self.parts)
        return head + inner + b"--b%d--\r\nepilogue\r\n" % level

    def leaves(self) -> Iterator[Leaf]:
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class Mail:
    """A message/rfc822 part."""

    content: "Leaf | Parts"
    encoding: str

    def written(self, level: int = 0) -> bytes:
        said = f"Content-Transfer-Encoding: {self.encoding}\r\n" if self.encoding else ""
        head = f"Content-Type: message/rfc822\r\n{said}\r\nMIME-Version: 1.0\r\nSubject: in it\r\n"
        return head.encode() + self.content.written(level + 1)

    def leaves(self) -> Iterator[Leaf]:
        return self.content.leaves()


lines = st.one_of(
    st.sampled_from([b"", b".", b"--", b"x ", b"=", b"From x", b"\t", b"x" * 1200]),
    st.binary(max_size=40).filter(lambda octets: not octets.startswith(b"--")),
    # A delimiter that must not come to stand at the beginning of a line.
    st.integers(60, 80).map(lambda octets: b"\xe9" + b"x" * octets + b"--b0--b1--b2"),
)
octets = st.one_of(st.lists(lines, max_size=4).map(b"\r\n".join), st.binary(max_size=200))
encodings = st.sampled_from(["", "7bit", "8bit", "BINARY"])
leaves = st.builds(Leaf, octets, st.sampled_from(["text/plain", "image/png", "Text/HTML"]), encodings)


def composites(inner: st.SearchStrategy[Leaf | Parts]) -> st.SearchStrategy[Leaf | Parts]:
    part = inner | st.builds(Mail, inner, encodings)
    return st.builds(Parts, st.lists(part, min_size=1, max_size=3).map(tuple), encodings)


trees = st.recursive(leaves, composites, max_leaves=6)


def decoded_leaves(message: Message) -> list[bytes]:
    return [
        part.get_payload(decode=True)
        for part in message.walk()
        if not part.is_multipart() and isinstance(part, Message)
    ]


@given(tree=trees, target=st.sampled_from(TARGETS))
def test_every_part_is_read_as_it_was(tree: Leaf | Parts, target: Body) -> None:
    content = b"Subject: x\r\nMIME-Version: 1.0\r\n" + tree.written()
    converted = convert(content, target)

    assert fits(converted, target)
    message = message_from_bytes(converted)
    said = {(part["Content-Transfer-Encoding"] or "7bit").lower() for part in message.walk()}
    assert said <= {"7bit", "quoted-printable", "base64", "8bit" if target is Body.EIGHT_BIT else "7bit"}
    if target is Body.EIGHT_BIT:
        return  # the standard library decodes no 8-bit body to octets as they were
    found = decoded_leaves(message)
    sent = [leaf.octets for leaf in tree.leaves()]
    if isinstance(tree, Leaf):
        found = [octets.removesuffix(b"\r\n") for octets in found]
        sent = [octets.removesuffix(b"\r\n") for octets in sent]
    assert found == sent


@given(tree=trees, target=st.sampled_from(TARGETS))
def test_what_is_converted_needs_no_conversion(tree: Leaf | Parts, target: Body) -> None:
    once = convert(b"MIME-Version: 1.0\r\n" + tree.written(), target)
    assert convert(once, target) == once


@given(content=st.binary(max_size=300), target=st.sampled_from(TARGETS))
def test_anything_is_converted_or_refused(content: bytes, target: Body) -> None:
    try:
        converted = convert(content, target)
    except CannotConvert:
        assert not fits(content, target)
    else:
        assert fits(converted, target)


def test_long_lines_of_quoted_printable_stay_within_76_octets() -> None:
    content = b"MIME-Version: 1.0\r\n\r\n" + b"\xc3\xa9-- .=" * 500 + b"\r\n"
    converted = convert(content, Body.SEVEN_BIT)
    assert max(map(len, converted.split(b"\r\n"))) <= 76
    assert b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" in converted


def test_the_header_is_changed_in_one_field_and_nowhere_else() -> None:
    head = b"MIME-Version: 1.0\r\nX: Content-Transfer-Encoding: 8bit\r\n"
    content = head + b"Content-Transfer-Encoding: 8bit\r\nTo: a@example.test\r\n\r\n\xe9\r\n"
    assert convert(content, Body.SEVEN_BIT) == (
        head + b"Content-Transfer-Encoding: quoted-printable\r\nTo: a@example.test\r\n\r\n=E9\r\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: no MIME\r\n\r\n\xe9\r\n",
        b"MIME-Version: 1.0\r\nSubject: \xe9\r\n\r\nx\r\n",
        b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n\xe9\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: message/partial\r\n\r\n\xe9\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\nSubject: no MIME\r\n\r\n\xe9\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\xe9\r\n--b\r\n\r\nx\r\n--b--\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\xe9\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--b--\r\n",
    ],
    ids=[
        "no MIME",
        "header",
        "already encoded",
        "partial",
        "no MIME within",
        "between parts",
        "no delimiters",
        "signed",
    ],
)
def test_what_an_encoding_cannot_carry_is_refused(content: bytes) -> None:
    with pytest.raises(CannotConvert):
        convert(content, Body.SEVEN_BIT)


def test_a_header_beyond_ascii_is_found_at_any_depth() -> None:
    inner = b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\nSubject: %s\r\n\r\n%s\r\n"
    assert has_8bit_header(inner % (b"\xc3\xa9", b"x"))
    assert not has_8bit_header(inner % (b"x", b"\xc3\xa9"))
    assert has_8bit_header(b"Subject: \xc3\xa9\r\n\r\nx\r\n")


def test_signed_parts_that_fit_are_left_alone() -> None:
    signed = b"--b\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nx\r\n--s--\r\n\r\n"
    content = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        + signed
        + b"--b\r\n\r\n\xe9\r\n--b--\r\n"
    )
    assert signed in convert(content, Body.SEVEN_BIT)


def test_bare_cr_lf_and_nul_fit_binary_only() -> None:
    assert not fits(BINARY, Body.EIGHT_BIT)
    assert fits(BINARY, Body.BINARY)
    assert not fits(b"a\nb", Body.SEVEN_BIT)
    assert fits(b"\xe9\r\n", Body.EIGHT_BIT)
    assert not fits(b"\xe9\r\n", Body.SEVEN_BIT)
