"""The last exchanges before an error, written for people; secrets are hidden and long contents cut."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

__all__ = ["HELD_OCTETS", "HIDDEN", "Exchange", "render"]

# What is held of one write or read, and what is shown of it.
HELD_OCTETS: Final = 512
SHOWN_OCTETS: Final = 400

HIDDEN: Final = "***"

# (sent by us, octets)
Exchange = tuple[bool, bytes]


def render(where: str, exchanges: Sequence[Exchange], secrets: Sequence[bytes]) -> str:
    """A line for each line of the dialogue, ``C:`` ours and ``S:`` the server's; `secrets` the longest first."""
    lines = [where]
    # A secret may be cut by the reads it came in.
    for ours, pieces in groupby(exchanges, key=itemgetter(0)):
        octets = b"".join(octets for _, octets in pieces)
        mark = "C: " if ours else "S: "
        lines += [mark + line for line in _lines(_without(octets, secrets))]
    return "\n".join(lines)


def _without(octets: bytes, secrets: Sequence[bytes]) -> bytes:
    for secret in secrets:
        octets = octets.replace(secret, HIDDEN.encode())
    return octets


def _lines(octets: bytes) -> list[str]:
    shown = octets[:SHOWN_OCTETS]
    texts = shown.removesuffix(b"\r\n").split(b"\r\n")
    lines = [text.decode("latin-1").encode("unicode_escape").decode() for text in texts]
    if len(octets) > SHOWN_OCTETS:
        lines.append("[...]")
    return lines
