"""RFC 7628 §3: OAUTHBEARER's message, and what is said to a token that is not good."""

import json

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites.covers import covers, proves
from suites.needs import accounts, needs
from suites.security.doors import Entrance, Kind, Said, tour
from suites.security.logins import let_in
from suites.security.scram import turns

_NAME = ("OAUTHBEARER",)


def message(user: str, token: str, *more: str) -> bytes:
    """The client's message (RFC 7628 §3.1), with further pairs."""
    return "\1".join([f"n,a={user},", *more, f"auth=Bearer {token}", "", ""]).encode()


@covers("RFC7628-3.1-a", fault="security.token-alone")
@needs(accounts(1))
@given(
    turn=turns,
    key=st.text("abcxyz", min_size=2, max_size=8),
    value=st.text("abc019 =,", max_size=8),
)
def test_unknown_pairs_beside_a_token_are_ignored(
    target: LiveTarget, turn: int, key: str, value: str
) -> None:
    there = tour(target, _NAME)
    entrance, account = there[turn % len(there)], target.account()
    door = entrance.open(target)
    let_in(door, "OAUTHBEARER", account)
    door.leave()
    door = entrance.open(target)
    said = door.first("OAUTHBEARER", message(account.user, account.token, f"mp{key}={value}"))
    if said.kind is Kind.IN:
        door.leave()
    assert said.kind is Kind.IN, f"{entrance} with mp{key}={value} was answered {said}"


def refusals(target: LiveTarget) -> list[tuple[Entrance, Said, Said]]:
    """To a token that is not good: what is said to it, and how the exchange ends."""
    found = []
    for entrance in tour(target, _NAME):
        door = entrance.open(target)
        said = door.first("OAUTHBEARER", message(target.account().user, "wrong.wrong.wrong"))
        found.append((entrance, said, door.respond(b"\1") if said.kind is Kind.CHALLENGE else said))
    return found


@covers("RFC7628-3.2.2-nk1", "RFC7628-3.2.2-a", fault="security.token-refused-without-status")
@needs(accounts(1))
def test_a_token_that_is_not_good_is_answered_with_a_status(target: LiveTarget) -> None:
    for entrance, said, _end in refusals(target):
        with proves("RFC7628-3.2.2-nk1"):
            assert said.kind is Kind.CHALLENGE, (
                f"{entrance} with a token that is not good was answered {said}"
            )
        with proves("RFC7628-3.2.2-a"):
            told = read_json(said)
            assert isinstance(told.get("status"), str), f"{entrance} was answered {said.octets!r}"


def read_json(said: Said) -> dict[str, object]:
    """`Unclear` where it is no JSON object."""
    try:
        told: object = json.loads(said.octets)
    except ValueError as exc:
        raise Unclear(f"what is said to a token is no JSON: {said.octets!r}") from exc
    if not isinstance(told, dict):
        raise Unclear(f"what is said to a token is no JSON object: {said.octets!r}")
    return told


@covers("RFC7628-3.2.3-nk1", fault="security.token-refused-without-end")
@needs(accounts(1))
def test_a_refused_token_fails_at_the_next_response(target: LiveTarget) -> None:
    for entrance, _said, end in refusals(target):
        assert end.kind is Kind.REFUSED, f"{entrance}, %x01 after the refusal of a token, was answered {end}"
