"""RFC 1939 §11: what a message's size counts."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.strategies.messages import body_lines
from harness.target import Protocol
from harness.wire.lines import CRLF
from suites.covers import covers
from suites.needs import endpoint, needs
from suites.pop3.maildrop import fresh_messages, maildrop

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)


@covers(
    "RFC1939-11-nk1", fault="pop3.size-counts-lf", also=("pop3.size-counts-stuffing", "pop3.no-byte-stuffing")
)
@needs(_POP3)
@given(drawn=st.lists(st.lists(body_lines, max_size=6), min_size=1, max_size=3))
def test_the_size_is_the_number_of_octets_that_retr_gives(
    target: LiveTarget, drawn: list[list[bytes]]
) -> None:
    contents = fresh_messages(target, [b"".join(line + CRLF for line in lines) for lines in drawn])
    with maildrop(target, contents) as drop:
        sizes = dict(drop.pop3.list_())
        for number in drop.numbers:
            octets = len(drop.pop3.retr(number))
            assert sizes[number] == octets, f"LIST says {sizes[number]} octets, RETR gives {octets}"


@covers("RFC1939-11-b", fault="pop3.size-counts-stuffing", also=("pop3.no-byte-stuffing",))
@needs(_POP3)
@given(dots=st.integers(1, 20))
def test_stuffed_dots_are_not_counted(target: LiveTarget, dots: int) -> None:
    contents = fresh_messages(target, [b".x\r\n" * dots, b"xx\r\n" * dots])
    with maildrop(target, contents) as drop:
        sizes = dict(drop.pop3.list_())
        beyond = [sizes[number] - len(drop.pop3.retr(number)) for number in drop.numbers]
        assert beyond[0] == beyond[1], f"{dots} lines with a dot in front add {beyond[0] - beyond[1]} octets"
