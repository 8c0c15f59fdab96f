"""The controls and actions of RFC 5228, reject and ereject of RFC 5429."""

from dataclasses import dataclass
from typing import Final, Self

from reference_server.mda.sieve.actions import Discard, FileInto, Keep, Redirect, Reject
from reference_server.mda.sieve.addresses import outbound_address
from reference_server.mda.sieve.arguments import Arguments, CommandWords, StringList
from reference_server.mda.sieve.errors import Place, SieveError
from reference_server.mda.sieve.execution import Command, Run, Stop, Test
from reference_server.mda.sieve.flags import flags_of
from reference_server.mda.sieve.strings import Template

__all__ = ["COMMANDS", "Branch", "If"]

# Ours: longer than any mailbox name that a store or a client would take.
MAX_MAILBOX_NAME: Final = 1000


@dataclass(frozen=True, slots=True)
class Branch:
    """``if`` or ``elsif`` with its test; ``else`` has None."""

    test: Test | None
    block: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class If(Command):
    """One block of the chain at most (RFC 5228 §3.1)."""

    branches: tuple[Branch, ...]

    def execute(self, run: Run) -> None:
        for branch in self.branches:
            if branch.test is None or branch.test.holds(run):
                for command in branch.block:
                    command.execute(run)
                return


@dataclass(frozen=True, slots=True)
class StopCommand(Command):
    def execute(self, run: Run) -> None:
        raise Stop


@dataclass(frozen=True, slots=True)
class KeepCommand(Command):
    """``:flags`` in place of the internal variable (RFC 5232 §5)."""

    flags: StringList | None
    place: Place

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.tag_strings(":flags", "imap4flags"), arguments.place)

    def execute(self, run: Run) -> None:
        run.decide(Keep(_flags(run, self.flags)), self.place)
        run.cancel_keep()


@dataclass(frozen=True, slots=True)
class FileIntoCommand(Command):
    """``:copy`` leaves the implicit keep (RFC 3894)."""

    mailbox: Template
    flags: StringList | None
    copy: bool
    create: bool
    place: Place

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        flags = arguments.tag_strings(":flags", "imap4flags")
        copy, create = arguments.flag(":copy", "copy"), arguments.flag(":create", "mailbox")
        mailbox = arguments.string()
        if mailbox.constant is not None:
            _mailbox_name(mailbox.constant, mailbox)
        return cls(mailbox, flags, copy, create, arguments.place)

    def execute(self, run: Run) -> None:
        name = _mailbox_name(run.expand(self.mailbox), self.mailbox)
        run.decide(FileInto(name, _flags(run, self.flags), self.create), self.place)
        if not self.copy:
            run.cancel_keep()


@dataclass(frozen=True, slots=True)
class RedirectCommand(Command):
    """``:copy`` leaves the implicit keep (RFC 3894)."""

    address: Template
    copy: bool
    place: Place

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        copy, address = arguments.flag(":copy", "copy"), arguments.string()
        if address.constant is not None:
            _outbound(address.constant, address)
        return cls(address, copy, arguments.place)

    def execute(self, run: Run) -> None:
        run.decide(Redirect(_outbound(run.expand(self.address), self.address)), self.place)
        if not self.copy:
            run.cancel_keep()


@dataclass(frozen=True, slots=True)
class DiscardCommand(Command):
    place: Place

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.place)

    def execute(self, run: Run) -> None:
        run.decide(Discard(), self.place)
        run.cancel_keep()


@dataclass(frozen=True, slots=True)
class RejectCommand(Command):
    reason: Template
    extended: bool
    place: Place

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.string(), arguments.node.name == "ereject", arguments.place)

    def execute(self, run: Run) -> None:
        run.decide(Reject(run.text(self.reason), self.extended), self.place)
        run.cancel_keep()


def _flags(run: Run, given: StringList | None) -> tuple[str, ...]:
    return run.flags if given is None else flags_of(run.expand(each) for each in given)


def _mailbox_name(octets: bytes, template: Template) -> str:
    """A name that can be one in any store (RFC 5228 §4.1)."""
    try:
        name = octets.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise SieveError(template.place, "a mailbox name is UTF-8") from exc
    if not name or len(octets) > MAX_MAILBOX_NAME:
        raise SieveError(template.place, f"a mailbox name has 1 to {MAX_MAILBOX_NAME} octets")
    if any(ord(character) < 0x20 or character == "\x7f" for character in name):
        raise SieveError(template.place, "a mailbox name holds no control characters")
    return name


def _outbound(octets: bytes, template: Template) -> str:
    """RFC 5228 §2.4.2.3."""
    text = octets.decode("utf-8", "replace")
    address = outbound_address(text)
    if address is None:
        raise SieveError(template.place, f"{text[:80]!r} is no address")
    return address


COMMANDS: Final[CommandWords] = {
    "discard": (None, DiscardCommand.read),
    "ereject": ("ereject", RejectCommand.read),
    "fileinto": ("fileinto", FileIntoCommand.read),
    "keep": (None, KeepCommand.read),
    "redirect": (None, RedirectCommand.read),
    "reject": ("reject", RejectCommand.read),
    "stop": (None, lambda _arguments: StopCommand()),
}
