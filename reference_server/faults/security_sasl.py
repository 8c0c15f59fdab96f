"""Faults of logging in that are the same by every protocol: mechanisms, their lists, and whom they let in."""

import re
from collections.abc import Callable
from dataclasses import replace

from harness.wire import sasl
from reference_server.faults import fault
from reference_server.imap.session import ImapSession
from reference_server.pop3.session import Pop3Session
from reference_server.sasl.login import Login
from reference_server.sasl.offers import Offers
from reference_server.smtp.core import Answer
from reference_server.smtp.session import SmtpSession

# Lists


@fault("security.mechanism-with-a-long-name")
class MechanismWithALongName(Offers):
    """A mechanism is listed whose name has 21 letters."""

    def names(self) -> tuple[str, ...]:
        return (*super().names(), "X-MAILPROOF-MECHANISM")


@fault("security.plus-listed-in-the-clear")
class PlusListedInTheClear(Offers):
    """-PLUS is listed where there is no channel to bind to."""

    def offers(self, name: str) -> bool:
        return super().offers(name) or (self.facts is None and name == "SCRAM-SHA-256-PLUS")


@fault("security.plain-listed-beside-logindisabled")
class PlainListedBesideLogindisabled(ImapSession):
    """In the clear LOGINDISABLED is listed, and AUTH=PLAIN as well."""

    def capabilities(self) -> list[str]:
        return super().capabilities() + ([] if self.user or self.tls else ["LOGINDISABLED"])


# Outcomes


@fault("security.login-takes-no-password")
class LoginTakesNoPassword(sasl.LoginServer):
    """LOGIN asks for a password, and none is good."""

    def step(self, response: bytes | None) -> sasl.Step:
        step = super().step(response)
        if isinstance(step, sasl.VerifyPassword):
            raise sasl.SaslDenied("no")
        return step


@fault("security.login-takes-any-password")
class LoginTakesAnyPassword(sasl.LoginServer):
    """LOGIN asks for a password and does not look at it."""

    def step(self, response: bytes | None) -> sasl.Step:
        step = super().step(response)
        if not isinstance(step, sasl.VerifyPassword):
            return step
        return sasl.FindUser((step.user,), step.then)


@fault("security.cram-md5-takes-nothing")
class CramMd5TakesNothing(sasl.CramMd5Server):
    """CRAM-MD5 lets the first user in who says nothing."""

    def step(self, response: bytes | None) -> sasl.Step:
        if response == b"":
            return sasl.Success("alice")
        return super().step(response)


@fault("security.plain-acts-for-nobody")
class PlainActsForNobody(sasl.PlainServer):
    """PLAIN takes no authorization identity, not even one's own."""

    def step(self, response: bytes | None) -> sasl.Step:
        step = super().step(response)
        if isinstance(step, sasl.VerifyPassword) and step.authorization:
            raise sasl.SaslDenied("an authorization identity")
        return step


@fault("security.scram-acts-for-anybody")
class ScramActsForAnybody(sasl.ScramServer):
    """SCRAM does not look at the authorization identity."""

    def _end(self, user: str, response: bytes) -> sasl.Success:
        return replace(super()._end(user, response), authorization="")


@fault("security.unknown-user-is-told-at-once")
class UnknownUserIsToldAtOnce(Login[object]):
    """SCRAM has no salt for a user that there is not, and fails."""

    def _continuation(self, question: sasl.Question) -> Callable[[], sasl.Step]:
        if isinstance(question, sasl.GiveScramKeys) and self.context.accounts.known(question.user) is None:
            return self.deny
        return super()._continuation(question)

    @staticmethod
    def deny() -> sasl.Step:
        raise sasl.SaslDenied("no such user")


# Exchanges


@fault("security.scram-begins-with-words")
class ScramBeginsWithWords(sasl.ScramServer):
    """SCRAM begins with a challenge that says something."""

    def step(self, response: bytes | None) -> sasl.Step:
        return sasl.Challenge(b"Go ahead") if response is None else super().step(response)


@fault("security.empty-initial-response-is-none")
class EmptyInitialResponseIsNone(SmtpSession):
    """An equals sign behind AUTH PLAIN is as if there was none."""

    def auth_step(self, exchange: sasl.ServerMechanism, response: bytes | None) -> Answer | None:
        return super().auth_step(exchange, response or None)


@fault("security.cancel-is-a-response")
class CancelIsAResponse(SmtpSession):
    """A cancelled exchange is answered by another challenge."""

    def reply_to_cancel(self) -> Answer:
        return Answer(334, ("",))


@fault("security.second-exchange-begins")
class SecondExchangeBegins(SmtpSession):
    """AUTH after AUTH is answered by a challenge."""

    def reply_to_second_auth(self) -> Answer:
        return Answer(334, ("",))


@fault("security.strays-skipped-in-a-proof")
class StraysSkippedInAProof(Pop3Session):
    """An exclamation mark in a response is skipped."""

    def decode_response(self, line: bytes) -> bytes:
        return super().decode_response(line.replace(b"!", b""))


# CRAM-MD5


@fault("security.cram-md5-without-brackets")
class CramMd5WithoutBrackets(sasl.CramMd5Server):
    """The challenge is a message id without its brackets."""

    def challenge(self) -> bytes:
        return super().challenge().strip(b"<>")


@fault("security.cram-md5-challenge-twice")
class CramMd5ChallengeTwice(sasl.CramMd5Server):
    """The challenge is the same every time."""

    def challenge(self) -> bytes:
        return f"<always@{self.hostname}>".encode()


# SCRAM


@fault("security.scram-signs-with-another-key")
class ScramSignsWithAnotherKey(sasl.ScramServer):
    """The server's signature is not its own."""

    def signature(self, said: bytes, keys: sasl.ScramKeys) -> bytes:
        return super().signature(said + b"!", keys)


@fault("security.scram-adds-no-nonce")
class ScramAddsNoNonce(sasl.ScramServer):
    """The nonce is the client's alone."""

    def joined_nonce(self, client: str) -> str:
        return client


@fault("security.scram-nonce-twice")
class ScramNonceTwice(sasl.ScramServer):
    """What is added to the nonce is the same every time."""

    def joined_nonce(self, client: str) -> str:
        return client + "always"


@fault("security.scram-takes-any-proof")
class ScramTakesAnyProof(sasl.ScramServer):
    """The client's proof is not looked at."""

    def check_proof(self, proof: bytes, said: bytes, keys: sasl.ScramKeys) -> None:
        pass


@fault("security.scram-fails-without-saying-so")
class ScramFailsWithoutSayingSo(sasl.ScramServer):
    """After a wrong proof comes a last message with a signature, then the refusal."""

    denied: sasl.SaslDenied | None = None

    def check_proof(self, proof: bytes, said: bytes, keys: sasl.ScramKeys) -> None:
        try:
            super().check_proof(proof, said, keys)
        except sasl.SaslDenied as exc:
            self.denied = exc

    def _end(self, user: str, response: bytes) -> sasl.Success:
        if self.denied is not None:
            raise self.denied
        return super()._end(user, response)


@fault("security.scram-takes-any-flag")
class ScramTakesAnyFlag(sasl.ScramServer):
    """A flag that is none of n, y and p is taken for n."""

    def binding_for(self, flag: str) -> bytes:
        return super().binding_for(flag if flag[:1] in ("n", "y", "p") and flag else "n")


@fault("security.scram-takes-any-equals-sign")
class ScramTakesAnyEqualsSign(sasl.ScramServer):
    """An equals sign that begins no escape ends the name."""

    def read_name(self, escaped: str) -> str:
        return super().read_name(re.sub("=(?!3D|2C).*", "", escaped))


@fault("security.scram-takes-mandatory-extensions")
class ScramTakesMandatoryExtensions(sasl.ScramServer):
    """A mandatory extension is skipped."""

    def read_first(self, bare: str) -> list[str]:
        return super().read_first(re.sub("^m=[^,]*,", "", bare))


@fault("security.scram-takes-no-extensions")
class ScramTakesNoExtensions(sasl.ScramServer):
    """Anything behind the nonce fails."""

    def read_first(self, bare: str) -> list[str]:
        if bare.count(",") > 1:
            raise sasl.SaslError("an extension")
        return super().read_first(bare)


@fault("security.scram-forgets-its-nonce")
class ScramForgetsItsNonce(sasl.ScramServer):
    """The nonce of the last message is not looked at."""

    def check_nonce(self, nonce: str) -> None:
        pass


@fault("security.scram-without-iterations")
class ScramWithoutIterations(sasl.ScramServer):
    """The first message has no number of iterations."""

    def first_message(self, nonce: str, keys: sasl.ScramKeys) -> str:
        return super().first_message(nonce, keys).rpartition(",i=")[0]


@fault("security.scram-with-few-iterations")
class ScramWithFewIterations(sasl.ScramServer):
    """1024 iterations are announced."""

    def first_message(self, nonce: str, keys: sasl.ScramKeys) -> str:
        return super().first_message(nonce, keys).rpartition("=")[0] + "=1024"


@fault("security.scram-lets-itself-be-downgraded")
class ScramLetsItselfBeDowngraded(sasl.ScramServer):
    """A client that has not seen -PLUS is let in where it is listed."""

    def check_downgrade(self) -> None:
        pass


@fault("security.scram-takes-any-binding")
class ScramTakesAnyBinding(sasl.ScramServer):
    """A kind of channel binding that is not to be had binds to nothing."""

    unknown = False

    def binding_for(self, flag: str) -> bytes:
        try:
            return super().binding_for(flag)
        except sasl.SaslError:
            self.unknown = flag.startswith("p=")
            if not self.unknown:
                raise
            return b""

    def check_binding(self, channel: bytes) -> None:
        if not self.unknown:
            super().check_binding(channel)


@fault("security.scram-ignores-the-channel")
class ScramIgnoresTheChannel(sasl.ScramServer):
    """The header in the last message is not looked at."""

    def check_binding(self, channel: bytes) -> None:
        if not channel.endswith(self._binding):
            super().check_binding(channel)


@fault("security.scram-binds-to-any-channel")
class ScramBindsToAnyChannel(sasl.ScramServer):
    """The octets of the channel in the last message are not looked at."""

    def check_binding(self, channel: bytes) -> None:
        if not channel.startswith(self._gs2_header.encode()):
            super().check_binding(channel)


# Tokens


@fault("security.token-alone")
class TokenAlone(sasl.OAuthBearerServer):
    """Beside a token no pair is taken but host and port."""

    def read(self, message: str) -> tuple[str, str]:
        keys = {word.partition("=")[0] for word in message.split("\1")[1:] if word}
        if keys - {"host", "port", "auth"}:
            raise sasl.SaslError("an unknown key")
        return super().read(message)


@fault("security.token-refused-without-status")
class TokenRefusedWithoutStatus(sasl.OAuthBearerServer):
    """What is said to a token that is not good has no status."""

    def refusal(self) -> bytes:
        return b'{"scope":"mail"}'


@fault("security.token-refused-without-end")
class TokenRefusedWithoutEnd(sasl.OAuthBearerServer):
    """A refused token is refused again and again, and the exchange goes on."""

    def step(self, response: bytes | None) -> sasl.Step:
        return sasl.Challenge(self.refusal()) if self._refused else super().step(response)
