"""One run of a script over one message: its variables, its limits, and what it has decided so far."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from reference_server.mda.sieve.actions import (
    Action,
    Discard,
    FileInto,
    Keep,
    Redirect,
    Reject,
    Vacation,
)
from reference_server.mda.sieve.addresses import MailAddress
from reference_server.mda.sieve.errors import Place, SieveError
from reference_server.mda.sieve.message import SieveMessage
from reference_server.mda.sieve.strings import Template, Values, cut

__all__ = ["Command", "Facts", "Limits", "Result", "Run", "Stop", "Test"]

# RFC 5229 §6 asks for 128 variables of 4000 characters, which is up to 16,000 octets.
MAX_VARIABLES: Final = 1024
MAX_VARIABLE: Final = 32 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may do; beyond it is an error, and the message is kept (RFC 5228 §2.10.4).

    Attributes:
        redirects: RFC 5228 §10 asks for a limit.
        work: Ours: in octets looked at by all tests together, so that a long script on a long message ends in time.
    """

    actions: int = 32
    redirects: int = 4
    work: int = 512 * 1024 * 1024


@dataclass(frozen=True)
class Facts:
    """All that a script can ask about.

    Attributes:
        envelope_from: None for the null reverse-path.
        separator: What divides user and detail of a local part (RFC 5233 §4); ``""`` for nothing.
        now: Aware.
        mailbox_exists: Whether the user has a mailbox of this name and mail can be put into it.
    """

    message: SieveMessage
    envelope_from: MailAddress | None
    envelope_to: MailAddress
    now: dt.datetime
    separator: str = "+"
    mailbox_exists: Callable[[str], bool] = lambda _name: False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    Attributes:
        actions: To be done, all of them; never empty.
        error: What went wrong; then the one action is an implicit keep, and nothing else was done (RFC 5228 §2.10.6).
    """

    actions: tuple[Action, ...]
    error: SieveError | None = None


class Stop(Exception):
    """The script ends here (RFC 5228 §3.3)."""


class Test(ABC):
    """A compiled test."""

    __slots__ = ()

    @abstractmethod
    def holds(self, run: "Run") -> bool:
        """Whether it is true of the message."""


class Command(ABC):
    """A compiled command."""

    __slots__ = ()

    @abstractmethod
    def execute(self, run: "Run") -> None:
        """Raises `SieveError` where it cannot be done, `Stop` where the script ends."""


# One copy for a mailbox, one for an address (RFC 5228 §2.10.3), one of everything else.
_Slot = tuple[type[Action], str]


@dataclass
class Run:
    """What commands change and tests read."""

    facts: Facts
    limits: Limits
    variables: dict[str, bytes] = field(default_factory=dict)
    matches: tuple[bytes, ...] = ()
    flags: tuple[str, ...] = ()
    _actions: dict[_Slot, Action] = field(default_factory=dict)
    _keep_stands: bool = True
    _work: int = 0

    def expand(self, template: Template) -> bytes:
        """A string with the values that its references have now."""
        value = template.expand(Values(self.variables, self.matches))
        self.spend(len(value), template.place)
        return value

    def text(self, template: Template) -> str:
        """As `expand`, for actions, which deal in Unicode."""
        try:
            return self.expand(template).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise SieveError(template.place, "the string is not UTF-8") from exc

    def assign(self, name: str, value: bytes, place: Place) -> None:
        """Set a variable; a value that is too long is cut, which is no error (RFC 5229 §6)."""
        if name not in self.variables and len(self.variables) >= MAX_VARIABLES:
            raise SieveError(place, f"more than {MAX_VARIABLES} variables")
        self.variables[name] = cut(value, MAX_VARIABLE)

    def spend(self, octets: int, place: Place) -> None:
        """Count work before it is done."""
        self._work += octets
        if self._work > self.limits.work:
            raise SieveError(place, "the script takes too long with this message")

    def cancel_keep(self) -> None:
        """No implicit keep any more (RFC 5228 §2.10.2)."""
        self._keep_stands = False

    def decide(self, action: Action, place: Place) -> None:
        """Add an action; the last of several deliveries to one mailbox counts (RFC 5232 §3).

        Raises:
            SieveError: The action cannot go with an earlier one, or there are too many.
        """
        slot = _slot(action)
        self._check_once(slot, place)
        self._check_rejection(action, place)
        self._actions[slot] = action
        if len(self._actions) > self.limits.actions:
            raise SieveError(place, f"more than {self.limits.actions} actions")
        if sum(isinstance(each, Redirect) for each in self._actions.values()) > self.limits.redirects:
            raise SieveError(place, f"more than {self.limits.redirects} redirects")

    def _check_once(self, slot: _Slot, place: Place) -> None:
        """RFC 5429 §2.4; RFC 5230 §4.7."""
        if slot[0] in (Reject, Vacation) and slot in self._actions:
            raise SieveError(place, f"a second {slot[0].__name__.lower()} for one message")

    def _check_rejection(self, action: Action, place: Place) -> None:
        """A message is delivered or sent back, and what is sent back is not answered (RFC 5429 §2.4)."""
        others = [each for each in self._actions.values() if not isinstance(each, Discard)]
        rejects = [isinstance(each, Reject) for each in (*others, action)]
        if any(rejects) and others and not isinstance(action, Discard):
            raise SieveError(place, "reject goes with no other action than discard")

    def result(self, end: Place) -> Result:
        """The actions, with the implicit keep where it stands."""
        if self._keep_stands:
            self.decide(Keep(self.flags, implicit=True), end)
        actions = list(self._actions.values())
        if any(not isinstance(action, Vacation | Discard) for action in actions):
            actions = [action for action in actions if not isinstance(action, Discard)]
        return Result(tuple(actions))


def _slot(action: Action) -> _Slot:
    match action:
        case Keep():
            return (FileInto, "INBOX")
        case FileInto(mailbox):
            return (FileInto, "INBOX" if mailbox.upper() == "INBOX" else mailbox)
        case Redirect(address):
            return (Redirect, address)
        case _:
            return (type(action), "")
