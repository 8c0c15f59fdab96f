"""Deviations of POP3's logins (RFC 1939 §4 and §7, RFC 5034 §4, RFC 4616 §2)."""

import re

from harness.wire import sasl
from harness.wire.pop3.commands import Command
from harness.wire.pop3.states import Answer
from reference_server.faults import fault
from reference_server.pop3.core import Response, error, ok
from reference_server.pop3.maildrop import Maildrop
from reference_server.pop3.session import Pop3Session
from reference_server.sasl.login import Login, Refused

_CHALLENGE = Response(Answer.CHALLENGE, b"+ \r\n")


@fault("pop3.third-user-shut-out")
class ThirdUserShutOut(Pop3Session):
    """A user whose name begins with c cannot log in."""

    def enter(self, mailbox: str) -> Response:
        return error("Not you") if mailbox.startswith("c") else super().enter(mailbox)


@fault("pop3.wrong-password-ok")
class WrongPasswordOk(Pop3Session):
    """PASS with a wrong password is answered +OK."""

    def reply_to_wrong_credentials(self, refused: Refused) -> Response:
        return ok("Welcome") if self._exchange is None else super().reply_to_wrong_credentials(refused)


@fault("pop3.no-lock")
class NoLock(Maildrop):
    """A second session is let in."""

    def lock(self) -> bool:
        super().lock()
        return True


@fault("pop3.lock-without-code")
class LockWithoutCode(Pop3Session):
    """A login refused for the lock has no response code."""

    def reply_to_lock(self) -> Response:
        return error("Another session has this maildrop")


@fault("pop3.refused-login-locks")
class RefusedLoginLocks(Pop3Session):
    """A login with a wrong password locks the maildrop for as long as its session lasts."""

    locked: str | None = None

    def reply_to_wrong_credentials(self, refused: Refused) -> Response:
        name = refused.user.partition("@")[0]
        if self.context.store.lock_maildrop(name):
            self.locked = name
        return super().reply_to_wrong_credentials(refused)

    def lost(self) -> None:
        super().lost()
        if self.locked is not None:
            self.context.store.unlock_maildrop(self.locked)


@fault("pop3.no-initial-response")
class NoInitialResponse(Pop3Session):
    """AUTH with an initial response is answered -ERR."""

    def do_auth(self, command: Command) -> Response | None:
        return error("One at a time") if len(command.arguments) > 1 else super().do_auth(command)


@fault("pop3.plain-wants-an-initial-response")
class PlainWantsAnInitialResponse(Pop3Session):
    """AUTH PLAIN without an initial response is answered -ERR."""

    def do_auth(self, command: Command) -> Response | None:
        return error("And who are you?") if command.arguments == (b"PLAIN",) else super().do_auth(command)


@fault("pop3.sasl-gone-after-auth")
class SaslGoneAfterAuth(Pop3Session):
    """After AUTH, CAPA does not list SASL."""

    def capabilities(self) -> dict[str, str]:
        offered = super().capabilities()
        if self.maildrop is not None and self._exchange is not None:
            del offered["SASL"]
        return offered


@fault("pop3.auth-twice")
class AuthTwice(Pop3Session):
    """AUTH after AUTH is answered by a challenge."""

    def line(self, line: bytes) -> Response | None:
        again = self.maildrop is not None and line.upper().startswith(b"AUTH ")
        return _CHALLENGE if again else super().line(line)


@fault("pop3.auth-response-refused")
class AuthResponseRefused(Pop3Session):
    """A response on a line of its own is always refused."""

    def auth_response(self, line: bytes) -> Response:
        return error("No")


@fault("pop3.unknown-mechanism-challenged")
class UnknownMechanismChallenged(Pop3Session):
    """AUTH with an unknown mechanism is answered by a challenge."""

    def reply_to_unknown_mechanism(self) -> Response:
        return _CHALLENGE


@fault("pop3.empty-challenge-without-space")
class EmptyChallengeWithoutSpace(Pop3Session):
    """The empty challenge is a plus alone."""

    def challenge(self, step: sasl.Challenge) -> bytes:
        return super().challenge(step) if step.octets else b"+\r\n"


@fault("pop3.cram-md5-takes-an-initial-response")
class CramMd5TakesAnInitialResponse(Pop3Session):
    """CRAM-MD5 answers an initial response by a challenge."""

    def reply_to_unasked_response(self) -> Response:
        return _CHALLENGE


@fault("pop3.challenge-in-plain-words")
class ChallengeInPlainWords(Pop3Session):
    """Challenges are not encoded."""

    def challenge(self, step: sasl.Challenge) -> bytes:
        return b"+ " + step.octets + b"\r\n"


@fault("pop3.cancel-ok")
class CancelOk(Pop3Session):
    """A cancelled exchange is answered +OK."""

    def reply_to_cancel(self) -> Response:
        return ok("Cancelled")


@fault("pop3.bad-base64-answered-by-a-challenge")
class BadBase64AnsweredByAChallenge(Pop3Session):
    """What is no base64 gets another challenge."""

    def reply_to_bad_response(self) -> Response:
        return _CHALLENGE


@fault("pop3.base64-skips-strays")
class Base64SkipsStrays(Pop3Session):
    """Characters outside base64 are skipped."""

    def decode_response(self, line: bytes) -> bytes:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", line)
        return super().decode_response(kept + b"=" * (-len(kept) % 4))


@fault("pop3.responses-of-255-octets")
class ResponsesOf255Octets(Pop3Session):
    """What a response has beyond 255 octets is a command."""

    def auth_response(self, line: bytes) -> Response | None:
        if len(line) <= 255:
            return super().auth_response(line)
        return Response(Answer.ERR, error("Too long").octets + error("Unknown command").octets)


@fault("pop3.auth-takes-any-password")
class AuthTakesAnyPassword(Pop3Session):
    """AUTH with a wrong password is answered +OK."""

    def reply_to_wrong_credentials(self, refused: Refused) -> Response:
        if self._exchange is not None and not refused.authorization:
            return ok("Welcome")
        return super().reply_to_wrong_credentials(refused)


@fault("pop3.no-auth-inside-tls")
class NoAuthInsideTls(Pop3Session):
    """AUTH inside TLS is answered -ERR."""

    def do_auth(self, command: Command) -> Response | None:
        return error("Not here") if self.tls else super().do_auth(command)


@fault("pop3.mechanisms-in-capitals")
class MechanismsInCapitals(Pop3Session):
    """Mechanisms are known in capitals only."""

    def mechanism_name(self, word: bytes) -> str:
        return word.decode("ascii", "replace")


@fault("pop3.plain-counts-no-nuls")
class PlainCountsNoNuls(Pop3Session):
    """PLAIN takes two words for user and password, wherever the NULs are."""

    def auth_step(self, exchange: sasl.ServerMechanism, response: bytes | None) -> Response | None:
        words = [word for word in (response or b"").split(b"\0") if word]
        if exchange.name == "PLAIN" and len(words) == 2:
            response = b"\0" + b"\0".join(words)
        return super().auth_step(exchange, response)


@fault("pop3.acts-for-anybody")
class ActsForAnybody(Login[Response]):
    """The authorization identity is not looked at."""

    def may_act_as(self, mailbox: str, authorization: str) -> bool:
        return True
