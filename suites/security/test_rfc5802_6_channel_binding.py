"""RFC 5802 §6: SCRAM bound to its channel, and not."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.wire.sasl.scram import PLUS
from suites.covers import covers
from suites.needs import accounts, needs
from suites.security import scram
from suites.security.doors import Entrance, entrances, places
from suites.security.scram import Way, anywhere, tried, turns


def beside_plus(target: LiveTarget, turn: int) -> Entrance:
    """A mechanism whose bound form is listed at the same place."""
    there = [
        entrance
        for entrance in entrances(target, scram.BARE)
        if entrance.name + PLUS in places(target)[entrance.place]
    ]
    if not there:
        raise NotOffered("no -PLUS mechanism is listed")
    return there[turn % len(there)]


@covers("RFC5802-6-h", fault="security.scram-lets-itself-be-downgraded")
@needs(accounts(1))
@given(turn=turns)
def test_a_client_that_saw_no_plus_fails_where_there_is_one(target: LiveTarget, turn: int) -> None:
    entrance = beside_plus(target, turn)
    exchange = tried(target, entrance, Way(flag="y"))
    assert not exchange.logged_in, f"{entrance} with the flag y was answered {exchange.end}"


@covers("RFC5802-6-i", fault="security.scram-takes-any-binding")
@needs(accounts(1))
@given(turn=turns, kind=st.sampled_from(["x-unknown", "tls-none", "TLS"]), octets=st.binary(max_size=8))
def test_an_unknown_kind_of_binding_fails(target: LiveTarget, turn: int, kind: str, octets: bytes) -> None:
    entrance = anywhere(target, turn)
    exchange = tried(target, entrance, Way(flag=f"p={kind}", bound=octets))
    assert not exchange.logged_in, f"{entrance} bound to {kind} was answered {exchange.end}"


@covers("RFC5802-6-j", fault="security.scram-ignores-the-channel")
@needs(accounts(1))
@given(turn=turns, header=st.sampled_from(["y,,", "n,a=x,", "p=tls-unique,,", "n,", ""]))
def test_another_header_in_the_last_message_fails(target: LiveTarget, turn: int, header: str) -> None:
    entrance = anywhere(target, turn)
    exchange = tried(target, entrance, Way(header=header))
    assert not exchange.logged_in, f"{entrance} with c= of {header!r} was answered {exchange.end}"


@covers("RFC5802-6-nk1", fault="security.scram-binds-to-any-channel")
@needs(accounts(1))
@given(turn=turns, octets=st.binary(min_size=1, max_size=40))
def test_a_mechanism_bound_to_another_channel_fails(target: LiveTarget, turn: int, octets: bytes) -> None:
    entrance = anywhere(target, turn, scram.BOUND)
    exchange = tried(target, entrance, Way(bound=octets))
    assert not exchange.logged_in, f"{entrance} bound to another channel was answered {exchange.end}"
