"""Deviations of QRESYNC."""

import dataclasses
import re

from harness.wire.imap.command_fetch import Fetch
from harness.wire.imap.commands import Command, Select
from harness.wire.imap.sequence import SequenceSet
from reference_server.faults import fault
from reference_server.imap.selection import Selection
from reference_server.imap.session import ImapSession
from reference_server.imap.view import View


@fault("imap.qresync-without-enable")
class QresyncWithoutEnable(ImapSession):
    """QRESYNC and VANISHED are taken without ENABLE."""

    def check_resyncing(self) -> None:
        self.enabled.add("QRESYNC")


@fault("imap.news-without-uid")
class NewsWithoutUid(ImapSession):
    """Flags that others change are told without the UID."""

    _bare: bool = False

    def tell_news(self, *, expunges: bool) -> None:
        self._bare = True
        super().tell_news(expunges=expunges)
        self._bare = False

    def flags_response(self, view: View, uid: int, *, with_uid: bool = False, silent: bool = False) -> bytes:
        response = super().flags_response(view, uid, with_uid=with_uid, silent=silent)
        return re.sub(rb"UID [0-9]+ ", b"", response) if self._bare and not self.idling else response


@fault("imap.qresync-disregards-uidvalidity")
class QresyncDisregardsUidvalidity(ImapSession):
    """SELECT brings the changes since a mod-sequence of whatever UIDVALIDITY."""

    def catch_up(self, view: View, arguments: Select) -> None:
        known = arguments.qresync
        if known is not None:
            known = dataclasses.replace(known, uidvalidity=view.mailbox.uidvalidity)
        super().catch_up(view, dataclasses.replace(arguments, qresync=known))


@fault("imap.qresync-forgets-the-vanished")
class QresyncForgetsTheVanished(ImapSession):
    """Nothing is known of what was removed earlier."""

    def vanished_since(self, view: View, modseq: int, uids: SequenceSet | None) -> list[int]:
        return []


@fault("imap.vanished-without-changedsince")
class VanishedWithoutChangedsince(ImapSession):
    """VANISHED is passed over where CHANGEDSINCE is missing."""

    def check_fetch_modifiers(self, command: Command, arguments: Fetch) -> None:
        if arguments.changed_since is not None:
            super().check_fetch_modifiers(command, arguments)


@fault("imap.vanished-after-fetch")
class VanishedAfterFetch(ImapSession):
    """VANISHED (EARLIER) comes behind the FETCH responses."""

    _asked: tuple[View, Fetch] | None = None

    def tell_vanished(self, view: View, arguments: Fetch) -> None:
        self._asked = view, arguments

    def after(self, command: Command) -> None:
        if self._asked is not None:
            super().tell_vanished(*self._asked)
            self._asked = None
        super().after(command)


@fault("imap.expunge-without-highestmodseq")
class ExpungeWithoutHighestmodseq(ImapSession):
    """EXPUNGE does not end with HIGHESTMODSEQ."""

    def modseq_code(self, view: View) -> str:
        return ""


@fault("imap.qresync-tells-expunge")
class QresyncTellsExpunge(ImapSession):
    """EXPUNGE comes with QRESYNC enabled too."""

    def tell_expunges(self, view: View) -> None:
        Selection.tell_expunges(self, view)


@fault("imap.vanished-during-fetch")
class VanishedDuringFetch(ImapSession):
    """VANISHED comes during FETCH, STORE and SEARCH."""

    def may_expunge(self, command: Command) -> bool:
        return self.resyncing or super().may_expunge(command)


@fault("imap.qresync-select-without-closed")
class QresyncSelectWithoutClosed(ImapSession):
    """SELECT does not tell that it leaves a mailbox where only QRESYNC is enabled."""

    def untagged(self, octets: bytes) -> None:
        if self.rev2 or not octets.startswith(b"OK [CLOSED]"):
            super().untagged(octets)
