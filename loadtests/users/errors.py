"""How an operation of a load run fails, and the few words that failures are counted by.

Error classes are a bounded set, so that a table of them stays a table: an SMTP reply's code (``421``, ``550``), an
IMAP or POP3 answer with its response code (``NO [OVERQUOTA]``, ``-ERR [IN-USE]``, ``BAD``), or one of `TROUBLE`'s
words.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from locust.exception import RescheduleTask

from harness.errors import (
    ConnectFailed,
    ConnectionLost,
    MailproofError,
    ProtocolError,
    TimedOut,
    TlsFailed,
    TransportError,
)
from loadtests.figures.health import SHORT_OF

__all__ = [
    "NOT_8BIT",
    "RUBBISH",
    "TROUBLE",
    "Closed",
    "OperationFailed",
    "OutOfResources",
    "Refused",
    "Reset",
    "coded",
    "error_class",
    "reply_class",
]


class Reset(ConnectionLost):
    """The peer reset the connection."""


class Closed(ConnectionLost):
    """The peer ended the connection while something was awaited or sent."""


class Refused(ConnectFailed):
    """Nobody listens there."""


class OutOfResources(ConnectFailed):
    """This machine has no port, descriptor or buffer left: the generator's limit, not the target's."""


RUBBISH: Final = "rubbish"
# A message that must not be sent to who does not offer that (RFC 6152 §3).
NOT_8BIT: Final = "8bitmime"

# The first that fits; what the peer's octets mean is not among them.
TROUBLE: Final[Mapping[type[MailproofError], str]] = {
    TimedOut: "timeout",
    Reset: "reset",
    ConnectionLost: "closed",
    Refused: "refused",
    OutOfResources: SHORT_OF,
    ConnectFailed: "unreachable",
    TlsFailed: "tls",
    ProtocolError: RUBBISH,
}

_SMTP: Final = re.compile(rb"[2-5][0-9][0-9]")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9/-]{0,31}")

# Ours: more response codes than IMAP and POP3 have registered; a peer that invents more is counted without them.
_MOST_CODED: Final = 96
_coded: Final[set[str]] = set()


class OperationFailed(RescheduleTask):
    """An operation failed and has been recorded; in a Locust task it ends the task without a traceback.

    Attributes:
        operation: Its name, as ``smtp.rcpt``.
        error_class: One of the bounded set.
        detail: What was seen, for people: the reply, or what became of the connection.
    """

    def __init__(
        self, operation: str, error_class: str, detail: str, evidence: Callable[[], str] | None = None
    ) -> None:
        """`evidence` renders the last exchanges; it is called when somebody asks for them."""
        super().__init__(operation, error_class, detail)
        self.operation = operation
        self.error_class = error_class
        self.detail = detail
        self._evidence = evidence

    @property
    def evidence(self) -> str:
        """The last exchanges before it, secrets hidden; ``""`` where there were none."""
        return "" if self._evidence is None else self._evidence()

    def __str__(self) -> str:
        return f"{self.operation}: {self.detail or self.error_class}"

    # Locust counts errors by their repr: it has to come from a bounded set.
    def __repr__(self) -> str:
        return self.error_class


def error_class(trouble: TransportError | ProtocolError) -> str:
    """The word for a connection that failed, or for octets that are no protocol."""
    return next(word for kind, word in TROUBLE.items() if isinstance(trouble, kind))


def reply_class(reply: bytes) -> str:
    """The class of an SMTP or LMTP reply that was not hoped for: its code (RFC 5321 §4.2)."""
    return reply[:3].decode() if _SMTP.match(reply) else RUBBISH


def coded(answer: str, code: str | None) -> str:
    """The class of an IMAP or POP3 answer, with its response code where it has one: ``NO [OVERQUOTA]``."""
    if not code or not _CODE.fullmatch(code.upper()):
        return answer
    named = f"{answer} [{code.upper()}]"
    if named not in _coded:
        if len(_coded) >= _MOST_CODED:
            return answer
        _coded.add(named)
    return named
