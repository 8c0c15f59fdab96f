"""Faults of AUTH: what RFC 4954 and RFC 4616 ask for, broken."""

import re

from harness.wire import sasl
from harness.wire.smtp.commands import MAX_COMMAND_LINE, Command
from harness.wire.smtp.states import State, Verb
from reference_server.faults import fault
from reference_server.smtp.core import Answer, answer
from reference_server.smtp.roles import Role
from reference_server.smtp.session import SmtpSession


@fault("submission.auth-twice")
class AuthTwice(SmtpSession):
    """AUTH after AUTH succeeds again."""

    def reply_to_second_auth(self) -> Answer:
        return self.reply_to_login()


@fault("submission.auth-in-a-transaction")
class AuthInATransaction(SmtpSession):
    """MAIL is taken before login, and AUTH behind it."""

    def refusal_before(self, verb: Verb, command: Command) -> Answer | None:
        if self.tls and (self.state, verb) in {(State.READY, Verb.MAIL), (State.MAIL, Verb.AUTH)}:
            return None
        return super().refusal_before(verb, command)

    def state_after(self, verb: Verb, reply: Answer) -> State:
        if (self.state, verb) == (State.MAIL, Verb.AUTH):
            return State.MAIL
        return super().state_after(verb, reply)


@fault("submission.auth-in-a-group-refused")
class AuthInAGroupRefused(SmtpSession):
    """AUTH with other commands behind it is answered 503."""

    def refusal_before(self, verb: Verb, command: Command) -> Answer | None:
        if verb is Verb.AUTH and self._lines.pending:
            return self.reply_to_wrong_sequence(verb)
        return super().refusal_before(verb, command)


@fault("submission.one-auth-a-session")
class OneAuthASession(SmtpSession):
    """After an AUTH that failed every other is answered 503."""

    tries = 0

    def do_auth(self, command: Command) -> Answer | None:
        self.tries += 1
        return super().do_auth(command) if self.tries == 1 else self.reply_to_second_auth()


@fault("submission.unknown-mechanism-501")
class UnknownMechanism501(SmtpSession):
    """An unknown mechanism is answered 501."""

    def reply_to_unknown_mechanism(self) -> Answer:
        return answer(501, "5.5.4", "Mechanism not known")


@fault("submission.unknown-mechanism-without-5.5.4")
class UnknownMechanismWithout554(SmtpSession):
    """An unknown mechanism gets the enhanced code 5.7.4."""

    def reply_to_unknown_mechanism(self) -> Answer:
        return answer(504, "5.7.4", "Mechanism not known")


@fault("submission.unasked-response-taken")
class UnaskedResponseTaken(SmtpSession):
    """CRAM-MD5 takes an initial response."""

    def takes_initial_response(self, exchange: sasl.ServerMechanism) -> bool:
        return True


@fault("submission.unasked-response-without-5.7.0")
class UnaskedResponseWithout570(SmtpSession):
    """CRAM-MD5 refuses an initial response with the enhanced code 5.5.4."""

    def reply_to_unasked_response(self) -> Answer:
        return answer(501, "5.5.4", "The mechanism takes no initial response")


@fault("submission.challenge-in-clear-text")
class ChallengeInClearText(SmtpSession):
    """Challenges are not base64."""

    def challenge_text(self, challenge: sasl.Challenge) -> str:
        return challenge.octets.decode("ascii")


@fault("submission.plain-challenge-not-empty")
class PlainChallengeNotEmpty(SmtpSession):
    """PLAIN begins with a challenge that says something."""

    def challenge_text(self, challenge: sasl.Challenge) -> str:
        return super().challenge_text(challenge) or sasl.encode(b"Go ahead").decode("ascii")


@fault("submission.cancel-answered-535")
class CancelAnswered535(SmtpSession):
    """A cancelled exchange is answered 535."""

    def reply_to_cancel(self) -> Answer:
        return self.reply_to_wrong_credentials()


@fault("submission.login-answered-250")
class LoginAnswered250(SmtpSession):
    """True credentials are answered 250."""

    def reply_to_login(self) -> Answer:
        return answer(250, "2.7.0", "Authentication successful")


@fault("submission.login-2.0.0")
class Login200(SmtpSession):
    """True credentials get the enhanced code 2.0.0."""

    def reply_to_login(self) -> Answer:
        return answer(235, "2.0.0", "Authentication successful")


@fault("submission.response-line-refused")
class ResponseLineRefused(SmtpSession):
    """True credentials on a line of their own fail."""

    def auth_line(self, line: bytes) -> Answer | None:
        try:
            sasl.decode(line)
        except sasl.SaslError:
            return super().auth_line(line)
        return super().auth_line(sasl.encode(b"\0nobody\0nothing"))


@fault("submission.bad-base64-answered-535")
class BadBase64Answered535(SmtpSession):
    """A response that is no base64 is answered 535."""

    def reply_to_bad_response(self, exc: sasl.SaslError) -> Answer:
        return self.reply_to_wrong_credentials()


@fault("submission.stray-characters-skipped")
class StrayCharactersSkipped(SmtpSession):
    """Characters outside base64 are skipped."""

    def decode_response(self, line: bytes) -> bytes:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", line)
        return super().decode_response(kept + b"=" * (-len(kept) % 4))


@fault("submission.short-auth-lines-only")
class ShortAuthLinesOnly(SmtpSession):
    """A response longer than a command line is answered 500."""

    def auth_line(self, line: bytes) -> Answer | None:
        if len(line) <= MAX_COMMAND_LINE:
            return super().auth_line(line)
        return self.reply_to_endless_auth_line()


@fault("submission.endless-response-without-5.5.6")
class EndlessResponseWithout556(SmtpSession):
    """A response too long to hold gets the enhanced code 5.5.2."""

    def reply_to_endless_auth_line(self) -> Answer:
        return answer(500, "5.5.2", "Line too long")


@fault("submission.login-in-the-clear")
class LoginInTheClear(SmtpSession):
    """Passwords are taken before TLS, though AUTH is not listed there."""

    def auth_allowed(self) -> bool:
        return self.role is Role.SUBMISSION

    def auth_listed(self) -> bool:
        return self.role is Role.SUBMISSION and self.tls


@fault("submission.plain-in-the-clear")
class PlainInTheClear(SmtpSession):
    """Passwords are asked for and taken before TLS."""

    def auth_allowed(self) -> bool:
        return self.role is Role.SUBMISSION


@fault("submission.plain-listed-too-early")
class PlainListedTooEarly(SmtpSession):
    """AUTH is listed before TLS and refused."""

    def auth_listed(self) -> bool:
        return self.role is Role.SUBMISSION


@fault("submission.mail-auth-refused")
class MailAuthRefused(SmtpSession):
    """MAIL does not know the AUTH parameter."""

    def mail_keywords(self) -> frozenset[str]:
        return super().mail_keywords() - {"AUTH"}


@fault("submission.wrong-password-550")
class WrongPassword550(SmtpSession):
    """Wrong credentials are answered 550."""

    def reply_to_wrong_credentials(self) -> Answer:
        return answer(550, "5.7.8", "Authentication credentials invalid")


@fault("submission.wrong-password-5.7.0")
class WrongPassword570(SmtpSession):
    """Wrong credentials get the enhanced code 5.7.0."""

    def reply_to_wrong_credentials(self) -> Answer:
        return answer(535, "5.7.0", "Authentication credentials invalid")


@fault("submission.one-attempt")
class OneAttempt(SmtpSession):
    """The first failed attempt to log in ends the session."""

    def reply_to_wrong_credentials(self) -> Answer:
        self.closing = True
        return answer(421, "4.7.0", "Authentication credentials invalid, closing")


@fault("submission.login-due-550")
class LoginDue550(SmtpSession):
    """What needs a login is answered 550."""

    def reply_to_login_due(self) -> Answer:
        return answer(550, "5.7.0", "Authentication required")


@fault("submission.session-commands-need-login")
class SessionCommandsNeedLogin(SmtpSession):
    """NOOP and RSET are refused before login."""

    def refusal_before(self, verb: Verb, command: Command) -> Answer | None:
        if self.login_due() and verb in {Verb.NOOP, Verb.RSET}:
            return self.reply_to_login_due()
        return super().refusal_before(verb, command)


@fault("submission.mechanisms-in-capitals")
class MechanismsInCapitals(SmtpSession):
    """The name of a mechanism is taken in capitals only."""

    def do_auth(self, command: Command) -> Answer | None:
        name = command.argument.partition(b" ")[0]
        known = self.user is not None or name == name.upper()
        return super().do_auth(command) if known else self.reply_to_unknown_mechanism()


@fault("submission.short-fields-only")
class ShortFieldsOnly(SmtpSession):
    """A field of PLAIN longer than 64 octets is answered 501."""

    def decode_response(self, line: bytes) -> bytes:
        response = super().decode_response(line)
        if max(map(len, response.split(b"\0"))) > 64:
            raise sasl.SaslError("a field of more than 64 octets")
        return response


@fault("submission.one-octet-refused")
class OneOctetRefused(SmtpSession):
    """A field of PLAIN that is a single octet is answered 501."""

    def decode_response(self, line: bytes) -> bytes:
        response = super().decode_response(line)
        if 1 in map(len, response.split(b"\0")):
            raise sasl.SaslError("a field of one octet")
        return response


@fault("submission.third-nul-ignored")
class ThirdNulIgnored(SmtpSession):
    """What follows a third NUL in PLAIN is dropped."""

    def decode_response(self, line: bytes) -> bytes:
        return b"\0".join(super().decode_response(line).split(b"\0")[:3])


@fault("submission.empty-password-taken")
class EmptyPasswordTaken(SmtpSession):
    """An empty password opens every account."""

    def auth_step(self, exchange: sasl.ServerMechanism, response: bytes | None) -> Answer | None:
        match (response or b"").split(b"\0"):
            case [b"", user, b""] if user:
                self.user = user.decode()
                return self.reply_to_login()
        return super().auth_step(exchange, response)


@fault("submission.one-nul-is-enough")
class OneNulIsEnough(SmtpSession):
    """PLAIN takes user NUL password."""

    def decode_response(self, line: bytes) -> bytes:
        response = super().decode_response(line)
        return b"\0" + response if response.count(b"\0") == 1 else response


@fault("submission.acts-for-anybody")
class ActsForAnybody(SmtpSession):
    """The authorization identity of PLAIN is not looked at."""

    def decode_response(self, line: bytes) -> bytes:
        _authorization, nul, rest = super().decode_response(line).partition(b"\0")
        return nul + rest
