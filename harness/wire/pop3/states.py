"""Which command may come when, and where its response leads: one table for client and server."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import Final

from harness.errors import LocalProtocolError

__all__ = [
    "COMMANDS",
    "EVENTS",
    "NO_COMMANDS",
    "OUT_OF_SEQUENCE",
    "TRANSITIONS",
    "Answer",
    "State",
    "Verb",
    "in_sequence",
    "next_state",
    "verb_of",
]


class State(StrEnum):
    """Where a session stands."""

    AUTHORIZATION = "nobody is logged in"
    NAMED = "USER was accepted, PASS is due"
    TRANSACTION = "the maildrop is open"
    UPDATE = "QUIT ended the transaction"
    AUTH = "an AUTH response is awaited"
    TLS = "a TLS handshake is awaited"
    CLOSED = "closed"


class Verb(StrEnum):
    """Commands, and the two things a client sends that are none."""

    USER = "USER"
    PASS = "PASS"  # noqa: S105 - the command's name
    APOP = "APOP"
    AUTH = "AUTH"
    STLS = "STLS"
    UTF8 = "UTF8"
    CAPA = "CAPA"
    LANG = "LANG"
    STAT = "STAT"
    LIST = "LIST"
    RETR = "RETR"
    DELE = "DELE"
    NOOP = "NOOP"
    RSET = "RSET"
    TOP = "TOP"
    UIDL = "UIDL"
    QUIT = "QUIT"

    AUTH_RESPONSE = "AUTH response"
    TLS_HANDSHAKE = "TLS handshake"


class Answer(StrEnum):
    """What a response begins with (RFC 1939 §3; RFC 5034 §4 for the challenge)."""

    OK = "+OK"
    ERR = "-ERR"
    CHALLENGE = "+"


EVENTS: Final = frozenset({Verb.AUTH_RESPONSE, Verb.TLS_HANDSHAKE})
COMMANDS: Final = frozenset(Verb) - EVENTS

# No command line is read here: a SASL response or a handshake is due, or nothing any more.
NO_COMMANDS: Final = frozenset({State.AUTH, State.TLS, State.UPDATE, State.CLOSED})

_A, _N, _T = State.AUTHORIZATION, State.NAMED, State.TRANSACTION

# RFC 1939 §5 and §7: only in the TRANSACTION state, as often as one likes.
_MAILDROP: Final = frozenset(
    {Verb.STAT, Verb.LIST, Verb.RETR, Verb.DELE, Verb.NOOP, Verb.RSET, Verb.TOP, Verb.UIDL}
)
_BEFORE_LOGIN: Final = frozenset({Verb.USER, Verb.PASS, Verb.APOP, Verb.AUTH, Verb.STLS, Verb.UTF8})

_Step = Mapping[Answer, State]
_STAY: Final[_Step] = {}
# RFC 1939 §7: PASS comes immediately after a successful USER, so whatever else comes there forgets the name.
_FORGET: Final[_Step] = {Answer.OK: _A, Answer.ERR: _A}

# (state, verb) -> {answer: next state}. An answer that is not listed leaves the state alone;
# a pair that is not listed is out of sequence.
TRANSITIONS: Final[Mapping[tuple[State, Verb], _Step]] = MappingProxyType(
    {(_T, verb): _STAY for verb in _MAILDROP}
    | {
        (_A, Verb.USER): {Answer.OK: _N},
        (_A, Verb.APOP): {Answer.OK: _T},
        (_A, Verb.AUTH): {Answer.OK: _T, Answer.CHALLENGE: State.AUTH},  # RFC 5034 §4
        (_A, Verb.STLS): {Answer.OK: State.TLS},  # RFC 2595 §4
        (_A, Verb.UTF8): _STAY,  # RFC 6856 §2
        (_A, Verb.CAPA): _STAY,  # RFC 2449 §5: in both states
        (_A, Verb.LANG): _STAY,  # RFC 6856 §3.1: in both states
        (_A, Verb.QUIT): {Answer.OK: State.CLOSED, Answer.ERR: State.CLOSED},  # RFC 1939 §6: no UPDATE
        (_N, Verb.PASS): {Answer.OK: _T, Answer.ERR: _A},
        (_N, Verb.AUTH): {Answer.OK: _T, Answer.ERR: _A, Answer.CHALLENGE: State.AUTH},
        (_N, Verb.STLS): {Answer.OK: State.TLS, Answer.ERR: _A},
        (_N, Verb.UTF8): _FORGET,
        (_N, Verb.CAPA): _FORGET,
        (_N, Verb.LANG): _FORGET,
        (_N, Verb.QUIT): {Answer.OK: State.CLOSED, Answer.ERR: State.CLOSED},
        (_T, Verb.CAPA): _STAY,
        (_T, Verb.LANG): _STAY,
        (_T, Verb.QUIT): {
            Answer.OK: State.UPDATE,
            Answer.ERR: State.UPDATE,
        },  # RFC 1939 §6: closed either way
        (State.AUTH, Verb.AUTH_RESPONSE): {Answer.OK: _T, Answer.ERR: _A},  # "+": the next challenge
        (State.TLS, Verb.TLS_HANDSHAKE): {Answer.OK: _A},
    }
)

# Spelt out, so that a test can hold the two against each other: each pair is decided once.
OUT_OF_SEQUENCE: Final = frozenset(
    set(product({_A}, _MAILDROP | {Verb.PASS}))
    # RFC 1939 §7: USER and APOP come after the greeting or an unsuccessful USER or PASS.
    | set(product({_N}, _MAILDROP | {Verb.USER, Verb.APOP}))
    | set(product({_T}, _BEFORE_LOGIN))
)


def in_sequence(state: State, verb: Verb) -> bool:
    """Whether the verb may come in this state (RFC 1939 §3)."""
    return (state, verb) in TRANSITIONS


def next_state(state: State, verb: Verb, answer: Answer) -> State:
    """The state after `verb` was answered so.

    Raises:
        LocalProtocolError: The verb is out of sequence in this state.
    """
    if not in_sequence(state, verb):
        raise LocalProtocolError(f"{verb} is out of sequence: {state}")
    return TRANSITIONS[state, verb].get(answer, state)


def verb_of(line: bytes) -> Verb | None:
    """The verb of a command line, None for one that is not known. Case does not count (RFC 1939 §3)."""
    word = line.partition(b" ")[0].decode("latin-1").upper()
    return Verb(word) if word in COMMANDS else None
