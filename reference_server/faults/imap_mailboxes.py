"""Deviations of IMAP's mailboxes: their names, CREATE, DELETE, RENAME, subscriptions, STATUS."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.command_list import Status
from harness.wire.imap.commands import Command, Create, Mailbox, Rename
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.mutf7 import decode_mailbox_name, encode_mailbox_name
from harness.wire.imap.states import Answer, State, Verb
from reference_server.faults import fault
from reference_server.imap.answers import Completion, Refusal, no, ok
from reference_server.imap.listing import SEPARATOR, Entry
from reference_server.imap.session import ImapSession
from reference_server.store import HasChildren, MailboxExists, MailboxRow, NoSuchMailbox

_VALIDITY: Final = re.compile(rb"\b(UIDVALIDITY|APPENDUID|COPYUID) [0-9]+")
_UNSEEN: Final = re.compile(rb"UNSEEN [0-9]+")
_SIZE: Final = re.compile(rb"SIZE ([0-9]+)")
_UIDNEXT: Final = re.compile(rb"UIDNEXT [0-9]+")


# Names


@fault("imap.lists-names-in-small-letters")
class ListsNamesInSmallLetters(ImapSession):
    """LIST shows names in small letters."""

    def encode_name(self, name: str) -> bytes:
        return super().encode_name(name if self.rev2 else name.lower())


@fault("imap.lists-raw-utf8")
class ListsRawUtf8(ImapSession):
    """LIST shows names in UTF-8 before IMAP4rev2 is enabled."""

    def encode_name(self, name: str) -> bytes:
        return encode_astring(name.encode(), utf8=True)


@fault("imap.creates-8bit-names")
class Creates8bitNames(ImapSession):
    """A name that is no modified UTF-7 is taken for Latin-1."""

    def decode_name(self, octets: bytes) -> str:
        try:
            return super().decode_name(octets)
        except Refusal:
            if self.rev2:
                raise
            return octets.decode("latin-1").translate(dict.fromkeys(range(127, 160)))


@fault("imap.creates-broken-utf7")
class CreatesBrokenUtf7(ImapSession):
    """A name in broken modified UTF-7 is taken as it stands."""

    def decode_name(self, octets: bytes) -> str:
        try:
            return super().decode_name(octets)
        except Refusal:
            if not octets.isascii():
                raise
            return octets.decode("ascii")


@fault("imap.dots-below-the-first-level")
class DotsBelowTheFirstLevel(ImapSession):
    """LIST tells another separator for names that have one."""

    def list_response(self, kind: bytes, entry: Entry) -> bytes:
        response = super().list_response(kind, entry)
        return response.replace(b'"/"', b'"."', 1) if SEPARATOR in entry.name else response


@fault("imap.rev2-without-utf8")
class Rev2WithoutUtf8(ImapSession):
    """Names stay in modified UTF-7 when IMAP4rev2 is enabled."""

    def decode_name(self, octets: bytes) -> str:
        try:
            return decode_mailbox_name(octets)
        except RemoteProtocolError:
            raise no("The mailbox name is not modified UTF-7", "CANNOT") from None

    def encode_name(self, name: str) -> bytes:
        return encode_astring(encode_mailbox_name(name))


@fault("imap.rev2-creates-any-octets")
class Rev2CreatesAnyOctets(ImapSession):
    """In IMAP4rev2 octets that are no UTF-8 are taken for something."""

    def decode_name(self, octets: bytes) -> str:
        return octets.decode("utf-8", "replace") if self.rev2 else super().decode_name(octets)


@fault("imap.inbox-in-capitals")
class InboxInCapitals(ImapSession):
    """INBOX is the inbox in capital letters only."""

    def existing(self, octets: bytes, code: str = "NONEXISTENT") -> MailboxRow:
        if octets.upper() == b"INBOX" != octets:
            raise no("There is no such mailbox", code)
        return super().existing(octets, code)


# CREATE, DELETE, RENAME


@fault("imap.create-needs-superiors")
class CreateNeedsSuperiors(ImapSession):
    """CREATE makes no superior names."""

    def do_create(self, command: Command, arguments: Create) -> Completion:
        parent = self.new_name(arguments.mailbox).rpartition(SEPARATOR)[0]
        if parent and self.context.store.mailbox(self.user, parent) is None:
            raise no("There is no superior mailbox", "CANNOT")
        return super().do_create(command, arguments)


@fault("imap.create-refuses-the-separator-at-the-end")
class CreateRefusesTheSeparatorAtTheEnd(ImapSession):
    """CREATE of a name with the separator at its end gets NO."""

    def do_create(self, command: Command, arguments: Create) -> Completion:
        if arguments.mailbox.endswith(SEPARATOR.encode()):
            raise no("A name cannot end so", "CANNOT")
        return super().do_create(command, arguments)


@fault("imap.create-twice")
class CreateTwice(ImapSession):
    """CREATE of a mailbox that exists is answered OK."""

    def do_create(self, command: Command, arguments: Create) -> Completion:
        try:
            return super().do_create(command, arguments)
        except MailboxExists:
            return ok("CREATE completed")


@fault("imap.delete-removes-inferiors")
class DeleteRemovesInferiors(ImapSession):
    """DELETE removes the inferior names as well."""

    def do_delete(self, command: Command, arguments: Mailbox) -> Completion:
        completion = super().do_delete(command, arguments)
        root = self.decode_name(arguments.mailbox) + SEPARATOR
        names = [each.name for each in self.context.store.mailboxes(self.user) if each.name.startswith(root)]
        for name in sorted(names, reverse=True):
            self.context.store.delete_mailbox(self.user, name)
        return completion


@fault("imap.delete-of-nothing")
class DeleteOfNothing(ImapSession):
    """DELETE of a mailbox that does not exist is answered OK."""

    def do_delete(self, command: Command, arguments: Mailbox) -> Completion:
        try:
            return super().do_delete(command, arguments)
        except NoSuchMailbox:
            return ok("DELETE completed")


@fault("imap.delete-without-haschildren")
class DeleteWithoutHaschildren(ImapSession):
    """The NO to a DELETE of a name that has inferiors says nothing of them."""

    def do_delete(self, command: Command, arguments: Mailbox) -> Completion:
        try:
            return super().do_delete(command, arguments)
        except HasChildren as exc:
            raise no(str(exc), "CANNOT") from None


@fault("imap.rename-leaves-inferiors")
class RenameLeavesInferiors(ImapSession):
    """RENAME leaves the inferior names where they are."""

    def do_rename(self, command: Command, arguments: Rename) -> Completion:
        completion = super().do_rename(command, arguments)
        old, new = self.decode_name(arguments.old), self.decode_name(arguments.new)
        for each in self.context.store.mailboxes(self.user):
            if each.name.startswith(new + SEPARATOR):
                self.context.store.rename_mailbox(self.user, each.name, old + each.name[len(new) :])
                return completion
        return completion


@fault("imap.rename-needs-superiors")
class RenameNeedsSuperiors(ImapSession):
    """RENAME makes no superior names."""

    def do_rename(self, command: Command, arguments: Rename) -> Completion:
        parent = self.new_name(arguments.new).rpartition(SEPARATOR)[0]
        if parent and self.context.store.mailbox(self.user, parent) is None:
            raise no("There is no superior mailbox", "CANNOT")
        return super().do_rename(command, arguments)


@fault("imap.rename-anything")
class RenameAnything(ImapSession):
    """RENAME that cannot be done is answered OK."""

    def do_rename(self, command: Command, arguments: Rename) -> Completion:
        try:
            return super().do_rename(command, arguments)
        except (MailboxExists, NoSuchMailbox):
            return ok("RENAME completed")


@fault("imap.uidvalidity-is-one")
class UidvalidityIsOne(ImapSession):
    """Every mailbox has the UIDVALIDITY 1."""

    def say(self, octets: bytes) -> None:
        super().say(_VALIDITY.sub(rb"\1 1", octets))


@fault("imap.any-use-is-taken")
class AnyUseIsTaken(ImapSession):
    """CREATE passes over a special use that it does not know."""

    def do_create(self, command: Command, arguments: Create) -> Completion:
        return super().do_create(command, replace(arguments, special_use=()))


# Subscriptions


@fault("imap.unsubscribe-forgets-nothing")
class UnsubscribeForgetsNothing(ImapSession):
    """UNSUBSCRIBE is answered OK and does nothing."""

    def do_unsubscribe(self, command: Command, arguments: Mailbox) -> Completion:
        return ok("UNSUBSCRIBE completed")


@fault("imap.delete-unsubscribes")
class DeleteUnsubscribes(ImapSession):
    """DELETE takes the subscription away as well."""

    def do_delete(self, command: Command, arguments: Mailbox) -> Completion:
        completion = super().do_delete(command, arguments)
        self.context.store.unsubscribe(self.user, self.decode_name(arguments.mailbox))
        return completion


# STATUS


@fault("imap.status-counts-all-as-unseen")
class StatusCountsAllAsUnseen(ImapSession):
    """STATUS counts every message as unseen."""

    def status_response(self, mailbox: MailboxRow, wanted: Iterable[str]) -> bytes:
        messages = self.context.store.status(mailbox.id).messages
        return _UNSEEN.sub(b"UNSEEN %d" % messages, super().status_response(mailbox, wanted))


@fault("imap.status-takes-recent")
class StatusTakesRecent(ImapSession):
    r"""STATUS takes \Recent from the messages it counts."""

    def do_status(self, command: Command, arguments: Status) -> Completion:
        completion = super().do_status(command, arguments)
        self.context.store.take_recent(self.existing(arguments.mailbox).id)
        return completion


@fault("imap.status-deselects")
class StatusDeselects(ImapSession):
    """After STATUS no mailbox is selected."""

    def state_after(self, verb: Verb, answer: Answer) -> State:
        if verb is Verb.STATUS and self.view is not None:
            self.leave_mailbox()
            return State.AUTHENTICATED
        return super().state_after(verb, answer)


@fault("imap.status-refuses-the-selected")
class StatusRefusesTheSelected(ImapSession):
    """STATUS of the selected mailbox gets NO."""

    def do_status(self, command: Command, arguments: Status) -> Completion:
        if self.view is not None and self.view.mailbox.id == self.existing(arguments.mailbox).id:
            raise no("The mailbox is selected")
        return super().do_status(command, arguments)


@fault("imap.status-size-in-kilobytes")
class StatusSizeInKilobytes(ImapSession):
    """STATUS tells SIZE in units of 1,024 octets."""

    def status_response(self, mailbox: MailboxRow, wanted: Iterable[str]) -> bytes:
        response = super().status_response(mailbox, wanted)
        return _SIZE.sub(lambda size: b"SIZE %d" % (int(size[1]) // 1024), response)


@fault("imap.uidnext-follows-the-count")
class UidnextFollowsTheCount(ImapSession):
    """STATUS tells one more than the number of messages for UIDNEXT."""

    def status_response(self, mailbox: MailboxRow, wanted: Iterable[str]) -> bytes:
        messages = self.context.store.status(mailbox.id).messages
        return _UIDNEXT.sub(b"UIDNEXT %d" % (messages + 1), super().status_response(mailbox, wanted))
