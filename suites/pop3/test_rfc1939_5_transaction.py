"""RFC 1939 §5: STAT, LIST, RETR, DELE, NOOP, RSET."""

import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.errors import NotOffered, Unclear
from harness.strategies.messages import bodies
from harness.target import Protocol
from suites.covers import covers
from suites.mail import changes
from suites.needs import endpoint, needs
from suites.pop3.maildrop import (
    STOCK,
    Drop,
    ended,
    fresh_messages,
    log_in,
    maildrop,
    must_be_err,
    must_be_ok,
    stocked,
)

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)

_DROP_LISTING: Final = re.compile(rb"\+OK [0-9]+ [0-9]+(?P<rest>( .*)?)\r\n")
_SCAN_LISTING: Final = re.compile(rb"(?P<number>[0-9]+) (?P<octets>[0-9]+)(?P<rest>( .*)?)")

# Which messages of the stock are marked, by their place in it.
_marks = st.sets(st.integers(0, len(STOCK) - 1), min_size=1)


def mark(drop: Drop, places: set[int]) -> list[int]:
    """Mark messages of the stock and return their numbers; `Unclear` where DELE is refused."""
    numbers = [drop.numbers[place] for place in sorted(places)]
    for number in numbers:
        if not (status := drop.pop3.command(b"DELE %d" % number)).ok:
            raise Unclear(f"DELE {number} was answered {status}")
    return numbers


def scan_listings(pop3: Pop3Client, number: int) -> list[bytes]:
    """All scan listings of LIST, and the one of LIST with a number."""
    listed = pop3.multiline(b"LIST")
    one = pop3.command(b"LIST %d" % number)
    if not (listed.ok and one.ok):
        raise Unclear(f"LIST was answered {listed.status} and {one}")
    return [*listed.lines, one.text]


@covers("RFC1939-5-c", fault="pop3.stat-has-two-spaces")
@needs(_POP3)
def test_stat_gives_the_number_of_messages_and_their_size(target: LiveTarget) -> None:
    with stocked(target) as drop:
        status = drop.pop3.command(b"STAT")
        must_be_ok(status, b"STAT")
        assert _DROP_LISTING.fullmatch(status.raw), f"STAT was answered {status.raw!r}"


@covers("RFC1939-5-d", fault="pop3.stat-says-more")
@needs(_POP3)
def test_a_drop_listing_ends_after_the_size(target: LiveTarget) -> None:
    with stocked(target) as drop:
        status = drop.pop3.command(b"STAT")
        found = _DROP_LISTING.fullmatch(status.raw)
        assert found is None or not found["rest"], f"STAT was answered {status.raw!r}"


@covers("RFC1939-5-h", fault="pop3.list-has-two-spaces")
@needs(_POP3)
def test_a_scan_listing_is_number_space_and_size(target: LiveTarget) -> None:
    with stocked(target) as drop:
        for line in scan_listings(drop.pop3, drop.numbers[0]):
            assert _SCAN_LISTING.fullmatch(line), f"LIST has the line {line!r}"


@covers("RFC1939-5-i", fault="pop3.list-says-more")
@needs(_POP3)
def test_a_scan_listing_ends_after_the_size(target: LiveTarget) -> None:
    with stocked(target) as drop:
        for line in scan_listings(drop.pop3, drop.numbers[0]):
            found = _SCAN_LISTING.fullmatch(line)
            assert found is None or not found["rest"], f"LIST has the line {line!r}"


@covers("RFC1939-5-l", fault="pop3.retr-shows-the-marked", also=("pop3.retr-of-nothing",))
@needs(_POP3)
@given(place=st.integers(0, len(STOCK) - 1))
def test_retr_needs_the_number_of_an_unmarked_message(target: LiveTarget, place: int) -> None:
    with stocked(target) as drop:
        must_be_err(drop.pop3.command(b"RETR"), b"RETR")
        (number,) = mark(drop, {place})
        must_be_err(drop.pop3.command(b"RETR %d" % number), b"RETR of a marked message")


@covers("RFC1939-3-e", fault="pop3.retr-of-nothing")
@needs(_POP3)
def test_a_missing_argument_is_answered_err(target: LiveTarget) -> None:
    with stocked(target) as drop:
        for command in (b"RETR", b"DELE"):
            must_be_err(drop.pop3.command(command), command)


@covers("RFC1939-5-n", fault="pop3.dele-marks-twice")
@needs(_POP3)
@given(place=st.integers(0, len(STOCK) - 1))
def test_dele_needs_the_number_of_an_unmarked_message(target: LiveTarget, place: int) -> None:
    with stocked(target) as drop:
        (number,) = mark(drop, {place})
        must_be_err(drop.pop3.command(b"DELE %d" % number), b"DELE of a marked message")


@covers(
    "RFC1939-5-nk1",
    fault="pop3.list-names-the-marked",
    also=("pop3.retr-shows-the-marked", "pop3.dele-marks-twice"),
)
@needs(_POP3)
@given(marks=_marks, verb=st.sampled_from([b"LIST %d", b"RETR %d", b"DELE %d", b"TOP %d 0", b"UIDL %d"]))
def test_a_marked_message_cannot_be_referred_to(target: LiveTarget, marks: set[int], verb: bytes) -> None:
    with stocked(target) as drop:
        for number in mark(drop, marks):
            must_be_err(drop.pop3.command(verb % number), verb % number)


@covers("RFC1939-5-nk2", fault="pop3.rset-keeps-marks")
@needs(_POP3)
@given(marks=_marks)
def test_rset_takes_the_marks_away(target: LiveTarget, marks: set[int]) -> None:
    with stocked(target) as drop:
        before = drop.pop3.stat()
        numbers = mark(drop, marks)
        must_be_ok(drop.pop3.command(b"RSET"), b"RSET")
        for number in numbers:
            must_be_ok(drop.pop3.command(b"LIST %d" % number), b"LIST after RSET")
        after = drop.pop3.stat()
        assert after == before, f"STAT was {before} before DELE, and {after} after RSET"


@covers("RFC1939-5-nk3", fault="pop3.noop-takes-marks-away", also=("pop3.no-noop",))
@needs(_POP3)
@given(marks=_marks)
def test_noop_is_answered_ok_and_changes_nothing(target: LiveTarget, marks: set[int]) -> None:
    with stocked(target) as drop:
        mark(drop, marks)
        before = drop.pop3.stat()
        must_be_ok(drop.pop3.command(b"NOOP"), b"NOOP")
        after = drop.pop3.stat()
        assert after == before, f"STAT was {before} before NOOP, and {after} after it"


@covers("RFC1939-5-nk4", fault="pop3.stat-counts-the-marked")
@needs(_POP3)
@given(marks=_marks)
def test_stat_and_list_leave_out_the_marked(target: LiveTarget, marks: set[int]) -> None:
    with stocked(target) as drop:
        before = dict(drop.pop3.list_())
        marked = mark(drop, marks)
        left = {number: octets for number, octets in before.items() if number not in marked}
        listed = dict(drop.pop3.list_())
        assert listed == left, f"messages {marked} are marked and LIST has {listed}"
        stat = drop.pop3.stat()
        assert stat == (len(left), sum(left.values())), f"STAT says {stat}, LIST {sorted(listed.items())}"


@covers("RFC1939-5-nk5", fault="pop3.list-of-nothing-err")
@needs(_POP3)
def test_list_in_an_empty_maildrop_is_ok(target: LiveTarget) -> None:
    for index in range(len(target.declared.accounts)):
        pop3 = log_in(target, account=index)
        if pop3.stat()[0] == 0:
            response = pop3.multiline(b"LIST")
            must_be_ok(response, b"LIST in an empty maildrop")
            assert not response.lines, f"LIST in an empty maildrop has {response.lines}"
            ended(pop3)
            return
        ended(pop3)
    _list_with_all_marked(target)


def _list_with_all_marked(target: LiveTarget) -> None:
    """The same, in a maildrop that has our messages only, all marked until RSET."""
    with stocked(target) as drop:
        if drop.pop3.stat()[0] > len(drop.numbers):
            raise NotOffered("every maildrop holds mail, and not all of it is ours")
        mark(drop, set(range(len(STOCK))))
        must_be_ok(drop.pop3.multiline(b"LIST"), b"LIST with every message marked")


@covers("RFC1939-5-nk6", fault="pop3.retr-turns-tabs-into-spaces", also=("pop3.no-byte-stuffing",))
@needs(_POP3)
@given(drawn=st.lists(bodies, min_size=1, max_size=3))
def test_retr_gives_the_whole_message(target: LiveTarget, drawn: list[bytes]) -> None:
    contents = fresh_messages(target, [body + b"a\tb  \r\n" for body in drawn])
    with maildrop(target, contents) as drop:
        for number, content in drop.contents.items():
            for received in (drop.pop3.retr(number), drop.pop3.retr(number)):
                assert not (change := changes(content, received)), change
