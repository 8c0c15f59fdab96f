"""Deviations of IMAP's LIST and LSUB: patterns, attributes, options, special use."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from harness.wire.imap.command_list import List
from harness.wire.imap.commands import Command, CommandError
from reference_server.faults import fault
from reference_server.imap.answers import Completion, no, ok
from reference_server.imap.listing import SEPARATOR, Entry, Tree, ancestors
from reference_server.imap.session import ImapSession
from reference_server.store import INBOX, MailboxRow

_STRANGE_OPTION: Final = re.compile(rb"\bXMP[A-Z-]*")
_OPTION_TWICE: Final = re.compile(rb"RETURN \(([A-Z]+) \1\)")


# Patterns


@fault("imap.percent-crosses-levels")
class PercentCrossesLevels(ImapSession):
    """In a pattern % matches the separator as well."""

    def patterns(self, arguments: List) -> Iterable["re.Pattern[str]"]:
        shapes = tuple(each.replace(b"%", b"*") for each in arguments.patterns)
        return super().patterns(replace(arguments, patterns=shapes))


@fault("imap.list-loses-the-deepest")
class ListLosesTheDeepest(Tree):
    """LIST with * leaves out what is three levels deep."""

    def entries(
        self, patterns: Iterable["re.Pattern[str]"], selection: frozenset[str], returning: frozenset[str]
    ) -> list[Entry]:
        patterns = list(patterns)
        found = super().entries(patterns, selection, returning)
        if [each.pattern for each in patterns] != [".*"]:
            return found
        return [entry for entry in found if entry.name.count(SEPARATOR) < 2]


@fault("imap.empty-pattern-lists-nothing")
class EmptyPatternListsNothing(ImapSession):
    """LIST with an empty pattern returns nothing."""

    def do_list(self, command: Command, arguments: List) -> Completion:
        return ok("LIST completed") if arguments.patterns == (b"",) else super().do_list(command, arguments)


@fault("imap.list-without-inbox")
class ListWithoutInbox(Tree):
    """LIST leaves INBOX out."""

    def entries(
        self, patterns: Iterable["re.Pattern[str]"], selection: frozenset[str], returning: frozenset[str]
    ) -> list[Entry]:
        return [each for each in super().entries(patterns, selection, returning) if each.name != INBOX]


@fault("imap.list-without-references")
class ListWithoutReferences(ImapSession):
    """LIST with a reference gets NO."""

    def do_list(self, command: Command, arguments: List) -> Completion:
        if arguments.reference:
            raise no("References are not supported", "CANNOT")
        return super().do_list(command, arguments)


@fault("imap.list-twice")
class ListTwice(ImapSession):
    """A name is listed for every pattern that it matches."""

    def do_list(self, command: Command, arguments: List) -> Completion:
        for shape in arguments.patterns[1:]:
            super().do_list(command, replace(arguments, patterns=(shape,)))
        return super().do_list(command, replace(arguments, patterns=arguments.patterns[:1]))


@fault("imap.lsub-hides-superiors")
class LsubHidesSuperiors(Tree):
    """LSUB with % shows only what is subscribed itself."""

    def subscribed(self, shape: "re.Pattern[str]", text: str) -> list[Entry]:
        return [entry for entry in super().subscribed(shape, text) if entry.name in self.subscriptions]


@fault("imap.empty-pattern-asks-always")
class EmptyPatternAsksAlways(ImapSession):
    """An empty pattern asks for the separator in an extended LIST too."""

    def do_list(self, command: Command, arguments: List) -> Completion:
        if b"" in arguments.patterns:
            self.untagged(b'LIST (\\Noselect) "/" ""')
        return super().do_list(command, arguments)


@fault("imap.list-subscribed-as-lsub")
class ListSubscribedAsLsub(Tree):
    r"""LIST (SUBSCRIBED) with % shows the parents of what is subscribed as \Noselect, as LSUB does."""

    def entries(
        self, patterns: Iterable["re.Pattern[str]"], selection: frozenset[str], returning: frozenset[str]
    ) -> list[Entry]:
        patterns = list(patterns)
        found = super().entries(patterns, selection, returning)
        if "SUBSCRIBED" not in selection:
            return found
        parents = {parent for name in self.subscriptions for parent in ancestors(name)} - self.subscriptions
        return found + [
            Entry(name, ("\\Noselect",))
            for name in sorted(parents)
            if any(each.fullmatch(name) for each in patterns)
        ]


# Attributes


@fault("imap.hides-noselect")
class HidesNoselect(Tree):
    r"""LIST marks nothing \Noselect."""

    def selectability(self, mailbox: MailboxRow | None) -> list[str]:
        return [] if mailbox else super().selectability(mailbox)


@fault("imap.noselect-and-marked")
class NoselectAndMarked(Tree):
    r"""LIST marks a \Noselect name \Unmarked as well."""

    def selectability(self, mailbox: MailboxRow | None) -> list[str]:
        attributes = super().selectability(mailbox)
        return [*attributes, "\\Unmarked"] if "\\Noselect" in attributes else attributes


@fault("imap.nonexistent-unmarked")
class NonexistentUnmarked(Tree):
    r"""LIST does not mark a name without a mailbox \NonExistent."""

    def selectability(self, mailbox: MailboxRow | None) -> list[str]:
        return super().selectability(mailbox) if mailbox else []


@fault("imap.children-of-all")
class ChildrenOfAll(Tree):
    r"""LIST marks every name \HasChildren."""

    def children(self, name: str) -> str:
        return "\\HasChildren"


@fault("imap.childinfo-unasked")
class ChildinfoUnasked(ImapSession):
    """LIST tells CHILDINFO to those who did not ask."""

    def list_response(self, kind: bytes, entry: Entry) -> bytes:
        return super().list_response(kind, replace(entry, childinfo=("SUBSCRIBED",)))


@fault("imap.subscribed-unmarked")
class SubscribedUnmarked(Tree):
    r"""LIST marks nothing \Subscribed."""

    def entry(
        self, name: str, mailbox: MailboxRow | None, options: frozenset[str], childinfo: tuple[str, ...] = ()
    ) -> Entry:
        return super().entry(name, mailbox, options - {"SUBSCRIBED"}, childinfo)


# Options


@fault("imap.list-forgives-options")
class ListForgivesOptions(ImapSession):
    """LIST passes over options that it does not know."""

    def command_octets(self, octets: bytes) -> None:
        if b" LIST " in octets:
            octets = _STRANGE_OPTION.sub(b"SUBSCRIBED", octets)
        super().command_octets(octets)


@fault("imap.recursivematch-alone")
class RecursivematchAlone(ImapSession):
    """RECURSIVEMATCH without another selection option is answered OK."""

    def reply_to_bad_command(self, exc: CommandError) -> Completion:
        if exc.rule == "RFC 5258 §3.1":
            return Completion("OK", "LIST completed")
        return super().reply_to_bad_command(exc)


@fault("imap.option-given-twice")
class OptionGivenTwice(ImapSession):
    """An option of LIST that is given twice gets BAD."""

    def command_octets(self, octets: bytes) -> None:
        if _OPTION_TWICE.search(octets):
            self.say(octets.partition(b" ")[0] + b" BAD An option is given twice\r\n")
            return
        super().command_octets(octets)


@fault("imap.subscribed-lists-all")
class SubscribedListsAll(ImapSession):
    """LIST (SUBSCRIBED) lists what is not subscribed as well."""

    def do_list(self, command: Command, arguments: List) -> Completion:
        if arguments.selection == {"SUBSCRIBED"}:
            returning = arguments.returning | arguments.selection
            arguments = replace(arguments, selection=frozenset(), returning=returning)
        return super().do_list(command, arguments)


@fault("imap.return-subscribed-adds-names")
class ReturnSubscribedAddsNames(Tree):
    """LIST RETURN (SUBSCRIBED) lists subscribed names that have no mailbox."""

    def entries(
        self, patterns: Iterable["re.Pattern[str]"], selection: frozenset[str], returning: frozenset[str]
    ) -> list[Entry]:
        patterns = list(patterns)
        found = super().entries(patterns, selection, returning)
        if "SUBSCRIBED" not in returning:
            return found
        added = self.subscriptions - {mailbox.name for mailbox in self.mailboxes}
        return found + [
            self.entry(name, None, returning)
            for name in sorted(added)
            if any(each.fullmatch(name) for each in patterns)
        ]


@fault("imap.any-selection-option-will-do")
class AnySelectionOptionWillDo(Tree):
    """LIST with several selection options lists what satisfies one of them."""

    def _is_selected(self, name: str, mailbox: MailboxRow | None, selection: frozenset[str]) -> bool:
        options = [frozenset({option}) for option in selection] or [selection]
        return any(
            super(AnySelectionOptionWillDo, self)._is_selected(name, mailbox, each) for each in options
        )


@fault("imap.list-status-without-status")
class ListStatusWithoutStatus(ImapSession):
    """LIST RETURN (STATUS ...) sends no STATUS."""

    def do_list(self, command: Command, arguments: List) -> Completion:
        return super().do_list(command, replace(arguments, counts=()))


# Special use


@fault("imap.special-use-lists-all")
class SpecialUseListsAll(Tree):
    """LIST (SPECIAL-USE) lists what has no special use as well."""

    def _is_selected(self, name: str, mailbox: MailboxRow | None, selection: frozenset[str]) -> bool:
        return super()._is_selected(name, mailbox, selection - {"SPECIAL-USE"})


@fault("imap.special-use-unlisted")
class SpecialUseUnlisted(ImapSession):
    """SPECIAL-USE works and is not listed."""

    def extensions(self) -> list[str]:
        return [name for name in super().extensions() if name != "SPECIAL-USE"]
