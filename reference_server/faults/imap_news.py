"""Deviations of what a session is told of changes, and when; mod-sequences in it."""

import dataclasses
import re

from harness.wire.imap.command_fetch import Fetch
from harness.wire.imap.commands import Command, Select, Store
from reference_server.faults import fault
from reference_server.imap.answers import Completion
from reference_server.imap.session import ImapSession
from reference_server.imap.view import View
from reference_server.store import MessageRow


@fault("imap.noop-hides-arrivals")
class NoopHidesArrivals(ImapSession):
    """New messages are counted at NOOP and not told."""

    def tell_arrivals(self, view: View) -> None:
        if self._nooping:
            view.take_arrived()
        else:
            super().tell_arrivals(view)

    _nooping: bool = False

    def before(self, command: Command) -> None:
        self._nooping = command.verb == "NOOP"
        super().before(command)


@fault("imap.noop-hides-flags")
class NoopHidesFlags(ImapSession):
    """Flags that others change are not told at NOOP."""

    _nooping: bool = False

    def before(self, command: Command) -> None:
        self._nooping = command.verb == "NOOP"
        super().before(command)

    def is_up_to_date(self, view: View, uid: int) -> bool:
        return self._nooping or super().is_up_to_date(view, uid)


@fault("imap.noop-hides-expunges")
class NoopHidesExpunges(ImapSession):
    """Messages that others remove are not told at NOOP."""

    def may_expunge(self, command: Command) -> bool:
        return (command.verb != "NOOP" or self.resyncing) and super().may_expunge(command)


@fault("imap.expunge-during-fetch")
class ExpungeDuringFetch(ImapSession):
    """EXPUNGE comes during FETCH, STORE and SEARCH too."""

    def may_expunge(self, command: Command) -> bool:
        return not self.resyncing or super().may_expunge(command)


@fault("imap.expunge-unasked")
class ExpungeUnasked(ExpungeDuringFetch):
    """EXPUNGE comes whenever a message is removed, or with the next command where that is sooner."""

    def push(self) -> bytes:
        if not self.closing:
            self.tell_news(expunges=True)
        return super().push()


@fault("imap.exists-before-expunge")
class ExistsBeforeExpunge(ImapSession):
    """EXISTS tells of what is left before EXPUNGE does."""

    def tell_expunges(self, view: View) -> None:
        if view.expunged:
            self.untagged(b"%d EXISTS" % (len(view.uids) - len(view.expunged)))
        super().tell_expunges(view)


# IDLE


@fault("imap.idle-hides-arrivals")
class IdleHidesArrivals(ImapSession):
    """IDLE does not tell new messages."""

    def tell_arrivals(self, view: View) -> None:
        if not self.idling:
            super().tell_arrivals(view)


@fault("imap.idle-hides-flags")
class IdleHidesFlags(ImapSession):
    """IDLE does not tell flags."""

    def is_up_to_date(self, view: View, uid: int) -> bool:
        return self.idling or super().is_up_to_date(view, uid)


@fault("imap.idle-hides-expunges")
class IdleHidesExpunges(ImapSession):
    """IDLE does not tell expunges."""

    def tell_expunges(self, view: View) -> None:
        if not self.idling:
            super().tell_expunges(view)


@fault("imap.idle-tells-flags-without-uid")
class IdleTellsFlagsWithoutUid(ImapSession):
    """What IDLE tells of a message lacks its UID."""

    def flags_response(self, view: View, uid: int, *, with_uid: bool = False, silent: bool = False) -> bytes:
        response = super().flags_response(view, uid, with_uid=with_uid, silent=silent)
        return re.sub(rb"UID [0-9]+ ", b"", response) if self.idling else response


# CONDSTORE


class _Bare(ImapSession):
    """Leaves MODSEQ out of flag responses while `bare` is set."""

    bare: bool = False

    def flags_response(self, view: View, uid: int, *, with_uid: bool = False, silent: bool = False) -> bytes:
        response = super().flags_response(view, uid, with_uid=with_uid, silent=silent)
        return re.sub(rb" MODSEQ \([0-9]+\)", b"", response) if self.bare else response


@fault("imap.store-tells-no-modseq")
class StoreTellsNoModseq(_Bare):
    """STORE without a condition tells no mod-sequence."""

    def answer_store(self, view: View, uid: int, command: Command, arguments: Store, *, known: bool) -> None:
        self.bare = arguments.unchanged_since is None
        super().answer_store(view, uid, command, arguments, known=known)
        self.bare = False


@fault("imap.news-without-modseq")
class NewsWithoutModseq(_Bare):
    """Flags that others change are told without their mod-sequence."""

    def tell_news(self, *, expunges: bool) -> None:
        self.bare = True
        super().tell_news(expunges=expunges)
        self.bare = False


@fault("imap.select-condstore-does-nothing")
class SelectCondstoreDoesNothing(ImapSession):
    """SELECT with CONDSTORE enables nothing."""

    def open_mailbox(self, arguments: Select, *, read_only: bool) -> Completion:
        return super().open_mailbox(dataclasses.replace(arguments, condstore=False), read_only=read_only)


@fault("imap.enabling-tells-no-highestmodseq")
class EnablingTellsNoHighestmodseq(ImapSession):
    """The first command that enables CONDSTORE tells no HIGHESTMODSEQ."""

    def use_condstore(self) -> None:
        self.enabled.add("CONDSTORE")


@fault("imap.select-without-highestmodseq")
class SelectWithoutHighestmodseq(ImapSession):
    """SELECT does not tell HIGHESTMODSEQ."""

    def select_responses(self, view: View) -> list[bytes]:
        return [line for line in super().select_responses(view) if b"HIGHESTMODSEQ" not in line]


@fault("imap.modseq-rises-for-nothing")
class ModseqRisesForNothing(ImapSession):
    """A STORE that changes no flag changes the mod-sequence."""

    def change_flags(
        self, view: View, uids: list[int], arguments: Store
    ) -> tuple[list[MessageRow], list[int]]:
        before = {uid: view.row(uid).flags for uid in uids}
        rows, refused = super().change_flags(view, uids, arguments)
        same = [row.uid for row in rows if row.flags == before[row.uid]]
        store, mailbox = self.context.store, view.mailbox.id
        store.set_flags(mailbox, same, "add", ["$Touched"])
        touched, _ = store.set_flags(mailbox, same, "remove", ["$Touched"])
        return [*(row for row in rows if row.uid not in same), *touched], refused


@fault("imap.conditional-store-is-silent")
class ConditionalStoreIsSilent(ImapSession):
    """A conditional STORE with .SILENT tells nothing."""

    def answer_store(self, view: View, uid: int, command: Command, arguments: Store, *, known: bool) -> None:
        if arguments.silent and arguments.unchanged_since is not None:
            view.tell(uid)
        else:
            super().answer_store(view, uid, command, arguments, known=known)


@fault("imap.unchangedsince-is-ignored")
class UnchangedsinceIsIgnored(ImapSession):
    """UNCHANGEDSINCE keeps no message from being changed."""

    def change_flags(
        self, view: View, uids: list[int], arguments: Store
    ) -> tuple[list[MessageRow], list[int]]:
        return super().change_flags(view, uids, dataclasses.replace(arguments, unchanged_since=None))


@fault("imap.unchangedsince-zero-passes")
class UnchangedsinceZeroPasses(ImapSession):
    """UNCHANGEDSINCE 0 is no condition."""

    def change_flags(
        self, view: View, uids: list[int], arguments: Store
    ) -> tuple[list[MessageRow], list[int]]:
        since = arguments.unchanged_since or None
        return super().change_flags(view, uids, dataclasses.replace(arguments, unchanged_since=since))


@fault("imap.unchangedsince-without-modified")
class UnchangedsinceWithoutModified(ImapSession):
    """A conditional STORE does not name the messages it left alone."""

    def do_store(self, command: Command, arguments: Store) -> Completion:
        completion = super().do_store(command, arguments)
        return dataclasses.replace(completion, code="") if "MODIFIED" in completion.code else completion


@fault("imap.changedsince-shows-the-equal")
class ChangedsinceShowsTheEqual(ImapSession):
    """FETCH CHANGEDSINCE shows messages with that very mod-sequence."""

    def do_fetch(self, command: Command, arguments: Fetch) -> Completion:
        since = arguments.changed_since
        return super().do_fetch(command, dataclasses.replace(arguments, changed_since=since and since - 1))


@fault("imap.condstore-in-capitals")
class CondstoreInCapitals(ImapSession):
    """MODSEQ, CHANGEDSINCE and UNCHANGEDSINCE are known in capitals only."""

    def command_octets(self, octets: bytes) -> None:
        found = re.match(rb"(\S+) .*?\b(MODSEQ|CHANGEDSINCE|UNCHANGEDSINCE)\b", octets, re.IGNORECASE)
        if found is None or found[2].isupper():
            super().command_octets(octets)
        else:
            self.say(Completion("BAD", "Unknown word").encode(found[1]))
