"""One login of one session, whatever its protocol: exchange, questions to the accounts, and what came of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from harness.wire import sasl
from harness.wire.sasl import Challenge
from reference_server.accounts import BackEndUnavailable
from reference_server.context import Context
from reference_server.errand import Errands

__all__ = ["Entered", "Login", "Outcome", "Refused", "Unavailable"]

_log = logging.getLogger(__name__)

Reply = TypeVar("Reply")
# What an account back end, or the issuer of tokens, gives to a question.
Found = str | None | sasl.ScramKeys


@dataclass(frozen=True, slots=True)
class Entered:
    """The client is in: the name of its mailbox."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The client is not who it says, or may not act for whom it wants; or it cannot be understood.

    Attributes:
        error: `sasl.SaslDenied` for what was read and is not so.
        user: Whom the client claimed to be, as far as that is known; for faults and logs.
    """

    error: sasl.SaslError
    user: str = ""
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody can tell now: try again later."""


Outcome = Challenge | Entered | Refused | Unavailable


@dataclass
class Login(Generic[Reply]):
    """Asks in the session's stead.

    Args:
        session: What leaves an errand where an answer takes time.
        reply: What the protocol says to an outcome; changes the session where it is `Entered`.
        later: How the session goes on with a reply that was waited for.
    """

    context: Context
    session: Errands
    reply: Callable[[Outcome], Reply]
    later: Callable[[Reply | None], None]
    _user: str = field(default="", init=False)
    _authorization: str = field(default="", init=False)

    def step(self, exchange: sasl.ServerMechanism, response: bytes | None) -> Reply | None:
        """Go on with an exchange; None where an errand is left, which says the reply."""
        return self._follow(lambda: exchange.step(response))

    def verify(self, user: str, password: str) -> Reply | None:
        """USER and PASS, LOGIN: a password without a mechanism."""
        self._user = user

        def verified(known: str | None) -> sasl.Step:
            if known is None:
                raise sasl.SaslDenied("wrong user or password")
            return sasl.Success(known)

        question = sasl.VerifyPassword(
            prepared_or_not(user), prepared_or_not(password), verified, sent=password
        )
        return self._follow(lambda: question)

    def _follow(self, go_on: Callable[[], sasl.Step]) -> Reply | None:
        """Until the client is to be answered, or an errand has to be waited for."""
        while True:
            try:
                step = go_on()
            except sasl.SaslError as exc:
                return self.reply(Refused(exc, self._user, self._authorization))
            match step:
                case Challenge():
                    return self.reply(step)
                case sasl.Success():
                    return self.reply(self._entered(step))
            asked = self._asked(step)
            if not self.context.accounts.instant:
                self.session.leave(asked, self._answered, self.context.account_workers)
                return None
            answer = asked()
            if answer is None:
                return self.reply(Unavailable())
            go_on = answer

    def _answered(self, answer: Callable[[], sasl.Step] | None) -> None:
        reply = self.reply(Unavailable()) if answer is None else self._follow(answer)
        if self.session.errand is None:
            self.later(reply)

    def _asked(self, question: sasl.Question) -> Callable[[], Callable[[], sasl.Step] | None]:
        """What asks, wherever it is run, and gives how the exchange goes on; None where nobody can tell."""

        def ask() -> Callable[[], sasl.Step] | None:
            try:
                return self._continuation(question)
            except BackEndUnavailable as exc:
                _log.warning("%s: accounts cannot be asked: %s", self.context.hostname, exc)
                return None

        return ask

    def _continuation(self, question: sasl.Question) -> Callable[[], sasl.Step]:
        accounts = self.context.accounts
        match question:
            case sasl.VerifyPassword(user, _, then, authorization):
                self._user, self._authorization = user, authorization
                tried = (accounts.verify(user, password) for password in question.passwords)
                verified = next((found for found in tried if found is not None), None)
                return lambda: then(verified)
            case sasl.GiveScramKeys(user, mechanism, with_keys):
                self._user = user
                keys = accounts.scram_secrets(user, mechanism)
                return lambda: with_keys(keys)
            case sasl.GivePassword(user, with_password):
                self._user = user
                given = accounts.password(user)
                return lambda: with_password(given)
            case sasl.CheckToken(token, user, with_owner):
                self._user = user
                owner = self.owner_of_token(token, user)
                return lambda: with_owner(owner)
            case sasl.FindUser(names, with_user):
                known = next((found for name in names if (found := accounts.known(name))), None)
                return lambda: with_user(known)

    def owner_of_token(self, token: str, user: str) -> str | None:
        """Whose token it is, where that is whom the client says."""
        named = self.context.issuer.user(token)
        owner = self.context.accounts.known(named) if named else None
        if owner is None or (user and not self.context.accounts.means(user, owner)):
            return None
        return owner

    def _entered(self, success: sasl.Success) -> Outcome:
        # As which it has logged in: a back end may know it by names that its mailbox has not.
        itself = success.authorization == self._user
        if itself or self.may_act_as(success.user, success.authorization):
            return Entered(success.user)
        denied = sasl.SaslDenied("nobody may act for somebody else here")
        return Refused(denied, success.user, success.authorization)

    def may_act_as(self, mailbox: str, authorization: str) -> bool:
        """RFC 4422 §3.4.1: for oneself, by any of one's names; for nobody else."""
        return not authorization or self.context.accounts.means(authorization, mailbox)


def prepared_or_not(text: str) -> str:
    """USER, PASS and LOGIN know no preparation: what can be prepared is, as in a mechanism."""
    try:
        return sasl.saslprep(text)
    except sasl.SaslError:
        return text
