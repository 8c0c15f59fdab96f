"""Mailboxes that are files: mbox and Maildir, as every Unix mail program reads them."""

from reference_server.mda.files.layout import MailFiles
from reference_server.mda.files.locks import MailboxBusy, recover
from reference_server.mda.files.maildir import deliver_to_maildir, remove_stale
from reference_server.mda.files.mbox import Entry, deliver_to_mbox, read_mbox
from reference_server.mda.files.reading import move_read

__all__ = [
    "Entry",
    "MailFiles",
    "MailboxBusy",
    "deliver_to_maildir",
    "deliver_to_mbox",
    "move_read",
    "read_mbox",
    "recover",
    "remove_stale",
]
