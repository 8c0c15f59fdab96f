"""Deviations of the greeting, of EHLO and HELO, and of what they list."""

from harness.wire.smtp.commands import Command
from harness.wire.smtp.states import State, Verb
from reference_server.faults import fault
from reference_server.smtp import SmtpSession
from reference_server.smtp.core import Answer, answer


@fault("smtp.greeting-without-name")
class GreetingWithoutName(SmtpSession):
    """The greeting is friendly and names nobody."""

    def greet(self) -> bytes:
        return b"220 *** Welcome ***\r\n"


@fault("smtp.ehlo-takes-literals-only")
class EhloTakesLiteralsOnly(SmtpSession):
    """EHLO with a domain is answered 502."""

    def do_ehlo(self, command: Command) -> Answer:
        if not command.argument.startswith(b"["):
            return answer(502, "5.5.1", "Command not implemented")
        return super().do_ehlo(command)


@fault("smtp.ehlo-keyword-with-underscore")
class EhloKeywordWithUnderscore(SmtpSession):
    """EHLO lists a keyword that breaks its grammar."""

    def extensions(self) -> dict[str, str]:
        return super().extensions() | {"X_EXTRA": ""}


@fault("smtp.helo-reply-without-name")
class HeloReplyWithoutName(SmtpSession):
    """The reply to HELO does not begin with the server's name."""

    def do_helo(self, command: Command) -> Answer:
        reply = super().do_helo(command)
        return Answer(reply.code, ("Hello, pleased to meet you",))


@fault("smtp.no-helo")
class NoHelo(SmtpSession):
    """HELO is answered 502."""

    def do_helo(self, command: Command) -> Answer:
        return answer(502, "5.5.1", "Use EHLO")


@fault("smtp.mail-needs-ehlo")
class MailNeedsEhlo(SmtpSession):
    """MAIL after HELO is answered 503."""

    def do_mail(self, command: Command) -> Answer:
        return super().do_mail(command) if self.extended else answer(503, "5.5.1", "Send EHLO first")


@fault("smtp.helo-lists-extensions")
class HeloListsExtensions(SmtpSession):
    """HELO is answered as EHLO is."""

    def do_helo(self, command: Command) -> Answer:
        reply = super().do_helo(command)
        return Answer(reply.code, (*reply.lines, *self.extensions()))


@fault("smtp.unregistered-keyword")
class UnregisteredKeyword(SmtpSession):
    """EHLO lists a keyword that no registered extension can have."""

    def extensions(self) -> dict[str, str]:
        return super().extensions() | {"AUTH=LOGIN": ""}


@fault("smtp.no-8bitmime")
class NoEightBitMime(SmtpSession):
    """8BITMIME is missing beside SMTPUTF8."""

    def extensions(self) -> dict[str, str]:
        return {name: value for name, value in super().extensions().items() if name != "8BITMIME"}


@fault("smtp.smtputf8-with-parameter")
class SmtpUtf8WithParameter(SmtpSession):
    """EHLO lists SMTPUTF8 with a parameter."""

    def extensions(self) -> dict[str, str]:
        return super().extensions() | {"SMTPUTF8": "1"}


@fault("smtp.size-in-words")
class SizeInWords(SmtpSession):
    """EHLO lists SIZE with a word for its number."""

    def extensions(self) -> dict[str, str]:
        return super().extensions() | {"SIZE": "unlimited"}


@fault("smtp.lists-etrn-and-lacks-it")
class ListsEtrnAndLacksIt(SmtpSession):
    """EHLO lists ETRN, which is answered 500."""

    def extensions(self) -> dict[str, str]:
        return super().extensions() | {"ETRN": ""}


@fault("smtp.hides-help")
class HidesHelp(SmtpSession):
    """HELP works and EHLO does not list it."""

    def extensions(self) -> dict[str, str]:
        return {name: value for name, value in super().extensions().items() if name != "HELP"}


@fault("smtp.hides-expn")
class HidesExpn(SmtpSession):
    """EXPN is answered 252 and EHLO does not list it."""

    def extensions(self) -> dict[str, str]:
        return {name: value for name, value in super().extensions().items() if name != "EXPN"}


@fault("smtp.soml-unlisted")
class SomlUnlisted(SmtpSession):
    """SOML is taken and EHLO does not list it."""

    def reply_to_unknown_verb(self, command: Command) -> Answer:
        if command.verb == b"SOML":
            return answer(250, "2.0.0", "OK")
        return super().reply_to_unknown_verb(command)


@fault("smtp.ehlo-reply-beyond-ascii")
class EhloReplyBeyondAscii(SmtpSession):
    """The reply to EHLO greets in UTF-8."""

    def do_ehlo(self, command: Command) -> Answer:
        reply = super().do_ehlo(command)
        return Answer(reply.code, (f"{self.context.hostname} grüßt", *reply.lines[1:]))


@fault("smtp.second-ehlo-keeps-transaction")
class SecondEhloKeepsTransaction(SmtpSession):
    """A second EHLO is answered 250 and leaves the transaction open."""

    def begin_session(self, command: Command, *, extended: bool) -> None:
        kept = self.reverse_path, self.recipients
        super().begin_session(command, extended=extended)
        self.reverse_path, self.recipients = kept

    def state_after(self, verb: Verb, reply: Answer) -> State:
        if verb is Verb.EHLO and self.state in (State.MAIL, State.RCPT):
            return self.state
        return super().state_after(verb, reply)


@fault("smtp.second-ehlo-gets-503")
class SecondEhloGets503(SmtpSession):
    """A second EHLO is answered 503."""

    def do_ehlo(self, command: Command) -> Answer:
        return answer(503, "5.5.1", "Already identified") if self.client_name else super().do_ehlo(command)


@fault("smtp.refused-ehlo-gets-553")
class RefusedEhloGets553(SmtpSession):
    """EHLO with a name that is no domain is answered 553."""

    def check_client_name(self, command: Command) -> Answer | None:
        return super().check_client_name(command) and Answer(553, ("Bad name",))


@fault("smtp.refused-ehlo-clears-transaction")
class RefusedEhloClearsTransaction(SmtpSession):
    """An EHLO that is refused ends the transaction."""

    def check_client_name(self, command: Command) -> Answer | None:
        refusal = super().check_client_name(command)
        if refusal is not None:
            self.forget_transaction()
        return refusal

    def state_after(self, verb: Verb, reply: Answer) -> State:
        if verb is Verb.EHLO and self.state is not State.FRESH:
            return State.READY
        return super().state_after(verb, reply)


@fault("smtp.client-name-held-against-address")
class ClientNameHeldAgainstAddress(SmtpSession):
    """MAIL is refused because the EHLO name is not the client's address."""

    def do_mail(self, command: Command) -> Answer:
        if not self.client_name.startswith("["):
            return Answer(550, (f"HELO name {self.client_name} does not match {self.peer}",))
        return super().do_mail(command)
