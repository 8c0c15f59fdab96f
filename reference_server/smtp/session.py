"""The whole session: AUTH on top of the rest."""

from dataclasses import dataclass

from harness.wire import sasl
from harness.wire.smtp.commands import Command, parse_auth
from harness.wire.smtp.states import State, Verb
from reference_server.sasl.login import Entered, Login, Outcome, Refused, Unavailable
from reference_server.smtp.content import Content
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role

__all__ = ["SmtpSession"]


@dataclass
class SmtpSession(Content):
    """An SMTP, submission or LMTP session: octets in by `receive`, octets out; see `SmtpCore` for the carrier."""

    _exchange: sasl.ServerMechanism | None = None

    def login_due(self) -> bool:
        """RFC 6409 §4.3: submission takes mail from users only."""
        return self.role is Role.SUBMISSION and self.user is None

    def forget_client(self) -> None:
        super().forget_client()
        self.user = None

    def do_auth(self, command: Command) -> Answer | None:
        """RFC 4954 §4."""
        if not command.argument:
            return answer(501, "5.5.4", "AUTH takes a mechanism")
        parsed = parse_auth(command.argument)
        if self.user is not None:
            return self.reply_to_second_auth()
        if not self.auth_allowed():
            return answer(538, "5.7.11", "Encryption required")
        if parsed.mechanism not in self.mechanisms():
            return self.reply_to_unknown_mechanism()
        self.mechanism = parsed.mechanism
        self._exchange = self.offers().exchange(parsed.mechanism)
        if parsed.initial is None:
            return self.auth_step(self._exchange, None)
        if not self.takes_initial_response(self._exchange):
            return self.reply_to_unasked_response()
        try:
            initial = self.decode_initial(parsed.initial)
        except sasl.SaslError as exc:
            return self.reply_to_bad_response(exc)
        return self.auth_step(self._exchange, initial)

    def takes_initial_response(self, exchange: sasl.ServerMechanism) -> bool:
        """RFC 4954 §4: not where the server speaks first."""
        return exchange.client_first

    def reply_to_second_auth(self) -> Answer:
        return answer(503, "5.5.1", "Already authenticated")

    def reply_to_unknown_mechanism(self) -> Answer:
        return answer(504, "5.5.4", "Mechanism not known")

    def reply_to_unasked_response(self) -> Answer:
        """RFC 4954 §4: the server speaks first in this mechanism."""
        return answer(501, "5.7.0", "The mechanism takes no initial response")

    def auth_line(self, line: bytes) -> Answer | None:
        """A response, or ``*`` that cancels (RFC 4954 §4)."""
        if self._exchange is None:
            raise RuntimeError("a response is awaited and no exchange is under way")
        if line == sasl.CANCEL:
            return self.reply_to_cancel()
        try:
            response = self.decode_response(line)
        except sasl.SaslError as exc:
            return self.reply_to_bad_response(exc)
        return self.auth_step(self._exchange, response)

    def decode_initial(self, argument: bytes) -> bytes:
        """As `decode_response`, and ``=`` is the empty one (RFC 4954 §4)."""
        return b"" if argument == sasl.EMPTY_INITIAL else self.decode_response(argument)

    def decode_response(self, line: bytes) -> bytes:
        """Strict base64: a stray character is refused, never skipped (RFC 4954 §4)."""
        return sasl.decode(line)

    def reply_to_cancel(self) -> Answer:
        return answer(501, "5.7.0", "Authentication cancelled")

    def reply_to_bad_response(self, exc: sasl.SaslError) -> Answer:
        return answer(501, "5.5.2", "The response cannot be read")

    def auth_step(self, exchange: sasl.ServerMechanism, response: bytes | None) -> Answer | None:
        """Go on with the exchange; None where an errand is left, which says the reply."""
        return self.login().step(exchange, response)

    def login(self) -> Login[Answer]:
        verb = Verb.AUTH_RESPONSE if self.state is State.AUTH else Verb.AUTH
        return self.context.variant(Login)(
            self.context, self, self.reply_to_outcome, lambda reply: self.conclude(verb, reply)
        )

    def reply_to_outcome(self, outcome: Outcome) -> Answer:
        """What came of a step."""
        match outcome:
            case sasl.Challenge():
                return Answer(334, (self.challenge_text(outcome),))
            case Entered(mailbox):
                self.user = mailbox
                return self.reply_to_login()
            case Refused():
                return self.reply_to_wrong_credentials()
            case Unavailable():
                return self.reply_to_unavailable()

    def reply_to_unavailable(self) -> Answer:
        """RFC 4954 §6."""
        return answer(454, "4.7.0", "Temporary authentication failure")

    def reply_to_login(self) -> Answer:
        return answer(235, "2.7.0", "Authentication successful")

    def challenge_text(self, challenge: sasl.Challenge) -> str:
        """Base64 and nothing else (RFC 4954 §4)."""
        return sasl.encode(challenge.octets).decode("ascii")

    def reply_to_wrong_credentials(self) -> Answer:
        return answer(535, "5.7.8", "Authentication credentials invalid")
