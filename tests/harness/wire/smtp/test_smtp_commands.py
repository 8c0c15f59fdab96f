from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RemoteProtocolError
from harness.strategies.addresses import mailboxes, paths, paths_with_routes
from harness.strategies.smtp import keywords, parameters, unknown_parameters, xtexts
from harness.wire.smtp.address import AddressError, Path
from harness.wire.smtp.commands import (
    AuthCommand,
    BdatCommand,
    parse_auth,
    parse_bdat,
    parse_command,
    parse_mail,
    parse_rcpt,
)
from harness.wire.smtp.errors import CommandError, ParameterError
from harness.wire.smtp.parameters import parse_parameters
from harness.wire.smtp.xtext import decode_xtext, encode_xtext


@given(keywords, st.text("abc <>=:@\t", max_size=12).map(str.encode))
def test_a_line_is_cut_in_two_and_trailing_space_is_dropped(verb: bytes, argument: bytes) -> None:
    command = parse_command(verb + b" " + argument + b" \t")
    assert command.verb == verb.upper()
    assert command.argument == argument.rstrip(b" \t")
    assert (verb + b" " + argument)[command.offset :].startswith(command.argument)


@pytest.mark.parametrize(
    ("line", "position"),
    [(b"", 0), (b" NOOP", 0), (b"NO\0OP", 2), (b"NOOP\n", 4), (b"NOOP\rX", 4), (b"NOOP\tx", 4)],
)
def test_a_line_that_is_no_command_is_refused(line: bytes, position: int) -> None:
    with pytest.raises(CommandError, match=f"at octet {position} "):
        parse_command(line)


@given(
    paths | paths_with_routes | st.just(b"<>"), st.lists(parameters, max_size=3, unique_by=lambda p: p[:4])
)
def test_every_mail_of_the_grammar_is_read(path: bytes, given_: list[bytes]) -> None:
    mail = parse_mail(b" ".join((b"From:" + path, *given_)))
    assert (mail.reverse_path.mailbox is None) == (path == b"<>")
    assert [
        keyword.encode() + (b"" if value is None else b"=" + value)
        for keyword, value in mail.parameters.items()
    ] == given_


@given(mailboxes, st.lists(unknown_parameters, max_size=2, unique_by=lambda p: p.upper().partition(b"=")[0]))
def test_every_rcpt_of_the_grammar_is_read(mailbox: bytes, given_: list[bytes]) -> None:
    rcpt = parse_rcpt(b" ".join((b"to:<" + mailbox + b">", *given_)))
    assert rcpt.forward_path.mailbox is not None
    assert list(rcpt.parameters) == [text.upper().partition(b"=")[0].decode() for text in given_]


def error_of(parse: Callable[[bytes], object], argument: bytes) -> CommandError | None:
    try:
        parse(argument)
    except CommandError as error:
        return error
    return None


@pytest.mark.parametrize(
    "parse", [parse_command, parse_mail, parse_rcpt, parse_bdat, parse_auth, parse_parameters]
)
@given(octets=st.binary(max_size=40))
def test_no_octets_raise_anything_but_a_command_error(
    parse: Callable[[bytes], object], octets: bytes
) -> None:
    for argument in (octets, b"FROM:<>" + octets, b"TO:<a@example.test>" + octets):
        error = error_of(parse, argument)
        assert error is None or 0 <= error.position <= len(argument)


@pytest.mark.parametrize(
    ("argument", "error", "position", "rule"),
    [
        (b"", CommandError, 0, "RFC 5321 §3.3"),
        (b"<a@example.test>", CommandError, 0, "RFC 5321 §3.3"),
        (b"FROM :<a@example.test>", CommandError, 0, "RFC 5321 §3.3"),
        (b"FROM: <a@example.test>", AddressError, 5, "RFC 5321 §4.1.2"),
        (b"FROM:a@example.test", AddressError, 5, "RFC 5321 §4.1.2"),
        (b"FROM:<postmaster>", AddressError, 5, "RFC 5321 §4.1.1.2"),
        (b"FROM:<>SIZE=1", CommandError, 7, "RFC 5321 §4.1.2"),
        (b"FROM:<>  SIZE=1", ParameterError, 8, "RFC 5321 §4.1.2"),
        (b"FROM:<> SIZE=", ParameterError, 13, "RFC 5321 §4.1.2"),
        (b"FROM:<> SIZE=1 size=2", ParameterError, 15, "RFC 5321 §4.1.2"),
        (b"FROM:<> SIZE=abc", ParameterError, 8, "RFC 1870 §6"),
        (b"FROM:<> SIZE=" + b"1" * 21, ParameterError, 8, "RFC 1870 §6"),
        (b"FROM:<> BODY=9BIT", ParameterError, 8, "RFC 3030 §3"),
        (b"FROM:<> SMTPUTF8=yes", ParameterError, 8, "RFC 6531 §3.4"),
        (b"FROM:<> RET=SOME", ParameterError, 8, "RFC 3461 §4.3"),
        (b"FROM:<> ENVID=+zz", ParameterError, 8, "RFC 3461 §4.4"),
        (b"FROM:<> -X=1", ParameterError, 8, "RFC 5321 §4.1.2"),
        (b"FROM:<\xc3\xa9@example.test>", AddressError, 5, "RFC 6531 §3.4"),
        (b"FROM:<\xff@example.test> SMTPUTF8", AddressError, 6, "RFC 6531 §3.3"),
    ],
)
def test_a_broken_mail_says_where_and_why(
    argument: bytes, error: type[CommandError], position: int, rule: str
) -> None:
    with pytest.raises(CommandError) as caught:
        parse_mail(argument)
    assert type(caught.value) is error
    assert (caught.value.position, caught.value.rule) == (position, rule)


@pytest.mark.parametrize(
    ("argument", "rule"),
    [
        (b"TO:<>", "RFC 5321 §4.1.1.3"),
        (b"TO:<\xc3\xa9@example.test>", "RFC 6531 §3.4"),
        (b"TO:<a@example.test> NOTIFY=NEVER,DELAY", "RFC 3461 §4.1"),
        (b"TO:<a@example.test> ORCPT=a@example.test", "RFC 3461 §4.2"),
        (b"TO:<a@example.test> ORCPT=rfc822;\xc3\xa9@example.test", "RFC 3461 §4.2"),
    ],
)
def test_a_broken_rcpt_says_why(argument: bytes, rule: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_rcpt(argument)
    assert caught.value.rule == rule


def test_what_dsn_and_utf8_add_is_read() -> None:
    rcpt = parse_rcpt(
        b"TO:<\xc3\xa9@example.test> NOTIFY=success,DELAY ORCPT=rfc822;a+2Bb@example.test", smtputf8=True
    )
    assert rcpt.parameters == {"NOTIFY": b"success,DELAY", "ORCPT": b"rfc822;a+2Bb@example.test"}


@pytest.mark.parametrize("orcpt", [b"utf-8;\xc3\xa9@example.test", rb"UTF-8;\x{E9}@example.test"])
def test_an_original_recipient_may_be_written_in_utf8(orcpt: bytes) -> None:
    rcpt = parse_rcpt(b"TO:<a@example.test> ORCPT=" + orcpt, smtputf8=True)
    assert rcpt.parameters == {"ORCPT": orcpt}
    mail = parse_mail(b"FROM:<\xc3\xa9@example.test> SMTPUTF8 body=8bitmime AUTH=<>")
    assert mail.parameters == {"SMTPUTF8": None, "BODY": b"8bitmime", "AUTH": b"<>"}
    assert parse_mail(b"FROM:<>").reverse_path == Path(None)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (b"86 LAST", BdatCommand(86, True)),
        (b"0 last", BdatCommand(0, True)),
        (b"100000", BdatCommand(100000, False)),
    ],
)
def test_bdat(argument: bytes, expected: BdatCommand) -> None:
    assert parse_bdat(argument) == expected


@pytest.mark.parametrize(
    "argument", [b"", b"x", b"-1", b"1  LAST", b"1LAST", b"1 LAST x", b"LAST", b"1" * 21]
)
def test_what_is_no_bdat_is_refused(argument: bytes) -> None:
    with pytest.raises(CommandError):
        parse_bdat(argument)


def test_auth_names_a_mechanism_and_hides_its_initial_response() -> None:
    command = parse_auth(b"plain AGEAYg==")
    assert command == AuthCommand("PLAIN", b"AGEAYg==")
    assert "AGEAYg" not in repr(command)
    assert parse_auth(b"LOGIN") == AuthCommand("LOGIN", None)


@pytest.mark.parametrize("argument", [b"", b"PLAIN a b", b"PL@IN", b"PLAIN  x", b"X" * 21])
def test_what_is_no_auth_is_refused(argument: bytes) -> None:
    with pytest.raises(CommandError):
        parse_auth(argument)


@given(st.binary(max_size=20))
def test_xtext_carries_any_octets(octets: bytes) -> None:
    encoded = encode_xtext(octets)
    assert decode_xtext(encoded) == octets
    assert encoded.isascii()


@given(xtexts)
def test_every_xtext_is_read(text: bytes) -> None:
    assert decode_xtext(encode_xtext(decode_xtext(text))) == decode_xtext(text)


@pytest.mark.parametrize("text", [b"a=b", b"a+", b"a+2", b"a+2b", b"a b", b"\xc3\xa9", b"+0\n"])
def test_what_is_no_xtext_is_refused(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_xtext(text)
