"""The IMAP session as a table: which command may come when, and where its completion leads (RFC 3501 §3, §6)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["COMMANDS", "TRANSITIONS", "State", "allowed", "next_state"]


class State(StrEnum):
    """Where a session stands."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


_N, _A, _S = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED

_ANY: Final = ("CAPABILITY", "NOOP", "LOGOUT", "ID")
_BEFORE_LOGIN: Final = ("STARTTLS", "AUTHENTICATE", "LOGIN")
_AFTER_LOGIN: Final = (
    "ENABLE", "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB",
    "NAMESPACE", "STATUS", "APPEND", "IDLE",
)  # fmt: skip
_SELECTED: Final = (
    "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "MOVE",
    "UID FETCH", "UID STORE", "UID COPY", "UID MOVE", "UID SEARCH", "UID EXPUNGE",
)  # fmt: skip

COMMANDS: Final = frozenset(_ANY + _BEFORE_LOGIN + _AFTER_LOGIN + _SELECTED)

_Step = Mapping[str, State]
_STAY: Final[_Step] = MappingProxyType({})

# (state, command) -> {tagged status: next state}. A status that is not listed leaves the state alone; a pair that is
# not listed is answered BAD.
TRANSITIONS: Final[Mapping[tuple[State, str], _Step]] = MappingProxyType(
    {(state, name): _STAY for state in (_N, _A, _S) for name in _ANY}
    | {(state, "LOGOUT"): {"OK": State.LOGOUT} for state in (_N, _A, _S)}
    | {(_N, "STARTTLS"): _STAY, (_N, "AUTHENTICATE"): {"OK": _A}, (_N, "LOGIN"): {"OK": _A}}
    | {(state, name): _STAY for state in (_A, _S) for name in _AFTER_LOGIN}
    # RFC 3501 §6.3.1: a failed SELECT leaves no mailbox selected.
    | {(state, name): {"OK": _S, "NO": _A} for state in (_A, _S) for name in ("SELECT", "EXAMINE")}
    | {(_S, name): _STAY for name in _SELECTED}
    | {(_S, "CLOSE"): {"OK": _A}, (_S, "UNSELECT"): {"OK": _A}}
)


def allowed(state: State, command: str) -> bool:
    """Whether the command, in upper case and with ``UID`` where it has it, may come in this state."""
    return (state, command) in TRANSITIONS


def next_state(state: State, command: str, status: str) -> State:
    """The state after the command completed with ``OK``, ``NO`` or ``BAD``."""
    return TRANSITIONS.get((state, command), _STAY).get(status, state)
