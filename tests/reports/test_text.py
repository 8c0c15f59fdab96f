"""What passes through `reports.text` can be shown anywhere."""

import codecs

from hypothesis import given
from hypothesis import strategies as st

from reports.text import one_line, pieces, plural, printable, visible


@given(st.binary())
def test_visible_is_printable_ascii_and_loses_nothing(octets: bytes) -> None:
    shown = visible(octets)

    assert shown.isascii()
    assert not shown or shown.isprintable()
    assert codecs.escape_decode(shown.encode())[0] == octets


@given(st.binary())
def test_pieces_joined_are_what_is_visible(octets: bytes) -> None:
    lines = list(pieces(octets))

    assert "".join(text for line in lines for _, text in line) == visible(octets)
    assert len(lines) == octets.count(b"\n") + (not octets.endswith(b"\n") and bool(octets))


@given(st.text(st.characters()))
def test_printable_text_holds_nothing_that_acts(text: str) -> None:
    shown = printable(text)

    assert all(line.isprintable() for line in shown.split("\n"))
    assert printable(shown) == shown


@given(st.text(st.characters()))
def test_one_line_is_one_line(text: str) -> None:
    assert one_line(text).split("\n") == [one_line(text)]


def test_known_answers() -> None:
    assert visible(b"a\\b\t\r\n\x00\xff") == r"a\\b\t\r\n\x00\xff"
    assert printable("\x1b[2J\u202eevil\ud800") == r"\x1b[2J\u202eevil\ud800"
    assert [plural(1, "check"), plural(1200, "check"), plural(2, "entry", "entries")] == [
        "1 check",
        "1,200 checks",
        "2 entries",
    ]
