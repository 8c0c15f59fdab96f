"""RFC 1939 §3: commands, responses, states."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.transcript import Direction
from harness.errors import Unclear
from harness.strategies.messages import body_lines
from harness.strategies.smtp import any_case
from harness.target import Protocol
from harness.wire.lines import CRLF
from suites.covers import covers
from suites.needs import endpoint, needs
from suites.pop3.maildrop import fresh_messages, maildrop, must_be_err, must_be_ok, stocked

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)

_TRANSACTION_ONLY: Final = (
    b"STAT", b"LIST", b"LIST 1", b"RETR 1", b"DELE 1", b"NOOP", b"RSET", b"TOP 1 0", b"UIDL", b"UIDL 1",
)  # fmt: skip
# Keywords that nobody has defined: XTND is the only one known with a letter like these in front.
_unknown = (
    st.from_regex(r"[QXZ][A-Z]{3}", fullmatch=True)
    .filter(lambda word: word not in {"QUIT", "XTND"})
    .map(str.encode)
)
_RESPONSE: Final = re.compile(rb"(\+OK|-ERR)( [^\r\n]*)?\r\n")


@covers("RFC1939-3-c", fault="pop3.lower-case-err", also=("pop3.greets-in-lower-case",))
@needs(_POP3)
@given(command=st.sampled_from([*_TRANSACTION_ONLY, b"CAPA", b"USER nobody"]))
def test_status_indicators_are_in_upper_case(target: LiveTarget, command: bytes) -> None:
    pop3 = target.pop3(login=False)
    responses = [pop3.greeting, pop3.command(command), pop3.command(b"XMPQ")]
    for response in responses:
        assert response.raw.startswith((b"+OK", b"-ERR")), f"a response begins {response.raw[:40]!r}"


@covers("RFC1939-3-e", fault="pop3.unknown-command-ok")
@needs(_POP3)
@given(keyword=_unknown, argument=st.sampled_from([b"", b" 1", b" 1 0", b" x y z"]), login=st.booleans())
def test_unknown_commands_are_answered_err(
    target: LiveTarget, keyword: bytes, argument: bytes, login: bool
) -> None:
    if login:
        with stocked(target) as drop:
            must_be_err(drop.pop3.command(keyword + argument), keyword + argument)
    else:
        must_be_err(target.pop3(login=False).command(keyword + argument), keyword + argument)


@covers("RFC1939-3-e", fault="pop3.any-number-is-the-last")
@needs(_POP3)
@given(
    verb=st.sampled_from([b"LIST %s", b"RETR %s", b"DELE %s"]),
    number=st.sampled_from([b"0", b"-1", b"x", b"4294967297", b"99999999", b"."]),
)
def test_numbers_of_no_message_are_answered_err(target: LiveTarget, verb: bytes, number: bytes) -> None:
    with stocked(target) as drop:
        must_be_err(drop.pop3.command(verb % number), verb % number)


@covers("RFC1939-3-f", fault="pop3.noop-before-login")
@needs(_POP3)
@given(commands=st.lists(st.sampled_from(_TRANSACTION_ONLY), min_size=1, max_size=3, unique=True))
def test_maildrop_commands_before_login_are_answered_err(target: LiveTarget, commands: list[bytes]) -> None:
    pop3 = target.pop3(login=False)
    for command in commands:
        must_be_err(pop3.command(command), command)


@covers("RFC1939-3-f", fault="pop3.user-after-login")
@needs(_POP3)
@given(command=st.sampled_from([b"USER nobody", b"PASS nothing"]))
def test_login_commands_after_login_are_answered_err(target: LiveTarget, command: bytes) -> None:
    with stocked(target) as drop:
        must_be_err(drop.pop3.command(command), command)


@covers("RFC1939-3-nk1", fault="pop3.case-sensitive")
@needs(_POP3)
@given(command=st.sampled_from([b"STAT", b"NOOP", b"LIST", b"RETR", b"RSET"]).flatmap(any_case))
def test_keywords_are_taken_in_any_case(target: LiveTarget, command: bytes) -> None:
    with stocked(target) as drop:
        line = b"%s %d" % (command, drop.numbers[0]) if command.upper() == b"RETR" else command
        if not drop.pop3.command(line.upper()).ok:
            raise Unclear(f"{line.upper()!r} was refused in capitals too")
        must_be_ok(drop.pop3.command(line), line)


@covers("RFC1939-3-nk1", fault="pop3.endless-response-line")
@needs(_POP3)
@given(verb=st.sampled_from([b"XMPQ", b"USER"]), length=st.integers(1, 248))
def test_a_first_response_line_has_512_octets_at_most(target: LiveTarget, verb: bytes, length: int) -> None:
    status = target.pop3(login=False).command(verb + b" " + b"a" * length)
    assert len(status.raw) <= 512, f"the response has {len(status.raw)} octets: {status.raw[:80]!r}..."


@covers("RFC1939-3-nk2", fault="pop3.no-byte-stuffing")
@needs(_POP3)
@given(
    bodies=st.lists(
        st.lists(st.sampled_from([b".", b"..", b".x", b"..x", b"x.", b". ", b""]) | body_lines, max_size=6),
        min_size=1,
        max_size=3,
    )
)
def test_lines_that_begin_with_a_dot_have_one_more(target: LiveTarget, bodies: list[list[bytes]]) -> None:
    contents = fresh_messages(target, [b"".join(line + CRLF for line in (*body, b".end")) for body in bodies])
    with maildrop(target, contents) as drop:
        for number, content in drop.contents.items():
            response = drop.pop3.multiline(b"RETR %d" % number)
            must_be_ok(response, b"RETR")
            lines = response.raw.split(CRLF)[1:-2]
            bare = [line for line in lines if line.startswith(b".") and not line.startswith(b"..")]
            assert not bare, f"RETR has the line {bare[0]!r}, which is not byte-stuffed"
            if not response.octets.rstrip().endswith(b"end"):
                raise Unclear("RETR does not give the whole message, so its dots prove nothing")
            expected = [line for line in content.split(CRLF) if line.startswith(b".")]
            dotted = [line[1:] for line in lines if line.startswith(b".")]
            assert dotted == expected, f"lines with a dot in front: {expected} were put in, {dotted} came out"


@covers("RFC1939-3-nk3", fault="pop3.lf-ends-a-command")
@needs(_POP3)
@given(first=st.sampled_from([b"CAPA", b"NOOP", b"XMPQ"]), second=st.sampled_from([b"NOOP", b"XMPQ", b"x"]))
def test_lf_alone_ends_no_command(target: LiveTarget, first: bytes, second: bytes) -> None:
    pop3 = target.pop3(login=False)
    pop3.raw(first + b"\n" + second + CRLF)
    pop3.read_status()
    pop3.raw(b"QUIT" + CRLF)
    pop3.at_eof(target.limits.timeout_s)
    received = b"".join(
        entry.octets for entry in pop3.transcript.entries if entry.direction is Direction.RECEIVED
    )
    answers = len(_RESPONSE.findall(received)) - 1
    assert answers <= 2, f"{first!r} LF {second!r} CRLF and QUIT were answered {answers} times"
