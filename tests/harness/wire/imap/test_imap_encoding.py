"""What is encoded is read back: strings by the response reader and the command reader alike, flags, dates."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError
from harness.strategies.imap import flags
from harness.wire.imap.command_tokens import Scanner
from harness.wire.imap.encode import (
    Literal,
    encode_astring,
    encode_date,
    encode_date_time,
    encode_flags,
    encode_list,
    encode_literal,
    encode_literal8,
    encode_nstring,
    encode_quoted,
    encode_string,
    is_atom,
    to_astring,
)
from harness.wire.imap.fetch import read_date_time
from harness.wire.imap.tokens import Cursor

no_nul = st.binary(max_size=40).map(lambda octets: octets.replace(b"\0", b"")) | st.text(
    'aB]%*"\\ {}()', max_size=10
).map(str.encode)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
moments = st.datetimes(timezones=zones).map(lambda moment: moment.replace(microsecond=0))


@given(no_nul)
def test_strings_are_read_back_by_both_sides(octets: bytes) -> None:
    for encoded in (encode_string(octets), encode_astring(octets), encode_literal(octets)):
        cursor = Cursor(encoded)
        assert cursor.astring() == octets
        assert (cursor.faults, cursor.more()) == ([], False)
        assert Scanner(encoded).astring() == octets


@given(no_nul | st.none())
def test_nstrings_tell_nothing_from_the_word_nil(octets: bytes | None) -> None:
    cursor = Cursor(encode_nstring(octets))
    assert cursor.nstring() == octets
    assert cursor.faults == []


def test_the_word_nil_is_quoted() -> None:
    assert encode_astring(b"nil") == b'"nil"'
    assert encode_nstring(b"NIL") == b'"NIL"'


@given(st.binary(max_size=40))
def test_a_literal8_holds_all_octets(octets: bytes) -> None:
    cursor = Cursor(encode_literal8(octets))
    assert cursor.nstring(binary=True) == octets
    assert cursor.faults == []


@given(no_nul)
def test_a_client_sends_literally_what_nothing_else_can_carry(octets: bytes) -> None:
    piece = to_astring(octets)
    if isinstance(piece, Literal):
        assert piece.octets == octets
        with pytest.raises(LocalProtocolError):
            encode_quoted(octets)
    else:
        assert piece == encode_astring(octets)


@given(st.text(max_size=20).filter(lambda text: not set("\0\r\n") & set(text)))
def test_utf8_is_quoted_where_it_is_enabled(text: str) -> None:
    encoded = encode_quoted(text.encode(), utf8=True)
    cursor = Cursor(encoded, utf8=True)
    assert cursor.string() == text.encode()
    assert cursor.faults == []


@given(flags)
def test_flags_are_read_back(listed: tuple[str, ...]) -> None:
    cursor = Cursor(encode_flags(listed))
    assert cursor.flag_list() == listed
    assert cursor.faults == []


@given(moments)
def test_date_times_are_read_back_by_both_sides(moment: dt.datetime) -> None:
    encoded = encode_date_time(moment)
    cursor = Cursor(encoded)
    assert read_date_time(cursor) == moment
    assert cursor.faults == []
    assert Scanner(encoded).date_time() == moment
    assert Scanner(encoded).date_time().utcoffset() == moment.utcoffset()


@given(st.dates())
def test_dates_are_read_back(date: dt.date) -> None:
    assert Scanner(encode_date(date)).date() == date


def test_the_rfcs_own_dates() -> None:
    zone = dt.timezone(dt.timedelta(hours=-8))
    # RFC 3501 §6.3.11 and §6.4.4.
    assert (
        encode_date_time(dt.datetime(1994, 2, 7, 21, 52, 25, tzinfo=zone)) == b'" 7-Feb-1994 21:52:25 -0800"'
    )
    assert encode_date(dt.date(1994, 2, 1)) == b"1-Feb-1994"


@pytest.mark.parametrize(
    ("literal", "announced"),
    [
        (Literal(b"abc"), b"{3}\r\n"),
        (Literal(b"abc", sync=False), b"{3+}\r\n"),
        (Literal(b"a\0c", binary=True), b"~{3}\r\n"),
        (Literal(b"", binary=True, sync=False), b"~{0+}\r\n"),
    ],
)
def test_literals_are_announced(literal: Literal, announced: bytes) -> None:
    assert literal.announcement == announced


def test_atoms_and_lists() -> None:
    assert is_atom(b"INBOX.a+b")
    assert not any(map(is_atom, [b"", b"a b", b"a]", b'"', b"%", b"*", b"\\Seen", b"\x7f", b"\xc3"]))
    assert encode_list([b"a", b"(b)"]) == b"(a (b))"
    assert encode_list([]) == b"()"


def test_what_cannot_be_written_is_refused() -> None:
    naive = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - to be refused
    odd = dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(seconds=30)))
    for write in (
        lambda: encode_quoted(b"a\nb"),
        lambda: encode_quoted(b"\xff"),
        lambda: encode_quoted(b"\xff", utf8=True),
        lambda: encode_literal(b"\0"),
        lambda: encode_string(b"a\0"),
        lambda: encode_flags(["a b"]),
        lambda: encode_flags([""]),
        lambda: encode_flags(["\\"]),
        lambda: encode_date_time(naive),
        lambda: encode_date_time(odd),
    ):
        with pytest.raises(LocalProtocolError):
            write()
