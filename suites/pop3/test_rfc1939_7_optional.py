"""RFC 1939 §7: TOP, UIDL, USER and PASS, and what must be there at all."""

import re
from contextlib import suppress
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client
from harness.errors import ConnectionLost, NotOffered, Unclear
from harness.target import Protocol
from harness.wire.pop3.listings import read_timestamp
from suites.covers import covers, proves
from suites.needs import endpoint, needs, pop3_offers
from suites.pop3.maildrop import (
    STOCK,
    Drop,
    fresh_messages,
    maildrop,
    must_be_err,
    must_be_ok,
    owner,
    stocked,
)

_POP3 = endpoint(Protocol.POP3, Protocol.POP3S)

_UID_LISTING: Final = re.compile(rb"[0-9]+ [!-~]{1,70}")


@covers("RFC1939-7-a", fault="pop3.no-noop")
@needs(_POP3)
def test_the_minimal_commands_are_supported(target: LiveTarget) -> None:
    with stocked(target) as drop:
        number = drop.numbers[0]
        for command in (b"STAT", b"LIST", b"RETR %d" % number, b"DELE %d" % number, b"NOOP", b"RSET"):
            must_be_ok(drop.pop3.command(command), command)
        must_be_ok(drop.pop3.command(b"QUIT"), b"QUIT")


@covers("RFC1939-7-c", fault="pop3.top-needs-no-lines")
@needs(_POP3, pop3_offers("TOP"))
@given(arguments=st.sampled_from([b"", b" %d", b" %d -1", b" %d x"]))
def test_top_needs_a_message_and_a_number_of_lines(target: LiveTarget, arguments: bytes) -> None:
    with stocked(target) as drop:
        line = b"TOP" + (arguments % drop.numbers[0] if b"%d" in arguments else arguments)
        must_be_err(drop.pop3.command(line), line)


@covers("RFC1939-7-nk1", fault="pop3.top-gives-a-line-more")
@needs(_POP3, pop3_offers("TOP"))
@given(place=st.integers(0, len(STOCK) - 1), lines=st.integers(0, 14))
def test_top_gives_the_header_and_so_many_lines(target: LiveTarget, place: int, lines: int) -> None:
    with stocked(target) as drop:
        number = drop.numbers[place]
        whole, top = drop.pop3.retr(number), drop.pop3.top(number, lines)
        header, blank, body = whole.partition(b"\r\n\r\n")
        expected = header + blank + b"".join(line + b"\r\n" for line in body.split(b"\r\n")[:-1][:lines])
        assert top == expected, f"TOP {number} {lines} gives {top[len(header) :]!r} behind the header"


@covers("RFC1939-7-g", fault="pop3.uid-of-80-octets")
@needs(_POP3, pop3_offers("UIDL"))
def test_a_unique_id_listing_is_number_space_and_id(target: LiveTarget) -> None:
    with stocked(target) as drop:
        lines = _uid_lines(drop.pop3)
        one = drop.pop3.command(b"UIDL %d" % drop.numbers[0])
        must_be_ok(one, b"UIDL with a number")
        for line in (*lines, one.text):
            assert _UID_LISTING.fullmatch(line), f"UIDL has the line {line!r}"
        ours = {number: uid for number, uid in _uids(lines).items() if number in drop.numbers}
        assert len(set(ours.values())) == len(drop.numbers), f"messages that differ share an id: {ours}"


@covers("RFC1939-7-h", fault="pop3.uid-per-session")
@needs(_POP3, pop3_offers("UIDL"))
@given(ends=st.lists(st.sampled_from(["quit", "close", "reset"]), min_size=1, max_size=2))
def test_a_unique_id_stays_over_sessions(target: LiveTarget, ends: list[str]) -> None:
    seen = []
    for end in (*ends, "quit"):
        with stocked(target) as drop:
            uids = _uids(_uid_lines(drop.pop3))
            seen.append([uids.get(number) for number in drop.numbers])
            if end == "close":
                drop.pop3.transport.close()
            elif end == "reset":
                drop.pop3.transport.reset()
    assert all(uids == seen[0] for uids in seen), f"the ids of the same messages, by session: {seen}"


@covers("RFC1939-7-i", fault="pop3.uid-is-the-number")
@needs(_POP3, pop3_offers("UIDL"))
def test_a_unique_id_is_not_used_again(target: LiveTarget) -> None:
    gone = []
    for body in (b"One.\r\n", b"Two.\r\n", b"Three.\r\n"):
        with maildrop(target, fresh_messages(target, [body])) as drop:
            (number,) = drop.numbers
            uid = _uids(_uid_lines(drop.pop3)).get(number)
            assert uid not in gone, f"the unique-id {uid!r} had been that of a message that was removed"
            gone.append(uid)
            _remove(drop, number)


def _remove(drop: Drop, number: int) -> None:
    if not (drop.pop3.command(b"DELE %d" % number).ok and drop.pop3.command(b"QUIT").ok):
        raise Unclear("the message could not be removed")


@covers("RFC1939-7-nk4", fault="pop3.uidl-lists-the-marked")
@needs(_POP3, pop3_offers("UIDL"))
@given(places=st.sets(st.integers(0, len(STOCK) - 1), min_size=1))
def test_uidl_leaves_out_the_marked(target: LiveTarget, places: set[int]) -> None:
    with stocked(target) as drop:
        before = _uids(_uid_lines(drop.pop3))
        marked = {drop.numbers[place] for place in places}
        for number in marked:
            if not drop.pop3.command(b"DELE %d" % number).ok:
                raise Unclear("DELE was refused")
        after = _uids(_uid_lines(drop.pop3))
        left = {number: uid for number, uid in before.items() if number not in marked}
        assert after == left, f"messages {sorted(marked)} are marked and UIDL has {after}"


def _uid_lines(pop3: Pop3Client) -> list[bytes]:
    response = pop3.multiline(b"UIDL")
    if not response.ok:
        raise Unclear(f"UIDL was answered {response.status}")
    return response.lines


def _uids(lines: list[bytes]) -> dict[int, bytes]:
    pairs = (line.partition(b" ") for line in lines)
    return {int(number): uid for number, _, uid in pairs if number.isdigit()}


@covers("RFC1939-7-nk2", fault="pop3.pass-without-user")
@needs(_POP3)
def test_pass_needs_a_user_before_it(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    line = b"PASS " + owner(target).password.encode()
    must_be_err(pop3.command(line, shown=b"PASS <secret>"), b"PASS without USER")


@covers("RFC1939-7-nk3", "RFC1939-7-p", fault="pop3.wrong-password-ok")
@needs(_POP3)
def test_a_wrong_password_is_answered_err_and_opens_nothing(target: LiveTarget) -> None:
    pop3 = target.pop3(login=False)
    nobody = b"nobody-" + target.token.encode()
    with proves("RFC1939-7-p"):
        if not (status := pop3.command(b"USER " + nobody)).ok:
            raise NotOffered(f"USER with the name of nobody was answered {status}")
    who = owner(target)
    pop3 = target.pop3(login=False)
    if not (status := pop3.user(who.user)).ok:
        raise Unclear(f"USER was answered {status}")
    with proves("RFC1939-7-nk3"):
        status = pop3.pass_(who.password + "x")
        must_be_err(status, b"PASS with a wrong password")
        with suppress(ConnectionLost):  # RFC 1939 §4: the server may close after it
            must_be_err(pop3.command(b"STAT"), b"STAT after a wrong password")


def _timestamps(target: LiveTarget, number: int) -> list[bytes]:
    """Of so many greetings, the timestamps; `NotOffered` where one has none."""
    found = [read_timestamp(target.pop3(login=False).greeting) for _ in range(number)]
    stamps = [stamp for stamp in found if stamp is not None]
    if len(stamps) < number:
        raise NotOffered("the greeting has no timestamp: APOP is not offered")
    return stamps


@covers("RFC1939-7-aa", fault="pop3.same-timestamp-in-every-greeting")
@needs(_POP3)
def test_the_timestamp_differs_at_each_greeting(target: LiveTarget) -> None:
    stamps = _timestamps(target, 3)
    assert len(set(stamps)) == len(stamps), f"the timestamps of three greetings are {stamps}"


@covers("RFC2449-3-a", fault="pop3.timestamp-without-domain")
@needs(_POP3)
def test_the_timestamp_is_a_message_id(target: LiveTarget) -> None:
    (stamp,) = _timestamps(target, 1)
    assert re.fullmatch(rb"<[!-;=?-~]+@[!-;=?-~]+>", stamp), f"the timestamp is {stamp!r}"
