"""Nothing that a stranger wrote reaches the terminal as anything but something to look at."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clients.transcript import Direction, Entry
from harness.mua.screen import MAX_SHOWN, escaped, line, safe, wire_text
from harness.mua.wire_view import ShownTranscript, wire_lines

JOINERS = {"\u200c", "\u200d"} | {chr(point) for point in range(0xFE00, 0xFE10)}


def acts(text: str) -> list[str]:
    """The characters that would do something."""
    return [
        each
        for each in text
        if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and each not in JOINERS
    ]


@given(text=st.text() | st.text("\x1b\x07\x9b\u202e\u2066\u200b\u2028\ud800\r\n\tab[0m"))
def test_nothing_acts_but_the_line_feed(text: str) -> None:
    assert set(acts(safe(text))) <= {"\n"}
    assert not acts(line(text))


@given(octets=st.binary())
def test_octets_are_printable_ascii_and_can_be_read_back(octets: bytes) -> None:
    shown = escaped(octets)

    assert shown.isascii()
    assert shown.isprintable()
    assert shown.encode("ascii").decode("unicode_escape").encode("latin-1") == octets
    assert not acts(wire_text(octets))


def test_ordinary_text_is_left_alone() -> None:
    text = "Grüße, 你好 👩\u200d💻 \\ C:\\x\n\n  indented"

    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\u202eb", r"a\u202eb"),
        ("\U000e0041", r"\U000e0041"),
        ("a\r\nb\tc", "a\nb       c"),
        ("a\rb", r"a\x0db"),
    ],
)
def test_what_acts_is_shown(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_what_is_long_is_cut_and_says_so() -> None:
    assert safe("x" * (MAX_SHOWN + 5)).endswith("x\n[5 characters more]")
    assert line("a " * 100, 10) == "a a a a a…"


def test_lines_on_the_wire_have_their_directions() -> None:
    sent = Entry(0, Direction.SENT, b"EHLO x\r\nNOOP\r\n", False)
    received = Entry(0, Direction.RECEIVED, b"250 \xff\x1b\r\n", True)

    assert [each.plain for each in wire_lines(sent)] == [" -> EHLO x", " -> NOOP"]
    assert [each.plain for each in wire_lines(received)] == [r"<~  250 \xff\x1b"]


def test_a_long_write_is_shown_by_its_ends() -> None:
    octets = b"".join(b"%d\r\n" % number for number in range(100))
    shown = [each.plain for each in wire_lines(Entry(0, Direction.SENT, octets, False))]

    assert len(shown) == 51
    assert shown[40] == " -> [50 lines more, 200 octets]"
    assert shown[-1] == " -> 99"
    (cut,) = wire_lines(Entry(0, Direction.SENT, b"x" * 1200, False))
    assert cut.plain.endswith("x [200 octets more]")


def test_a_shown_transcript_shows_what_it_keeps() -> None:
    shown: list[str] = []
    transcript = ShownTranscript("label", show=lambda text: shown.append(text.plain))
    transcript.add(Direction.SENT, b"NOOP\r\n", tls=False)
    transcript.note("closed by us")

    assert shown == [" -> NOOP", "=== closed by us"]
    assert transcript.sent() == b"NOOP\r\n"
