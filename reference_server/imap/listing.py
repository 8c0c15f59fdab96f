"""Which mailboxes a LIST or LSUB shows, and how: patterns, attributes, subscriptions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from reference_server.store import INBOX, MailboxRow

__all__ = ["SEPARATOR", "Entry", "Tree", "ancestors", "pattern"]

SEPARATOR: Final = "/"

# RFC 5258 §3.5; RFC 6154 §2: selections that CHILDINFO can tell of.
_MARKED_BELOW: Final = frozenset({"SUBSCRIBED", "SPECIAL-USE"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One LIST response; `childinfo` for RECURSIVEMATCH (RFC 5258 §3.5)."""

    name: str
    attributes: tuple[str, ...]
    mailbox: MailboxRow | None = None
    childinfo: tuple[str, ...] = ()


def pattern(reference: str, name: str) -> re.Pattern[str]:
    """What ``*`` and ``%`` match (RFC 3501 §6.3.8); INBOX in any case (RFC 3501 §5.1)."""
    joined = name if name.startswith(SEPARATOR) and not reference else reference + name
    pieces = {"*": ".*", "%": f"[^{SEPARATOR}]*"}
    first, separator, rest = joined.partition(SEPARATOR)
    if first.upper() == INBOX:
        joined = INBOX + separator + rest
    return re.compile("".join(pieces.get(letter) or re.escape(letter) for letter in joined), re.DOTALL)


@dataclass
class Tree:
    """A user's mailboxes and subscriptions."""

    mailboxes: list[MailboxRow]
    subscriptions: frozenset[str]
    _parents: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        names = (mailbox.name for mailbox in self.mailboxes)
        self._parents = {parent for name in names for parent in ancestors(name)}

    def entries(
        self, patterns: Iterable[re.Pattern[str]], selection: frozenset[str], returning: frozenset[str]
    ) -> list[Entry]:
        """What LIST shows, by name.

        Source: RFC 5258 §3 (SUBSCRIBED, RECURSIVEMATCH, CHILDREN); RFC 6154 §2 (SPECIAL-USE).
        """
        patterns = list(patterns)
        by_name = {mailbox.name: mailbox for mailbox in self.mailboxes}
        names = sorted({*by_name, *(self.subscriptions if "SUBSCRIBED" in selection else ())})
        chosen = {name for name in names if self._is_selected(name, by_name.get(name), selection)}
        above = (
            {parent for name in chosen for parent in ancestors(name)}
            if "RECURSIVEMATCH" in selection
            else set()
        )
        found = []
        for name in sorted(chosen | above):
            if any(self.matches(each, name) for each in patterns):
                info = tuple(sorted(selection & _MARKED_BELOW)) if name in above else ()
                found.append(self.entry(name, by_name.get(name), selection | returning, info))
        return found

    def matches(self, shape: re.Pattern[str], name: str) -> bool:
        """INBOX is matched in any case of letters (RFC 3501 §6.3.8)."""
        if name == INBOX:
            return re.fullmatch(shape.pattern, name, re.IGNORECASE | re.DOTALL) is not None
        return shape.fullmatch(name) is not None

    def _is_selected(self, name: str, mailbox: MailboxRow | None, selection: frozenset[str]) -> bool:
        if "SUBSCRIBED" in selection and name not in self.subscriptions:
            return False
        return "SPECIAL-USE" not in selection or bool(mailbox and mailbox.special_use)

    def entry(
        self, name: str, mailbox: MailboxRow | None, options: frozenset[str], childinfo: tuple[str, ...] = ()
    ) -> Entry:
        attributes = [*self.selectability(mailbox), self.children(name)]
        if mailbox and mailbox.special_use:
            attributes.append(mailbox.special_use)
        if "SUBSCRIBED" in options and name in self.subscriptions:
            attributes.append("\\Subscribed")
        return Entry(name, tuple(attributes), mailbox, childinfo)

    def selectability(self, mailbox: MailboxRow | None) -> list[str]:
        r"""``\NonExistent`` for a name without a mailbox (RFC 5258 §3.4), ``\Noselect`` for a bare parent."""
        if mailbox is None:
            return ["\\NonExistent"]
        return [] if mailbox.selectable else ["\\Noselect"]

    def children(self, name: str) -> str:
        """RFC 3348 §3."""
        return "\\HasChildren" if name in self._parents else "\\HasNoChildren"

    def subscribed(self, shape: re.Pattern[str], text: str) -> list[Entry]:
        """What LSUB shows; with ``%`` a name above a subscribed one stands for it (RFC 3501 §6.3.9)."""
        known = {mailbox.name for mailbox in self.mailboxes if mailbox.selectable}
        found = {
            name: Entry(name, () if name in known else ("\\Noselect",))
            for name in self.subscriptions
            if self.matches(shape, name)
        }
        if text.endswith("%"):
            for name in self.subscriptions:
                for parent in ancestors(name):
                    if parent not in found and shape.fullmatch(parent):
                        found[parent] = Entry(parent, ("\\Noselect",))
        return [found[name] for name in sorted(found)]


def ancestors(name: str) -> list[str]:
    """Every name above this one."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]
