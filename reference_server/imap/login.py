"""Commands of every state and of the one before login: capabilities, TLS, login, ENABLE, ID."""

from typing import Final

from harness.wire import sasl
from harness.wire.imap.commands import Authenticate, Command, Enable, Id, Login, NoArguments
from harness.wire.imap.encode import encode_string
from harness.wire.imap.states import State, Verb
from reference_server.imap.answers import Completion, Refusal, bad, no, ok
from reference_server.imap.core import ImapCore
from reference_server.sasl.login import Entered, Outcome, Refused, Unavailable
from reference_server.sasl.login import Login as SaslLogin
from reference_server.sasl.offers import Offers

__all__ = ["LoginCommands"]

# ENABLE's names in upper case, and as they are written.
_ENABLES: Final = {"CONDSTORE": "CONDSTORE", "IMAP4REV2": "IMAP4rev2"}


class LoginCommands(ImapCore):
    """CAPABILITY, NOOP, LOGOUT, ID, STARTTLS, LOGIN, AUTHENTICATE, ENABLE."""

    _exchange: sasl.ServerMechanism | None = None

    # Any state

    def capabilities(self) -> list[str]:
        """What is offered here and now; ENABLE changes none of it (RFC 5161 §3.1)."""
        offered = ["IMAP4rev1", "IMAP4rev2", *self.extensions()]
        if self.user:
            return offered
        if not self.tls:
            offered.append("STARTTLS")
        if not self.login_allowed():
            offered.append("LOGINDISABLED")
        return offered + [f"AUTH={name}" for name in self.listed_mechanisms()]

    def offers(self) -> Offers:
        """What a client may log in with, here and now."""
        return self.context.variant(Offers)(self.context, self.tls_facts, self.login_allowed())

    def mechanisms(self) -> tuple[str, ...]:
        """The mechanisms of AUTHENTICATE that are run."""
        return self.offers().names()

    def listed_mechanisms(self) -> tuple[str, ...]:
        return self.mechanisms()

    def extensions(self) -> list[str]:
        return [
            "LITERAL+", "SASL-IR", "ID", "ENABLE", "IDLE", "NAMESPACE", "UIDPLUS", "MOVE", "UNSELECT", "CHILDREN",
            "SPECIAL-USE", "CREATE-SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "ESEARCH",
            "SEARCHRES", "BINARY", "CONDSTORE",
        ]  # fmt: skip

    def do_capability(self, command: Command, arguments: NoArguments) -> Completion:
        """RFC 3501 §6.1.1."""
        self.untagged(b"CAPABILITY " + " ".join(self.capabilities()).encode())
        return ok("CAPABILITY completed")

    def do_noop(self, command: Command, arguments: NoArguments) -> Completion:
        return ok("NOOP completed")

    def do_logout(self, command: Command, arguments: NoArguments) -> Completion:
        """RFC 3501 §6.1.3: BYE, OK, close."""
        self.leave_mailbox()
        self.untagged(b"BYE " + self.context.hostname.encode() + b" closing")
        self.closing = True
        return ok("LOGOUT completed")

    def do_id(self, command: Command, arguments: Id) -> Completion:
        """RFC 2971 §3.1."""
        pairs = b" ".join(encode_string(k) + b" " + encode_string(v) for k, v in self.identity().items())
        self.untagged(b"ID (" + pairs + b")")
        return ok("ID completed")

    def identity(self) -> dict[bytes, bytes]:
        return {b"name": b"mailproof"}

    # Not authenticated

    def login_allowed(self) -> bool:
        """Whether a password may be given on this connection."""
        return self.tls or self.context.world.plaintext_login

    def do_starttls(self, command: Command, arguments: NoArguments) -> Completion:
        """RFC 3501 §6.2.1; BAD where TLS is active (RFC 9051 §6.2.1)."""
        if self.tls:
            raise bad("TLS is active already")
        self.wants_tls = True
        return ok("Begin TLS negotiation now")

    def do_login(self, command: Command, arguments: Login) -> Completion | None:
        """RFC 3501 §6.2.3."""
        self.check_privacy()
        self._exchange = None
        user, password = (
            octets.decode("utf-8", "replace") for octets in (arguments.user, arguments.password)
        )
        return self.login(command, Verb.LOGIN).verify(user, password)

    def check_privacy(self) -> None:
        """RFC 3501 §6.2.3: LOGINDISABLED is meant."""
        if not self.login_allowed():
            raise no("Use STARTTLS first", "PRIVACYREQUIRED")

    def do_authenticate(self, command: Command, arguments: Authenticate) -> Completion | None:
        """RFC 3501 §6.2.2; RFC 4959 §3 (initial response)."""
        if arguments.mechanism in sasl.SHOWS_SECRET:
            self.check_privacy()
        if arguments.mechanism not in self.mechanisms():
            return self.reply_to_unknown_mechanism(arguments)
        exchange = self.offers().exchange(arguments.mechanism)
        if arguments.initial is None:
            return self.auth_step(command, exchange, None)
        if not self.takes_initial_response(exchange):
            return self.reply_to_unasked_response()
        try:
            initial = sasl.decode_initial(arguments.initial)
        except sasl.SaslError as exc:
            return self.reply_to_bad_response(exc)
        return self.auth_step(command, exchange, initial)

    def takes_initial_response(self, exchange: sasl.ServerMechanism) -> bool:
        """RFC 4959 §3: not where the server speaks first."""
        return exchange.client_first

    def reply_to_unasked_response(self) -> Completion:
        """RFC 4959 §3: BAD."""
        return Completion("BAD", "The mechanism takes no initial response")

    def reply_to_unknown_mechanism(self, arguments: Authenticate) -> Completion:
        """RFC 3501 §6.2.2: NO."""
        raise no("Mechanism not known", "CANNOT")

    def auth_step(
        self, command: Command, exchange: sasl.ServerMechanism, response: bytes | None
    ) -> Completion | None:
        """Go on with the exchange; None while it waits for the client, or an errand is left."""
        verb = Verb.AUTH_RESPONSE if self.state is State.AUTHENTICATING else Verb.AUTHENTICATE
        self._exchange = exchange
        return self.login(command, verb).step(exchange, response)

    def login(self, command: Command, verb: Verb) -> SaslLogin[Completion | None]:
        return self.context.variant(SaslLogin)(
            self.context,
            self,
            lambda outcome: self.complete_login(command, outcome),
            lambda completion: self.go_on(command, verb, completion),
        )

    def complete_login(self, command: Command, outcome: Outcome) -> Completion | None:
        """What came of a step; None where the client is to go on."""
        match outcome:
            case sasl.Challenge():
                if (exchange := self._exchange) is None:
                    raise RuntimeError("LOGIN has no challenge")
                self.continue_(self.challenge(outcome))
                self.expect_line(lambda line: self.auth_line(command, exchange, line))
                return None
            case Entered(mailbox):
                self.user = mailbox
                self.allow_large_literals()
                return ok("Logged in", "CAPABILITY " + " ".join(self.capabilities()))
            case Refused():
                return self.reply_to_wrong_credentials(outcome)
            case Unavailable():
                return self.reply_to_unavailable()

    def reply_to_wrong_credentials(self, refused: Refused) -> Completion:
        """RFC 5530 §3: the same for a wrong password and for nobody."""
        return Completion("NO", "Wrong user or password", "AUTHENTICATIONFAILED")

    def reply_to_unavailable(self) -> Completion:
        """RFC 5530 §3."""
        return Completion("NO", "Temporary authentication failure", "UNAVAILABLE")

    def challenge(self, step: sasl.Challenge) -> bytes:
        """Base64 and nothing else (RFC 3501 §6.2.2)."""
        return sasl.encode(step.octets)

    def auth_line(self, command: Command, exchange: sasl.ServerMechanism, line: bytes) -> None:
        """A response of the client's, or ``*`` that cancels."""
        self.expect_line(None)
        try:
            completion = self.auth_response(command, exchange, line)
        except Refusal as refusal:
            completion = refusal.completion
        if self.errand is None:
            self.go_on(command, Verb.AUTH_RESPONSE, completion)

    def auth_response(
        self, command: Command, exchange: sasl.ServerMechanism, line: bytes
    ) -> Completion | None:
        if line == sasl.CANCEL:
            return self.reply_to_cancel()
        try:
            response = sasl.decode(line)
        except sasl.SaslError as exc:
            return self.reply_to_bad_response(exc)
        return self.auth_step(command, exchange, response)

    def reply_to_cancel(self) -> Completion:
        """RFC 3501 §6.2.2: BAD."""
        return Completion("BAD", "Authentication cancelled")

    def reply_to_bad_response(self, exc: sasl.SaslError) -> Completion:
        """RFC 9051 §6.2.2: BAD for what is not base64."""
        return Completion("BAD", "The response cannot be read")

    # Authenticated

    def do_enable(self, command: Command, arguments: Enable) -> Completion:
        """RFC 5161 §3.1: what is not known is ignored, what is on already is not named again."""
        asked = dict.fromkeys(arguments.capabilities)
        new = [name for name in asked if name in self.enables() and name not in self.enabled]
        self.enabled |= set(new)
        self.untagged(" ".join(["ENABLED", *(self.enables()[name] for name in new)]).encode())
        return ok("ENABLE completed")

    def enables(self) -> dict[str, str]:
        """What can be enabled: name in upper case -> as it is written."""
        return dict(_ENABLES)
