"""The pattern reads what the parser reads, and leaves to it what it does not know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.imap.encode import encode_literal, encode_string
from harness.wire.imap.parser import parse_response
from harness.wire.imap.responses import Fetch
from loadtests.users.imap_fetched import Fetched, read_fetched

flags = st.lists(
    st.sampled_from([rb"\Seen", rb"\Answered", b"$Junk", b"uid", b"SIZE"]), max_size=3, unique=True
)
contents = st.binary(max_size=40).map(lambda octets: octets.replace(b"\0", b"")) | st.sampled_from(
    [b")\r\n", b" UID 9)\r\n", b"{3}\r\nabc)\r\n", b"* 1 FETCH (UID 3)\r\n"]
)
envelope = b'("x" "UID 77 (FLAGS {3}" NIL NIL NIL NIL NIL NIL NIL "<a@b>")'
items = st.one_of(
    st.integers(1, 2**32 - 1).map(lambda uid: b"UID %d" % uid),
    st.integers(0, 2**40).map(lambda size: b"RFC822.SIZE %d" % size),
    flags.map(lambda names: b"FLAGS (%b)" % b" ".join(names)),
    contents.map(lambda octets: b"BODY[] " + encode_literal(octets)),
    contents.map(lambda octets: b"BODY[HEADER.FIELDS (SUBJECT UID)] " + encode_string(octets)),
    st.sampled_from(
        [
            b"MODSEQ (12)",
            b'INTERNALDATE "01-Feb-2026 10:00:00 +0000"',
            b"ENVELOPE " + envelope,
            b"BODY[1] NIL",
        ]
    ),
)


def kind(item: bytes) -> bytes:
    return item.split(b" ")[0].split(b"[")[0]


@given(st.integers(1, 99), st.lists(items, min_size=1, max_size=5, unique_by=kind))
def test_the_pattern_reads_what_the_parser_reads(number: int, said: list[bytes]) -> None:
    response = b"* %d FETCH (%b)\r\n" % (number, b" ".join(said))
    parsed = parse_response(response)
    assert isinstance(parsed, Fetch)
    sections = [value for name, value in parsed.data.items.items() if name.startswith("BODY[")]
    known_flags = parsed.data.flags

    assert read_fetched(response) == Fetched(
        parsed.number,
        parsed.data.uid,
        None if known_flags is None else frozenset(flag.lower().encode() for flag in known_flags),
        parsed.data.size,
        sections[0] if sections and isinstance(sections[0], bytes) else None,
    )


@pytest.mark.parametrize(
    "response",
    [b"* 3 EXISTS\r\n", b"* OK FETCH (UID 3)\r\n", b"A1 OK done\r\n", b"* x FETCH ()\r\n", b"\r\n"],
)
def test_what_is_no_fetch_response_is_none(response: bytes) -> None:
    assert read_fetched(response) is None
