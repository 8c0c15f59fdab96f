"""Deviations of MOVE."""

import re

from harness.wire.imap.commands import Command, Copy
from reference_server.faults import fault
from reference_server.imap.answers import Completion, Refusal, ok
from reference_server.imap.session import ImapSession


@fault("imap.move-tells-no-expunge")
class MoveTellsNoExpunge(ImapSession):
    """The messages that MOVE takes away are not told."""

    def do_move(self, command: Command, arguments: Copy) -> Completion:
        completion = super().do_move(command, arguments)
        view = self.selected()
        view.refresh()
        for uid in sorted(view.expunged):
            view.forget(uid)
        return completion


@fault("imap.move-copies-only")
class MoveCopiesOnly(ImapSession):
    """MOVE leaves the messages where they are."""

    def do_move(self, command: Command, arguments: Copy) -> Completion:
        completion = self.do_copy(command, arguments)
        self.untagged(f"OK [{completion.code}] Moved".encode())
        return ok("MOVE completed")


@fault("imap.move-loses-messages")
class MoveLosesMessages(ImapSession):
    """The last message moved arrives nowhere."""

    def do_move(self, command: Command, arguments: Copy) -> Completion:
        completion = super().do_move(command, arguments)
        store, mailbox = self.context.store, self.target(arguments.mailbox)
        store.expunge(mailbox.id, [row.uid for row in store.messages(mailbox.id)][-1:])
        return completion


@fault("imap.move-marks-deleted")
class MoveMarksDeleted(ImapSession):
    r"""MOVE sets \Deleted first."""

    def do_move(self, command: Command, arguments: Copy) -> Completion:
        uids = self.chosen(arguments.numbers, uid=command.uid)
        self.context.store.set_flags(self.selected().mailbox.id, uids, "add", ["\\Deleted"])
        return super().do_move(command, arguments)


@fault("imap.move-to-nowhere-removes")
class MoveToNowhereRemoves(ImapSession):
    """MOVE to a mailbox that does not exist removes the messages and fails."""

    def do_move(self, command: Command, arguments: Copy) -> Completion:
        try:
            return super().do_move(command, arguments)
        except Refusal:
            uids = self.chosen(arguments.numbers, uid=command.uid)
            self.context.store.expunge(self.selected().mailbox.id, uids)
            raise


@fault("imap.move-without-copyuid")
class MoveWithoutCopyuid(ImapSession):
    """MOVE does not say COPYUID."""

    def untagged(self, octets: bytes) -> None:
        if not octets.startswith(b"OK [COPYUID"):
            super().untagged(octets)


@fault("imap.move-tells-copyuid-last")
class MoveTellsCopyuidLast(ImapSession):
    """MOVE says COPYUID behind the EXPUNGEs."""

    _held: bytes = b""

    def untagged(self, octets: bytes) -> None:
        if octets.startswith(b"OK [COPYUID"):
            self._held = octets
        else:
            super().untagged(octets)

    def after(self, command: Command) -> None:
        super().after(command)
        if self._held:
            super().untagged(self._held)
            self._held = b""


@fault("imap.move-in-capitals")
class MoveInCapitals(ImapSession):
    """MOVE is known in capitals only."""

    def command_octets(self, octets: bytes) -> None:
        found = re.match(rb"(\S+) (?:uid )?(move) ", octets, re.IGNORECASE)
        if found is None or found[2] == b"MOVE":
            super().command_octets(octets)
        else:
            self.say(Completion("BAD", "Unknown command").encode(found[1]))
