"""Commands that put messages somewhere or change their flags: APPEND, COPY, MOVE, STORE."""

from collections.abc import Iterable, Sequence
from typing import Final

from harness.wire.imap.commands import Append, Command, Copy, Store
from harness.wire.imap.sequence import SequenceSet
from reference_server.imap.answers import Completion, Refusal, no, ok
from reference_server.imap.selection import Selection
from reference_server.imap.view import View
from reference_server.store import FlagMode, MailboxRow, MessageRow

__all__ = ["ChangeCommands"]

_MODES: Final[dict[str, FlagMode]] = {"add": "add", "remove": "remove", "replace": "replace"}


class ChangeCommands(Selection):
    """APPEND, COPY, MOVE, STORE."""

    # APPEND

    def do_append(self, command: Command, arguments: Append) -> Completion:
        """RFC 3501 §6.3.11: all or nothing; RFC 4315 §3 (APPENDUID)."""
        mailbox = self.target(arguments.mailbox)
        self.check_content(arguments)
        row = self.context.store.append(mailbox.id, arguments.content, arguments.flags, arguments.date)
        return ok("APPEND completed", self.append_uid(mailbox, row.uid))

    def target(self, name: bytes) -> MailboxRow:
        """Where messages go; TRYCREATE where it could be made (RFC 3501 §6.3.11, §6.4.7)."""
        return self.existing(name, "TRYCREATE")

    def check_content(self, arguments: Append) -> None:
        """RFC 3516 §4.4: binary content cannot be kept here."""
        if b"\0" in arguments.content:
            raise no("A message with NUL cannot be stored", "UNKNOWN-CTE")

    def append_uid(self, mailbox: MailboxRow, uid: int) -> str:
        return f"APPENDUID {mailbox.uidvalidity} {uid}"

    # COPY and MOVE

    def do_copy(self, command: Command, arguments: Copy) -> Completion:
        """RFC 3501 §6.4.7: all or nothing; RFC 4315 §3 (COPYUID)."""
        view = self.selected()
        uids = self.chosen(arguments.numbers, uid=command.uid)
        mailbox = self.target(arguments.mailbox)
        with self.context.store.transaction():
            self.check_all_there(view, uids)
            pairs = self.context.store.copy(view.mailbox.id, uids, mailbox.id)
        return ok(f"{command.name} completed", self.copy_uid(mailbox, pairs))

    def do_move(self, command: Command, arguments: Copy) -> Completion:
        """RFC 6851 §3.3: COPYUID comes before the EXPUNGEs, in an untagged OK."""
        view = self.writable()
        uids = self.chosen(arguments.numbers, uid=command.uid)
        mailbox = self.target(arguments.mailbox)
        with self.context.store.transaction():
            self.check_all_there(view, uids)
            pairs = self.context.store.move(view.mailbox.id, uids, mailbox.id)
        if not pairs:
            return ok(f"{command.name} completed")
        self.untagged(f"OK [{self.copy_uid(mailbox, pairs)}] Moved".encode())
        return ok(f"{command.name} completed", self.modseq_code(view))

    def check_all_there(self, view: View, uids: Iterable[int]) -> None:
        """Another session may have removed some (RFC 2180 §4.4)."""
        view.refresh()
        if not view.expunged.isdisjoint(uids):
            raise self.reply_to_expunged()

    def reply_to_expunged(self) -> Refusal:
        return no("Some of the messages exist no more", "EXPUNGEISSUED")

    def copy_uid(self, mailbox: MailboxRow, pairs: Sequence[tuple[int, int]]) -> str:
        """Empty where nothing was copied."""
        if not pairs:
            return ""
        sources, targets = (SequenceSet.of(side).encode().decode() for side in zip(*pairs, strict=True))
        return f"COPYUID {mailbox.uidvalidity} {sources} {targets}"

    # STORE

    def do_store(self, command: Command, arguments: Store) -> Completion:
        """RFC 3501 §6.4.6; RFC 7162 §3.1.3 (UNCHANGEDSINCE)."""
        view = self.writable()
        uids = self.chosen(arguments.numbers, uid=command.uid)
        if arguments.unchanged_since is not None:
            self.use_condstore()
        known = {uid for uid in uids if view.knows_flags(uid)}
        rows, refused = self.change_flags(view, uids, arguments)
        view.replace(rows)
        for row in rows:
            self.answer_store(view, row.uid, command, arguments, known=row.uid in known)
        if refused:
            listed = self.number_or_uid(refused, uid=command.uid)
            return ok("Some were changed meanwhile", f"MODIFIED {SequenceSet.of(listed).encode().decode()}")
        if not view.expunged.isdisjoint(uids):
            raise self.reply_to_expunged()
        return ok(f"{command.name} completed")

    def change_flags(
        self, view: View, uids: list[int], arguments: Store
    ) -> tuple[list[MessageRow], list[int]]:
        return self.context.store.set_flags(
            view.mailbox.id,
            uids,
            _MODES[arguments.mode],
            self.spelled(view, arguments.flags),
            unchangedsince=arguments.unchanged_since,
        )

    def spelled(self, view: View, flags: Iterable[str]) -> list[str]:
        """Keywords as the mailbox spells them already: case makes no other keyword (RFC 9051 §9)."""
        spelling = {flag.lower(): flag for flag in view.all_flags()}
        return [spelling.get(flag.lower(), flag) for flag in flags]

    def answer_store(self, view: View, uid: int, command: Command, arguments: Store, *, known: bool) -> None:
        """The new flags; for .SILENT only what the client cannot work out by itself (RFC 3501 §6.4.6)."""
        if not arguments.silent:
            self.untagged(self.flags_response(view, uid, with_uid=command.uid))
        elif "CONDSTORE" in self.enabled:
            self.untagged(self.flags_response(view, uid, with_uid=command.uid, silent=known))
        elif known:
            view.tell(uid)
