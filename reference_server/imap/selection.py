"""The selected mailbox: SELECT and what leaves it, and the news of it that the client is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.wire.imap.command_search import Search
from harness.wire.imap.commands import Command, NoArguments, Select, UidExpunge
from harness.wire.imap.encode import encode_flags
from harness.wire.imap.sequence import SequenceSet
from reference_server.imap.answers import Completion, bad, no, ok
from reference_server.imap.folders import FolderCommands
from reference_server.imap.listing import Entry
from reference_server.imap.view import View
from reference_server.store import MailboxRow

__all__ = ["Selection"]

SYSTEM_FLAGS: Final = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")

# RFC 3501 §7.4.1: message numbers must not change under these; their UID forms use none.
_NUMBERS_STAY: Final = frozenset({"FETCH", "STORE", "SEARCH"})


def _nothing() -> None:
    """Nobody listens to a mailbox yet."""


@dataclass
class Selection(FolderCommands):
    """SELECT, EXAMINE, CHECK, CLOSE, UNSELECT, EXPUNGE.

    Attributes:
        saved: The UIDs that ``$`` stands for (RFC 5182 §2.1).
    """

    saved: set[int] = field(default_factory=set)
    _unlisten: Callable[[], None] = _nothing

    # Coming and going

    def do_select(self, command: Command, arguments: Select) -> Completion:
        """RFC 3501 §6.3.1; RFC 9051 §6.3.2."""
        return self.open_mailbox(arguments, read_only=False)

    def do_examine(self, command: Command, arguments: Select) -> Completion:
        """RFC 3501 §6.3.2."""
        return self.open_mailbox(arguments, read_only=True)

    def open_mailbox(self, arguments: Select, *, read_only: bool) -> Completion:
        self.check_select_parameters(arguments)
        if self.view is not None:
            self.leave_mailbox()
            self.untagged(b"OK [CLOSED] The mailbox selected before is closed")  # RFC 7162 §3.2.11
        mailbox = self.existing(arguments.mailbox)
        if arguments.condstore:
            self.enabled.add("CONDSTORE")
        view = self.context.variant(View)(self.context.store, mailbox, read_only)
        self._unlisten = self.context.store.listen(mailbox.id, self.wake)
        self.view = view
        view.refresh()
        view.take_arrived()
        for line in self.select_responses(view):
            self.untagged(line)
        self.catch_up(view, arguments)
        code = "READ-ONLY" if read_only else "READ-WRITE"
        return ok(f"{'EXAMINE' if read_only else 'SELECT'} completed", code)

    def catch_up(self, view: View, arguments: Select) -> None:
        """What changed since the client last knew the mailbox, where it asks."""

    def check_select_parameters(self, arguments: Select) -> None:
        """Parameters that are not for this session."""

    def select_responses(self, view: View) -> list[bytes]:
        """Untagged responses to SELECT, in order (RFC 3501 §6.3.1; RFC 9051 §6.3.2; RFC 7162 §3.1.2.1)."""
        mailbox = view.mailbox
        return [
            b"FLAGS " + encode_flags(self.applicable_flags(view)),
            b"%d EXISTS" % len(view.uids),
            *(self.rev2_select_responses(mailbox) if self.rev2 else self.rev1_select_responses(view)),
            b"OK [PERMANENTFLAGS %s] Flags kept" % self.permanent_flags(view),
            b"OK [UIDVALIDITY %d] UIDs valid" % mailbox.uidvalidity,
            b"OK [UIDNEXT %d] Predicted next UID" % mailbox.uidnext,
            b"OK [HIGHESTMODSEQ %d] Highest" % mailbox.highestmodseq,
        ]

    def rev1_select_responses(self, view: View) -> list[bytes]:
        """RECENT and the first unseen message."""
        lines = [b"%d RECENT" % len(view.recent)]
        unseen = next((uid for uid in view.uids if "\\Seen" not in view.row(uid).flags), None)
        if unseen is not None:
            lines.append(b"OK [UNSEEN %d] First unseen" % view.number(unseen))
        return lines

    def rev2_select_responses(self, mailbox: MailboxRow) -> list[bytes]:
        """The mailbox's name and attributes."""
        entry = self.tree().entry(mailbox.name, mailbox, frozenset())
        return [self.list_response(b"LIST", Entry(entry.name, entry.attributes))]

    def applicable_flags(self, view: View) -> list[str]:
        """The system flags, then the keywords in use."""
        return [*SYSTEM_FLAGS, *sorted(view.all_flags() - set(SYSTEM_FLAGS))]

    def permanent_flags(self, view: View) -> bytes:
        r"""``\*``: new keywords may be made; nothing in a mailbox that is only looked at."""
        if view.read_only:
            return b"()"
        return encode_flags([*self.applicable_flags(view), "\\*"])

    def leave_mailbox(self) -> None:
        """Select nothing; what SEARCH saved is gone too (RFC 5182 §2.1)."""
        self._unlisten()
        self._unlisten = _nothing
        self.view = None
        self.saved = set()

    def selected(self) -> View:
        """The selected mailbox; the state table lets no command that needs one come without."""
        if self.view is None:
            raise RuntimeError("no mailbox is selected")
        return self.view

    def writable(self) -> View:
        """As `selected`; NO where it was opened read-only (RFC 3501 §6.3.2)."""
        view = self.selected()
        if view.read_only:
            raise no("The mailbox is selected read-only", "READ-ONLY")
        return view

    def do_check(self, command: Command, arguments: NoArguments) -> Completion:
        return ok("CHECK completed")

    def do_close(self, command: Command, arguments: NoArguments) -> Completion:
        """RFC 3501 §6.4.2: removed without a word, nothing where read-only."""
        view = self.selected()
        if not view.read_only:
            self.context.store.expunge(view.mailbox.id, self.deleted(view))
        self.leave_mailbox()
        return ok("CLOSE completed")

    def do_unselect(self, command: Command, arguments: NoArguments) -> Completion:
        """RFC 3691 §2: as CLOSE, and nothing is removed."""
        self.leave_mailbox()
        return ok("UNSELECT completed")

    def do_expunge(self, command: Command, arguments: NoArguments | UidExpunge) -> Completion:
        """RFC 3501 §6.4.3; RFC 4315 §2.1 (UID EXPUNGE)."""
        view = self.writable()
        doomed = self.deleted(view)
        if isinstance(arguments, UidExpunge):
            chosen = set(self.chosen(arguments.numbers, uid=True))
            doomed = [uid for uid in doomed if uid in chosen]
        removed = self.context.store.expunge(view.mailbox.id, doomed)
        return ok(f"{command.name} completed", self.modseq_code(view) if removed else "")

    def modseq_code(self, view: View) -> str:
        """What a removal made of the mailbox's mod-sequence (RFC 7162 §3.2.7; RFC 6851 §4.4)."""
        mailbox = self.context.store.mailbox_by_id(view.mailbox.id) or view.mailbox
        return f"HIGHESTMODSEQ {mailbox.highestmodseq}"

    def deleted(self, view: View) -> list[int]:
        r"""The UIDs with ``\Deleted``, of those the client knows."""
        view.refresh()
        return [uid for uid in view.uids if "\\Deleted" in view.row(uid).flags]

    # Numbers

    def chosen(self, numbers: SequenceSet | None, *, uid: bool) -> list[int]:
        """The UIDs that a command is about; UIDs that do not exist are ignored (RFC 3501 §6.4.8).

        Raises:
            Refusal: BAD for a message number beyond the last (RFC 9051 §9, seq-number).
        """
        view = self.selected()
        if numbers is None:
            return [each for each in view.uids if each in self.saved]
        if uid:
            return view.chosen_uids(numbers)
        if view.goes_beyond(numbers):
            raise self.reply_to_number_beyond()
        return view.chosen(numbers)

    def reply_to_number_beyond(self) -> Exception:
        return bad("There is no message of this number")

    def number_or_uid(self, uids: Sequence[int], *, uid: bool) -> list[int]:
        """UIDs as the client wants to see them."""
        return list(uids) if uid else [self.selected().number(each) for each in uids]

    # News

    def before(self, command: Command) -> None:
        """New messages are numbered before the command can mean them."""
        if self.view is not None:
            self.view.refresh()
            self.tell_arrivals(self.view)

    def after(self, command: Command) -> None:
        self.tell_news(expunges=self.may_expunge(command))

    def may_expunge(self, command: Command) -> bool:
        """RFC 3501 §7.4.1: message numbers stay while FETCH, STORE or SEARCH uses them."""
        if isinstance(command.arguments, Search) and command.arguments.uses_numbers:
            return False  # RFC 7162 §3.2.10.2: also UID SEARCH
        return command.uid or command.verb not in _NUMBERS_STAY

    def tell_news(self, *, expunges: bool) -> None:
        """Flags, then expunges where they may be told, then new messages."""
        view = self.view
        if view is None:
            return
        view.refresh()
        for uid in view.uids:
            if uid not in view.expunged and not self.is_up_to_date(view, uid):
                self.untagged(self.flags_response(view, uid, with_uid=True))
        if expunges:
            self.tell_expunges(view)
        self.tell_arrivals(view)

    def is_up_to_date(self, view: View, uid: int) -> bool:
        """With CONDSTORE a mod-sequence is news as well (RFC 7162 §3.1)."""
        return view.knows_modseq(uid) if "CONDSTORE" in self.enabled else view.knows_flags(uid)

    def tell_expunges(self, view: View) -> None:
        """RFC 3501 §7.4.1: each number counts as if those before it were gone."""
        for uid in sorted(view.expunged):
            number = view.number(uid)
            view.forget(uid)
            self.untagged(b"%d EXPUNGE" % number)

    def tell_arrivals(self, view: View) -> None:
        """RFC 3501 §7.3.1, §7.3.2."""
        if view.take_arrived():
            self.untagged(b"%d EXISTS" % len(view.uids))
            if not self.rev2:
                self.untagged(b"%d RECENT" % sum(uid in view.recent for uid in view.uids))

    def flags_response(self, view: View, uid: int, *, with_uid: bool = False, silent: bool = False) -> bytes:
        """A FETCH response of flags, and the mod-sequence where CONDSTORE is on (RFC 7162 §3.1)."""
        view.tell(uid)
        items = [] if silent else [b"FLAGS " + self.shown_flags(view, uid)]
        if with_uid or self.rev2 or "CONDSTORE" in self.enabled:  # RFC 7162 §3.2.4
            items.insert(0, b"UID %d" % uid)
        if "CONDSTORE" in self.enabled:
            items.append(b"MODSEQ (%d)" % view.row(uid).modseq)
        return b"%d FETCH (%s)" % (view.number(uid), b" ".join(items))

    def shown_flags(self, view: View, uid: int) -> bytes:
        r"""A message's flags in this session; ``\Recent`` is of IMAP4rev1 only (RFC 9051 §2.3.2)."""
        recent = {"\\Recent"} if uid in view.recent and not self.rev2 else set()
        return encode_flags(sorted(view.row(uid).flags | recent))
