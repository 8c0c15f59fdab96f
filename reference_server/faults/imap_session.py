"""Deviations of IMAP sessions: tags, syntax, literals, states, and what every state has."""

import re
from typing import Final

from harness.wire.imap.commands import Command, CommandError, NoArguments, parse_command, read_tag
from harness.wire.imap.states import State, Verb
from reference_server.faults import fault
from reference_server.imap.answers import Completion, no, ok
from reference_server.imap.session import ImapSession

_BAD_TAG: Final = re.compile(rb'[(){%*"\\+]')
_SPACES: Final = re.compile(rb" +")
_NONSYNC: Final = re.compile(rb"\{[0-9]+\+\}\r\n")
_ANNOUNCED: Final = re.compile(rb"\{([0-9]+)\}\r\n")

# What a client means when it speaks of messages without a mailbox.
_CHANGING: Final = frozenset({"STORE", "COPY", "EXPUNGE"})


# Tags and syntax


@fault("imap.tags-in-capitals")
class TagsInCapitals(ImapSession):
    """A command is answered with its tag in capital letters."""

    def command_octets(self, octets: bytes) -> None:
        tag, space, rest = octets.partition(b" ")
        super().command_octets(tag.upper() + space + rest)


@fault("imap.tags-are-used-once")
class TagsAreUsedOnce(ImapSession):
    """A tag that was used before gets BAD."""

    used: frozenset[bytes] = frozenset()

    def command_octets(self, octets: bytes) -> None:
        tag = read_tag(octets) or b"*"
        if tag in self.used:
            self.say(tag + b" BAD The tag was used before\r\n")
            return
        self.used |= {tag}
        super().command_octets(octets)


@fault("imap.no-for-syntax-errors")
class NoForSyntaxErrors(ImapSession):
    """A command that cannot be read is answered NO, as long as no mailbox is selected."""

    def reply_to_bad_command(self, exc: CommandError) -> Completion:
        reply = super().reply_to_bad_command(exc)
        of_list = exc.rule.startswith("RFC 5258")
        return reply if self.view or of_list else Completion("NO", reply.text)


@fault("imap.forgives-spaces")
class ForgivesSpaces(ImapSession):
    """Several spaces are one, and those at the end are none."""

    def command_octets(self, octets: bytes) -> None:
        super().command_octets(octets if b"\r\n" in octets else _SPACES.sub(b" ", octets.strip()))


@fault("imap.any-tag")
class AnyTag(ImapSession):
    """NOOP is carried out whatever its tag is."""

    def command_octets(self, octets: bytes) -> None:
        tag = octets.partition(b" ")[0]
        if _BAD_TAG.search(tag) and octets.endswith(b" NOOP"):
            self.untagged(b"OK NOOP completed")
            return
        super().command_octets(octets)


@fault("imap.verbs-in-capitals")
class VerbsInCapitals(ImapSession):
    """A command that is not in capital letters is unknown."""

    def command_octets(self, octets: bytes) -> None:
        tag, verb = [*octets.split(b" "), b""][:2]
        if verb != verb.upper():
            self.say(tag + b" BAD No such command\r\n")
            return
        super().command_octets(octets)


@fault("imap.searches-before-stores")
class SearchesBeforeStores(ImapSession):
    """Of commands sent ahead, a STORE waits for the one behind it."""

    held: bytes = b""

    def receive(self, data: bytes) -> bytes:
        return super().receive(data) + self._run_held()

    def _run_held(self) -> bytes:
        held, self.held = self.held, b""
        if held:
            super().command_octets(held)
        return self._take_out()

    def command_octets(self, octets: bytes) -> None:
        held, self.held = self.held, b""
        if b" STORE " in octets and not held:
            self.held = octets
            return
        super().command_octets(octets)
        if held:
            super().command_octets(held)


@fault("imap.nul-in-bad")
class NulInBad(ImapSession):
    """The text of BAD ends as a string of C does."""

    def reply_to_bad_command(self, exc: CommandError) -> Completion:
        reply = super().reply_to_bad_command(exc)
        return Completion(reply.status, reply.text + "\0")


@fault("imap.lf-ends-the-ok-of-authenticate")
class LfEndsTheOkOfAuthenticate(ImapSession):
    """The OK of AUTHENTICATE ends in LF alone."""

    def tagged(self, command: Command, completion: Completion) -> bytes:
        line = super().tagged(command, completion)
        return line.replace(b"\r\n", b"\n") if command.verb == "AUTHENTICATE" else line


# Literals


@fault("imap.literal-ends-at-crlf")
class LiteralEndsAtCrlf(ImapSession):
    """A literal of STATUS ends at its first CRLF; what follows is read as commands."""

    def command_octets(self, octets: bytes) -> None:
        head, mark, rest = octets.partition(b"}\r\n")
        if b" STATUS {" not in head or b"\r\n" not in rest:
            super().command_octets(octets)
            return
        for line in [head + mark, *rest.split(b"\r\n")]:
            super().command_octets(line)


@fault("imap.plus-for-nonsync")
class PlusForNonsync(ImapSession):
    """A non-synchronizing literal is asked for all the same."""

    def command_octets(self, octets: bytes) -> None:
        if _NONSYNC.search(octets):
            self.continue_(b"Ready for the literal")
        super().command_octets(octets)


@fault("imap.runs-the-literal-of-a-refused-command")
class RunsTheLiteralOfARefusedCommand(ImapSession):
    """The lines of a non-synchronizing literal are commands where its own command was refused."""

    def command_octets(self, octets: bytes) -> None:
        _, mark, rest = octets.partition(b"+}\r\n")
        super().command_octets(octets)
        if mark and not _is_readable(octets):
            for line in rest.split(b"\r\n"):
                super().command_octets(line)


def _is_readable(octets: bytes) -> bool:
    try:
        parse_command(octets)
    except CommandError:
        return False
    return True


@fault("imap.sends-nonsync-literals")
class SendsNonsyncLiterals(ImapSession):
    """The server marks the literals of FETCH as non-synchronizing."""

    def untagged(self, octets: bytes) -> None:
        super().untagged(_ANNOUNCED.sub(rb"{\1+}\r\n", octets) if b" FETCH (" in octets[:40] else octets)


@fault("imap.literal-plus-and-minus")
class LiteralPlusAndMinus(ImapSession):
    """CAPABILITY lists LITERAL+ and LITERAL-."""

    def extensions(self) -> list[str]:
        return [*super().extensions(), "LITERAL-"]


# States


@fault("imap.greets-strangely-inside-tls")
class GreetsStrangelyInsideTls(ImapSession):
    """The greeting of the port with implicit TLS is none of those that exist."""

    def greet(self) -> bytes:
        greeting = super().greet()
        return b"* HELLO there\r\n" if self.tls else greeting


@fault("imap.carries-out-before-login")
class CarriesOutBeforeLogin(ImapSession):
    """Before login every command is answered OK."""

    def reply_to_wrong_state(self, command: Command) -> Completion:
        if self.state is State.NOT_AUTHENTICATED:
            return ok(f"{command.name} completed")
        return super().reply_to_wrong_state(command)


@fault("imap.stores-without-a-mailbox")
class StoresWithoutAMailbox(ImapSession):
    """STORE, COPY and EXPUNGE are answered OK where no mailbox is selected."""

    def reply_to_wrong_state(self, command: Command) -> Completion:
        if self.state is State.AUTHENTICATED and command.verb in _CHANGING:
            return ok(f"{command.name} completed")
        return super().reply_to_wrong_state(command)


@fault("imap.closes-in-silence")
class ClosesInSilence(ImapSession):
    """A line that does not end closes the connection without BYE."""

    def reply_to_endless_line(self) -> bytes:
        return b""


# Any state


@fault("imap.capability-twice")
class CapabilityTwice(ImapSession):
    """CAPABILITY sends its listing twice."""

    def do_capability(self, command: Command, arguments: NoArguments) -> Completion:
        super().do_capability(command, arguments)
        return super().do_capability(command, arguments)


@fault("imap.hides-rev1-after-login")
class HidesRev1AfterLogin(ImapSession):
    """After login IMAP4rev1 is not listed."""

    def capabilities(self) -> list[str]:
        return [name for name in super().capabilities() if name != "IMAP4rev1" or not self.user]


@fault("imap.hides-rev2-after-login")
class HidesRev2AfterLogin(ImapSession):
    """After login IMAP4rev2 is not listed."""

    def capabilities(self) -> list[str]:
        return [name for name in super().capabilities() if name != "IMAP4rev2" or not self.user]


@fault("imap.unregistered-capability")
class UnregisteredCapability(ImapSession):
    """A capability is listed that the registry does not have."""

    def extensions(self) -> list[str]:
        return [*super().extensions(), "SNIPPET=FUZZY"]


@fault("imap.noop-needs-login")
class NoopNeedsLogin(ImapSession):
    """NOOP before login gets NO."""

    def do_noop(self, command: Command, arguments: NoArguments) -> Completion:
        if not self.user:
            raise no("Log in first")
        return super().do_noop(command, arguments)


@fault("imap.logout-without-bye")
class LogoutWithoutBye(ImapSession):
    """LOGOUT is answered OK, and BYE is not said."""

    def do_logout(self, command: Command, arguments: NoArguments) -> Completion:
        self.leave_mailbox()
        self.closing = True
        return ok("LOGOUT completed")


# IDLE


@fault("imap.idle-ends-at-once")
class IdleEndsAtOnce(ImapSession):
    """IDLE is completed as soon as it has begun."""

    def do_idle(self, command: Command, arguments: NoArguments) -> Completion | None:
        self.continue_(b"idling")
        return ok("IDLE completed")


@fault("imap.done-in-capitals")
class DoneInCapitals(ImapSession):
    """DONE that is not in capital letters ends IDLE with BAD."""

    def end_idle(self, command: Command, line: bytes) -> None:
        if line == b"DONE":
            super().end_idle(command, line)
            return
        self.expect_line(None)
        self.go_on(command, Verb.DONE, self.reply_to_no_done(line))
