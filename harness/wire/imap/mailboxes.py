"""What is said of mailboxes and found in them: LIST, STATUS, NAMESPACE, SEARCH, ESEARCH, VANISHED, ID."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from harness.wire.imap.responses import (
    ESearch,
    Id,
    ListData,
    Namespace,
    NamespaceData,
    Search,
    StatusData,
    Vanished,
)
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.tokens import MAX_NUMBER64, Cursor, Value

__all__ = [
    "read_esearch",
    "read_id",
    "read_list",
    "read_lsub",
    "read_namespace",
    "read_search",
    "read_sort",
    "read_status",
    "read_vanished",
]

# RFC 3501 §9, mbx-list-sflag, and RFC 5258 §6: one of them per mailbox.
_SELECTABILITY: Final = frozenset({"\\noselect", "\\nonexistent", "\\marked", "\\unmarked"})


def read_list(cursor: Cursor) -> ListData:
    """LIST (RFC 5258 §6, mailbox-list)."""
    return _mailbox_list(cursor, subscribed=False)


def read_lsub(cursor: Cursor) -> ListData:
    """LSUB, of the same form."""
    return _mailbox_list(cursor, subscribed=True)


def _mailbox_list(cursor: Cursor, *, subscribed: bool) -> ListData:
    cursor.space()
    start = cursor.at
    attributes = cursor.flag_list()
    lower = [attribute.lower() for attribute in attributes]
    if len(set(lower)) < len(lower):
        cursor.note("an attribute that comes twice", at=start)
    if len(_SELECTABILITY & set(lower)) > 1:
        cursor.note("several attributes of which one excludes the others", at=start)
    cursor.space()
    delimiter = cursor.delimiter()
    cursor.space()
    name = cursor.astring()
    extended: dict[str, Value] = {}
    if cursor.more():
        cursor.space()
        extended.update(cursor.in_parentheses(lambda: _extended_item(cursor)))
    return ListData(attributes, delimiter, name, MappingProxyType(extended), subscribed)


def _extended_item(cursor: Cursor) -> tuple[str, Value]:
    name = cursor.astring().decode("latin-1").upper()
    cursor.space()
    return name, cursor.value()


def _number(cursor: Cursor) -> int | Value:
    return cursor.number()


def _nz_number(cursor: Cursor) -> int | Value:
    return cursor.nz_number()


def _number64(cursor: Cursor) -> int | Value:
    return cursor.number(most=MAX_NUMBER64)


_STATUS_ITEMS: Final[Mapping[str, Callable[[Cursor], int | Value]]] = MappingProxyType(
    {
        "MESSAGES": _number,
        "RECENT": _number,
        "UNSEEN": _number,
        "DELETED": _number,
        "UIDNEXT": _nz_number,
        "UIDVALIDITY": _nz_number,
        "SIZE": _number64,
        "HIGHESTMODSEQ": _number64,  # RFC 7162 §7
        "APPENDLIMIT": lambda cursor: None if cursor.nil() else cursor.number(),  # RFC 7889 §5
    }
)


def read_status(cursor: Cursor) -> StatusData:
    """STATUS (RFC 9051 §9, mailbox-data)."""
    cursor.space()
    name = cursor.astring()
    cursor.space()
    found = cursor.in_parentheses(lambda: _status_item(cursor))
    if cursor.next_is(b" ") and cursor.at + 1 == len(cursor.octets):
        cursor.note("a space at the end")
        cursor.space()
    numbers = {item: value for item, value in found if isinstance(value, int)}
    extended = {item: value for item, value in found if not isinstance(value, int)}
    return StatusData(name, MappingProxyType(numbers), MappingProxyType(extended))


def _status_item(cursor: Cursor) -> tuple[str, int | Value]:
    name = cursor.name("a status item")
    cursor.space()
    return name, cursor.attempt(_STATUS_ITEMS.get(name, Cursor.value), Cursor.value)


def read_search(cursor: Cursor) -> Search:
    """SEARCH (RFC 3501 §9, mailbox-data; RFC 7162 §7)."""
    return _found(cursor, sort=False)


def read_sort(cursor: Cursor) -> Search:
    """SORT, of the same form (RFC 5256 §4)."""
    return _found(cursor, sort=True)


def _found(cursor: Cursor, *, sort: bool) -> Search:
    numbers: list[int] = []
    modseq = None
    while cursor.more():
        cursor.space()
        if not cursor.more():
            cursor.note("a space at the end", at=cursor.at - 1)
        elif cursor.skip(b"(MODSEQ "):
            modseq = cursor.number(least=1, most=MAX_NUMBER64)
            cursor.expect(b")")
        else:
            numbers.append(cursor.nz_number())
    return Search(tuple(numbers), modseq, sort)


def _set(cursor: Cursor) -> int | SequenceSet | Value:
    return cursor.sequence_set()


_SEARCH_ITEMS: Final[Mapping[str, Callable[[Cursor], int | SequenceSet | Value]]] = MappingProxyType(
    {"MIN": _nz_number, "MAX": _nz_number, "COUNT": _number, "ALL": _set, "MODSEQ": _number64}
)


def read_esearch(cursor: Cursor) -> ESearch:
    """ESEARCH (RFC 9051 §9, esearch-response)."""
    tag = None
    if cursor.skip(b" (TAG "):
        tag = cursor.astring()
        cursor.expect(b")")
    uid = cursor.skip_word(b" UID")
    items: dict[str, int | SequenceSet | Value] = {}
    while cursor.more():
        cursor.space()
        name = cursor.name("a search result")
        cursor.space()
        items[name] = cursor.attempt(_SEARCH_ITEMS.get(name, Cursor.value), Cursor.value)
    return ESearch(tag, uid, MappingProxyType(items))


def read_namespace(cursor: Cursor) -> NamespaceData:
    """NAMESPACE (RFC 9051 §9, namespace-response)."""
    return NamespaceData(_namespaces(cursor), _namespaces(cursor), _namespaces(cursor))


def _namespaces(cursor: Cursor) -> tuple[Namespace, ...]:
    cursor.space()
    if cursor.nil():
        return ()
    cursor.expect(b"(")
    found: list[Namespace] = []
    while not cursor.skip(b")"):
        if found and cursor.next_is(b" "):
            cursor.note("a space between namespaces")
            cursor.space()
        found.append(_namespace(cursor))
    if not found:
        cursor.note("an empty list", at=cursor.at - 1)
    return tuple(found)


def _namespace(cursor: Cursor) -> Namespace:
    cursor.expect(b"(")
    prefix = cursor.string()
    cursor.space()
    delimiter = cursor.delimiter()
    extensions = []
    while not cursor.skip(b")"):
        cursor.space()
        name = cursor.string()
        cursor.space()
        extensions.append((name, cursor.value()))
    return Namespace(prefix, delimiter, tuple(extensions))


def read_vanished(cursor: Cursor) -> Vanished:
    """VANISHED (RFC 7162 §7, expunged-resp)."""
    cursor.space()
    earlier = cursor.skip(b"(EARLIER)")
    if earlier:
        cursor.space()
    return Vanished(earlier, cursor.sequence_set())


def read_id(cursor: Cursor) -> Id:
    """ID (RFC 2971 §4, id-response)."""
    cursor.space()
    if cursor.nil():
        return Id(MappingProxyType({}))
    return Id(MappingProxyType(dict(cursor.in_parentheses(lambda: _id_field(cursor)))))


def _id_field(cursor: Cursor) -> tuple[str, bytes | None]:
    name = cursor.string().decode("latin-1").lower()
    cursor.space()
    return name, cursor.nstring()
