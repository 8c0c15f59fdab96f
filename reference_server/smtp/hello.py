"""Who the client says it is, what is offered, and the commands that touch no transaction."""

from dataclasses import dataclass

from harness.wire.smtp.address import parse_domain
from harness.wire.smtp.commands import Command
from harness.wire.smtp.errors import AddressError, CommandError, ParameterError
from harness.wire.smtp.states import State, Verb
from reference_server.sasl.offers import Offers
from reference_server.smtp.core import Answer, SmtpCore, answer
from reference_server.smtp.roles import Role

__all__ = ["Hello"]


@dataclass
class Hello(SmtpCore):
    """EHLO, HELO, LHLO, STARTTLS, NOOP, RSET, VRFY, EXPN, HELP, QUIT."""

    client_name: str = ""
    extended: bool = False

    def do_ehlo(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.1: as RSET, then the extensions; a refused one changes nothing."""
        if (refusal := self.check_client_name(command)) is not None:
            return refusal
        self.begin_session(command, extended=True)
        keywords = [f"{name} {value}".strip() for name, value in self.extensions().items()]
        return Answer(250, (f"{self.context.hostname} greets {self.client_name}", *keywords))

    do_lhlo = do_ehlo

    def do_helo(self, command: Command) -> Answer:
        """RFC 5321 §3.2: one line, no extensions."""
        if (refusal := self.check_client_name(command)) is not None:
            return refusal
        self.begin_session(command, extended=False)
        return Answer(250, (self.context.hostname,))

    def begin_session(self, command: Command, *, extended: bool) -> None:
        """RFC 5321 §4.1.4: the buffers are cleared as by RSET."""
        self.forget_transaction()
        self.extended = extended
        self.client_name = command.argument.decode("ascii")

    def check_client_name(self, command: Command) -> Answer | None:
        """A domain or an address literal, ASCII (RFC 5321 §4.1.1.1; RFC 6531 §3.7.1); never held against the peer."""
        try:
            parse_domain(command.argument)
        except CommandError as exc:
            return Answer(501, (f"Syntax error: {exc.problem}",))
        return None

    def extensions(self) -> dict[str, str]:
        """Keyword -> parameters; aiosmtpd lacks the first four (its issues 558, 367, 183)."""
        offered = {
            "PIPELINING": "",
            "ENHANCEDSTATUSCODES": "",
            "CHUNKING": "",
            "DSN": "",
            "SIZE": str(self.context.world.limits.message_octets),
            "8BITMIME": "",
            "BINARYMIME": "",
            "SMTPUTF8": "",
            "VRFY": "",
            "EXPN": "",
            "HELP": "",
        }
        if not self.tls:
            offered["STARTTLS"] = ""
        if self.auth_listed() and (names := self.mechanisms()):
            offered["AUTH"] = " ".join(names)
        return offered

    def offers(self) -> Offers:
        """What a client may log in with, here and now."""
        return self.context.variant(Offers)(self.context, self.tls_facts, secrets_shown=True)

    def mechanisms(self) -> tuple[str, ...]:
        """The mechanisms of AUTH, strongest first."""
        return self.offers().names()

    def auth_listed(self) -> bool:
        """RFC 4954 §6: nothing is listed that would be refused for want of TLS."""
        return self.auth_allowed()

    def auth_allowed(self) -> bool:
        """RFC 4954 §4: nothing that shows the password before TLS, and no mail either (RFC 8314 §3.3).

        Unless the world says so.
        """
        return self.role is Role.SUBMISSION and (self.tls or self.context.world.sasl.submission_in_the_clear)

    def do_starttls(self, command: Command) -> Answer:
        """RFC 3207 §4; aiosmtpd goes through asyncio's private sslproto, here the carrier calls `start_tls`."""
        if command.argument:
            return answer(501, "5.5.2", "STARTTLS takes no argument")
        if self.tls:
            return answer(503, "5.5.1", "TLS is active already")
        self.wants_tls = True
        return answer(220, "2.0.0", "Ready to start TLS")

    def tls_started(self) -> None:
        super().tls_started()
        self.state = State.FRESH

    def forget_client(self) -> None:
        """RFC 3207 §4.2: as after the greeting."""
        self.client_name = ""
        self.extended = False
        self.forget_transaction()

    def do_noop(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.9: the argument is ignored."""
        return answer(250, "2.0.0", "OK")

    def do_rset(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.5."""
        if command.argument:
            return answer(501, "5.5.4", "RSET takes no argument")
        self.forget_transaction()
        return answer(250, "2.0.0", "OK")

    def do_vrfy(self, command: Command) -> Answer:
        """RFC 5321 §7.3: disabled, so 252 for any name."""
        if not command.argument:
            return answer(501, "5.5.4", "VRFY takes a user or mailbox")
        return answer(252, "2.5.0", "Cannot verify, but will take a message and try")

    def do_expn(self, command: Command) -> Answer:
        """RFC 5321 §7.3: disabled, as VRFY is."""
        if not command.argument:
            return answer(501, "5.5.4", "EXPN takes a mailing list")
        return answer(252, "2.5.0", "Cannot expand, but will take a message and try")

    def do_help(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.8: 214; aiosmtpd answers 250."""
        verbs = " ".join(sorted({verb.value.partition(" ")[0] for verb in self.verbs}))
        return answer(214, "2.0.0", "Commands:", verbs)

    def do_quit(self, command: Command) -> Answer:
        """RFC 5321 §4.1.1.10: 221, then close."""
        if command.argument:
            return answer(501, "5.5.4", "QUIT takes no argument")
        self.closing = True
        return answer(221, "2.0.0", f"{self.context.hostname} closing")

    def reply_to_bad_argument(self, verb: Verb, exc: CommandError) -> Answer:
        """RFC 5321 §4.2.4: 501; the enhanced code says what was wrong (RFC 3463 §3)."""
        if exc.rule == "RFC 6531 §3.4":
            return self.reply_to_unasked_utf8(verb)
        match exc:
            case AddressError():
                enhanced = "5.1.7" if verb is Verb.MAIL else "5.1.3"
            case ParameterError():
                enhanced = "5.5.4"
            case _:
                enhanced = "5.5.2"
        return answer(501, enhanced, f"Syntax error: {exc.problem}")

    def reply_to_unasked_utf8(self, verb: Verb) -> Answer:
        """RFC 6531 §3.5: 550 to MAIL and 553 to RCPT, 5.6.7 both."""
        return answer(550 if verb is Verb.MAIL else 553, "5.6.7", "Addresses beyond ASCII need SMTPUTF8")

    def forget_transaction(self) -> None:
        raise NotImplementedError
