"""The IMAP state table is whole, and leads where RFC 3501 §3 draws it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LocalProtocolError
from harness.wire.imap.states import (
    COMMANDS,
    EVENTS,
    NO_COMMANDS,
    OUT_OF_SEQUENCE,
    TRANSITIONS,
    Answer,
    State,
    Verb,
    in_sequence,
    next_state,
    verb_of,
)


def test_every_state_and_verb_is_decided_once() -> None:
    for pair in product(set(State) - NO_COMMANDS, COMMANDS):
        assert (pair in TRANSITIONS) != (pair in OUT_OF_SEQUENCE), pair


def test_where_no_command_is_read_only_events_lead_on() -> None:
    led = {state: {verb for at, verb in TRANSITIONS if at is state} for state in NO_COMMANDS}
    assert led == {
        State.CONNECTED: {Verb.GREETING},
        State.AUTHENTICATING: {Verb.AUTH_RESPONSE},
        State.TLS: {Verb.TLS_HANDSHAKE},
        State.IDLING: {Verb.DONE},
        State.IDLING_SELECTED: {Verb.DONE},
        State.LOGOUT: set(),
    }
    assert {verb for verbs in led.values() for verb in verbs} == EVENTS


def test_every_state_is_reached() -> None:
    reached = {State.CONNECTED} | {state for step in TRANSITIONS.values() for state in step.values()}
    assert reached == set(State)


@given(st.sampled_from(State), st.sampled_from(Verb), st.sampled_from([Answer.NO, Answer.BAD]))
def test_a_refusal_never_logs_in_nor_selects(state: State, verb: Verb, answer: Answer) -> None:
    if in_sequence(state, verb):
        after = next_state(state, verb, answer)
        order = [State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED]
        if state in order:
            assert order.index(after) <= order.index(state)


@pytest.mark.parametrize(
    ("state", "verb", "answer", "after"),
    [
        (State.CONNECTED, Verb.GREETING, Answer.PREAUTH, State.AUTHENTICATED),
        (State.NOT_AUTHENTICATED, Verb.LOGIN, Answer.OK, State.AUTHENTICATED),
        (State.NOT_AUTHENTICATED, Verb.LOGIN, Answer.NO, State.NOT_AUTHENTICATED),
        (State.AUTHENTICATED, Verb.SELECT, Answer.OK, State.SELECTED),
        (State.SELECTED, Verb.SELECT, Answer.NO, State.AUTHENTICATED),
        (State.SELECTED, Verb.CLOSE, Answer.OK, State.AUTHENTICATED),
        (State.SELECTED, Verb.IDLE, Answer.CONTINUE, State.IDLING_SELECTED),
        (State.SELECTED, Verb.LOGOUT, Answer.OK, State.LOGOUT),
    ],
)
def test_known_transitions(state: State, verb: Verb, answer: Answer, after: State) -> None:
    assert next_state(state, verb, answer) is after


def test_what_is_out_of_sequence_leads_nowhere() -> None:
    with pytest.raises(LocalProtocolError, match="out of sequence"):
        next_state(State.NOT_AUTHENTICATED, Verb.FETCH, Answer.OK)


@pytest.mark.parametrize(
    ("command", "verb"),
    [
        (b"uid fetch 1 FLAGS", Verb.UID),
        (b"Noop", Verb.NOOP),
        (b"DONE", None),
        (b"XPIG-LATIN", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_verbs_are_read_in_any_case(command: bytes, verb: Verb | None) -> None:
    assert verb_of(command) is verb
