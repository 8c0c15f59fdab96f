"""The classic reader's habit: what has been read leaves the spool for the user's own mbox."""

from pathlib import Path

from reference_server.mda.files.locks import LOCK_WAIT_S, locked
from reference_server.mda.files.mbox import append_entries, read_entries

__all__ = ["move_read"]


def move_read(spool: Path, mbox: Path, *, wait_s: float = LOCK_WAIT_S) -> int:
    """Move every message that is marked read (``Status: RO``) to the end of `mbox`.

    They are on disk there before they leave the spool: a crash between the two leaves some twice, never none.

    Returns:
        How many were moved.

    Raises:
        MailboxBusy: Another program had one of the files for `wait_s`; nothing was moved.
        OSError: A file cannot be read or written.
    """
    if not spool.exists():
        return 0
    with locked(spool, wait_s=wait_s) as file:
        head, entries = read_entries(file.content())
        seen = [entry for entry in entries if entry.seen]
        if not seen:
            return 0
        with locked(mbox, wait_s=wait_s) as own:
            append_entries(own, seen)
        file.replace(head + b"".join(entry.whole for entry in entries if not entry.seen))
        return len(seen)
