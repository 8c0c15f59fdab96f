"""Deviations of IMAP's APPEND: what is kept, what is told."""

import re
from dataclasses import replace
from typing import Final

from harness.wire.imap.commands import Append, Command, CommandError, parse_command
from reference_server.faults import fault
from reference_server.imap.answers import Completion
from reference_server.imap.session import ImapSession
from reference_server.store import MailboxRow

_APPEND_OPTIONS: Final = re.compile(rb"(\S+ APPEND \S+) .*?( ~?\{[0-9]+\+?\}\r\n)")


@fault("imap.append-strips-the-eighth-bit")
class AppendStripsTheEighthBit(ImapSession):
    """APPEND keeps seven bits of every octet."""

    def do_append(self, command: Command, arguments: Append) -> Completion:
        content = bytes(octet & 0x7F for octet in arguments.content)
        return super().do_append(command, replace(arguments, content=content))


@fault("imap.append-loses-keywords")
class AppendLosesKeywords(ImapSession):
    """APPEND sets system flags only."""

    def do_append(self, command: Command, arguments: Append) -> Completion:
        flags = tuple(flag for flag in arguments.flags if flag.startswith("\\"))
        return super().do_append(command, replace(arguments, flags=flags))


@fault("imap.append-loses-the-seconds")
class AppendLosesTheSeconds(ImapSession):
    """APPEND keeps the internal date by the minute."""

    def do_append(self, command: Command, arguments: Append) -> Completion:
        date = arguments.date and arguments.date.replace(second=0)
        return super().do_append(command, replace(arguments, date=date))


@fault("imap.append-keeps-what-it-refuses")
class AppendKeepsWhatItRefuses(ImapSession):
    """APPEND with options that cannot be read gets BAD, and the message is there."""

    def command_octets(self, octets: bytes) -> None:
        found = _APPEND_OPTIONS.match(octets)
        try:
            parse_command(octets)
        except CommandError:
            if found is not None:
                self.perform(parse_command(found[1] + found[2] + octets[found.end() :]))
        super().command_octets(octets)


@fault("imap.append-creates")
class AppendCreates(ImapSession):
    """APPEND creates the mailbox that it does not find."""

    def do_append(self, command: Command, arguments: Append) -> Completion:
        name = self.decode_name(arguments.mailbox)
        if self.context.store.mailbox(self.user, name) is None:
            self.context.store.create_mailbox(self.user, name)
        return super().do_append(command, arguments)


@fault("imap.append-without-trycreate")
class AppendWithoutTrycreate(ImapSession):
    """APPEND to a mailbox that does not exist gets NO without TRYCREATE."""

    def do_append(self, command: Command, arguments: Append) -> Completion:
        self.existing(arguments.mailbox)
        return super().do_append(command, arguments)


@fault("imap.append-without-exists")
class AppendWithoutExists(ImapSession):
    """What APPEND put into the selected mailbox is told with the next command."""

    def after(self, command: Command) -> None:
        if command.verb != "APPEND":
            super().after(command)


@fault("imap.append-without-appenduid")
class AppendWithoutAppenduid(ImapSession):
    """APPEND returns no APPENDUID."""

    def append_uid(self, mailbox: MailboxRow, uid: int) -> str:
        return ""


@fault("imap.appenduid-of-the-next")
class AppenduidOfTheNext(ImapSession):
    """APPENDUID tells the UID behind the message's."""

    def append_uid(self, mailbox: MailboxRow, uid: int) -> str:
        return super().append_uid(mailbox, uid + 1)


@fault("imap.appenduid-is-a-range")
class AppenduidIsARange(ImapSession):
    """APPENDUID of one message is a range."""

    def append_uid(self, mailbox: MailboxRow, uid: int) -> str:
        return f"APPENDUID {mailbox.uidvalidity} {uid}:{uid}"
