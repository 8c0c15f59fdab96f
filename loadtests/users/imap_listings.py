"""LIST, STATUS and SEARCH responses, read: by one pattern in their common shapes, by the wire's parser in others."""

import re
from collections.abc import Iterable
from typing import Final

from harness.wire.imap.parser import parse_response
from harness.wire.imap.responses import ListData, Search, StatusData

__all__ = ["read_list", "read_search", "read_status"]

_LIST: Final = re.compile(
    rb'\* LIST \(([^()"{}]*)\) (?:"[^"\\]"|NIL) (?:"([^"\\\r\n]+)"|([!-\[\]-z|}~]+))\r\n'
)
_NOT_SELECTABLE: Final = re.compile(rb"\\(?:Noselect|NonExistent)(?![^ ])", re.IGNORECASE)
_STATUS: Final = re.compile(rb"\* STATUS [^ \"{}()]+ \(([A-Z]+ \d+(?: [A-Z]+ \d+)*)\)\r\n")
_SEARCH: Final = re.compile(rb"\* SEARCH((?: \d+)*)\r\n")


def read_list(response: bytes) -> bytes | None:
    """The mailbox that LIST tells of; None where it cannot be selected, or where this is another response."""
    if found := _LIST.fullmatch(response):
        return None if _NOT_SELECTABLE.search(found[1]) else found[2] or found[3]
    parsed = parse_response(response)
    if not isinstance(parsed, ListData) or parsed.has(r"\Noselect") or parsed.has(r"\NonExistent"):
        return None
    return parsed.name


def read_status(response: bytes) -> Iterable[tuple[str, int]]:
    """The items of STATUS and their numbers; none of another response."""
    if found := _STATUS.fullmatch(response):
        words = found[1].decode().split(" ")
        return list(zip(words[::2], map(int, words[1::2]), strict=True))
    parsed = parse_response(response)
    return list(parsed.items.items()) if isinstance(parsed, StatusData) else []


def read_search(response: bytes) -> Iterable[int]:
    """The numbers that SEARCH found; none of another response."""
    if found := _SEARCH.fullmatch(response):
        return map(int, found[1].split())
    parsed = parse_response(response)
    return parsed.numbers if isinstance(parsed, Search) else ()
