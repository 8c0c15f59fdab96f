"""Conversations among the messages of a page, by the identifiers they name."""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

__all__ = ["gather"]

T = TypeVar("T")

_ID: Final = re.compile(r"<[!-;=?-~]{1,250}>")
# Ours: identifiers of one message that are looked at, from the last.
_MAX_NAMED: Final = 50


def gather(messages: Sequence[tuple[str, str, T]]) -> list[tuple[T, int]]:
    """Messages with their answers behind them, and how deep each stands; conversations in the order of their newest.

    Args:
        messages: Of each its own identifier, those it names (the nearest last), and itself; the newest first.

    Returns:
        Each message once. An answer to itself, or in a circle, begins a conversation.

    Source: RFC 5322 §3.6.4; the idea, not the whole, of RFC 5256 §3 (REFERENCES).
    """
    by_id = {found[0]: at for at, (own, _, _) in enumerate(messages) if (found := _ID.findall(own[:1000]))}
    parents = {at: _parent(at, named, by_id) for at, (_, named, _) in enumerate(messages)}
    children: dict[int | None, list[int]] = {}
    for at, parent in parents.items():
        held = parent if parent is not None and not _circular(at, parents) else None
        children.setdefault(held, []).append(at)
    gathered: list[tuple[T, int]] = []
    waiting = [(at, 0) for at in reversed(_roots(children))]
    while waiting:
        at, depth = waiting.pop()
        gathered.append((messages[at][2], depth))
        # The oldest answer first: messages come with the newest first.
        waiting += [(child, depth + 1) for child in children.get(at, [])]
    return gathered


def _parent(at: int, named: str, by_id: dict[str, int]) -> int | None:
    """The nearest message named that is on the page and not itself."""
    for each in reversed(_ID.findall(named)[-_MAX_NAMED:]):
        if by_id.get(each, at) != at:
            return by_id[each]
    return None


def _circular(at: int, parents: dict[int, int | None]) -> bool:
    seen = {at}
    above = parents[at]
    while above is not None and above not in seen:
        seen.add(above)
        above = parents[above]
    return above is not None


def _roots(children: dict[int | None, list[int]]) -> list[int]:
    """Those that begin conversations, by the newest message below each."""
    newest: dict[int, int] = {}
    for root in children.get(None, []):
        waiting, least = [root], root
        while waiting:
            at = waiting.pop()
            least = min(least, at)
            waiting += children.get(at, [])
        newest[root] = least
    return sorted(newest, key=newest.__getitem__)
