"""The life of a message in the terminal: every step with its octets, and nothing that acts on the reader's screen."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.results.life import Life
from reports.life import print_life
from reports.life.shown import duration, hex_lines, since_before


def text_of(life: Life, *, octets: bool = True) -> str:
    out = io.StringIO()
    print_life(life, Console(file=out, width=100, highlight=False), octets=octets)
    return out.getvalue()


def test_the_steps_alone_have_their_words_and_no_octets(detour_life: Life) -> None:
    text = text_of(detour_life, octets=False)

    assert all(step.said in text for step in detour_life.steps)
    assert "MAIL FROM" not in text


def test_every_step_is_there_in_order(detour_life: Life) -> None:
    text = text_of(detour_life)

    places = [text.index(f"\n{step.number:>2}  ") for step in detour_life.steps]
    assert places == sorted(places)


def test_the_octets_that_moved_are_there(straight_life: Life) -> None:
    text = text_of(straight_life)

    assert "> MAIL FROM:<eric@pangxie.example> BODY=8BITMIME" in text
    assert "< 250 2.0.0 q7 is on disk" in text
    assert "> AUTH PLAIN <secret>" in text
    assert "TLS from here" in text
    assert "< windchaser.example. 300 IN MX 10 mail1.windchaser.example." in text


def test_what_was_put_off_and_the_wait_are_told(detour_life: Life) -> None:
    text = text_of(detour_life)

    assert "mail1.windchaser.example is down" in text
    assert "Queue (put off)" in text
    assert "30 min after the one before" in text


def test_what_peers_say_moves_no_cursor(hostile_life: Life) -> None:
    text = text_of(hostile_life)

    assert all(line.isprintable() for line in text.split("\n"))
    assert r"\x1b[31m\xff\xfe" in text


@pytest.mark.parametrize(
    ("us", "said"),
    [
        (0, "0 ms"),
        (800, "0.8 ms"),
        (34_400, "34 ms"),
        (2_100_000, "2.1 s"),
        (1_800_000_000, "30 min"),
        (7_500_000_000, "2 h 5 min"),
        (436_000_000_000, "5 d 1 h"),
    ],
)
def test_durations_read_as_people_say_them(us: int, said: str) -> None:
    assert duration(us) == said


@given(octets=st.binary(max_size=80))
def test_hex_lines_hold_every_octet(octets: bytes) -> None:
    lines = list(hex_lines(octets))

    assert bytes.fromhex("".join(line[6:53] for line in lines)) == octets
    assert all(line.isprintable() for line in lines)


def test_pauses_are_between_the_steps(detour_life: Life) -> None:
    pauses = since_before(detour_life)

    assert len(pauses) == len(detour_life.steps)
    assert max(pauses) > 1_799_000_000
