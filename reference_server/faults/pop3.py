"""Deviations of POP3's session: lines, states, capabilities, TLS (RFC 1939 §3, RFC 2449, RFC 2595)."""

import itertools
import re

from harness.wire.pop3.commands import Command, CommandError
from harness.wire.pop3.states import Answer, State, Verb
from reference_server.faults import fault
from reference_server.pop3.core import Response, error, ok
from reference_server.pop3.session import Pop3Session


@fault("pop3.lower-case-err")
class LowerCaseErr(Pop3Session):
    """Unknown commands are answered -err."""

    def reply_to_unknown(self, command: Command) -> Response:
        return Response(Answer.ERR, b"-err Unknown command\r\n")


@fault("pop3.greets-in-lower-case")
class GreetsInLowerCase(Pop3Session):
    """The greeting begins with +ok."""

    def greet(self) -> bytes:
        return super().greet().replace(b"+OK", b"+ok")


@fault("pop3.unknown-command-ok")
class UnknownCommandOk(Pop3Session):
    """Unknown commands are answered +OK."""

    def reply_to_unknown(self, command: Command) -> Response:
        return ok()


@fault("pop3.endless-response-line")
class EndlessResponseLine(Pop3Session):
    """The answer to an unknown command repeats its argument three times, however long it is."""

    def reply_to_unknown(self, command: Command) -> Response:
        return Response(Answer.ERR, b"-ERR Unknown: %s\r\n" % (b" ".join(command.arguments) * 3))


@fault("pop3.retr-of-nothing")
class RetrOfNothing(Pop3Session):
    """RETR without a number is RETR 1."""

    def read_command(self, line: bytes) -> Command:
        return super().read_command(b"RETR 1" if line.upper() == b"RETR" else line)


@fault("pop3.case-sensitive")
class CaseSensitive(Pop3Session):
    """Keywords in lower case are refused."""

    def read_command(self, line: bytes) -> Command:
        keyword = line.partition(b" ")[0]
        if keyword != keyword.upper():
            raise CommandError(0, "RFC 1939 §3", "not in capitals")
        return super().read_command(line)


@fault("pop3.lf-ends-a-command")
class LfEndsACommand(Pop3Session):
    """A lone LF ends a command."""

    def receive(self, data: bytes) -> bytes:
        return super().receive(re.sub(rb"(?<!\r)\n", b"\r\n", data))


@fault("pop3.lines-of-100-octets")
class LinesOf100Octets(Pop3Session):
    """What a command line has beyond 100 octets is the next command."""

    def line(self, line: bytes) -> Response | None:
        if self.state is State.AUTH or len(line) <= 100:
            return super().line(line)
        self.say(error("Line too long"))
        return self.line(line[100:])


@fault("pop3.noop-before-login")
class NoopBeforeLogin(Pop3Session):
    """NOOP before login is answered +OK."""

    def reply_to_wrong_state(self, verb: Verb) -> Response:
        return ok() if verb is Verb.NOOP else super().reply_to_wrong_state(verb)


@fault("pop3.user-after-login")
class UserAfterLogin(Pop3Session):
    """USER after login is answered +OK."""

    def reply_to_wrong_state(self, verb: Verb) -> Response:
        return ok() if verb is Verb.USER and self.maildrop else super().reply_to_wrong_state(verb)


@fault("pop3.pass-without-user")
class PassWithoutUser(Pop3Session):
    """PASS without USER is answered +OK."""

    def reply_to_wrong_state(self, verb: Verb) -> Response:
        alone = verb is Verb.PASS and not self.maildrop and not self.tls
        return ok() if alone else super().reply_to_wrong_state(verb)


@fault("pop3.quit-before-login-err")
class QuitBeforeLoginErr(Pop3Session):
    """QUIT before login is answered -ERR."""

    def do_quit(self, command: Command) -> Response:
        logged_in = self.maildrop is not None
        response = super().do_quit(command)
        return response if logged_in else error("Why?")


@fault("pop3.no-noop")
class NoNoop(Pop3Session):
    """NOOP is not implemented."""

    def verbs(self) -> frozenset[Verb]:
        return super().verbs() - {Verb.NOOP}


@fault("pop3.brackets-without-a-code")
class BracketsWithoutACode(Pop3Session):
    """Malformed commands are answered with an opening bracket and no response code."""

    def reply_to_bad_line(self, exc: CommandError) -> Response:
        return Response(Answer.ERR, b"-ERR [no, not this\r\n")


@fault("pop3.pipelined-commands-refused")
class PipelinedCommandsRefused(Pop3Session):
    """Of commands that arrive together only the first is run."""

    def receive(self, data: bytes) -> bytes:
        first, *others = re.findall(rb".*?\r\n", data, re.DOTALL) or [data]
        if self.state is not State.TRANSACTION or not others:
            return super().receive(data)
        return super().receive(first) + error("Not so fast").octets * len(others)


@fault("pop3.no-capa-after-login")
class NoCapaAfterLogin(Pop3Session):
    """CAPA after login is answered -ERR."""

    def do_capa(self, command: Command) -> Response:
        return error("Not now") if self.maildrop else super().do_capa(command)


@fault("pop3.no-capa-before-tls")
class NoCapaBeforeTls(Pop3Session):
    """CAPA before TLS and login is answered -ERR, though STLS is there."""

    def do_capa(self, command: Command) -> Response:
        return super().do_capa(command) if self.tls or self.maildrop else error("Not now")


@fault("pop3.capability-has-two-spaces")
class CapabilityHasTwoSpaces(Pop3Session):
    """A capability has two spaces before its parameter."""

    def capabilities(self) -> dict[str, str]:
        return super().capabilities() | {"IMPLEMENTATION": " mailproof"}


@fault("pop3.fewer-capabilities-after-login")
class FewerCapabilitiesAfterLogin(Pop3Session):
    """PIPELINING is listed before login only."""

    def capabilities(self) -> dict[str, str]:
        offered = super().capabilities()
        if self.maildrop is not None:
            del offered["PIPELINING"]
        return offered


@fault("pop3.uidl-not-listed")
class UidlNotListed(Pop3Session):
    """UIDL works and CAPA does not list it."""

    def capabilities(self) -> dict[str, str]:
        offered = super().capabilities()
        del offered["UIDL"]
        return offered


@fault("pop3.uidl-listed-and-refused")
class UidlListedAndRefused(Pop3Session):
    """CAPA lists UIDL, and UIDL is answered -ERR."""

    def do_uidl(self, command: Command) -> Response:
        return error("Not today")


@fault("pop3.expires-sooner-after-login")
class ExpiresSoonerAfterLogin(Pop3Session):
    """EXPIRE is NEVER before login and 30 days after it."""

    def capabilities(self) -> dict[str, str]:
        return super().capabilities() | ({"EXPIRE": "30"} if self.maildrop else {})


class _ListsByLogin(Pop3Session):
    """Lists one capability with another value after login."""

    tag: str
    values: tuple[str, str]

    def capabilities(self) -> dict[str, str]:
        return super().capabilities() | {self.tag: self.values[self.maildrop is not None]}


@fault("pop3.expire-differs-without-user")
class ExpireDiffersWithoutUser(_ListsByLogin):
    """EXPIRE is 30 days before login, NEVER after it, and does not say that it differs."""

    tag = "EXPIRE"
    values = ("30", "NEVER")


@fault("pop3.login-delay-grows")
class LoginDelayGrows(_ListsByLogin):
    """LOGIN-DELAY is larger after login."""

    tag = "LOGIN-DELAY"
    values = ("10", "20")


@fault("pop3.login-delay-differs-without-user")
class LoginDelayDiffersWithoutUser(_ListsByLogin):
    """LOGIN-DELAY is smaller after login, and does not say that it differs."""

    tag = "LOGIN-DELAY"
    values = ("20", "10")


@fault("pop3.same-timestamp-in-every-greeting")
class SameTimestampInEveryGreeting(Pop3Session):
    """Every greeting has the same timestamp."""

    def greet(self) -> bytes:
        return super().greet().replace(b"\r\n", b" <1896.697@example.org>\r\n")


@fault("pop3.timestamp-without-domain")
class TimestampWithoutDomain(Pop3Session):
    """A greeting's timestamp is no msg-id."""

    greetings = itertools.count()

    def greet(self) -> bytes:
        return super().greet().replace(b"\r\n", b" <%d>\r\n" % next(self.greetings))


@fault("pop3.stls-listed-and-refused")
class StlsListedAndRefused(Pop3Session):
    """CAPA lists STLS, and STLS is answered -ERR."""

    def do_stls(self, command: Command) -> Response:
        return error("Not today")


@fault("pop3.stls-after-login")
class StlsAfterLogin(Pop3Session):
    """STLS after login is answered +OK."""

    def reply_to_wrong_state(self, verb: Verb) -> Response:
        return ok() if verb is Verb.STLS else super().reply_to_wrong_state(verb)


@fault("pop3.stls-injection")
class StlsInjection(Pop3Session):
    """Commands that came in the clear behind STLS are run inside TLS."""

    def discard_plaintext(self) -> None:
        pass


@fault("pop3.user-survives-stls")
class UserSurvivesStls(Pop3Session):
    """A USER from before TLS is still good inside it."""

    def forget_user(self) -> None:
        if self._name:
            self.state = State.NAMED
