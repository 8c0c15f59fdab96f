"""RFC 5802 §5.1: the attributes of SCRAM's messages; RFC 7677 §3."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.wire.sasl.scram import PLUS
from suites.covers import covers, proves
from suites.needs import accounts, needs
from suites.security import scram
from suites.security.scram import Way, anywhere, tried, turns

_ENOUGH: Final = 4096
_ITERATIONS: Final = {"RFC5802-5.1-m": "SCRAM-SHA-1", "RFC7677-3-a": "SCRAM-SHA-256"}


@covers("RFC5802-5.1-g", fault="security.scram-takes-any-equals-sign")
@needs(accounts(1))
@given(turn=turns, ending=st.sampled_from(["=", "=3", "=00", "=20", "=3d", "=2c"]))
def test_an_equals_sign_that_begins_no_escape_fails(target: LiveTarget, turn: int, ending: str) -> None:
    entrance = anywhere(target, turn)
    exchange = tried(target, entrance, Way(user=target.account().user + ending))
    assert not exchange.logged_in, f"{entrance} with {ending!r} behind the name was answered {exchange.end}"


@covers("RFC5802-5.1-h", "RFC5802-5.1-q", fault="security.scram-takes-mandatory-extensions")
@needs(accounts(1))
@given(turn=turns, value=st.sampled_from(["x", "1", "gs2", "="]))
def test_a_mandatory_extension_fails(target: LiveTarget, turn: int, value: str) -> None:
    entrance = anywhere(target, turn)
    exchange = tried(target, entrance, Way(before=f"m={value},"))
    assert not exchange.logged_in, f"{entrance} with m={value} was answered {exchange.end}"


@covers("RFC5802-5.1-r", fault="security.scram-takes-no-extensions")
@needs(accounts(1))
@given(
    turn=turns,
    extensions=st.lists(
        st.tuples(st.sampled_from("bdfgkxyzBX"), st.text("abc0=", min_size=1, max_size=6)),
        min_size=1,
        max_size=3,
        unique_by=lambda pair: pair[0],
    ),
)
def test_unknown_extensions_are_ignored(
    target: LiveTarget, turn: int, extensions: list[tuple[str, str]]
) -> None:
    entrance = anywhere(target, turn)
    behind = "".join(f",{letter}={value}" for letter, value in extensions)
    exchange = tried(target, entrance, Way(behind=behind))
    if not exchange.logged_in and not tried(target, entrance).logged_in:
        raise Unclear(f"{entrance} does not let the account in any more: {exchange.end}")
    assert exchange.logged_in, f"{entrance} with {behind[1:]} behind its nonces was answered {exchange.end}"


@covers("RFC5802-5.1-j", fault="security.scram-forgets-its-nonce")
@needs(accounts(1))
@given(turn=turns, more=st.text("abcXYZ09", min_size=1, max_size=4))
def test_another_nonce_in_the_last_message_fails(target: LiveTarget, turn: int, more: str) -> None:
    entrance = anywhere(target, turn)
    exchange = tried(target, entrance, Way(nonce=more))
    assert not exchange.logged_in, f"{entrance} with {more} put behind the nonce was answered {exchange.end}"


@covers("RFC5802-5.1-l", fault="security.scram-without-iterations")
@needs(accounts(1))
def test_the_first_message_has_a_salt_and_a_number_of_iterations(target: LiveTarget) -> None:
    for entrance, server_first in scram.first_messages(target):
        told = scram.attributes(server_first)
        with_both = told.get("s") and told.get("i", "").isdecimal() and int(told["i"]) > 0
        assert with_both, f"{entrance} began with {server_first!r}"


@covers("RFC5802-5.1-m", "RFC7677-3-a", fault="security.scram-with-few-iterations")
@needs(accounts(1))
def test_there_are_iterations_enough(target: LiveTarget) -> None:
    for requirement, name in _ITERATIONS.items():
        with proves(requirement):
            for entrance, server_first in scram.first_messages(target, (name, name + PLUS)):
                told = scram.attributes(server_first).get("i", "")
                if not told.isdecimal():
                    raise Unclear(f"{entrance} has i={told!r}")
                assert int(told) >= _ENOUGH, f"{entrance} asks for {told} iterations"
