"""RFC 4422 §3.4.1, §3.6: who is let in and as whom, and what others are told."""

import re
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Account
from suites.covers import covers
from suites.needs import accounts, needs
from suites.security import scram
from suites.security.doors import Entrance, Kind, Said, tour
from suites.security.logins import KNOWN, PASSWORDS, log_in, mechanism, nobody, wrong

# Times, counters and the names of sessions; an enhanced code (RFC 3463 §2) is kept.
_NUMBERS: Final = re.compile(rb"(\b[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= ))|[0-9]+")


@covers("RFC4422-3.6-nk1", fault="security.login-takes-any-password")
@needs(accounts(1))
def test_a_wrong_secret_does_not_log_in(target: LiveTarget) -> None:
    for entrance in tour(target, KNOWN):
        said = log_in(entrance.open(target), entrance.name, wrong(target))[-1]
        assert said.kind is not Kind.IN, f"{entrance} with a wrong secret was answered {said}"


# Mechanism -> the message that comes before the proof; the user's name in place of %s.
_BEFORE: Final = {**dict.fromkeys(scram.BARE, b"n,,n=%s,r=nonce"), "LOGIN": b"%s", "CRAM-MD5": None}


@covers("RFC4422-3.6-nk1", fault="security.cram-md5-takes-nothing")
@needs(accounts(1))
def test_nothing_in_the_place_of_a_proof_does_not_log_in(target: LiveTarget) -> None:
    for entrance in tour(target, _BEFORE):
        before = _BEFORE[entrance.name]
        door = entrance.open(target)
        said = door.begin(entrance.name)
        if before is not None and said.kind is Kind.CHALLENGE:
            user = target.account().user.encode()
            said = door.respond(before.replace(b"%s", user))
        if said.kind is Kind.CHALLENGE:
            said = door.respond(b"")
        assert said.kind is not Kind.IN, f"{entrance} with an empty response was answered {said}"


@covers("RFC4422-3.6-nk2", fault="security.scram-acts-for-anybody")
@needs(accounts(2))
def test_nobody_acts_for_another_account_by_any_mechanism(target: LiveTarget) -> None:
    other = target.account(1).user
    for entrance in tour(target, (*scram.EVERY, "PLAIN", "OAUTHBEARER")):
        door = entrance.open(target)
        said = door.run(mechanism(door, entrance.name, target.account(), authorization=other))[-1]
        assert said.kind is not Kind.IN, f"{entrance} for another account was answered {said}"


@covers("RFC4422-3.4.1-nk1", fault="security.plain-acts-for-nobody")
@needs(accounts(1))
def test_ones_own_name_as_authorization_identity_is_as_none(target: LiveTarget) -> None:
    seen, account = 0, target.account()
    for entrance in tour(target, (*scram.EVERY, "PLAIN", "OAUTHBEARER")):
        door = entrance.open(target)
        if log_in(door, entrance.name, account)[-1].kind is not Kind.IN:
            continue  # the account may have no secret of that kind
        door.leave()
        seen += 1
        door = entrance.open(target)
        said = door.run(mechanism(door, entrance.name, account, authorization=account.user))[-1]
        if said.kind is Kind.IN:
            door.leave()
        assert said.kind is Kind.IN, f"{entrance} for oneself was answered {said}"
    if not seen:
        raise Unclear("true credentials are refused by every mechanism")


@covers("RFC4422-3.6-nk3", fault="security.unknown-user-is-told-at-once")
@needs(accounts(1))
def test_an_unknown_user_is_told_what_a_wrong_password_is_told(target: LiveTarget) -> None:
    # SCRAM last: what it tells by its steps is not to hide what the others tell in words.
    for entrance in tour(target, reversed(PASSWORDS)):
        known = refusal(target, entrance, wrong(target))
        unknown = refusal(target, entrance, nobody(target))
        if known != unknown and refusal(target, entrance, wrong(target)) != known:
            raise Unclear(f"{entrance} words its refusals in more than one way")
        assert known == unknown, f"{entrance} told a user {known} and nobody {unknown}"


def refusal(target: LiveTarget, entrance: Entrance, account: Account) -> list[bytes]:
    """What somebody is told who does not get in: so many challenges, then the last words."""
    said = log_in(entrance.open(target), entrance.name, account)
    if said[-1].kind is not Kind.REFUSED:
        raise Unclear(f"{entrance} with a wrong password was answered {said[-1]}")
    return [b"a challenge"] * (len(said) - 1) + [told(said, account.user)]


def told(said: list[Said], user: str) -> bytes:
    """A refusal without what tells nothing: the name given, challenges, numbers other than the code."""
    code, space, text = said[-1].words.partition(b" ")
    for known in (*(each.challenge for each in said), user.encode(), user.partition("@")[0].encode()):
        text = text.replace(known, b"") if known else text
    return code + space + _NUMBERS.sub(lambda found: found[1] or b"#", text)
