"""Deviations of the session's commands: RSET, NOOP, HELP, QUIT, VRFY, EXPN; order and arguments."""

from harness.wire.smtp.commands import Command
from harness.wire.smtp.errors import CommandError
from harness.wire.smtp.states import State, Verb
from reference_server.faults import fault
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer, answer


@fault("smtp.noop-needs-ehlo")
class NoopNeedsEhlo(SmtpSession):
    """NOOP before EHLO is answered 503."""

    def do_noop(self, command: Command) -> Answer:
        return super().do_noop(command) if self.client_name else answer(503, "5.5.1", "Send EHLO first")


@fault("smtp.rset-needs-ehlo")
class RsetNeedsEhlo(SmtpSession):
    """RSET before EHLO is answered 503."""

    def do_rset(self, command: Command) -> Answer:
        return super().do_rset(command) if self.client_name else answer(503, "5.5.1", "Send EHLO first")


@fault("smtp.rset-keeps-transaction")
class RsetKeepsTransaction(SmtpSession):
    """RSET is answered 250 and forgets nothing."""

    def do_rset(self, command: Command) -> Answer:
        return super().do_rset(command) if command.argument else answer(250, "2.0.0", "OK")

    def state_after(self, verb: Verb, reply: Answer) -> State:
        return self.state if verb is Verb.RSET else super().state_after(verb, reply)


@fault("smtp.rset-gets-252")
class RsetGets252(SmtpSession):
    """RSET works and is answered 252."""

    def do_rset(self, command: Command) -> Answer:
        reply = super().do_rset(command)
        return answer(252, "2.0.0", "OK") if reply.code == 250 else reply


@fault("smtp.rset-closes")
class RsetCloses(SmtpSession):
    """The connection is closed behind the third RSET."""

    resets = 0

    def do_rset(self, command: Command) -> Answer:
        self.resets += 1
        self.closing = self.resets == 3
        return super().do_rset(command)


@fault("smtp.rset-with-argument-gets-250")
class RsetWithArgumentGets250(SmtpSession):
    """RSET ignores its argument."""

    def do_rset(self, command: Command) -> Answer:
        return super().do_rset(Command(command.verb, b"", command.offset))


@fault("smtp.data-with-argument-gets-504")
class DataWithArgumentGets504(SmtpSession):
    """DATA with an argument is answered 504."""

    def do_data(self, command: Command) -> Answer:
        return answer(504, "5.5.4", "No argument here") if command.argument else super().do_data(command)


@fault("smtp.noop-gets-214")
class NoopGets214(SmtpSession):
    """NOOP is answered 214."""

    def do_noop(self, command: Command) -> Answer:
        return answer(214, "2.0.0", "OK")


@fault("smtp.noop-with-argument-gets-501")
class NoopWithArgumentGets501(SmtpSession):
    """NOOP takes no argument."""

    def do_noop(self, command: Command) -> Answer:
        return answer(501, "5.5.4", "No argument here") if command.argument else super().do_noop(command)


@fault("smtp.noop-ends-transaction")
class NoopEndsTransaction(SmtpSession):
    """NOOP does what RSET does."""

    def do_noop(self, command: Command) -> Answer:
        self.forget_transaction()
        return super().do_noop(command)

    def state_after(self, verb: Verb, reply: Answer) -> State:
        if verb is Verb.NOOP and self.state is not State.FRESH:
            return State.READY
        return super().state_after(verb, reply)


@fault("smtp.no-help")
class NoHelp(SmtpSession):
    """HELP is neither listed nor implemented."""

    def known_verbs(self) -> frozenset[Verb]:
        return super().known_verbs() - {Verb.HELP}

    def extensions(self) -> dict[str, str]:
        return {name: value for name, value in super().extensions().items() if name != "HELP"}


@fault("smtp.no-expn")
class NoExpn(SmtpSession):
    """EXPN is neither listed nor implemented."""

    def known_verbs(self) -> frozenset[Verb]:
        return super().known_verbs() - {Verb.EXPN}

    def extensions(self) -> dict[str, str]:
        return {name: value for name, value in super().extensions().items() if name != "EXPN"}


@fault("smtp.quit-gets-250")
class QuitGets250(SmtpSession):
    """QUIT is answered 250."""

    def do_quit(self, command: Command) -> Answer:
        reply = super().do_quit(command)
        return answer(250, "2.0.0", "Bye") if reply.code == 221 else reply


@fault("smtp.closes-after-unknown-command")
class ClosesAfterUnknownCommand(SmtpSession):
    """The connection is closed behind the reply to an unknown command."""

    def reply_to_unknown_verb(self, command: Command) -> Answer:
        self.closing = True
        return super().reply_to_unknown_verb(command)


@fault("smtp.closes-after-bad-argument")
class ClosesAfterBadArgument(SmtpSession):
    """The connection is closed behind the refusal of a MAIL argument."""

    def reply_to_bad_argument(self, verb: Verb, exc: CommandError) -> Answer:
        self.closing = verb is Verb.MAIL
        return super().reply_to_bad_argument(verb, exc)


@fault("smtp.trailing-space-gets-501")
class TrailingSpaceGets501(SmtpSession):
    """White space before CRLF is a syntax error."""

    def command_line(self, line: bytes) -> None:
        if line != line.rstrip(b" \t"):
            self.say(answer(501, "5.5.2", "Trailing space"))
            return
        super().command_line(line)


# Order


@fault("smtp.rcpt-before-mail-gets-550")
class RcptBeforeMailGets550(SmtpSession):
    """RCPT before MAIL is answered 550."""

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        if verb is Verb.RCPT and self.state is State.READY:
            return answer(550, "5.5.1", "Who are you?")
        return super().reply_to_wrong_sequence(verb)


@fault("smtp.rcpt-unknown-before-ehlo")
class RcptUnknownBeforeEhlo(SmtpSession):
    """RCPT before EHLO is answered 500."""

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        if verb is Verb.RCPT and self.state is State.FRESH:
            return answer(500, "5.5.1", "Command not recognized")
        return super().reply_to_wrong_sequence(verb)


@fault("smtp.data-before-rcpt-gets-501")
class DataBeforeRcptGets501(SmtpSession):
    """DATA without a recipient is answered 501."""

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        if verb is Verb.DATA and self.state in (State.READY, State.MAIL):
            return answer(501, "5.5.1", "No recipients")
        return super().reply_to_wrong_sequence(verb)


@fault("smtp.bad-mail-argument-gets-500")
class BadMailArgumentGets500(SmtpSession):
    """A MAIL argument that cannot be read is answered 500."""

    def reply_to_bad_argument(self, verb: Verb, exc: CommandError) -> Answer:
        if verb is Verb.MAIL:
            return answer(500, "5.5.2", "Syntax error")
        return super().reply_to_bad_argument(verb, exc)


@fault("smtp.refused-mail-gets-3yz")
class RefusedMailGets3yz(SmtpSession):
    """A MAIL argument that cannot be read is answered 350."""

    def reply_to_bad_argument(self, verb: Verb, exc: CommandError) -> Answer:
        if verb is Verb.MAIL:
            return Answer(350, ("Try again",))
        return super().reply_to_bad_argument(verb, exc)


@fault("smtp.refused-mail-opens-transaction")
class RefusedMailOpensTransaction(SmtpSession):
    """A MAIL that is answered 501 opens the transaction all the same."""

    def state_after(self, verb: Verb, reply: Answer) -> State:
        return State.MAIL if verb is Verb.MAIL else super().state_after(verb, reply)


# VRFY


@fault("smtp.vrfy-250-without-mailbox")
class Vrfy250WithoutMailbox(SmtpSession):
    """VRFY of a user is answered 250 and the name alone."""

    def do_vrfy(self, command: Command) -> Answer:
        user = self.context.site.user_named(command.argument.decode("latin-1"))
        return answer(250, "2.1.5", f"{user.name} is here") if user else answer(550, "5.1.1", "No such user")


@fault("smtp.vrfy-250-for-anybody")
class Vrfy250ForAnybody(SmtpSession):
    """VRFY is answered 250 after a look at the syntax."""

    def do_vrfy(self, command: Command) -> Answer:
        local_part = command.argument.decode("latin-1").partition("@")[0]
        return answer(250, "2.1.5", f"<{local_part}@{self.context.site.domain}>")


@fault("smtp.vrfy-off-gets-550")
class VrfyOffGets550(SmtpSession):
    """VRFY is switched off and answered 550, whoever is asked for."""

    def do_vrfy(self, command: Command) -> Answer:
        return answer(550, "5.1.1", "No such user")


@fault("smtp.vrfy-refuses-addresses")
class VrfyRefusesAddresses(SmtpSession):
    """VRFY takes a user name and no address."""

    def do_vrfy(self, command: Command) -> Answer:
        if b"@" in command.argument:
            return answer(501, "5.5.4", "A user name, please")
        return super().do_vrfy(command)


@fault("smtp.vrfy-knows-one-user")
class VrfyKnowsOneUser(SmtpSession):
    """VRFY is answered 250 for the first user and 550 for the others."""

    def do_vrfy(self, command: Command) -> Answer:
        first = self.context.site.users[0].name
        if command.argument.decode("latin-1").partition("@")[0] == first:
            return answer(250, "2.1.5", f"<{first}@{self.context.site.domain}>")
        return answer(550, "5.1.1", "No such user")


@fault("smtp.vrfy-250-with-broken-mailbox")
class Vrfy250WithBrokenMailbox(SmtpSession):
    """VRFY of a user is answered 250 and a mailbox with two at signs."""

    def do_vrfy(self, command: Command) -> Answer:
        user = self.context.site.user_named(command.argument.decode("latin-1"))
        if user is None:
            return answer(550, "5.1.1", "No such user")
        return answer(250, "2.1.5", f"<{user.local_part}@@{user.domain}>")


@fault("smtp.vrfy-answers-in-utf8")
class VrfyAnswersInUtf8(SmtpSession):
    """VRFY without SMTPUTF8 is answered in UTF-8."""

    def do_vrfy(self, command: Command) -> Answer:
        return answer(252, "2.5.0", "Geprüft wird nichts")
