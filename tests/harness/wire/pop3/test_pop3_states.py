from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError
from harness.wire.pop3.states import (
    COMMANDS,
    EVENTS,
    NO_COMMANDS,
    OUT_OF_SEQUENCE,
    TRANSITIONS,
    Answer,
    State,
    Verb,
    next_state,
    verb_of,
)

states = st.sampled_from(State)
verbs = st.sampled_from(Verb)
answers = st.sampled_from(Answer)


def test_every_state_and_verb_is_decided_once() -> None:
    for pair in product(set(State) - NO_COMMANDS, COMMANDS):
        assert (pair in TRANSITIONS) != (pair in OUT_OF_SEQUENCE), pair


def test_where_no_command_is_read_only_events_lead_on() -> None:
    led = {state: {verb for at, verb in TRANSITIONS if at is state} for state in NO_COMMANDS}
    assert led == {
        State.AUTH: {Verb.AUTH_RESPONSE},
        State.TLS: {Verb.TLS_HANDSHAKE},
        State.UPDATE: set(),
        State.CLOSED: set(),
    }
    assert {verb for verbs_of_state in led.values() for verb in verbs_of_state} == EVENTS


def test_every_state_is_reached() -> None:
    reached = {State.AUTHORIZATION} | {state for step in TRANSITIONS.values() for state in step.values()}
    assert reached == set(State)


@given(states, verbs)
def test_only_a_positive_answer_opens_the_maildrop(state: State, verb: Verb) -> None:
    if (state, verb) in TRANSITIONS and state is not State.TRANSACTION:
        for answer in {Answer.ERR, Answer.CHALLENGE}:
            assert next_state(state, verb, answer) is not State.TRANSACTION


@given(verbs, answers)
def test_only_quit_leaves_the_transaction_state(verb: Verb, answer: Answer) -> None:
    if (State.TRANSACTION, verb) in TRANSITIONS:
        after = State.UPDATE if verb is Verb.QUIT and answer is not Answer.CHALLENGE else State.TRANSACTION
        assert next_state(State.TRANSACTION, verb, answer) is after


@given(states, verbs)
def test_the_update_state_is_reached_by_quit_in_the_transaction_state_only(state: State, verb: Verb) -> None:
    if State.UPDATE in TRANSITIONS.get((state, verb), {}).values():
        assert (state, verb) == (State.TRANSACTION, Verb.QUIT)


@given(states, verbs, answers)
def test_out_of_sequence_is_refused(state: State, verb: Verb, answer: Answer) -> None:
    if (state, verb) not in TRANSITIONS:
        with pytest.raises(LocalProtocolError):
            next_state(state, verb, answer)


def test_pass_is_due_right_after_user_and_at_no_other_time() -> None:
    assert {state for state, verb in TRANSITIONS if verb is Verb.PASS} == {State.NAMED}
    assert next_state(State.NAMED, Verb.CAPA, Answer.OK) is State.AUTHORIZATION


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        (b"retr 1", Verb.RETR),
        (b"TOP 1 0", Verb.TOP),
        (b"QUIT", Verb.QUIT),
        (b"XYZZY", None),
        (b"", None),
        (b"AUTH response", Verb.AUTH),
        (b"\xff", None),
    ],
)
def test_the_verb_of_a_line(line: bytes, verb: Verb | None) -> None:
    assert verb_of(line) is verb
