"""Staying connected for a while, and hearing of new mail."""

from time import monotonic
from typing import Final

import gevent

from loadtests.users.imap import ImapSession

__all__ = ["stay"]

# Ours: how often a program asks that has no IDLE to wait by.
_ASK_EVERY_S: Final = 60.0


def stay(imap: ImapSession, stay_s: float, *, idle: bool = True) -> bool:
    """Wait for so long, or until the selected mailbox grows: by IDLE where it is wanted and offered.

    Returns:
        Whether it has grown.
    """
    until_s = monotonic() + stay_s
    if idle and b"IDLE" in imap.capabilities:
        return imap.idle(stay_s)
    before = imap.mailbox.exists if imap.mailbox is not None else 0
    while (left_s := until_s - monotonic()) > 0:
        gevent.sleep(min(left_s, _ASK_EVERY_S))
        imap.noop()
        if imap.mailbox is not None and imap.mailbox.exists > before:
            return True
    return False
