"""FETCH and SEARCH."""

from collections.abc import Sequence
from typing import Final

from harness.wire.imap.command_fetch import Fetch, Item
from harness.wire.imap.command_search import Search
from harness.wire.imap.commands import Command
from harness.wire.imap.encode import encode_quoted
from harness.wire.imap.sequence import SequenceSet
from reference_server.imap.answers import Completion, Refusal, no, ok
from reference_server.imap.changes import ChangeCommands
from reference_server.imap.rendering import Expunged, Rendering
from reference_server.imap.searching import Searcher
from reference_server.imap.view import View

__all__ = ["ReadCommands"]

# RFC 3501 §6.4.5: what sets \Seen, unless it peeks.
_SEEING: Final = frozenset({"RFC822", "RFC822.TEXT", "BODY[]", "BINARY[]"})
_CHARSETS: Final = ("US-ASCII", "UTF-8")


class ReadCommands(ChangeCommands):
    """FETCH and SEARCH, and their UID forms."""

    # FETCH

    def do_fetch(self, command: Command, arguments: Fetch) -> Completion:
        """RFC 3501 §6.4.5; RFC 7162 §3.1.4 (CHANGEDSINCE)."""
        self.check_fetch_modifiers(command, arguments)
        view = self.selected()
        uids = self.chosen(arguments.numbers, uid=command.uid)
        items = self.items(command, arguments)
        if Item("MODSEQ") in items:
            self.use_condstore()
        if arguments.changed_since is not None:
            uids = [uid for uid in uids if view.row(uid).modseq > arguments.changed_since]
        self.tell_vanished(view, arguments)
        changed = self.mark_seen(view, uids, items)
        lost = [
            uid for uid in uids if not self.show(view, uid, self.with_change(items, changed=uid in changed))
        ]
        if lost:
            raise self.reply_to_expunged()
        return ok(f"{command.name} completed")

    def check_fetch_modifiers(self, command: Command, arguments: Fetch) -> None:
        """Modifiers that are not for this command or session."""

    def tell_vanished(self, view: View, arguments: Fetch) -> None:
        """What was removed before, where the client asks."""

    def items(self, command: Command, arguments: Fetch) -> list[Item]:
        """What is shown: UID always in UID FETCH (RFC 3501 §6.4.8), MODSEQ with CHANGEDSINCE (RFC 7162 §3.1.4.1)."""
        added = [Item("UID")] if command.uid else []
        if arguments.changed_since is not None:
            added.append(Item("MODSEQ"))
        return list(dict.fromkeys([*added, *arguments.items]))

    def mark_seen(self, view: View, uids: Sequence[int], items: Sequence[Item]) -> set[int]:
        r"""Set ``\Seen`` where the items ask for it (RFC 3501 §6.4.5); returns whose flags changed."""
        if view.read_only or not any(item.name in _SEEING and not item.peek for item in items):
            return set()
        unseen = [uid for uid in uids if "\\Seen" not in view.row(uid).flags]
        rows, _ = self.context.store.set_flags(view.mailbox.id, unseen, "add", ["\\Seen"])
        view.replace(rows)
        return {row.uid for row in rows}

    def with_change(self, items: list[Item], *, changed: bool) -> list[Item]:
        """Flags that FETCH itself changed are part of its response (RFC 3501 §6.4.5)."""
        if not changed:
            return items
        more = [Item("UID"), Item("MODSEQ")] if "CONDSTORE" in self.enabled else []  # RFC 7162 §3.2.4
        return list(dict.fromkeys([*items, Item("FLAGS"), *more]))

    def show(self, view: View, uid: int, items: Sequence[Item]) -> bool:
        """Send one FETCH response; False where the message is gone."""
        row = view.row(uid)
        rendering = self.context.variant(Rendering)(self.context, row, self.shown_flags(view, uid))
        try:
            shown = b" ".join(map(rendering.render, items))
        except Expunged:
            return False
        if Item("FLAGS") in items:
            view.tell(uid)
        self.untagged(b"%d FETCH (%s)" % (view.number(uid), shown))
        return True

    # SEARCH

    def do_search(self, command: Command, arguments: Search) -> Completion:
        """RFC 3501 §6.4.4; RFC 9051 §6.4.4."""
        saving = arguments.returning is not None and "SAVE" in arguments.returning
        try:
            self.check_charset(arguments)
        except Refusal:
            self.saved = set() if saving else self.saved  # RFC 5182 §2.1: nothing is saved by a failed SEARCH
            raise
        if arguments.asks_modseq:
            self.use_condstore()
        view = self.selected()
        searcher = self.context.variant(Searcher)(self.context.store, view, frozenset(self.saved))
        found = [
            uid for uid in view.uids if uid not in view.expunged and searcher.matches(arguments.key, uid)
        ]
        if saving:
            self.saved = set(self.to_save(found, arguments.returning or frozenset()))
        self.show_found(command, arguments, found)
        return ok(f"{command.name} completed")

    def check_charset(self, arguments: Search) -> None:
        """RFC 3501 §6.4.4: NO, not BAD."""
        if arguments.charset not in (None, *_CHARSETS):
            raise no("The charset is not known", f"BADCHARSET ({' '.join(_CHARSETS)})")

    def to_save(self, found: list[int], returning: frozenset[str]) -> list[int]:
        """What ``$`` stands for: only MIN and MAX where just these are asked for (RFC 5182 §2.1)."""
        if not returning & {"MIN", "MAX"} or returning & {"ALL", "COUNT"}:
            return found
        ends = {"MIN": found[:1], "MAX": found[-1:]}
        return [uid for option in returning & {"MIN", "MAX"} for uid in ends[option]]

    def show_found(self, command: Command, arguments: Search, found: list[int]) -> None:
        """SEARCH, or ESEARCH where RETURN asks for it and always in IMAP4rev2 (RFC 9051 §6.4.4)."""
        modseqs = [self.selected().row(uid).modseq for uid in found] if arguments.asks_modseq else []
        numbers = self.number_or_uid(found, uid=command.uid)
        if arguments.returning is None and not self.rev2:
            self.untagged(self.search_response(numbers, max(modseqs, default=None)))
        elif arguments.returning != frozenset({"SAVE"}):
            returning = (arguments.returning or frozenset()) - {"SAVE"} or frozenset({"ALL"})
            self.untagged(
                self.esearch_response(command, returning, numbers, self.esearch_modseq(returning, modseqs))
            )

    def search_response(self, numbers: list[int], modseq: int | None) -> bytes:
        """RFC 3501 §7.2.5; RFC 7162 §3.1.5 (MODSEQ)."""
        words = [b"SEARCH", *(b"%d" % number for number in numbers)]
        return b" ".join(words + ([b"(MODSEQ %d)" % modseq] if modseq is not None else []))

    def esearch_modseq(self, returning: frozenset[str], modseqs: list[int]) -> int | None:
        """RFC 7162 §3.1.10: of the messages that are returned."""
        if not modseqs:
            return None
        ends = {"MIN": modseqs[0], "MAX": modseqs[-1]}
        return max(ends[option] for option in returning) if returning <= ends.keys() else max(modseqs)

    def esearch_response(
        self, command: Command, returning: frozenset[str], numbers: list[int], modseq: int | None
    ) -> bytes:
        """RFC 9051 §7.3.4: MIN, MAX and ALL only where something was found."""
        words = [b"ESEARCH (TAG %s)" % encode_quoted(command.tag)]
        if command.uid:
            words.append(b"UID")
        if numbers:
            values = {
                "MIN": b"%d" % numbers[0],
                "MAX": b"%d" % numbers[-1],
                "ALL": SequenceSet.of(numbers).encode(),
            }
            words += [
                option.encode() + b" " + value for option, value in values.items() if option in returning
            ]
        if "COUNT" in returning:
            words.append(b"COUNT %d" % len(numbers))
        if modseq is not None:
            words.append(b"MODSEQ %d" % modseq)
        return b" ".join(words)
