"""Pages of a folder: the newest first, by what is looked for, in another order, or as conversations."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from harness.errors import RemoteProtocolError
from harness.mua.message import Header, read_header_block
from harness.mua.reply import addresses_in
from harness.wire.imap.command_octets import Piece
from harness.wire.imap.fetch import FetchData
from harness.wire.imap.responses import Other
from harness.wire.imap.results import ImapRefused, Result, fetched, found
from harness.wire.imap.sequence import SequenceSet
from harness.wire.imap.thread import read_threads
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.conversations import gather
from reference_server.web.mail.errors import NotPossible
from reference_server.web.mail.login import said
from reference_server.web.mail.search import criteria

__all__ = ["PAGE", "Order", "Page", "Row", "Wanted", "read_page"]

# Ours: messages on a page; how many are sorted here where the server cannot; how many a server sorts or gathers into
# conversations; how long it may be silent over a search.
PAGE: Final = 50
MAX_SORTED_HERE: Final = 2000
MAX_SORTED: Final = 20_000
SEARCH_S: Final = 120.0
# Ours: UIDs in one command, so that no line is longer than servers take (RFC 7162 §4: 8192 octets).
BATCH: Final = 500

_FIELDS: Final = b"HEADER.FIELDS (DATE FROM TO SUBJECT CONTENT-TYPE MESSAGE-ID IN-REPLY-TO REFERENCES)"
_ITEMS: Final = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[" + _FIELDS + b"])"


class Order(StrEnum):
    """How a page is sorted; the default, by arrival, costs nothing."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DATE = "date"
    SENDER = "from"
    SUBJECT = "subject"
    SIZE = "size"
    THREADS = "threads"


_SORT_KEYS: Final = {
    Order.DATE: b"(REVERSE DATE)",
    Order.SENDER: b"(FROM REVERSE DATE)",
    Order.SUBJECT: b"(SUBJECT REVERSE DATE)",
    Order.SIZE: b"(REVERSE SIZE)",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see of a folder; pages count from 1."""

    page: int = 1
    query: str = ""
    order: Order = Order.NEWEST


@dataclass(frozen=True, slots=True)
class Row:
    """A message in a list.

    Attributes:
        flags: In lower case.
        depth: Below the first of its conversation.
    """

    uid: int
    flags: frozenset[str]
    octets: int
    received: dt.datetime | None
    header: Header
    depth: int = 0

    @property
    def date(self) -> dt.datetime | None:
        """What the message says; where it says nothing that can be read, when it arrived."""
        return self.header.date or self.received


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and where it is.

    Attributes:
        total: How many messages there are, or were found.
        first: The number of the first of them on the page, from 1; 0 for none.
        note: What people should know about it, ``""`` for nothing.
    """

    rows: tuple[Row, ...]
    wanted: Wanted
    total: int
    first: int
    uidvalidity: int
    note: str = ""

    @property
    def number(self) -> int:
        """Which page it is, from 1."""
        return self.first // PAGE + 1


@dataclass(slots=True)
class _Found:
    """UIDs in the order of the pages, with depths where they are conversations."""

    uids: list[int]
    depths: dict[int, int] = field(default_factory=dict)
    note: str = ""


async def read_page(imap: Connection, wanted: Wanted) -> Page:
    """One page of the mailbox that is open; no more of it is fetched than is shown.

    Raises:
        NotPossible: The server refuses the search.
    """
    if not wanted.query and wanted.order in (Order.NEWEST, Order.OLDEST):
        return await _by_number(imap, wanted)
    if not wanted.query and wanted.order is Order.THREADS and not await _can_thread(imap, imap.exists):
        page = await _by_number(imap, wanted)
        return _in_conversations(page)
    found_ = await _find(imap, wanted)
    at = _start(wanted.page, len(found_.uids))
    uids = found_.uids[at : at + PAGE]
    by_uid = {row.uid: row for row in await rows_of(imap, uids)}
    rows = tuple(_at_depth(by_uid[uid], found_.depths.get(uid, 0)) for uid in uids if uid in by_uid)
    page = Page(rows, wanted, len(found_.uids), at + 1 if uids else 0, imap.uidvalidity, found_.note)
    return _in_conversations(page) if wanted.order is Order.THREADS and not found_.depths else page


def _start(page: int, total: int) -> int:
    """Where a page begins; one behind the last is the last."""
    last = max(0, (total - 1) // PAGE)
    return min(max(page - 1, 0), last) * PAGE


async def _by_number(imap: Connection, wanted: Wanted) -> Page:
    total = imap.exists
    if not total:
        return Page((), wanted, 0, 0, imap.uidvalidity)
    at = _start(wanted.page, total)
    if wanted.order is Order.OLDEST:
        low, high = at + 1, min(at + PAGE, total)
    else:
        low, high = max(1, total - at - PAGE + 1), total - at
    data = fetched(await imap.asked(b"FETCH", b"%d:%d" % (low, high), _ITEMS), uid=False)
    numbers = sorted((n for n in data if low <= n <= high), reverse=wanted.order is not Order.OLDEST)
    rows = tuple(row for number in numbers if (row := _row(data[number])) is not None)
    return Page(rows, wanted, total, at + 1, imap.uidvalidity)


async def rows_of(imap: Connection, uids: Sequence[int]) -> list[Row]:
    """What a list says of these messages, in any order; those that are gone are left out."""
    rows: list[Row] = []
    for at in range(0, len(uids), BATCH):
        batch = SequenceSet.of(uids[at : at + BATCH]).encode()
        data = fetched(await imap.asked(b"UID FETCH", batch, _ITEMS), uid=True)
        rows += [row for each in data.values() if (row := _row(each)) is not None]
    return rows


def _row(data: FetchData) -> Row | None:
    if data.uid is None or data.flags is None:
        return None
    # One section was asked for; whatever the spelling of its name, the one that came is it.
    sections = (value for name, value in data.items.items() if name.startswith("BODY[HEADER"))
    octets = next((value for value in sections if isinstance(value, bytes)), b"")
    return Row(
        uid=data.uid,
        flags=frozenset(flag.lower() for flag in data.flags),
        octets=data.size or 0,
        received=data.internaldate,
        header=read_header_block(octets),
    )


# Searching and sorting


async def _find(imap: Connection, wanted: Wanted) -> _Found:
    keys = criteria(wanted.query)
    try:
        if wanted.order is Order.THREADS:
            return await _threads(imap, keys)
        if wanted.order in _SORT_KEYS:
            return await _sorted(imap, wanted.order, keys)
        uids = await _search(imap, keys)
    except ImapRefused as exc:
        raise NotPossible(f"The server refuses this search: {said(exc.result.text)}") from exc
    return _Found(sorted(uids, reverse=wanted.order is Order.NEWEST))


async def _search(imap: Connection, keys: Sequence[Piece]) -> list[int]:
    return found(await imap.asked(b"UID SEARCH", *keys, timeout_s=SEARCH_S))


def _bare(keys: Sequence[Piece]) -> Sequence[Piece]:
    """Criteria without their charset: SORT and THREAD name it before them (RFC 5256 §3)."""
    return keys[2:] if keys[0] == b"CHARSET" else keys


def _newest(imap: Connection) -> tuple[list[Piece], str]:
    """A criterion that bounds what a server has to sort, and what to say of it; neither for a small mailbox."""
    if imap.exists <= MAX_SORTED:
        return [], ""
    first = imap.exists - MAX_SORTED + 1
    return [b"%d:%d" % (first, imap.exists)], _note(MAX_SORTED, imap.exists)


def _note(sorted_: int, messages: int) -> str:
    return f"Only the newest {sorted_:,} of {messages:,} messages are sorted."


async def _sorted(imap: Connection, order: Order, keys: Sequence[Piece]) -> _Found:
    if await imap.offers("SORT"):
        newest, note = _newest(imap)
        result = await imap.asked(
            b"UID SORT", _SORT_KEYS[order], b"UTF-8", *newest, *_bare(keys), timeout_s=SEARCH_S
        )
        return _Found(found(result), note=note)
    uids = sorted(await _search(imap, keys), reverse=True)
    note = _note(MAX_SORTED_HERE, len(uids)) if len(uids) > MAX_SORTED_HERE else ""
    uids = uids[:MAX_SORTED_HERE]
    rows = await rows_of(imap, uids)
    rows.sort(key=lambda row: row.date or _LONG_AGO, reverse=True)
    if order is Order.SIZE:
        rows.sort(key=lambda row: row.octets, reverse=True)
    elif order is Order.SENDER:
        rows.sort(key=_sender)
    elif order is Order.SUBJECT:
        rows.sort(key=lambda row: base_subject(row.header.text("Subject")))
    return _Found([row.uid for row in rows], note=note)


def _sender(row: Row) -> str:
    """What SORT goes by: the local part of the first sender (RFC 5256 §3)."""
    found = addresses_in(row.header.raw("From")[:2000])
    return found[0].mailbox.local_part.decode().casefold() if found else ""


_LONG_AGO: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


def base_subject(text: str) -> str:
    """A subject without what answers put before it; of RFC 5256 §2.1, what is common."""
    subject = " ".join(text.casefold().split())
    while subject.startswith(("re:", "fw:", "fwd:", "aw:", "wg:")):
        subject = subject.partition(":")[2].strip()
    return subject


# Conversations


async def _can_thread(imap: Connection, messages: int) -> bool:
    return messages <= MAX_SORTED and await imap.offers("THREAD=REFERENCES", "THREAD=REFS")


async def _threads(imap: Connection, keys: Sequence[Piece]) -> _Found:
    """The server's conversations, that of the newest message first; no depths where it has none to offer."""
    if not await _can_thread(imap, imap.exists):
        return _Found(sorted(await _search(imap, keys), reverse=True))
    how = b"REFS" if await imap.offers("THREAD=REFS") else b"REFERENCES"
    result = await imap.asked(b"UID THREAD", how, b"UTF-8", *_bare(keys), timeout_s=SEARCH_S)
    try:
        threads = [thread for each in _thread_data(result) for thread in read_threads(each)]
    except RemoteProtocolError:
        return _Found(sorted(await _search(imap, keys), reverse=True))
    threads.sort(key=lambda thread: max(uid for uid, _ in thread), reverse=True)
    depths = {uid: depth for thread in threads for uid, depth in thread}
    return _Found(list(depths), depths)


def _thread_data(result: Result) -> Iterable[bytes]:
    return (each.arguments for each in result.of(Other) if each.name == "THREAD")


def _in_conversations(page: Page) -> Page:
    """Those of the page, by what each says it answers."""
    rows = [(row.header.raw("Message-ID"), _parents(row.header), row) for row in page.rows]
    gathered = tuple(_at_depth(row, depth) for row, depth in gather(rows))
    return Page(gathered, page.wanted, page.total, page.first, page.uidvalidity, page.note)


def _parents(header: Header) -> str:
    return f"{header.raw('References')} {header.raw('In-Reply-To')}"


def _at_depth(row: Row, depth: int) -> Row:
    return Row(row.uid, row.flags, row.octets, row.received, row.header, depth)
