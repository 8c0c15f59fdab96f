"""Commands on mailboxes as such: names, subscriptions, LIST, STATUS."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.command_list import List, Status
from harness.wire.imap.commands import Command, Create, Mailbox, NoArguments, Rename
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.mutf7 import decode_mailbox_name, encode_mailbox_name
from reference_server.imap.answers import Completion, no, ok
from reference_server.imap.listing import SEPARATOR, Entry, Tree, pattern
from reference_server.imap.login import LoginCommands
from reference_server.store import MailboxRow
from reference_server.store import Status as Counts

__all__ = ["FolderCommands"]

# RFC 6154 §2; RFC 8457 §2 is not offered.
_SPECIAL_USES: Final = {
    use.lower(): use for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")
}
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029*%]|//|^/")

_COUNTS: Final[dict[str, Callable[[MailboxRow, Counts], int]]] = {
    "MESSAGES": lambda _, counts: counts.messages,
    "RECENT": lambda _, counts: counts.recent,
    "UNSEEN": lambda _, counts: counts.unseen,
    "DELETED": lambda _, counts: counts.deleted,
    "SIZE": lambda _, counts: counts.size,
    "UIDNEXT": lambda mailbox, _: mailbox.uidnext,
    "UIDVALIDITY": lambda mailbox, _: mailbox.uidvalidity,
    "HIGHESTMODSEQ": lambda mailbox, _: mailbox.highestmodseq,
}


class FolderCommands(LoginCommands):
    """CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, LIST, LSUB, STATUS, NAMESPACE."""

    # Names

    def decode_name(self, octets: bytes) -> str:
        """A name as the client writes it: modified UTF-7 (RFC 3501 §5.1.3), after ENABLE UTF-8 (RFC 9051 §5.1).

        Raises:
            Refusal: It is neither.
        """
        try:
            return octets.decode("utf-8") if self.rev2 else decode_mailbox_name(octets)
        except (UnicodeDecodeError, RemoteProtocolError):
            raise no(
                "The mailbox name is not " + ("UTF-8" if self.rev2 else "modified UTF-7"), "CANNOT"
            ) from None

    def encode_name(self, name: str) -> bytes:
        """As the client reads it; the reverse of `decode_name`."""
        return encode_astring(name.encode() if self.rev2 else encode_mailbox_name(name), utf8=self.rev2)

    def existing(self, octets: bytes, code: str = "NONEXISTENT") -> MailboxRow:
        """The selectable mailbox of this name.

        Raises:
            Refusal: NO with `code`; there is none.
        """
        mailbox = self.context.store.mailbox(self.user, self.decode_name(octets))
        if mailbox is None or not mailbox.selectable:
            raise no("There is no such mailbox", code)
        return mailbox

    def new_name(self, octets: bytes) -> str:
        """A name for a new mailbox; a separator at its end says nothing (RFC 3501 §6.3.3)."""
        name = self.decode_name(octets).removesuffix(SEPARATOR)
        if not name or _UNFIT.search(name) or not self.is_normal(name):
            raise no("A mailbox cannot have this name", "CANNOT")
        return name

    def is_normal(self, name: str) -> bool:
        """RFC 9051 §5.1: names are Net-Unicode, which is normalised."""
        return not self.rev2 or unicodedata.is_normalized("NFC", name)

    # Commands

    def do_create(self, command: Command, arguments: Create) -> Completion:
        """RFC 3501 §6.3.3; RFC 6154 §3 (special use)."""
        uses = [_SPECIAL_USES.get(use.lower()) for use in arguments.special_use]
        if None in uses or len(uses) > 1:
            raise no("No mailbox can have this use here", "USEATTR")
        self.context.store.create_mailbox(
            self.user, self.new_name(arguments.mailbox), uses[0] if uses else None
        )
        return ok("CREATE completed")

    def do_delete(self, command: Command, arguments: Mailbox) -> Completion:
        """RFC 3501 §6.3.4: children stay, and so do subscriptions; what is only a parent cannot go."""
        self.context.store.delete_mailbox(self.user, self.decode_name(arguments.mailbox))
        return ok("DELETE completed")

    def do_rename(self, command: Command, arguments: Rename) -> Completion:
        """RFC 3501 §6.3.5."""
        self.context.store.rename_mailbox(
            self.user, self.decode_name(arguments.old), self.new_name(arguments.new)
        )
        return ok("RENAME completed")

    def do_subscribe(self, command: Command, arguments: Mailbox) -> Completion:
        """RFC 3501 §6.3.6; only what exists."""
        self.context.store.subscribe(self.user, self.existing(arguments.mailbox).name)
        return ok("SUBSCRIBE completed")

    def do_unsubscribe(self, command: Command, arguments: Mailbox) -> Completion:
        self.context.store.unsubscribe(self.user, self.decode_name(arguments.mailbox))
        return ok("UNSUBSCRIBE completed")

    def do_namespace(self, command: Command, arguments: NoArguments) -> Completion:
        """RFC 2342 §5: one personal namespace."""
        self.untagged(b'NAMESPACE (("" "%s")) NIL NIL' % SEPARATOR.encode())
        return ok("NAMESPACE completed")

    # LIST

    def tree(self) -> Tree:
        store = self.context.store
        return self.context.variant(Tree)(
            store.mailboxes(self.user), frozenset(store.subscriptions(self.user))
        )

    def do_list(self, command: Command, arguments: List) -> Completion:
        """RFC 3501 §6.3.8; RFC 5258 §3; RFC 5819 §2 (STATUS)."""
        if arguments.patterns == (b"",) and not arguments.extended:
            self.untagged(b'LIST (\\Noselect) "%s" ""' % SEPARATOR.encode())
            return ok("LIST completed")
        for entry in self.tree().entries(self.patterns(arguments), arguments.selection, arguments.returning):
            self.untagged(self.list_response(b"LIST", entry))
            if entry.mailbox and entry.mailbox.selectable and arguments.counts:
                self.untagged(self.status_response(entry.mailbox, arguments.counts))
        return ok("LIST completed")

    def patterns(self, arguments: List) -> Iterable[re.Pattern[str]]:
        reference = self.decode_name(arguments.reference)
        return [pattern(reference, self.decode_name(each)) for each in arguments.patterns]

    def do_lsub(self, command: Command, arguments: List) -> Completion:
        """RFC 3501 §6.3.9."""
        (shape,) = self.patterns(arguments)
        for entry in self.tree().subscribed(shape, self.decode_name(arguments.patterns[0])):
            self.untagged(self.list_response(b"LSUB", entry))
        return ok("LSUB completed")

    def list_response(self, kind: bytes, entry: Entry) -> bytes:
        """RFC 3501 §7.2.2; RFC 5258 §3.5 (CHILDINFO)."""
        info = b' ("CHILDINFO" (%s))' % b" ".join(b'"%s"' % name.encode() for name in entry.childinfo)
        attributes = " ".join(entry.attributes).encode()
        name = self.encode_name(entry.name)
        return b'%s (%s) "%s" %s' % (kind, attributes, SEPARATOR.encode(), name) + (
            info if entry.childinfo else b""
        )

    # STATUS

    def do_status(self, command: Command, arguments: Status) -> Completion:
        """RFC 3501 §6.3.10; RFC 9051 §6.3.11."""
        mailbox = self.existing(arguments.mailbox)
        if "HIGHESTMODSEQ" in arguments.counts:
            self.use_condstore()
        self.untagged(self.status_response(mailbox, arguments.counts))
        return ok("STATUS completed")

    def status_response(self, mailbox: MailboxRow, wanted: Iterable[str]) -> bytes:
        """RFC 3501 §7.2.4."""
        with self.context.store.transaction():
            mailbox = self.context.store.mailbox_by_id(mailbox.id) or mailbox
            counts = self.context.store.status(mailbox.id)
        values = (
            b"%s %d" % (name.encode(), _COUNTS[name](mailbox, counts)) for name in dict.fromkeys(wanted)
        )
        return b"STATUS %s (%s)" % (self.encode_name(mailbox.name), b" ".join(values))
