"""Deviations of CHECK, CLOSE, EXPUNGE, STORE, COPY and MOVE."""

import dataclasses
import re
from collections.abc import Sequence

from harness.wire.imap.commands import Command, Copy, NoArguments, Store, UidExpunge
from harness.wire.imap.sequence import LARGEST, SequenceSet
from harness.wire.imap.states import Answer, State, Verb
from reference_server.faults import fault
from reference_server.imap.answers import Completion, Refusal, no, ok
from reference_server.imap.session import ImapSession
from reference_server.imap.view import View
from reference_server.store import MailboxRow, MessageRow


@fault("imap.check-is-refused")
class CheckIsRefused(ImapSession):
    """CHECK gets NO."""

    def do_check(self, command: Command, arguments: NoArguments) -> Completion:
        raise no("Nothing to check")


# CLOSE and UNSELECT


@fault("imap.close-removes-nothing")
class CloseRemovesNothing(ImapSession):
    """CLOSE only deselects."""

    def do_close(self, command: Command, arguments: NoArguments) -> Completion:
        self.leave_mailbox()
        return ok("CLOSE completed")


@fault("imap.close-tells-expunges")
class CloseTellsExpunges(ImapSession):
    """CLOSE sends EXPUNGE for each message."""

    def do_close(self, command: Command, arguments: NoArguments) -> Completion:
        view = self.selected()
        for uid in reversed([] if view.read_only else self.deleted(view)):
            self.untagged(b"%d EXPUNGE" % view.number(uid))
        return super().do_close(command, arguments)


@fault("imap.close-removes-what-was-examined")
class CloseRemovesWhatWasExamined(ImapSession):
    """CLOSE removes messages after EXAMINE too."""

    def do_close(self, command: Command, arguments: NoArguments) -> Completion:
        self.selected().read_only = False
        return super().do_close(command, arguments)


@fault("imap.close-keeps-the-mailbox-selected")
class CloseKeepsTheMailboxSelected(ImapSession):
    """CLOSE is EXPUNGE without a word."""

    def do_close(self, command: Command, arguments: NoArguments) -> Completion:
        view = self.selected()
        if not view.read_only:
            self.context.store.expunge(view.mailbox.id, self.deleted(view))
        return ok("CLOSE completed")

    def after(self, command: Command) -> None:
        if command.verb != "CLOSE":
            super().after(command)

    def state_after(self, verb: Verb, answer: Answer) -> State:
        return self.state if verb is Verb.CLOSE else super().state_after(verb, answer)


@fault("imap.unselect-expunges")
class UnselectExpunges(ImapSession):
    """UNSELECT is CLOSE."""

    def do_unselect(self, command: Command, arguments: NoArguments) -> Completion:
        return self.do_close(command, arguments)


@fault("imap.unselect-keeps-the-mailbox-selected")
class UnselectKeepsTheMailboxSelected(ImapSession):
    """UNSELECT does nothing."""

    def do_unselect(self, command: Command, arguments: NoArguments) -> Completion:
        return ok("UNSELECT completed")

    def state_after(self, verb: Verb, answer: Answer) -> State:
        return self.state if verb is Verb.UNSELECT else super().state_after(verb, answer)


@fault("imap.uids-are-used-again")
class UidsAreUsedAgain(ImapSession):
    """CLOSE gives back the UIDs of the last messages it removes."""

    def do_close(self, command: Command, arguments: NoArguments) -> Completion:
        mailbox = self.selected().mailbox
        completion = super().do_close(command, arguments)
        with self.context.store.transaction() as sql:
            query = (
                "UPDATE mailboxes SET uidnext ="
                " (SELECT coalesce(max(uid), 0) + 1 FROM messages WHERE mailbox_id = ?1) WHERE id = ?1"
            )
            sql.execute(query, (mailbox.id,))
        return completion


# EXPUNGE


@fault("imap.expunge-leaves-the-last")
class ExpungeLeavesTheLast(ImapSession):
    """EXPUNGE of more than two messages forgets the last."""

    _sparing: bool = False

    def do_expunge(self, command: Command, arguments: NoArguments | UidExpunge) -> Completion:
        self._sparing = not command.uid
        return super().do_expunge(command, arguments)

    def deleted(self, view: View) -> list[int]:
        found = super().deleted(view)
        return found[:-1] if self._sparing and len(found) > 2 else found


@fault("imap.expunge-numbers-stand-still")
class ExpungeNumbersStandStill(ImapSession):
    """The EXPUNGE responses to EXPUNGE count as if those before had changed nothing."""

    def after(self, command: Command) -> None:
        view = self.view
        if view is not None and command.verb == "EXPUNGE" and not (command.uid or self.resyncing):
            view.refresh()
            gone = {uid: view.number(uid) for uid in sorted(view.expunged)}
            for uid, number in gone.items():
                view.forget(uid)
                self.untagged(b"%d EXPUNGE" % number)
        super().after(command)


@fault("imap.uid-expunge-takes-all")
class UidExpungeTakesAll(ImapSession):
    """UID EXPUNGE disregards its set."""

    def do_expunge(self, command: Command, arguments: NoArguments | UidExpunge) -> Completion:
        return super().do_expunge(command, NoArguments())


# STORE


@fault("imap.store-replaces-nothing")
class StoreReplacesNothing(ImapSession):
    """STORE FLAGS adds its flags."""

    def change_flags(
        self, view: View, uids: list[int], arguments: Store
    ) -> tuple[list[MessageRow], list[int]]:
        added = dataclasses.replace(arguments, mode="add")
        return super().change_flags(view, uids, added if arguments.mode == "replace" else arguments)


@fault("imap.store-tells-the-old-flags")
class StoreTellsTheOldFlags(ImapSession):
    """STORE tells the flags as they were before."""

    def change_flags(
        self, view: View, uids: list[int], arguments: Store
    ) -> tuple[list[MessageRow], list[int]]:
        self._before = {uid: view.row(uid).flags for uid in uids}
        return super().change_flags(view, uids, arguments)

    def answer_store(self, view: View, uid: int, command: Command, arguments: Store, *, known: bool) -> None:
        row = view.row(uid)
        view.replace([dataclasses.replace(row, flags=self._before[uid])])
        super().answer_store(view, uid, command, arguments, known=known)
        view.replace([row])
        view.tell(uid)


@fault("imap.silent-store-hides-others-changes")
class SilentStoreHidesOthersChanges(ImapSession):
    """STORE with .SILENT is followed by no news."""

    def after(self, command: Command) -> None:
        if not (isinstance(command.arguments, Store) and command.arguments.silent):
            super().after(command)


@fault("imap.recent-can-be-set")
class RecentCanBeSet(ImapSession):
    r"""STORE sets \Recent."""

    def command_octets(self, octets: bytes) -> None:
        view = self.view
        found = re.fullmatch(rb"(\S+) STORE 1 \+?FLAGS(\.SILENT)? \(\\Recent\)\s*", octets)
        if found is None or view is None:
            super().command_octets(octets)
            return
        view.recent |= set(view.uids)
        self.say(ok("STORE completed").encode(found[1]))


# COPY


@fault("imap.copy-drops-flags")
class CopyDropsFlags(ImapSession):
    """Copies have no system flags."""

    def copy_uid(self, mailbox: MailboxRow, pairs: Sequence[tuple[int, int]]) -> str:
        flags = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"]
        self.context.store.set_flags(mailbox.id, [uid for _, uid in pairs], "remove", flags)
        return super().copy_uid(mailbox, pairs)


@fault("imap.copy-in-place-drops-flags")
class CopyInPlaceDropsFlags(ImapSession):
    """Copies in the mailbox that they are made from have no flags."""

    def copy_uid(self, mailbox: MailboxRow, pairs: Sequence[tuple[int, int]]) -> str:
        if mailbox.id == self.selected().mailbox.id:
            self.context.store.set_flags(mailbox.id, [uid for _, uid in pairs], "replace", [])
        return super().copy_uid(mailbox, pairs)


@fault("imap.loses-keywords-in-copies")
class LosesKeywordsInCopies(ImapSession):
    """Copies have no keywords."""

    def copy_uid(self, mailbox: MailboxRow, pairs: Sequence[tuple[int, int]]) -> str:
        keywords = [flag for flag in self.selected().all_flags() if not flag.startswith("\\")]
        self.context.store.set_flags(mailbox.id, [uid for _, uid in pairs], "remove", keywords)
        return super().copy_uid(mailbox, pairs)


@fault("imap.copy-dates-anew")
class CopyDatesAnew(ImapSession):
    """A copy has the time of the copying as its internal date."""

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        view, store = self.selected(), self.context.store
        mailbox = self.target(arguments.mailbox)
        pairs = [
            (uid, store.append(mailbox.id, store.content(row.content_id) or b"", row.flags).uid)
            for uid in self.chosen(arguments.numbers, uid=command.uid)
            for row in [view.row(uid)]
        ]
        return ok("COPY completed", self.copy_uid(mailbox, pairs))


@fault("imap.copy-creates")
class CopyCreates(ImapSession):
    """COPY creates the mailbox that it needs."""

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        name = self.decode_name(arguments.mailbox)
        if self.context.store.mailbox(self.user, name) is None:
            self.context.store.create_mailbox(self.user, name)
        return super().do_copy(command, arguments)


@fault("imap.copy-to-nowhere-succeeds")
class CopyToNowhereSucceeds(ImapSession):
    """COPY to a mailbox that does not exist is answered OK."""

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        try:
            return super().do_copy(command, arguments)
        except Refusal as refusal:
            if refusal.completion.code == "TRYCREATE":
                return ok("COPY completed")
            raise


@fault("imap.copy-to-nowhere-without-trycreate")
class CopyToNowhereWithoutTrycreate(ImapSession):
    """COPY to a mailbox that does not exist gets NO without TRYCREATE."""

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        self.existing(arguments.mailbox)
        return super().do_copy(command, arguments)


@fault("imap.failed-copy-leaves-some")
class FailedCopyLeavesSome(ImapSession):
    """A COPY that fails has copied the messages that are there."""

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        try:
            return super().do_copy(command, arguments)
        except Refusal:
            mailbox, view = self.target(arguments.mailbox), self.selected()
            self.context.store.copy(
                view.mailbox.id, self.chosen(arguments.numbers, uid=command.uid), mailbox.id
            )
            raise


@fault("imap.copy-without-copyuid")
class CopyWithoutCopyuid(ImapSession):
    """COPY does not say COPYUID."""

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        return dataclasses.replace(super().do_copy(command, arguments), code="")


@fault("imap.copyuid-tells-the-source-twice")
class CopyuidTellsTheSourceTwice(ImapSession):
    """COPYUID has the UIDs of the source for those of the destination."""

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        completion = super().do_copy(command, arguments)
        words = completion.code.split()
        return dataclasses.replace(completion, code=" ".join([*words[:-1], *words[-2:-1]]))


# UIDs


@fault("imap.unknown-uids-are-refused")
class UnknownUidsAreRefused(ImapSession):
    """A UID that does not exist gets NO."""

    def chosen(self, numbers: SequenceSet | None, *, uid: bool) -> list[int]:
        found = super().chosen(numbers, uid=uid)
        if uid and not found:
            raise no("There is no such UID")
        return found


@fault("imap.star-stands-for-no-message")
class StarStandsForNoMessage(View):
    """A range of UIDs from above the last to * is empty."""

    def chosen_uids(self, uids: SequenceSet) -> list[int]:
        beyond = [ends for ends in uids.ranges if LARGEST in ends and max(ends) > self.largest_uid]
        kept = tuple(ends for ends in uids.ranges if ends not in beyond)
        return super().chosen_uids(SequenceSet(kept)) if kept else []


@fault("imap.uidnext-too-high")
class UidnextTooHigh(ImapSession):
    """EXAMINE tells a UIDNEXT that new messages will not reach."""

    def select_responses(self, view: View) -> list[bytes]:
        told = b"[UIDNEXT %d]" % view.mailbox.uidnext
        high = b"[UIDNEXT %d]" % (view.mailbox.uidnext + 100)
        return [
            line.replace(told, high) if view.read_only else line for line in super().select_responses(view)
        ]
