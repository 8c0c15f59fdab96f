"""Deviations of extensions that are parameters or codes: SIZE, DSN, SMTPUTF8, BODY, enhanced status codes."""

import re
from collections.abc import Mapping

from harness.wire.smtp.commands import Command
from harness.wire.smtp.data import ChunkReader
from harness.wire.smtp.errors import CommandError, ParameterError
from harness.wire.smtp.states import Verb
from reference_server.faults import fault
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer, answer

# SIZE


@fault("smtp.declared-size-ignored")
class DeclaredSizeIgnored(SmtpSession):
    """A declared size above the limit is accepted."""

    def check_size(self, parameters: Mapping[str, bytes | None]) -> Answer | None:
        return None


@fault("smtp.size-on-mail-limited-to-10000")
class SizeOnMailLimitedTo10000(SmtpSession):
    """A declared size above 10,000 octets is refused."""

    def check_size(self, parameters: Mapping[str, bytes | None]) -> Answer | None:
        return answer(552, "5.3.4", "Too large") if int(parameters.get("SIZE") or 0) > 10_000 else None


@fault("smtp.size-ends-data")
class SizeEndsData(SmtpSession):
    """The data ends where SIZE says."""

    def do_data(self, command: Command) -> Answer:
        reply = super().do_data(command)
        if reply.code == 354 and (size := int(self.mail_parameters.get("SIZE") or 0)):
            self.expect(ChunkReader(size))
        return reply


@fault("smtp.declared-size-refused-after-data")
class DeclaredSizeRefusedAfterData(SmtpSession):
    """A message that is no larger than declared is answered 552."""

    def check_content(self, content: bytes) -> Answer | None:
        if len(content) <= int(self.mail_parameters.get("SIZE") or 0):
            return self.reply_to_too_large()
        return super().check_content(content)


# DSN


@fault("smtp.envid-refused")
class EnvidRefused(SmtpSession):
    """A valid ENVID of few octets is refused."""

    def do_mail(self, command: Command) -> Answer:
        reply = super().do_mail(command)
        if reply.klass == 2 and re.search(rb" ENVID=\S{1,40}$", command.argument):
            return answer(550, "5.5.4", "ENVID refused")
        return reply


@fault("smtp.orcpt-refused")
class OrcptRefused(SmtpSession):
    """RCPT with a short ORCPT behind NOTIFY is refused."""

    def do_rcpt(self, command: Command) -> Answer:
        if re.search(rb" NOTIFY=[A-Z,]+ ORCPT=.{1,60}$", command.argument):
            return answer(554, "5.5.4", "ORCPT refused")
        return super().do_rcpt(command)


class _Gets555(SmtpSession):
    """Answers 555 to bad values of some parameters."""

    keywords: frozenset[str] = frozenset()

    def reply_to_bad_argument(self, verb: Verb, exc: CommandError) -> Answer:
        if isinstance(exc, ParameterError) and exc.keyword in self.keywords:
            return answer(555, "5.5.4", "Bad parameter")
        return super().reply_to_bad_argument(verb, exc)


@fault("smtp.bad-envid-gets-555")
class BadEnvidGets555(_Gets555):
    """A bad ENVID or RET is answered 555."""

    keywords = frozenset({"ENVID", "RET"})


@fault("smtp.bad-notify-gets-555")
class BadNotifyGets555(_Gets555):
    """A bad NOTIFY or ORCPT is answered 555."""

    keywords = frozenset({"NOTIFY", "ORCPT"})


@fault("smtp.envid-of-99-octets")
class EnvidOf99Octets(SmtpSession):
    """ENVID of 100 octets is refused."""

    def do_mail(self, command: Command) -> Answer:
        if re.search(rb"ENVID=\S{100}", command.argument):
            return answer(501, "5.5.4", "ENVID too long")
        return super().do_mail(command)


@fault("smtp.command-line-of-600-octets")
class CommandLineOf600Octets(SmtpSession):
    """A command line of more than 600 octets is refused."""

    def command_line(self, line: bytes) -> None:
        if len(line) > 600:
            self.say(self.reply_to_endless_line())
            return
        super().command_line(line)


def _without_repetition(command: Command) -> Command:
    """The command with only the last of the parameters that have the same keyword."""
    path, *parameters = command.argument.split(b" ")
    last = {word.partition(b"=")[0]: word for word in parameters}
    return Command(command.verb, b" ".join([path, *last.values()]), command.offset)


@fault("smtp.second-envid-taken")
class SecondEnvidTaken(SmtpSession):
    """Of two ENVIDs or RETs the last is taken."""

    def do_mail(self, command: Command) -> Answer:
        return super().do_mail(_without_repetition(command))


@fault("smtp.second-notify-taken")
class SecondNotifyTaken(SmtpSession):
    """Of two NOTIFYs or ORCPTs the last is taken."""

    def do_rcpt(self, command: Command) -> Answer:
        return super().do_rcpt(_without_repetition(command))


@fault("smtp.three-parameters-at-most")
class ThreeParametersAtMost(SmtpSession):
    """MAIL with more than three parameters is refused."""

    def do_mail(self, command: Command) -> Answer:
        if command.argument.count(b" ") > 3:
            return answer(501, "5.5.4", "Too many parameters")
        return super().do_mail(command)


# SMTPUTF8 and BODY


@fault("smtp.utf8-mailbox-gets-501")
class Utf8MailboxGets501(SmtpSession):
    """A mailbox beyond ASCII is a syntax error, SMTPUTF8 or not."""

    def do_mail(self, command: Command) -> Answer:
        if not command.argument.isascii():
            return answer(501, "5.1.7", "Syntax error")
        return super().do_mail(command)


@fault("smtp.smtputf8-takes-a-value")
class SmtpUtf8TakesAValue(SmtpSession):
    """SMTPUTF8 takes any value."""

    def do_mail(self, command: Command) -> Answer:
        without = re.sub(rb"SMTPUTF8=\S+", b"SMTPUTF8", command.argument)
        return super().do_mail(Command(command.verb, without, command.offset))


@fault("smtp.body-in-upper-case-only")
class BodyInUpperCaseOnly(SmtpSession):
    """The value of BODY is known in upper case only."""

    def do_mail(self, command: Command) -> Answer:
        value = command.argument.partition(b" BODY=")[2]
        return super().do_mail(command) if value == value.upper() else answer(501, "5.5.4", "BODY not known")


# Enhanced status codes


@fault("smtp.vrfy-without-enhanced-code")
class VrfyWithoutEnhancedCode(SmtpSession):
    """VRFY is answered without an enhanced status code."""

    def do_vrfy(self, command: Command) -> Answer:
        reply = super().do_vrfy(command)
        return Answer(reply.code, reply.lines)


@fault("smtp.enhanced-code-of-another-class")
class EnhancedCodeOfAnotherClass(SmtpSession):
    """NOOP is answered 250 with a code of class 5."""

    def do_noop(self, command: Command) -> Answer:
        return answer(250, "5.0.0", "OK")


@fault("smtp.enhanced-code-on-first-line-only")
class EnhancedCodeOnFirstLineOnly(SmtpSession):
    """Only the first line of a reply has the enhanced status code."""

    def encode(self, reply: Answer) -> bytes:
        first, *others = super().encode(reply).split(b"\r\n")
        return b"\r\n".join([first, *(re.sub(rb"(?<=^....)2\.0\.0 ", b"", line) for line in others)])


@fault("smtp.no-enhanced-codes-after-helo")
class NoEnhancedCodesAfterHelo(SmtpSession):
    """After HELO replies have no enhanced status codes."""

    def encode(self, reply: Answer) -> bytes:
        after_helo = bool(self.client_name) and not self.extended
        return super().encode(Answer(reply.code, reply.lines) if after_helo else reply)


@fault("smtp.enhanced-code-of-four-digits")
class EnhancedCodeOfFourDigits(SmtpSession):
    """NOOP is answered with a detail of four digits."""

    def do_noop(self, command: Command) -> Answer:
        return Answer(250, ("2.0.1000 OK",))
