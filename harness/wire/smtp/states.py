"""Which command may come when, and where its reply leads: one table for client and server, SMTP and LMTP."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import Final

from harness.errors import LocalProtocolError

__all__ = [
    "COMMANDS",
    "EVENTS",
    "LMTP_VERBS",
    "NO_COMMANDS",
    "OUT_OF_SEQUENCE",
    "SMTP_VERBS",
    "TRANSITIONS",
    "State",
    "Verb",
    "in_sequence",
    "next_state",
    "verb_of",
]


class State(StrEnum):
    """Where a session stands."""

    FRESH = "greeted, no EHLO yet"
    READY = "no mail transaction"
    MAIL = "sender known, no recipient"
    RCPT = "sender and recipients known"
    CHUNKS = "BDAT chunks under way"
    SPOILT = "a BDAT failed, RSET is due"
    DATA = "content is coming"
    AUTH = "an AUTH response is awaited"
    TLS = "a TLS handshake is awaited"
    CLOSED = "closed"


class Verb(StrEnum):
    """Commands, and the three things a client sends that are none."""

    HELO = "HELO"
    EHLO = "EHLO"
    LHLO = "LHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BDAT = "BDAT"
    BDAT_LAST = "BDAT LAST"
    RSET = "RSET"
    VRFY = "VRFY"
    EXPN = "EXPN"
    HELP = "HELP"
    NOOP = "NOOP"
    QUIT = "QUIT"
    AUTH = "AUTH"
    STARTTLS = "STARTTLS"

    END_OF_DATA = "end of data"
    AUTH_RESPONSE = "AUTH response"
    TLS_HANDSHAKE = "TLS handshake"


EVENTS: Final = frozenset({Verb.END_OF_DATA, Verb.AUTH_RESPONSE, Verb.TLS_HANDSHAKE})
COMMANDS: Final = frozenset(Verb) - EVENTS

# RFC 2033 §4.1: LMTP has LHLO where SMTP has HELO and EHLO; it knows neither of those.
SMTP_VERBS: Final = COMMANDS - {Verb.LHLO}
LMTP_VERBS: Final = COMMANDS - {Verb.HELO, Verb.EHLO}

# No command line is read here: content, a SASL response or a handshake is due, or nothing any more.
NO_COMMANDS: Final = frozenset({State.DATA, State.AUTH, State.TLS, State.CLOSED})

_F, _R, _M, _T = State.FRESH, State.READY, State.MAIL, State.RCPT
_B, _S, _D = State.CHUNKS, State.SPOILT, State.DATA

_Step = Mapping[int, State]
_STAY: Final[_Step] = {}
_ANYWHERE: Final[Mapping[Verb, _Step]] = {
    Verb.HELO: {2: _R},  # RFC 5321 §4.1.4: as RSET; a refused one leaves the state alone
    Verb.EHLO: {2: _R},
    Verb.LHLO: {2: _R},
    Verb.VRFY: _STAY,  # RFC 5321 §4.1.4: no EHLO needed, and no effect on a transaction
    Verb.EXPN: _STAY,
    Verb.HELP: _STAY,
    Verb.NOOP: _STAY,
    Verb.QUIT: {2: State.CLOSED},
}

# (state, verb) -> {first digit of the reply: next state}. A digit that is not listed leaves the state alone;
# a pair that is not listed is out of sequence.
TRANSITIONS: Final[Mapping[tuple[State, Verb], _Step]] = MappingProxyType(
    {(state, verb): step for state in (_F, _R, _M, _T, _B, _S) for verb, step in _ANYWHERE.items()}
    | {(state, Verb.RSET): {2: _R} for state in (_R, _M, _T, _B, _S)}
    | {(state, Verb.STARTTLS): {2: State.TLS} for state in (_F, _R, _M, _T)}
    | {
        (_F, Verb.RSET): _STAY,  # RFC 5321 §4.1.1.5: before EHLO it is a NOOP
        (_R, Verb.AUTH): {2: _R, 3: State.AUTH},  # RFC 4954 §4: not during a mail transaction
        (_R, Verb.MAIL): {2: _M},  # RFC 5321 §3.3
        (_M, Verb.RCPT): {2: _T},
        (_T, Verb.RCPT): {2: _T},  # a refused RCPT keeps the earlier ones
        (_T, Verb.DATA): {3: _D},
        (_T, Verb.BDAT): {
            2: _B,
            4: _S,
            5: _S,
        },  # RFC 3030 §2: after a refusal only RSET clears the transaction
        (_T, Verb.BDAT_LAST): {2: _R, 4: _S, 5: _S},
        (_B, Verb.BDAT): {2: _B, 4: _S, 5: _S},
        (_B, Verb.BDAT_LAST): {2: _R, 4: _S, 5: _S},
        (_D, Verb.END_OF_DATA): {2: _R, 4: _R, 5: _R},  # RFC 5321 §4.1.1.4: all buffers cleared either way
        (State.AUTH, Verb.AUTH_RESPONSE): {2: _R, 4: _R, 5: _R},  # 3yz: the next challenge
        (State.TLS, Verb.TLS_HANDSHAKE): {2: _F},  # RFC 3207 §4.2: as after the greeting
    }
)

# Spelt out, so that a test can hold the two against each other: each pair is decided once.
_CONTENT: Final = frozenset({Verb.DATA, Verb.BDAT, Verb.BDAT_LAST})
OUT_OF_SEQUENCE: Final = frozenset(
    set(product({_F}, {Verb.MAIL, Verb.RCPT, Verb.AUTH} | _CONTENT))
    | set(product({_R}, {Verb.RCPT} | _CONTENT))
    | set(product({_M}, {Verb.MAIL, Verb.AUTH} | _CONTENT))
    | set(product({_T}, {Verb.MAIL, Verb.AUTH}))
    | set(product({_B}, {Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.AUTH, Verb.STARTTLS}))
    | set(product({_S}, {Verb.MAIL, Verb.RCPT, Verb.AUTH, Verb.STARTTLS} | _CONTENT))
)


def in_sequence(state: State, verb: Verb) -> bool:
    """Whether the verb may come in this state (RFC 5321 §4.1.4)."""
    return (state, verb) in TRANSITIONS


def next_state(state: State, verb: Verb, klass: int) -> State:
    """The state after `verb` was answered with a reply of first digit `klass`.

    Raises:
        LocalProtocolError: The verb is out of sequence in this state.
    """
    if not in_sequence(state, verb):
        raise LocalProtocolError(f"{verb} is out of sequence: {state}")
    return TRANSITIONS[state, verb].get(klass, state)


def verb_of(line: bytes) -> Verb | None:
    """The verb of a command line, None for one that is not known; BDAT with LAST is a verb of its own."""
    word, _, argument = line.decode("latin-1").strip().upper().partition(" ")
    if word == Verb.BDAT and argument.endswith(" LAST"):
        return Verb.BDAT_LAST
    return Verb(word) if word in COMMANDS else None
