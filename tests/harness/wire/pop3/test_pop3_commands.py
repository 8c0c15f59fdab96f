import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.pop3.commands import (
    MAX_COMMAND_LINE,
    Command,
    CommandError,
    is_multi_line,
    parse_command,
    parse_number,
)
from harness.wire.pop3.states import Verb

_PRINTABLE = "".join(map(chr, range(33, 127)))
words = st.text(_PRINTABLE, min_size=1, max_size=40).map(str.encode)
keywords = st.text(_PRINTABLE, min_size=3, max_size=4).map(str.encode)


@given(keywords, st.lists(words, max_size=4))
def test_words_come_back_as_they_were_put_on_the_line(keyword: bytes, arguments: list[bytes]) -> None:
    if Command(keyword.upper()).verb is None:
        line = b" ".join([keyword, *arguments])
        assert parse_command(line) == Command(keyword.upper(), tuple(arguments))


def read(line: bytes, *, utf8: bool) -> Command | CommandError:
    try:
        return parse_command(line, utf8=utf8)
    except CommandError as exc:
        return exc


@given(st.binary(max_size=300), st.booleans())
def test_any_line_is_read_or_refused_with_a_place_in_it(line: bytes, utf8: bool) -> None:
    result = read(line, utf8=utf8)
    if isinstance(result, CommandError):
        assert 0 <= result.position <= len(line)
        assert result.rule.startswith("RFC ")
    else:
        assert len(line) + 2 <= MAX_COMMAND_LINE
        assert b" ".join([result.keyword, *result.arguments]).lower() == line.lower()


@pytest.mark.parametrize(
    ("line", "verb", "arguments"),
    [
        # RFC 1939 §4 to §7 and §10
        (b"QUIT", Verb.QUIT, ()),
        (b"STAT", Verb.STAT, ()),
        (b"LIST", Verb.LIST, ()),
        (b"LIST 2", Verb.LIST, (b"2",)),
        (b"RETR 1", Verb.RETR, (b"1",)),
        (b"DELE 1", Verb.DELE, (b"1",)),
        (b"NOOP", Verb.NOOP, ()),
        (b"RSET", Verb.RSET, ()),
        (b"TOP 1 10", Verb.TOP, (b"1", b"10")),
        (b"UIDL", Verb.UIDL, ()),
        (b"UIDL 2", Verb.UIDL, (b"2",)),
        (b"USER mrose", Verb.USER, (b"mrose",)),
        (b"PASS secret", Verb.PASS, (b"secret",)),
        (
            b"APOP mrose c4c9334bac560ecc979e58001b3e22fb",
            Verb.APOP,
            (b"mrose", b"c4c9334bac560ecc979e58001b3e22fb"),
        ),
        # RFC 2449 §5, RFC 2595 §4, RFC 5034 §6, RFC 6856 §2.1 and §3.3
        (b"CAPA", Verb.CAPA, ()),
        (b"STLS", Verb.STLS, ()),
        (b"AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=", Verb.AUTH, (b"PLAIN", b"dGVzdAB0ZXN0AHRlc3Q=")),
        (b"AUTH DIGEST-MD5", Verb.AUTH, (b"DIGEST-MD5",)),
        (b"UTF8", Verb.UTF8, ()),
        (b"LANG *", Verb.LANG, (b"*",)),
        # RFC 1939 §3: keywords in any case; §7: a password with spaces
        (b"pAsS  two words ", Verb.PASS, (b" two words ",)),
        (b"retr 007", Verb.RETR, (b"007",)),
    ],
)
def test_commands_of_the_rfcs(line: bytes, verb: Verb, arguments: tuple[bytes, ...]) -> None:
    command = parse_command(line)
    assert (command.verb, command.arguments) == (verb, arguments)


@pytest.mark.parametrize(
    ("line", "position", "rule"),
    [
        (b"", 0, "RFC 2449 §3"),
        (b"AB", 0, "RFC 2449 §3"),
        (b"STATUS", 0, "RFC 2449 §3"),
        (b" STAT", 0, "RFC 2449 §3"),
        (b"STAT ", 5, "RFC 2449 §3"),
        (b"LIST  1", 5, "RFC 2449 §3"),
        (b"TOP 1  2", 6, "RFC 2449 §3"),
        (b"PASS ", 5, "RFC 2449 §3"),
        (b"LIST\t1", 4, "RFC 1939 §3"),
        (b"DELE 1\0", 6, "RFC 1939 §3"),
        (b"DELE 1\r", 6, "RFC 1939 §3"),
        (b"NOOP\nDELE 1", 4, "RFC 1939 §3"),
        (b"USER \xc3\xa9", 5, "RFC 1939 §3"),
        (b"DELE", 4, "RFC 1939 §3"),
        (b"STAT 1", 6, "RFC 1939 §3"),
        (b"USER a b", 8, "RFC 1939 §3"),
        (b"TOP 1", 5, "RFC 1939 §3"),
    ],
)
def test_what_is_wrong_is_told_with_place_and_rule(line: bytes, position: int, rule: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(line)
    assert (caught.value.position, caught.value.rule) == (position, rule)


def test_a_line_of_255_octets_is_read_and_one_more_is_not() -> None:
    longest = b"PASS ".ljust(MAX_COMMAND_LINE - 2, b"x")
    assert parse_command(longest).verb is Verb.PASS
    with pytest.raises(CommandError, match="256 octets"):
        parse_command(longest + b"x")


def test_utf8_is_read_where_it_is_allowed() -> None:
    assert parse_command("USER jos\u00e9".encode(), utf8=True).arguments == ("jos\u00e9".encode(),)
    with pytest.raises(CommandError) as caught:
        parse_command(b"USER jos\xe9", utf8=True)
    assert (caught.value.position, caught.value.rule) == (8, "RFC 6856 §2.2")


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(parse_command(b"PASS secret"))


@given(st.integers(0, 10**10 - 1))
def test_numbers_are_decimal(number: int) -> None:
    assert parse_number(b"%d" % number) == number


@pytest.mark.parametrize("argument", [b"", b"-1", b"+1", b"1.0", b"0x1", b"1 ", b"\xd9\xa1", b"9" * 11])
def test_what_is_no_number_is_refused(argument: bytes) -> None:
    with pytest.raises(CommandError):
        parse_number(argument)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"LIST", True),
        (b"list", True),
        (b"LIST 1", False),
        (b"UIDL", True),
        (b"UIDL 1", False),
        (b"RETR 1", True),
        (b"TOP 1 0", True),
        (b"CAPA", True),
        (b"LANG", True),
        (b"LANG es", False),
        (b"STAT", False),
        (b"XYZZ", False),
    ],
)
def test_which_responses_have_more_lines(line: bytes, expected: bool) -> None:
    assert is_multi_line(line) is expected
