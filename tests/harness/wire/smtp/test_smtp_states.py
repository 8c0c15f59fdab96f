from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError
from harness.wire.smtp.states import (
    COMMANDS,
    EVENTS,
    LMTP_VERBS,
    NO_COMMANDS,
    OUT_OF_SEQUENCE,
    SMTP_VERBS,
    TRANSITIONS,
    State,
    Verb,
    next_state,
    verb_of,
)

states = st.sampled_from(State)
verbs = st.sampled_from(Verb)


def test_every_state_and_verb_is_decided_once() -> None:
    for pair in product(set(State) - NO_COMMANDS, COMMANDS):
        assert (pair in TRANSITIONS) != (pair in OUT_OF_SEQUENCE), pair


def test_where_no_command_is_read_only_events_lead_on() -> None:
    led = {state: {verb for at, verb in TRANSITIONS if at is state} for state in NO_COMMANDS}
    assert led == {
        State.DATA: {Verb.END_OF_DATA},
        State.AUTH: {Verb.AUTH_RESPONSE},
        State.TLS: {Verb.TLS_HANDSHAKE},
        State.CLOSED: set(),
    }
    assert {verb for verbs_of_state in led.values() for verb in verbs_of_state} == EVENTS


def test_every_state_is_reached() -> None:
    reached = {State.FRESH} | {state for step in TRANSITIONS.values() for state in step.values()}
    assert reached == set(State)


@given(states, verbs)
def test_a_refused_command_ends_no_transaction_but_a_bdat(state: State, verb: Verb) -> None:
    if (state, verb) in TRANSITIONS and verb not in {Verb.BDAT, Verb.BDAT_LAST} | EVENTS:
        assert {next_state(state, verb, klass) for klass in (4, 5)} == {state}


@given(states, verbs, st.integers(2, 5))
def test_out_of_sequence_is_refused(state: State, verb: Verb, klass: int) -> None:
    if (state, verb) not in TRANSITIONS:
        with pytest.raises(LocalProtocolError):
            next_state(state, verb, klass)


def test_lmtp_has_its_own_hello() -> None:
    assert {Verb.HELO, Verb.EHLO} == SMTP_VERBS - LMTP_VERBS
    assert {Verb.LHLO} == LMTP_VERBS - SMTP_VERBS


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        (b"mail from:<>", Verb.MAIL),
        (b"QUIT ", Verb.QUIT),
        (b"BDAT 10", Verb.BDAT),
        (b"bdat 10 last", Verb.BDAT_LAST),
        (b"XYZZY", None),
        (b"", None),
        (b"end of data", None),
        (b"\xff", None),
    ],
)
def test_the_verb_of_a_line(line: bytes, verb: Verb | None) -> None:
    assert verb_of(line) is verb
