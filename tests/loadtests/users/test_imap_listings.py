"""The patterns read what the parser reads, and leave to it what they do not know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.strategies import imap
from harness.wire.imap.parser import parse_response
from harness.wire.imap.responses import ListData, Search, StatusData
from loadtests.users.imap_listings import read_list, read_search, read_status

# Beside what servers say, lines with these in unexpected places.
TREACHERY = st.lists(
    st.sampled_from(
        [b"* LIST ", b"(\\Noselect", b"\\HasNoChildren)", b' "/" ', b"NIL ", b'"a b"', b"box", b"{3}"]
    )
    | st.sampled_from(
        [b"* STATUS box ", b"(MESSAGES 3", b" UIDNEXT 4)", b"* SEARCH", b" 3", b" 12", b"\\", b"%"]
    ),
    max_size=6,
).map(lambda parts: b"".join(parts) + b"\r\n")


said = st.one_of(imap.list_entries(), imap.statuses(), imap.searches()).map(lambda one: one[0] + b"\r\n")


@given(said | TREACHERY)
def test_the_patterns_read_what_the_parser_reads(response: bytes) -> None:
    parsed = parse_response(response)
    listed = isinstance(parsed, ListData) and not (parsed.has(r"\Noselect") or parsed.has(r"\NonExistent"))

    assert read_list(response) == (parsed.name if isinstance(parsed, ListData) and listed else None)
    assert dict(read_status(response)) == (dict(parsed.items) if isinstance(parsed, StatusData) else {})
    assert tuple(read_search(response)) == (parsed.numbers if isinstance(parsed, Search) else ())


@pytest.mark.parametrize(
    ("response", "name"),
    [
        (b'* LIST (\\HasNoChildren) "/" INBOX\r\n', b"INBOX"),
        (b'* LIST (\\HasNoChildren \\Sent) "." "Sent Items"\r\n', b"Sent Items"),
        (b"* LIST () NIL {3}\r\nbox\r\n", b"box"),
        (b'* LIST (\\noselect) "/" top\r\n', None),
        (b"* STATUS box (MESSAGES 3)\r\n", None),
    ],
)
def test_mailboxes_that_can_be_selected_are_listed(response: bytes, name: bytes | None) -> None:
    assert read_list(response) == name
