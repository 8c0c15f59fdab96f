"""Deviations of IMAP's SELECT and EXAMINE."""

from collections.abc import Sequence

from harness.wire.imap.command_fetch import Item
from harness.wire.imap.commands import Select
from harness.wire.imap.states import Answer, State, Verb
from reference_server.faults import fault
from reference_server.imap.answers import Completion
from reference_server.imap.session import ImapSession
from reference_server.imap.view import View
from reference_server.store import MailboxRow


@fault("imap.select-as-in-rev2")
class SelectAsInRev2(ImapSession):
    """SELECT leaves out RECENT and UNSEEN before IMAP4rev2 is enabled."""

    def rev1_select_responses(self, view: View) -> list[bytes]:
        return self.rev2_select_responses(view.mailbox)


@fault("imap.select-without-uidnext")
class SelectWithoutUidnext(ImapSession):
    """SELECT does not tell UIDNEXT."""

    def select_responses(self, view: View) -> list[bytes]:
        return [line for line in super().select_responses(view) if b"[UIDNEXT" not in line]


@fault("imap.unseen-counts")
class UnseenCounts(ImapSession):
    """UNSEEN in SELECT is how many messages are unseen."""

    def rev1_select_responses(self, view: View) -> list[bytes]:
        lines = [line for line in super().rev1_select_responses(view) if b"[UNSEEN" not in line]
        unseen = sum("\\Seen" not in view.row(uid).flags for uid in view.uids)
        return [*lines, b"OK [UNSEEN %d] Unseen" % unseen] if unseen else lines


@fault("imap.select-without-read-write")
class SelectWithoutReadWrite(ImapSession):
    """The OK of SELECT has no READ-WRITE."""

    def open_mailbox(self, arguments: Select, *, read_only: bool) -> Completion:
        completion = super().open_mailbox(arguments, read_only=read_only)
        return completion if read_only else Completion(completion.status, completion.text)


@fault("imap.examine-says-read-write")
class ExamineSaysReadWrite(ImapSession):
    """The OK of EXAMINE says READ-WRITE."""

    def open_mailbox(self, arguments: Select, *, read_only: bool) -> Completion:
        completion = super().open_mailbox(arguments, read_only=read_only)
        return Completion(completion.status, completion.text, "READ-WRITE")


@fault("imap.failed-select-keeps-the-mailbox")
class FailedSelectKeepsTheMailbox(ImapSession):
    """A SELECT that fails leaves the mailbox selected that was."""

    def open_mailbox(self, arguments: Select, *, read_only: bool) -> Completion:
        self.existing(arguments.mailbox)
        return super().open_mailbox(arguments, read_only=read_only)

    def state_after(self, verb: Verb, answer: Answer) -> State:
        failed = verb in {Verb.SELECT, Verb.EXAMINE} and answer is not Answer.OK
        return self.state if failed else super().state_after(verb, answer)


@fault("imap.examine-sets-seen")
class ExamineSetsSeen(ImapSession):
    r"""FETCH sets \Seen in a mailbox that is only examined."""

    def mark_seen(self, view: View, uids: Sequence[int], items: Sequence[Item]) -> set[int]:
        read_only, view.read_only = view.read_only, False
        try:
            return super().mark_seen(view, uids, items)
        finally:
            view.read_only = read_only


@fault("imap.examine-takes-recent")
class ExamineTakesRecent(View):
    r"""EXAMINE takes \Recent from the messages it shows."""

    def note_recent(self, rows: object) -> None:
        self.recent |= self.store.take_recent(self.mailbox.id)


@fault("imap.rev2-select-without-list")
class Rev2SelectWithoutList(ImapSession):
    """SELECT in IMAP4rev2 sends no LIST."""

    def rev2_select_responses(self, mailbox: MailboxRow) -> list[bytes]:
        return []


@fault("imap.leaves-without-closed")
class LeavesWithoutClosed(ImapSession):
    """SELECT leaves the mailbox that was selected without CLOSED."""

    def untagged(self, octets: bytes) -> None:
        if not octets.startswith(b"OK [CLOSED]"):
            super().untagged(octets)


@fault("imap.system-flag-of-its-own")
class SystemFlagOfItsOwn(ImapSession):
    """SELECT tells a system flag that no RFC defines."""

    def applicable_flags(self, view: View) -> list[str]:
        return [*super().applicable_flags(view), "\\Forwarded"]


@fault("imap.other-uids-under-examine")
class OtherUidsUnderExamine(ImapSession):
    """In a mailbox that is only examined, UID SEARCH tells other UIDs."""

    def number_or_uid(self, uids: Sequence[int], *, uid: bool) -> list[int]:
        numbers = super().number_or_uid(uids, uid=uid)
        return [number + 100 for number in numbers] if uid and self.selected().read_only else numbers
