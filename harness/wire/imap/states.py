"""Which command may come when, and where its completion leads: one table for client and server."""

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
    """Where a session stands (RFC 3501 §3), and the moments at which no command is read."""

    CONNECTED = "the greeting is due"
    NOT_AUTHENTICATED = "nobody is logged in"
    AUTHENTICATED = "logged in, no mailbox is selected"
    SELECTED = "a mailbox is selected"
    AUTHENTICATING = "an AUTHENTICATE response is awaited"
    TLS = "a TLS handshake is awaited"
    IDLING = "IDLE with no mailbox selected, DONE is due"
    IDLING_SELECTED = "IDLE on a mailbox, DONE is due"
    LOGOUT = "the connection is being closed"


class Verb(StrEnum):
    """Commands, and what else moves a session. ``UID`` stands for all that begin so."""

    CAPABILITY = "CAPABILITY"
    NOOP = "NOOP"
    LOGOUT = "LOGOUT"
    ID = "ID"
    STARTTLS = "STARTTLS"
    AUTHENTICATE = "AUTHENTICATE"
    LOGIN = "LOGIN"
    ENABLE = "ENABLE"
    SELECT = "SELECT"
    EXAMINE = "EXAMINE"
    CREATE = "CREATE"
    DELETE = "DELETE"
    RENAME = "RENAME"
    SUBSCRIBE = "SUBSCRIBE"
    UNSUBSCRIBE = "UNSUBSCRIBE"
    LIST = "LIST"
    LSUB = "LSUB"
    NAMESPACE = "NAMESPACE"
    STATUS = "STATUS"
    APPEND = "APPEND"
    IDLE = "IDLE"
    CHECK = "CHECK"
    CLOSE = "CLOSE"
    UNSELECT = "UNSELECT"
    EXPUNGE = "EXPUNGE"
    SEARCH = "SEARCH"
    FETCH = "FETCH"
    STORE = "STORE"
    COPY = "COPY"
    MOVE = "MOVE"
    UID = "UID"

    GREETING = "greeting"
    AUTH_RESPONSE = "AUTHENTICATE response"
    TLS_HANDSHAKE = "TLS handshake"
    DONE = "DONE"


class Answer(StrEnum):
    """What completes a command, asks for more, or greets (RFC 3501 §7.1, §7.5)."""

    OK = "OK"
    NO = "NO"
    BAD = "BAD"
    PREAUTH = "PREAUTH"
    BYE = "BYE"
    CONTINUE = "+"


EVENTS: Final = frozenset({Verb.GREETING, Verb.AUTH_RESPONSE, Verb.TLS_HANDSHAKE, Verb.DONE})
COMMANDS: Final = frozenset(Verb) - EVENTS

_N, _A, _S = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED

# No command line is read here: something else is due, or nothing any more.
NO_COMMANDS: Final = frozenset(State) - {_N, _A, _S}

# RFC 3501 §6: which commands each state takes.
_ANYWHERE: Final = frozenset({Verb.CAPABILITY, Verb.NOOP, Verb.LOGOUT, Verb.ID})  # ID: RFC 2971 §3.1
_BEFORE_LOGIN: Final = frozenset({Verb.STARTTLS, Verb.AUTHENTICATE, Verb.LOGIN})
_LOGGED_IN: Final = frozenset(
    {
        Verb.SELECT, Verb.EXAMINE, Verb.CREATE, Verb.DELETE, Verb.RENAME, Verb.SUBSCRIBE, Verb.UNSUBSCRIBE,
        Verb.LIST, Verb.LSUB, Verb.NAMESPACE, Verb.STATUS, Verb.APPEND, Verb.IDLE,
    }
)  # fmt: skip
_ON_A_MAILBOX: Final = frozenset(
    {
        Verb.CHECK, Verb.CLOSE, Verb.UNSELECT, Verb.EXPUNGE, Verb.SEARCH, Verb.FETCH, Verb.STORE, Verb.COPY,
        Verb.MOVE, Verb.UID,
    }
)  # fmt: skip

_Step = Mapping[Answer, State]
_STAY: Final[_Step] = {}
_ENDS: Final[_Step] = {Answer.OK: State.LOGOUT}

# (state, verb) -> {answer: next state}. An answer that is not listed leaves the state alone;
# a pair that is not listed is out of sequence.
TRANSITIONS: Final[Mapping[tuple[State, Verb], _Step]] = MappingProxyType(
    dict.fromkeys(product((_N, _A, _S), _ANYWHERE), _STAY)
    | dict.fromkeys(product((_A, _S), _LOGGED_IN), _STAY)
    | {(_S, verb): _STAY for verb in _ON_A_MAILBOX}
    | {(state, Verb.LOGOUT): _ENDS for state in (_N, _A, _S)}
    | {
        # RFC 3501 §7.1.4 and §7.1.5: a greeting may log in, or send away.
        (State.CONNECTED, Verb.GREETING): {Answer.OK: _N, Answer.PREAUTH: _A, Answer.BYE: State.LOGOUT},
        (_N, Verb.STARTTLS): {Answer.OK: State.TLS},
        (State.TLS, Verb.TLS_HANDSHAKE): {Answer.OK: _N},
        (_N, Verb.LOGIN): {Answer.OK: _A},
        (_N, Verb.AUTHENTICATE): {Answer.OK: _A, Answer.CONTINUE: State.AUTHENTICATING},
        (State.AUTHENTICATING, Verb.AUTH_RESPONSE): {Answer.OK: _A, Answer.NO: _N, Answer.BAD: _N},
        (_A, Verb.ENABLE): _STAY,  # RFC 5161 §3.1: before a mailbox is selected
        (_A, Verb.SELECT): {Answer.OK: _S},
        (_A, Verb.EXAMINE): {Answer.OK: _S},
        # RFC 3501 §6.3.1: a SELECT that fails leaves no mailbox selected.
        (_S, Verb.SELECT): {Answer.NO: _A},
        (_S, Verb.EXAMINE): {Answer.NO: _A},
        (_S, Verb.CLOSE): {Answer.OK: _A},
        (_S, Verb.UNSELECT): {Answer.OK: _A},
        # RFC 2177 §3: after the "+" only DONE may come; the server may end it by itself.
        (_A, Verb.IDLE): {Answer.CONTINUE: State.IDLING},
        (_S, Verb.IDLE): {Answer.CONTINUE: State.IDLING_SELECTED},
        (State.IDLING, Verb.DONE): {Answer.OK: _A, Answer.NO: _A, Answer.BAD: _A},
        (State.IDLING_SELECTED, Verb.DONE): {Answer.OK: _S, Answer.NO: _S, Answer.BAD: _S},
    }
)

# Spelt out, so that a test can hold the two against each other: each pair is decided once.
OUT_OF_SEQUENCE: Final = frozenset(
    set(product({_N}, _LOGGED_IN | _ON_A_MAILBOX | {Verb.ENABLE}))
    | set(product({_A}, _BEFORE_LOGIN | _ON_A_MAILBOX))
    | set(product({_S}, _BEFORE_LOGIN | {Verb.ENABLE}))
)


def in_sequence(state: State, verb: Verb) -> bool:
    """Whether the verb may come in this state (RFC 3501 §6)."""
    return (state, verb) in TRANSITIONS


def next_state(state: State, verb: Verb, answer: Answer) -> State:
    """The state after `verb` was answered so.

    Raises:
        LocalProtocolError: The verb is out of sequence in this state.
    """
    if not in_sequence(state, verb):
        raise LocalProtocolError(f"{verb} is out of sequence: {state}")
    return TRANSITIONS[state, verb].get(answer, state)


def verb_of(command: bytes) -> Verb | None:
    """The verb of a command without its tag, None for one that is not known. Case does not count."""
    word = command.partition(b" ")[0].decode("latin-1").upper()
    return Verb(word) if word in COMMANDS else None
