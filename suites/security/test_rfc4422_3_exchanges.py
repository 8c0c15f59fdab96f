"""RFC 4422 §3.5, §3.8, §5: how exchanges begin and end, by every mechanism at every door."""

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear
from harness.target import Protocol
from harness.wire import sasl
from suites.covers import covers, proves
from suites.needs import accounts, needs
from suites.security import scram
from suites.security.doors import Door, Entrance, Kind, Said, entrances, tour
from suites.security.logins import CLIENT_FIRST, KNOWN, PASSWORDS, let_in, log_in, mechanism


@covers("RFC4422-5-c", fault="security.scram-begins-with-words")
def test_a_mechanism_that_waits_for_the_client_begins_with_an_empty_challenge(target: LiveTarget) -> None:
    for entrance in tour(target, (*scram.BOUND, *CLIENT_FIRST)):
        said = entrance.open(target).begin(entrance.name)
        if said.kind is not Kind.CHALLENGE:
            raise Unclear(f"{entrance} without an initial response was answered {said}")
        assert not said.challenge, f"{entrance} without an initial response was answered {said}"


@covers("RFC4422-3.2-nk1", fault="security.login-takes-no-password")
@needs(accounts(1))
def test_a_listed_mechanism_takes_the_password_that_another_takes(target: LiveTarget) -> None:
    told = {}
    for entrance in entrances(target, KNOWN):
        door = entrance.open(target)
        told[entrance] = log_in(door, entrance.name, target.account())[-1]
        if told[entrance].kind is Kind.IN:
            door.leave()
    refused = [entrance for entrance, said in told.items() if said.kind is not Kind.IN]
    for entrance in refused:
        # What each asks of a server is the same: is this the password?
        twin = Entrance(entrance.place, {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}.get(entrance.name, ""))
        assert twin not in told or twin in refused, (
            f"{twin} logged in, {entrance} was answered {told[entrance]}"
        )
    if refused:
        raise Unclear(
            f"true credentials by {refused[0]} were answered {told[refused[0]]}; it may have none for it"
        )


# The protocol's own sentence on the empty initial response.
_EMPTY_INITIAL = {
    Protocol.SUBMISSION: "RFC4954-4-nk5",
    Protocol.POP3: "RFC5034-4-nk3",
    Protocol.IMAP: "RFC4959-3-nk1",
}


@covers("RFC4954-4-nk5", "RFC5034-4-nk3", "RFC4959-3-nk1", fault="security.empty-initial-response-is-none")
def test_an_equals_sign_is_an_initial_response(target: LiveTarget) -> None:
    for protocol, requirement in _EMPTY_INITIAL.items():
        with proves(requirement):
            there = [each for each in tour(target, ("PLAIN",)) if each.place.protocol is protocol]
            if not there:
                raise NotOffered(f"PLAIN is not offered by {protocol}")
            door = there[0].open(target)
            if not door.takes_initial:
                raise NotOffered("SASL-IR is not offered")
            said = door.begin("PLAIN", sasl.EMPTY_INITIAL)
            assert said.kind is not Kind.CHALLENGE, f"{there[0]} with = was answered {said}"


def steps(target: LiveTarget, entrance: Entrance) -> list[Door]:
    """Sessions that stand at the first, second, ... challenge of an exchange by true credentials."""
    found: list[Door] = []
    while True:
        door = entrance.open(target)
        client = mechanism(door, entrance.name, target.account())
        said = door.begin(entrance.name)
        for _ in found:
            if said.kind is Kind.CHALLENGE:
                said = door.go_on(client, said)
        if said.kind is not Kind.CHALLENGE:
            door.leave()
            return found
        found.append(door)


@covers("RFC4422-3.5-nk1", fault="security.cancel-is-a-response")
@needs(accounts(1))
def test_a_cancelled_exchange_fails_wherever_it_stands(target: LiveTarget) -> None:
    for entrance in tour(target, PASSWORDS):
        for number, door in enumerate(steps(target, entrance), 1):
            said = door.answer(sasl.CANCEL)
            assert said.kind is Kind.REFUSED, f"{entrance}, * to challenge {number} was answered {said}"


@covers("RFC4422-3.8-nk1", fault="security.second-exchange-begins")
@needs(accounts(1))
def test_there_is_no_second_exchange_after_a_login_by_any_mechanism(target: LiveTarget) -> None:
    seen = 0
    for entrance in tour(target, KNOWN):
        door = entrance.open(target)
        try:
            let_in(door, entrance.name, target.account())
        except Unclear:
            continue  # the account may have no secret of that kind
        seen += 1
        said = door.begin("PLAIN")
        door.leave()
        assert said.kind is Kind.REFUSED, f"AUTH PLAIN after {entrance} was answered {said}"
    if not seen:
        raise Unclear("true credentials are refused by every mechanism")


# What is asked of each protocol's base64; in IMAP it is RFC 9051's alone.
_STRICT = {
    Protocol.SUBMISSION: "RFC4954-4-n",
    Protocol.POP3: "RFC5034-4-l",
    Protocol.IMAP: "RFC9051-6.2.2-d",
}


@covers("RFC4954-4-n", "RFC5034-4-l", "RFC9051-6.2.2-d", fault="security.strays-skipped-in-a-proof")
@needs(accounts(1))
def test_a_stray_character_in_a_proof_is_not_skipped(target: LiveTarget) -> None:
    for protocol, requirement in _STRICT.items():
        with proves(requirement):
            there = [
                each
                for each in tour(target, ("CRAM-MD5", *scram.BARE, "LOGIN"))
                if each.place.protocol is protocol
            ]
            if not there:
                raise NotOffered(f"no mechanism with a proof of its own is offered by {protocol}")
            said = spoilt(target, there[0])
            assert said.kind is not Kind.IN, (
                f"{there[0]} with a stray character in its proof was answered {said}"
            )


def spoilt(target: LiveTarget, entrance: Entrance) -> Said:
    """What is said to the truth with a character in its last response that is not base64."""
    door = entrance.open(target)
    client = mechanism(door, entrance.name, target.account())
    message = client.initial()
    said = door.begin(entrance.name) if message is None else door.first(entrance.name, message)
    if entrance.name == "LOGIN" and said.kind is Kind.CHALLENGE:
        said = door.go_on(client, said)
    if said.kind is not Kind.CHALLENGE:
        raise Unclear(f"{entrance} was answered {said}")
    line = sasl.encode(client.respond(said.octets))
    said = door.answer(line[:2] + b"!" + line[2:])
    # SCRAM's server shows its own proof first.
    return door.answer(b"") if said.kind is Kind.CHALLENGE and entrance.name in scram.EVERY else said
