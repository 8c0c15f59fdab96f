"""THREAD: messages as the conversations that they belong to."""

import re
from collections.abc import Iterator
from typing import Final

from harness.errors import RemoteProtocolError

__all__ = ["Thread", "read_threads"]

# One conversation: each message's number and how deep it stands below the first, parents before children.
Thread = tuple[tuple[int, int], ...]

_TOKEN: Final = re.compile(rb"\(|\)|[1-9][0-9]{0,9}| +")


def read_threads(arguments: bytes) -> list[Thread]:
    """What stands behind ``THREAD``, in its order.

    A parent that nobody has (``((3)(5))``) is left out; its children stand where it would.

    Raises:
        RemoteProtocolError: It breaks the grammar.

    Source: RFC 5256 §4, §5.
    """
    threads: list[Thread] = []
    members: list[tuple[int, int]] = []
    depths: list[int] = []
    depth = 0
    for token in _tokens(arguments):
        if token == b"(":
            depths.append(depth)
        elif not depths:
            raise RemoteProtocolError(f"a thread is in parentheses: {arguments[:80]!r}")
        elif token == b")":
            depth = depths.pop()
            if not depths and members:
                threads.append(tuple(members))
                members = []
        else:
            members.append((int(token), depth))
            depth += 1
    if depths:
        raise RemoteProtocolError(f"a thread that does not end: {arguments[-80:]!r}")
    return threads


def _tokens(arguments: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(arguments):
        found = _TOKEN.match(arguments, at)
        if found is None:
            raise RemoteProtocolError(f"not a thread at octet {at} of {arguments[:80]!r}")
        at = found.end()
        if not found[0].isspace():
            yield found[0]
