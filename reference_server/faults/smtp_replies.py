"""Deviations of replies: their codes, lines, texts and number."""

from harness.wire.smtp.address import Mailbox
from harness.wire.smtp.commands import Command
from reference_server.faults import fault
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer, answer


@fault("smtp.closes-after-554-greeting")
class ClosesAfter554Greeting(SmtpSession):
    """The greeting is 554, and the connection is closed behind it."""

    def greet(self) -> bytes:
        self.closing = True
        self.say(Answer(554, (f"{self.context.hostname} takes no mail",)))
        return self._take_out()


@fault("smtp.greets-with-521-and-serves")
class GreetsWith521AndServes(SmtpSession):
    """The greeting is 521, and mail is taken all the same."""

    def greet(self) -> bytes:
        self.say(Answer(521, (f"{self.context.hostname} takes no mail",)))
        return self._take_out()


@fault("smtp.greets-with-554-and-serves")
class GreetsWith554AndServes(SmtpSession):
    """The greeting is 554, and commands are answered as ever."""

    def greet(self) -> bytes:
        self.say(Answer(554, (f"{self.context.hostname} takes no mail",)))
        return self._take_out()


@fault("smtp.null-sender-answered-twice")
class NullSenderAnsweredTwice(SmtpSession):
    """MAIL FROM:<> has two replies."""

    def do_mail(self, command: Command) -> Answer:
        reply = super().do_mail(command)
        if command.argument == b"FROM:<>":
            self.say(reply)
        return reply


@fault("smtp.help-gets-600")
class HelpGets600(SmtpSession):
    """HELP is answered 614."""

    def encode(self, reply: Answer) -> bytes:
        octets = super().encode(reply)
        return b"6" + octets[1:].replace(b"\r\n214", b"\r\n614") if reply.code == 214 else octets


@fault("smtp.rset-gets-bare-code")
class RsetGetsBareCode(SmtpSession):
    """RSET is answered by a code and CRLF."""

    def do_rset(self, command: Command) -> Answer:
        reply = super().do_rset(command)
        return Answer(250, ()) if reply.code == 250 else reply

    def encode(self, reply: Answer) -> bytes:
        return super().encode(reply) if reply.lines else b"%d\r\n" % reply.code


@fault("smtp.multiline-with-two-codes")
class MultilineWithTwoCodes(SmtpSession):
    """The lines of a reply to HELP have different codes."""

    def encode(self, reply: Answer) -> bytes:
        return super().encode(reply).replace(b"214 ", b"211 ")


@fault("smtp.multiline-without-hyphens")
class MultilineWithoutHyphens(SmtpSession):
    """Every line of a reply to HELP with an argument has a space after its code."""

    def do_help(self, command: Command) -> Answer:
        reply = super().do_help(command)
        if not command.argument:
            return reply
        for line in reply.lines[:-1]:
            self.say(answer(reply.code, reply.enhanced, line))
        return answer(reply.code, reply.enhanced, reply.lines[-1])


@fault("smtp.help-line-too-long")
class HelpLineTooLong(SmtpSession):
    """HELP is answered by a line of 600 octets."""

    def encode(self, reply: Answer) -> bytes:
        return b"214 2.0.0 ".ljust(600, b"x") + b"\r\n" if reply.code == 214 else super().encode(reply)


@fault("smtp.replies-beyond-ascii")
class RepliesBeyondAscii(SmtpSession):
    """RSET is answered in UTF-8."""

    def do_rset(self, command: Command) -> Answer:
        reply = super().do_rset(command)
        return answer(250, "2.0.0", "Zurückgesetzt") if reply.code == 250 else reply


@fault("smtp.unknown-verb-gets-504")
class UnknownVerbGets504(SmtpSession):
    """An unknown verb is answered 504."""

    def reply_to_unknown_verb(self, command: Command) -> Answer:
        if command.verb.startswith(b"X"):
            return answer(504, "5.5.1", "Command not recognized")
        return super().reply_to_unknown_verb(command)


@fault("smtp.turn-gets-504")
class TurnGets504(SmtpSession):
    """TURN is answered 504."""

    def reply_to_unknown_verb(self, command: Command) -> Answer:
        if command.verb == b"TURN":
            return answer(504, "5.5.1", "Command not implemented")
        return super().reply_to_unknown_verb(command)


@fault("smtp.unknown-user-gets-521")
class UnknownUserGets521(SmtpSession):
    """RCPT for an unknown user is answered 521."""

    def reply_to_unknown_recipient(self, mailbox: Mailbox | None) -> Answer:
        if mailbox is not None and self.is_known_domain(mailbox.domain.decode()):
            return answer(521, "5.1.1", "No such user here")
        return super().reply_to_unknown_recipient(mailbox)
