"""A POP3 session without I/O: framing, states, login; the maildrop's commands are in `session`."""

from dataclasses import dataclass, field
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire import sasl
from harness.wire.lines import LineBuffer
from harness.wire.pop3.commands import MAX_AUTH_LINE, Command, CommandError, parse_command
from harness.wire.pop3.responses import encode_challenge, encode_lines, encode_status
from harness.wire.pop3.states import Answer, State, Verb, in_sequence, next_state
from harness.wire.tls import TlsFacts
from reference_server.context import Context
from reference_server.dialogue import Dialogue
from reference_server.pop3.maildrop import Maildrop
from reference_server.sasl.login import Entered, Login, Outcome, Refused, Unavailable
from reference_server.sasl.offers import Offers

__all__ = ["Pop3Core", "Response", "error", "ok"]

_UNKNOWN: Final = "Unknown command"


@dataclass(frozen=True, slots=True)
class Response:
    """A response in the making: how it begins, and all its octets."""

    answer: Answer
    octets: bytes


def ok(text: str = "") -> Response:
    return Response(Answer.OK, encode_status(True, text.encode()))


def error(text: str, code: str | None = None) -> Response:
    """``-ERR``, with a response code (RFC 2449 §8) where there is one."""
    return Response(Answer.ERR, encode_status(False, text.encode(), code=code))


@dataclass
class Pop3Core(Dialogue):
    """Attributes:
    wants_tls: STLS was answered +OK: the carrier runs the handshake and calls `tls_started`.
    closing: The carrier sends what is left and closes.
    tls_facts: What is known of the TLS of this connection; the carrier sets it.
    peer: The client's address, ``""`` where there is none.
    """

    context: Context
    tls: bool = False
    state: State = State.AUTHORIZATION
    wants_tls: bool = False
    closing: bool = False
    tls_facts: TlsFacts | None = None
    maildrop: Maildrop | None = None
    peer: str = ""
    _name: str = ""
    _out: bytearray = field(default_factory=bytearray)
    _lines: LineBuffer = field(default_factory=lambda: LineBuffer(MAX_AUTH_LINE))
    _exchange: sasl.ServerMechanism | None = None

    # What the carrier calls

    def greet(self) -> bytes:
        """RFC 1939 §4; no timestamp, since APOP is not offered."""
        return encode_status(True, f"{self.context.hostname} mailproof POP3 ready".encode())

    def receive(self, data: bytes) -> bytes:
        """Take octets off the network, return all the responses they cause, in order (RFC 2449 §6.6)."""
        self._lines.feed(data)
        try:
            while not (self.closing or self.wants_tls or self.errand) and self._step():
                pass
        except RemoteProtocolError:
            self.say(error("Line too long, closing"))
            self.closing = True
        out = bytes(self._out)
        self._out.clear()
        return out

    def say(self, response: Response) -> None:
        """Add a response to the batch."""
        self._out += response.octets

    def _step(self) -> bool:
        """One line; False when there is none."""
        line = self._lines.next_line()
        if line is not None and (response := self.line(line)) is not None:
            self.say(response)
        return line is not None

    def tls_started(self) -> None:
        """RFC 2595 §4: what came before is forgotten."""
        self.tls = True
        self.wants_tls = False
        self.discard_plaintext()
        self.state = self.state_after(Verb.TLS_HANDSHAKE, Answer.OK)
        self.forget_user()

    def discard_plaintext(self) -> None:
        """What came in the clear behind STLS is never run inside TLS (RFC 2595 §4)."""
        self._lines = LineBuffer(MAX_AUTH_LINE)

    def forget_user(self) -> None:
        """A USER from before TLS is for nobody (RFC 2595 §4)."""
        self._name = ""

    def lost(self) -> None:
        """The connection is gone or idle too long: no UPDATE, nothing is removed (RFC 1939 §3, §6)."""
        if self.maildrop is not None:
            self.maildrop.close()
            self.maildrop = None

    # Lines

    def line(self, line: bytes) -> Response | None:
        """Answer one line: a command, or a SASL response; None where an errand is left, which says the response."""
        if self.state is State.AUTH:
            return self.concluded(Verb.AUTH_RESPONSE, self.auth_response(line))
        try:
            command = self.read_command(line)
        except CommandError as exc:
            return self.reply_to_bad_line(exc)
        if command.verb is None or command.verb not in self.verbs():
            return self.reply_to_unknown(command)
        if not in_sequence(self.state, command.verb):
            return self.reply_to_wrong_state(command.verb)
        return self.concluded(command.verb, self.perform(command.verb, command))

    def concluded(self, verb: Verb, response: Response | None) -> Response | None:
        """Move on as the response says; None where it is not known yet."""
        if response is not None:
            self.state = self.state_after(verb, response.answer)
        return response

    def conclude(self, verb: Verb, response: Response | None) -> None:
        """What an errand does at its end: as if the command had been answered at once."""
        if (answered := self.concluded(verb, response)) is not None:
            self.say(answered)

    def read_command(self, line: bytes) -> Command:
        """RFC 2449 §3, §4; raises `CommandError`."""
        return parse_command(line)

    def perform(self, verb: Verb, command: Command) -> Response | None:
        method = getattr(self, f"do_{verb.value.lower()}")
        try:
            response: Response | None = method(command)
        except CommandError as exc:
            return self.reply_to_bad_line(exc)
        return response

    def state_after(self, verb: Verb, answer: Answer) -> State:
        return next_state(self.state, verb, answer)

    def verbs(self) -> frozenset[Verb]:
        """What this server implements; the rest is unknown to it."""
        return frozenset(Verb) - {Verb.APOP, Verb.UTF8, Verb.LANG}

    def reply_to_bad_line(self, exc: CommandError) -> Response:
        """RFC 1939 §3: -ERR for what is malformed."""
        return error(f"Syntax error: {exc.problem}")

    def reply_to_unknown(self, command: Command) -> Response:
        """RFC 1939 §3: -ERR for what is not known."""
        return error(_UNKNOWN)

    def reply_to_wrong_state(self, verb: Verb) -> Response:
        """RFC 1939 §3: -ERR for what comes in the wrong state."""
        return error(f"Not now: {self.state.value}")

    # Capabilities and TLS

    def do_capa(self, command: Command) -> Response:
        """RFC 2449 §5."""
        names = [f"{name} {value}".strip().encode() for name, value in self.capabilities().items()]
        return Response(Answer.OK, encode_lines(b"Capabilities", names))

    def capabilities(self) -> dict[str, str]:
        """Name -> arguments; the same before and after login, but for STLS, which only works before."""
        offered = {
            "TOP": "",
            "UIDL": "",
            "RESP-CODES": "",
            "AUTH-RESP-CODE": "",
            "PIPELINING": "",
            "EXPIRE": "NEVER",
            "IMPLEMENTATION": "mailproof",
        }
        if self.login_allowed():
            offered["USER"] = ""
        if listed := self.listed_mechanisms():
            offered["SASL"] = " ".join(listed)
        if not self.tls and self.maildrop is None:
            offered["STLS"] = ""
        return offered

    def login_allowed(self) -> bool:
        """Whether a password may be given on this connection."""
        return self.tls or self.context.world.plaintext_login

    def do_stls(self, command: Command) -> Response:
        """RFC 2595 §4."""
        if self.tls:
            return error("TLS is active already")
        self.wants_tls = True
        return ok("Begin TLS negotiation")

    # Login

    def do_user(self, command: Command) -> Response:
        """RFC 1939 §7: +OK whoever it is, so that nobody learns who has a mailbox."""
        if not self.login_allowed():
            return error("Use STLS first")
        self._name = command.arguments[0].decode("utf-8", "replace")
        return ok("Send the password")

    def do_pass(self, command: Command) -> Response | None:
        self._exchange = None
        return self.login().verify(self._name, command.arguments[0].decode("utf-8", "replace"))

    def offers(self) -> Offers:
        """What a client may log in with, here and now."""
        return self.context.variant(Offers)(self.context, self.tls_facts, self.login_allowed())

    def mechanisms(self) -> tuple[str, ...]:
        """The mechanisms of AUTH that are run."""
        return self.offers().names()

    def listed_mechanisms(self) -> tuple[str, ...]:
        """RFC 5034 §3: the same before and after login."""
        return self.mechanisms()

    def do_auth(self, command: Command) -> Response | None:
        """RFC 5034 §4."""
        name = self.mechanism_name(command.arguments[0])
        if name in sasl.SHOWS_SECRET and not self.login_allowed():
            return error("Use STLS first")
        if name not in self.mechanisms():
            return self.reply_to_unknown_mechanism()
        self._exchange = self.offers().exchange(name)
        if len(command.arguments) == 1:
            return self.auth_step(self._exchange, None)
        if not self.takes_initial_response(self._exchange):
            return self.reply_to_unasked_response()
        try:
            initial = sasl.decode_initial(command.arguments[1])
        except sasl.SaslError:
            return self.reply_to_bad_response()
        return self.auth_step(self._exchange, initial)

    def takes_initial_response(self, exchange: sasl.ServerMechanism) -> bool:
        """RFC 5034 §4: not where the server speaks first."""
        return exchange.client_first

    def reply_to_unasked_response(self) -> Response:
        return error("The mechanism takes no initial response")

    def mechanism_name(self, word: bytes) -> str:
        """RFC 5034 §5: in any case of letters."""
        return word.decode("ascii", "replace").upper()

    def reply_to_unknown_mechanism(self) -> Response:
        return error("Mechanism not known")

    def auth_response(self, line: bytes) -> Response | None:
        """A response, or ``*`` that cancels (RFC 5034 §4)."""
        if line == sasl.CANCEL:
            return self.reply_to_cancel()
        if self._exchange is None:
            raise RuntimeError("a response is awaited and no exchange is under way")
        try:
            response = self.decode_response(line)
        except sasl.SaslError:
            return self.reply_to_bad_response()
        return self.auth_step(self._exchange, response)

    def decode_response(self, line: bytes) -> bytes:
        """Strict base64: a stray character is refused, never skipped (RFC 5034 §4)."""
        return sasl.decode(line)

    def reply_to_cancel(self) -> Response:
        return error("Authentication cancelled")

    def reply_to_bad_response(self) -> Response:
        return error("The response cannot be read")

    def auth_step(self, exchange: sasl.ServerMechanism, response: bytes | None) -> Response | None:
        """Go on with the exchange; None where an errand is left, which says the response."""
        return self.login().step(exchange, response)

    def login(self) -> Login[Response]:
        by_command = Verb.PASS if self._exchange is None else Verb.AUTH
        verb = Verb.AUTH_RESPONSE if self.state is State.AUTH else by_command
        return self.context.variant(Login)(
            self.context, self, self.reply_to_outcome, lambda response: self.conclude(verb, response)
        )

    def reply_to_outcome(self, outcome: Outcome) -> Response:
        """What came of a step."""
        match outcome:
            case sasl.Challenge():
                return Response(Answer.CHALLENGE, self.challenge(outcome))
            case Entered(mailbox):
                return self.enter(mailbox)
            case Refused(sasl.SaslDenied()):
                return self.reply_to_wrong_credentials(outcome)
            case Refused():
                return self.reply_to_bad_response()
            case Unavailable():
                return self.reply_to_unavailable()

    def challenge(self, step: sasl.Challenge) -> bytes:
        """``+ `` and base64, empty for an empty challenge (RFC 5034 §4)."""
        return encode_challenge(sasl.encode(step.octets))

    def enter(self, mailbox: str) -> Response:
        """Take the maildrop's lock (RFC 1939 §4)."""
        maildrop = self.context.variant(Maildrop)(self.context, mailbox)
        if not maildrop.open():
            return self.reply_to_lock()
        self.maildrop = maildrop
        return ok(f"{len(maildrop.numbers())} messages")

    def reply_to_wrong_credentials(self, refused: Refused) -> Response:
        return error("Wrong user or password", "AUTH")

    def reply_to_unavailable(self) -> Response:
        """RFC 3206 §4."""
        return error("Temporary authentication failure", "SYS/TEMP")

    def reply_to_lock(self) -> Response:
        """RFC 2449 §8.1.2."""
        return error("Another session has this maildrop", "IN-USE")
