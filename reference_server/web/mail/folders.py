"""Folders: their names, what each is for, how many messages are unread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.encode import to_astring
from harness.wire.imap.mutf7 import decode_mailbox_name, encode_mailbox_name
from harness.wire.imap.responses import ListData, StatusData
from harness.wire.imap.results import Result
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import NotPossible
from reference_server.web.mail.login import said

__all__ = ["Folder", "Use", "counts_of", "folder_for", "list_folders", "name_on_wire", "shown_name"]

# Ours: folders that are listed, and those asked one by one how many messages are unread.
MAX_FOLDERS: Final = 1000
MAX_ASKED: Final = 40


class Use(StrEnum):
    """What a folder is for (RFC 6154 §2); the value is the name of one that we make."""

    INBOX = "INBOX"
    DRAFTS = "Drafts"
    SENT = "Sent"
    ARCHIVE = "Archive"
    JUNK = "Junk"
    TRASH = "Trash"


_ATTRIBUTES: Final[Mapping[str, Use]] = {
    "\\drafts": Use.DRAFTS,
    "\\sent": Use.SENT,
    "\\archive": Use.ARCHIVE,
    "\\junk": Use.JUNK,
    "\\trash": Use.TRASH,
}
# Where no attribute says it: names that servers and other clients give.
_NAMES: Final[Mapping[str, Use]] = {
    "inbox": Use.INBOX,
    "drafts": Use.DRAFTS,
    "draft": Use.DRAFTS,
    "entwürfe": Use.DRAFTS,
    "sent": Use.SENT,
    "sent items": Use.SENT,
    "sent mail": Use.SENT,
    "sent messages": Use.SENT,
    "gesendet": Use.SENT,
    "archive": Use.ARCHIVE,
    "archives": Use.ARCHIVE,
    "archiv": Use.ARCHIVE,
    "junk": Use.JUNK,
    "spam": Use.JUNK,
    "junk e-mail": Use.JUNK,
    "trash": Use.TRASH,
    "deleted items": Use.TRASH,
    "deleted messages": Use.TRASH,
    "bin": Use.TRASH,
    "papierkorb": Use.TRASH,
}
_ORDER: Final = {use: number for number, use in enumerate(Use)}


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox.

    Attributes:
        mailbox: Its name on the wire.
        name: For people; `leaf` the last piece of it, `depth` how many are above.
        use: None for no special one.
        selectable: There can be messages in it.
        unread: None where nobody asked.
    """

    mailbox: bytes
    name: str
    leaf: str
    depth: int
    use: Use | None
    selectable: bool
    unread: int | None = None


def shown_name(mailbox: bytes) -> str:
    """A mailbox's name for people; what is no modified UTF-7 is shown as it is."""
    try:
        return decode_mailbox_name(mailbox)
    except RemoteProtocolError:
        return mailbox.decode("utf-8", "replace")


def name_on_wire(name: str) -> bytes:
    """What somebody typed, on the wire. Raises `LocalProtocolError` for a lone surrogate."""
    return encode_mailbox_name(name)


async def list_folders(imap: Connection) -> list[Folder]:
    """All mailboxes, those with a use first, with what is unread: in one question where LIST-STATUS is offered."""
    result = await _list(imap, b"STATUS (UNSEEN)" if await imap.offers("LIST-STATUS") else b"")
    folders = _in_order(result.of(ListData)[:MAX_FOLDERS])
    counts = _unread(result) or await _asked_each(imap, folders)
    return [replace(folder, unread=counts.get(folder.mailbox)) for folder in folders]


async def _list(imap: Connection, *wanted: bytes) -> Result:
    """LIST of everything; RFC 6154 §2: a server may show what folders are for only where it is asked."""
    extended = {"LIST-EXTENDED", "SPECIAL-USE"} <= await imap.capabilities()
    options = [*filter(None, wanted), *([b"SPECIAL-USE"] if extended else [])]
    if options:
        result = await imap.command(b"LIST", b'""', b'"*"', b"RETURN (%s)" % b" ".join(options))
        if result.ok:
            return result
    return await imap.asked(b"LIST", b'""', b'"*"')


def _unread(result: Result) -> dict[bytes, int]:
    return {each.name: each.items["UNSEEN"] for each in result.of(StatusData) if "UNSEEN" in each.items}


async def _asked_each(imap: Connection, folders: list[Folder]) -> dict[bytes, int]:
    counts: dict[bytes, int] = {}
    for folder in [each for each in folders if each.selectable][:MAX_ASKED]:
        counts |= _unread(await imap.command(b"STATUS", to_astring(folder.mailbox), b"(UNSEEN)"))
    return counts


async def counts_of(imap: Connection, mailbox: bytes) -> tuple[int, int] | None:
    """How many messages of one mailbox are unread, and how many there are; None where the server does not say."""
    result = await imap.command(b"STATUS", to_astring(mailbox), b"(UNSEEN MESSAGES)")
    items = next((each.items for each in result.of(StatusData) if each.name == mailbox), {})
    return (items["UNSEEN"], items["MESSAGES"]) if {"UNSEEN", "MESSAGES"} <= items.keys() else None


def _in_order(listed: Iterable[ListData]) -> list[Folder]:
    known = {each.name: each for each in listed if not each.has("\\NonExistent")}
    uses = _uses(known.values())
    folders = [_folder(each, uses.get(each.name)) for each in known.values()]
    return sorted(folders, key=lambda f: (_ORDER[f.use] if f.use else len(_ORDER), f.name.casefold()))


def _folder(data: ListData, use: Use | None) -> Folder:
    name = "Inbox" if use is Use.INBOX else shown_name(data.name)
    pieces = name.split(data.delimiter.decode("latin-1")) if data.delimiter else [name]
    return Folder(
        mailbox=data.name,
        name=name,
        leaf=pieces[-1] if use is None else name,
        depth=len(pieces) - 1 if use is None else 0,
        use=use,
        selectable=not data.has("\\Noselect"),
    )


def _uses(listed: Iterable[ListData]) -> dict[bytes, Use]:
    """By attribute; for what no attribute names, by name. Each use has one folder."""
    folders = list(listed)
    found: dict[Use, bytes] = {}
    for each in folders:
        if (use := _by_attribute(each)) is not None:
            found.setdefault(use, each.name)
    for each in folders:
        if (use := _by_name(each)) is not None and each.name not in found.values():
            found.setdefault(use, each.name)
    return {mailbox: use for use, mailbox in found.items()}


def _by_attribute(data: ListData) -> Use | None:
    return next((use for attribute, use in _ATTRIBUTES.items() if data.has(attribute)), None)


def _by_name(data: ListData) -> Use | None:
    """Whole, or as the last piece below INBOX, where some servers keep all folders."""
    name = shown_name(data.name).casefold()
    if data.delimiter:
        name = name.removeprefix("inbox" + data.delimiter.decode("latin-1").casefold())
    return _NAMES.get(name)


async def folder_for(imap: Connection, use: Use) -> Folder:
    """The folder for a use; where there is none it is made.

    Raises:
        NotPossible: It cannot be made.
    """
    listed = (await _list(imap)).of(ListData)
    found = next((folder for folder in _in_order(listed) if folder.use is use and folder.selectable), None)
    if found is not None:
        return found
    mailbox = _prefix(listed) + name_on_wire(use.value)
    made = await imap.command(b"CREATE", to_astring(mailbox))
    if not made.ok:
        raise NotPossible(f"There is no folder for {use.value}, and it cannot be made: {said(made.text)}")
    await imap.command(b"SUBSCRIBE", to_astring(mailbox))
    return Folder(mailbox, shown_name(mailbox), use.value, 0, use, selectable=True)


def _prefix(listed: list[ListData]) -> bytes:
    """Where all folders are below INBOX, so is a new one."""
    others = [each for each in listed if each.name.upper() != b"INBOX"]
    delimiter = next((each.delimiter for each in others if each.delimiter), None)
    below = b"INBOX" + (delimiter or b"")
    inside = bool(others) and delimiter is not None and all(e.name.upper().startswith(below) for e in others)
    return below if inside else b""
