"""What people do to mail: flags, moving, deleting, keeping. Only ever the messages that were named."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from harness.wire.imap.codes import AppendUid
from harness.wire.imap.command_octets import Piece
from harness.wire.imap.encode import Literal, encode_date_time, encode_flags, to_astring
from harness.wire.imap.sequence import SequenceSet
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.errors import NotPossible
from reference_server.web.mail.login import said

__all__ = ["append", "copy", "delete_for_good", "move", "set_flag"]

# Ours: UIDs in one command, so that no line is longer than servers take (RFC 7162 §4: 8192 octets).
BATCH: Final = 500

_NOT_EXPUNGED: Final = (
    "The server cannot remove single messages (no UIDPLUS): they are marked as deleted, and stay until a mail "
    "program expunges the folder."
)


async def set_flag(imap: Connection, uids: Sequence[int], flag: str, *, on: bool) -> None:
    r"""Set or take a flag, ``\Seen``, of messages in the mailbox that is open. Raises `NotPossible`."""
    what = b"+FLAGS.SILENT" if on else b"-FLAGS.SILENT"
    for batch in _batches(uids):
        await _done(imap, f"{flag} cannot be changed", b"UID STORE", batch, what, encode_flags([flag]))


async def move(imap: Connection, uids: Sequence[int], mailbox: bytes) -> str:
    """Move messages of the mailbox that is open; what people should know of it, ``""`` for nothing.

    Without MOVE they are copied, marked and expunged: those alone, and where the server cannot, not at all.

    Raises:
        NotPossible: They stay where they are.

    Source: RFC 6851 §3.3; RFC 4315 §2.1.
    """
    if await imap.offers("MOVE", "IMAP4REV2"):
        for batch in _batches(uids):
            await _done(imap, "The messages cannot be moved", b"UID MOVE", batch, to_astring(mailbox))
        return ""
    await copy(imap, uids, mailbox)
    return await delete_for_good(imap, uids)


async def copy(imap: Connection, uids: Sequence[int], mailbox: bytes) -> None:
    """Raises `NotPossible`."""
    for batch in _batches(uids):
        await _done(imap, "The messages cannot be copied", b"UID COPY", batch, to_astring(mailbox))


async def delete_for_good(imap: Connection, uids: Sequence[int]) -> str:
    r"""Mark as ``\Deleted`` and expunge these and no others; what people should know of it. Raises `NotPossible`.

    Source: RFC 4315 §2.1.
    """
    await set_flag(imap, uids, "\\Deleted", on=True)
    if not await imap.offers("UIDPLUS", "IMAP4REV2"):
        return _NOT_EXPUNGED
    for batch in _batches(uids):
        await _done(imap, "The messages cannot be removed", b"UID EXPUNGE", batch)
    return ""


async def append(imap: Connection, mailbox: bytes, content: bytes, *, flags: Sequence[str]) -> int | None:
    """Keep a message; its UID where the server says it (UIDPLUS). Raises `NotPossible`."""
    date = encode_date_time(dt.datetime.now().astimezone().replace(microsecond=0))
    words: list[Piece] = [to_astring(mailbox), encode_flags(flags), date, Literal(content)]
    result = await imap.command(b"APPEND", *words)
    if not result.ok:
        raise NotPossible(f"The message cannot be kept: {said(result.text)}")
    value = result.code.value if result.code is not None else None
    return value.uids.expand()[0] if isinstance(value, AppendUid) else None


async def _done(imap: Connection, problem: str, *pieces: Piece) -> None:
    result = await imap.command(*pieces)
    if not result.ok:
        raise NotPossible(f"{problem}: {said(result.text)}")


def _batches(uids: Sequence[int]) -> Iterator[bytes]:
    for at in range(0, len(uids), BATCH):
        yield SequenceSet.of(uids[at : at + BATCH]).encode()
