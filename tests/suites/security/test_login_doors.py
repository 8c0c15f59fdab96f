"""The table of protocols and mechanisms: every one of them is met, and what is heard there is told right."""

from collections.abc import Iterator

import pytest

from harness.clients.live import LiveTarget
from harness.errors import NotOffered
from harness.target import Protocol
from reference_server import serve
from suites.security import scram
from suites.security.doors import PLACES, Kind, Said, entrances, places, tour
from suites.security.logins import KNOWN, log_in, wrong
from suites.security.test_rfc4422_3_6_outcome import told


@pytest.fixture(scope="module")
def live() -> Iterator[LiveTarget]:
    with serve() as target:
        found = LiveTarget(target)
        yield found
        found.close()


def test_there_are_six_places(live: LiveTarget) -> None:
    assert set(places(live)) == set(PLACES)
    assert {place.protocol for place in PLACES} == {Protocol.SUBMISSION, Protocol.POP3, Protocol.IMAP}


def test_a_tour_meets_every_mechanism_and_every_place(live: LiveTarget) -> None:
    every, chosen = entrances(live, KNOWN), tour(live, KNOWN)

    assert {entrance.name for entrance in chosen} == {entrance.name for entrance in every} == set(KNOWN)
    assert {entrance.place for entrance in chosen} == {entrance.place for entrance in every}
    assert len(chosen) <= len(PLACES) + len(KNOWN)


def test_what_is_nowhere_is_not_offered(live: LiveTarget) -> None:
    with pytest.raises(NotOffered):
        tour(live, ("X-NOWHERE",))


@pytest.mark.parametrize("name", KNOWN)
def test_every_mechanism_lets_in_and_keeps_out(live: LiveTarget, name: str) -> None:
    for entrance in entrances(live, [name]):
        door = entrance.open(live)
        assert log_in(door, name, live.account())[-1].kind is Kind.IN
        door.leave()
        assert log_in(entrance.open(live), name, wrong(live))[-1].kind is Kind.REFUSED
    live.end()


@pytest.mark.parametrize("name", scram.EVERY)
def test_scram_spelt_out_is_scram(live: LiveTarget, name: str) -> None:
    for entrance in entrances(live, [name]):
        exchange = scram.tried(live, entrance)
        assert exchange.logged_in
        assert exchange.signature
        assert exchange.challenge["r"].startswith(exchange.nonce)
    live.end()


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (b"535 5.7.8 Not alice@example.test, after 17 s\r\n", b"535 5.7.8 Not , after # s\r\n"),
        (b"535 5.7.1 No (ab12)\r\n", b"535 5.7.1 No (ab#)\r\n"),
        (b"-ERR [AUTH] alice is not known\r\n", b"-ERR [AUTH]  is not known\r\n"),
        (b"NO [AUTHENTICATIONFAILED] No.\r\n", b"NO [AUTHENTICATIONFAILED] No.\r\n"),
    ],
)
def test_of_a_refusal_is_kept_what_tells_something(words: bytes, kept: bytes) -> None:
    assert told([Said(Kind.REFUSED, words)], "alice@example.test") == kept
