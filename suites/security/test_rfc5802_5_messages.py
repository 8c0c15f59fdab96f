"""RFC 5802 §5: SCRAM's messages, and what each side proves by them."""

from hypothesis import given
from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites.covers import covers
from suites.needs import accounts, needs
from suites.security import scram
from suites.security.doors import Entrance
from suites.security.scram import Way, anywhere, tried, turns, working


@covers("RFC5802-5-nk1", fault="security.scram-signs-with-another-key")
@needs(accounts(1))
def test_the_server_proves_that_it_knows_the_password(target: LiveTarget) -> None:
    for entrance in working(target):
        exchange = tried(target, entrance)
        if exchange.server_final is None:
            raise Unclear(f"{entrance} let us in by {exchange.end}, where we look for no proof")
        assert exchange.signature, f"{entrance} ended with {exchange.server_final!r}, signed by another key"


def told_nonce(target: LiveTarget, entrance: Entrance, ours: str) -> str:
    """The nonce of the server's first message to one with our nonce."""
    server_first = scram.first_message(entrance.open(target), entrance.name, target.account(), nonce=ours)
    return scram.attributes(server_first).get("r", "")


@covers("RFC5802-5-nk2", fault="security.scram-adds-no-nonce")
@needs(accounts(1))
@given(turn=turns, ours=st.text("!abcXYZ019+/=~", min_size=12, max_size=40))
def test_the_nonce_begins_with_ours_and_goes_on(target: LiveTarget, turn: int, ours: str) -> None:
    entrance = anywhere(target, turn)
    nonce = told_nonce(target, entrance, ours)
    goes_on = nonce.startswith(ours) and len(nonce) > len(ours)
    assert goes_on, f"{entrance} made {nonce} of our nonce {ours}"


@covers("RFC5802-5.1-nk1", fault="security.scram-nonce-twice", also=("security.scram-adds-no-nonce",))
@needs(accounts(1))
def test_what_the_server_adds_to_the_nonce_is_new_every_time(target: LiveTarget) -> None:
    for entrance in working(target):
        ours = target.unique("nonce")
        first, second = (told_nonce(target, entrance, ours) for _ in range(2))
        assert first != second, f"{entrance} made {first} of our nonce {ours} twice"


@covers("RFC5802-3-nk1", fault="security.scram-takes-any-proof")
@needs(accounts(1))
@given(turn=turns)
def test_a_wrong_proof_does_not_log_in(target: LiveTarget, turn: int) -> None:
    entrance = anywhere(target, turn)
    exchange = tried(target, entrance, Way(proof=False))
    assert not exchange.logged_in, f"{entrance} with a wrong proof was answered {exchange.end}"


@covers("RFC5802-5.1-p", fault="security.scram-fails-without-saying-so")
@needs(accounts(1))
def test_a_last_message_after_a_wrong_proof_is_an_error(target: LiveTarget) -> None:
    for entrance in working(target):
        exchange = tried(target, entrance, Way(proof=False))
        if exchange.server_final is not None and not exchange.logged_in:
            assert exchange.server_final.startswith("e="), (
                f"{entrance} with a wrong proof was answered {exchange.server_final!r}"
            )


@covers("RFC5802-5-a", fault="security.scram-takes-any-flag")
@needs(accounts(1))
@given(turn=turns, flag=st.sampled_from(["x", "F", "N", ""]))
def test_a_message_that_begins_with_none_of_n_y_and_p_fails(target: LiveTarget, turn: int, flag: str) -> None:
    entrance = anywhere(target, turn, scram.BARE)
    exchange = tried(target, entrance, Way(flag=flag))
    assert not exchange.logged_in, f"{entrance} with the flag {flag!r} was answered {exchange.end}"
