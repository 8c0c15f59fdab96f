"""What people type to find mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.imap.command_octets import Piece, cut_command
from harness.wire.imap.encode import Literal
from reference_server.web.mail.search import criteria


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("", [b"ALL"]),
        ("   ", [b"ALL"]),
        ("lunch", [b"TEXT", b"lunch"]),
        ('"two words" more', [b"TEXT", b'"two words"', b"TEXT", b"more"]),
        ("from:bob subject:lunch", [b"FROM", b"bob", b"SUBJECT", b"lunch"]),
        ('SUBJECT:"a b"', [b"SUBJECT", b'"a b"']),
        ("is:unread is:flagged", [b"UNSEEN", b"FLAGGED"]),
        ("since:2026-01-31 before:2026-02-28", [b"SINCE", b"31-Jan-2026", b"BEFORE", b"28-Feb-2026"]),
        ("larger:2m smaller:3K", [b"LARGER", b"2097152", b"SMALLER", b"3072"]),
        ("brücke", [b"CHARSET", b"UTF-8", b"TEXT", Literal("brücke".encode())]),
        # What is not understood is text.
        ("is:green", [b"TEXT", b"is:green"]),
        ("since:soon", [b"TEXT", b"since:soon"]),
        ("colour:red", [b"TEXT", b"colour:red"]),
        ("NIL", [b"TEXT", b'"NIL"']),
    ],
)
def test_words_become_criteria(typed: str, asked: list[Piece]) -> None:
    assert criteria(typed) == asked


@given(st.text(max_size=200))
def test_whatever_is_typed_is_one_command(typed: str) -> None:
    chunks = list(cut_command((b"a", b"UID SEARCH", *criteria(typed))))
    literals = [piece for piece in criteria(typed) if isinstance(piece, Literal)]
    assert len(chunks) == len(literals) + 1
    assert not any(b"\0" in chunk for chunk in chunks)
