"""QRESYNC: what was removed is told by UID, also what was removed while the client was away."""

from collections.abc import Sequence

from harness.errors import LocalProtocolError
from harness.wire.imap.command_fetch import Fetch
from harness.wire.imap.commands import Command, Enable, Qresync, Select
from harness.wire.imap.sequence import SequenceSet
from reference_server.imap.answers import Completion, bad
from reference_server.imap.reading import ReadCommands
from reference_server.imap.view import View

__all__ = ["Resync"]


class Resync(ReadCommands):
    """What QRESYNC adds to ENABLE, SELECT, UID FETCH and EXPUNGE.

    Source: RFC 7162 §3.2.
    """

    def extensions(self) -> list[str]:
        return [*super().extensions(), "QRESYNC"]

    def enables(self) -> dict[str, str]:
        return super().enables() | {"QRESYNC": "QRESYNC"}

    def do_enable(self, command: Command, arguments: Enable) -> Completion:
        """RFC 7162 §3.2.3: QRESYNC is a CONDSTORE enabling command too."""
        completion = super().do_enable(command, arguments)
        if self.resyncing:
            self.enabled.add("CONDSTORE")
        return completion

    @property
    def resyncing(self) -> bool:
        return "QRESYNC" in self.enabled

    # SELECT

    def check_select_parameters(self, arguments: Select) -> None:
        """RFC 7162 §3.2.5: BAD without ENABLE, and for sets with ``*`` or of different lengths (§7)."""
        known = arguments.qresync
        if known is None:
            return
        self.check_resyncing()
        sets = [each for each in (known.uids, *(known.match or ())) if each is not None]
        if any(each.has_largest for each in sets):
            raise bad("* is not for sets of QRESYNC")
        if known.match is not None and known.match[0].count() != known.match[1].count():
            raise bad("As many message numbers as UIDs are needed")

    def check_resyncing(self) -> None:
        """RFC 7162 §3.2.3."""
        if not self.resyncing:
            raise bad("QRESYNC was not enabled")

    def catch_up(self, view: View, arguments: Select) -> None:
        """RFC 7162 §3.2.5.1: removed UIDs first, then flags; nothing where the UIDVALIDITY is another."""
        known = arguments.qresync
        if known is None or known.uidvalidity != view.mailbox.uidvalidity:
            return
        vanished = self.vanished_since(view, known.modseq, known.uids)
        certain = self.last_match(view, known)
        self.say_vanished([uid for uid in vanished if uid > certain], earlier=True)
        chosen = view.uids if known.uids is None else view.chosen_uids(known.uids)
        for uid in chosen:
            if view.row(uid).modseq > known.modseq:
                self.untagged(self.flags_response(view, uid, with_uid=True))

    def last_match(self, view: View, known: Qresync) -> int:
        """The greatest UID whose message number the client has right: it knows what was removed up to there.

        Source: RFC 7162 §3.2.5.2.
        """
        if known.match is None:
            return 0
        numbers, uids = (self.listed(each) for each in known.match)
        matching = (
            uid
            for number, uid in zip(numbers, uids, strict=True)
            if number <= len(view.uids) and view.uids[number - 1] == uid
        )
        return max(matching, default=0)

    def listed(self, numbers: SequenceSet) -> list[int]:
        try:
            return numbers.in_order()
        except LocalProtocolError as exc:
            raise bad(str(exc)) from exc

    # FETCH

    def check_fetch_modifiers(self, command: Command, arguments: Fetch) -> None:
        """RFC 7162 §3.2.6: BAD in FETCH, without CHANGEDSINCE, and without ENABLE."""
        if not arguments.vanished:
            return
        self.check_resyncing()
        if not command.uid or arguments.changed_since is None:
            raise bad("VANISHED goes with UID FETCH and CHANGEDSINCE")

    def tell_vanished(self, view: View, arguments: Fetch) -> None:
        """RFC 7162 §3.2.6: before any FETCH response."""
        if arguments.vanished and arguments.changed_since is not None:
            gone = self.vanished_since(view, arguments.changed_since, arguments.numbers)
            self.say_vanished(gone, earlier=True)

    def vanished_since(self, view: View, modseq: int, uids: SequenceSet | None) -> list[int]:
        """UIDs removed after `modseq`, of those asked for; one the client still counts is told otherwise."""
        gone = self.context.store.expunged_since(view.mailbox.id, modseq)
        chosen = gone if uids is None else view.among(gone, uids)
        return [uid for uid in chosen if uid not in view.expunged]

    # VANISHED

    def tell_expunges(self, view: View) -> None:
        """RFC 7162 §3.2.10.2: VANISHED in place of EXPUNGE, once it is enabled."""
        if not self.resyncing:
            super().tell_expunges(view)
            return
        gone = sorted(view.expunged)
        for uid in gone:
            view.forget(uid)
        self.say_vanished(gone, earlier=False)

    def say_vanished(self, uids: Sequence[int], *, earlier: bool) -> None:
        """RFC 7162 §3.2.10."""
        if uids:
            tag = b"(EARLIER) " if earlier else b""
            self.untagged(b"VANISHED " + tag + SequenceSet.of(uids).encode())
