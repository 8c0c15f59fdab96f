"""An IMAP session without I/O: framing, states, dispatch; commands are methods ``do_VERB`` of the subclasses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.command_reader import CommandReader, Incoming, TooLarge, WantsLiteral
from harness.wire.imap.commands import Arguments, Command, CommandError, parse_command, read_tag
from harness.wire.imap.states import Answer, State, Verb, in_sequence, next_state
from harness.wire.tls import TlsFacts
from reference_server.context import Context
from reference_server.dialogue import Dialogue
from reference_server.imap.answers import Completion, Refusal, completion_of
from reference_server.imap.view import View
from reference_server.store import StoreError

__all__ = ["ImapCore"]

# Ours: what the literals of one command may have before anybody has logged in.
_LITERALS_BEFORE_LOGIN: Final = 64 * 1024


def _nobody() -> None:
    """Nobody waits for this session to have news."""


@dataclass
class ImapCore(Dialogue):
    """The machine behind a session.

    Attributes:
        wants_tls: STARTTLS was answered OK: the carrier runs the handshake and calls `tls_started`.
        closing: The carrier sends what is left and closes.
        tls_facts: What is known of the TLS of this connection; the carrier sets it.
        wake: The carrier's: called in any thread when `push` may have something to send.
        enabled: Names in upper case that ENABLE or their use switched on (RFC 5161 §3).
        view: The selected mailbox.
        peer: The client's address, ``""`` where there is none.
    """

    context: Context
    tls: bool = False
    wake: Callable[[], None] = _nobody
    state: State = State.CONNECTED
    wants_tls: bool = False
    closing: bool = False
    tls_facts: TlsFacts | None = None
    user: str = ""
    enabled: set[str] = field(default_factory=set)
    view: View | None = None
    peer: str = ""
    _out: bytearray = field(default_factory=bytearray)
    _take_line: Callable[[bytes], None] | None = None
    _reader: CommandReader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = self.new_reader()

    def new_reader(self) -> CommandReader:
        """The framing of a connection, or of what comes inside TLS."""
        return self.context.variant(CommandReader)(_LITERALS_BEFORE_LOGIN)

    # What the carrier calls

    def greet(self) -> bytes:
        """RFC 3501 §7.1.1."""
        self.state = next_state(self.state, Verb.GREETING, Answer.OK)
        capabilities = " ".join(self.capabilities())
        return f"* OK [CAPABILITY {capabilities}] {self.context.hostname} mailproof IMAP ready\r\n".encode()

    def receive(self, data: bytes) -> bytes:
        """Take octets off the network, return all the responses they cause, in order (RFC 3501 §5.5)."""
        self._reader.feed(data)
        try:
            while not (self.closing or self.wants_tls or self.errand) and self._step():
                pass
        except RemoteProtocolError:
            self.say(self.reply_to_endless_line())
            self.closing = True
        return self._take_out()

    def push(self) -> bytes:
        """What the client is to be told now, without having asked: only while it idles."""
        if self.idling and not self.closing:
            self.tell_news(expunges=True)
        return self._take_out()

    def tls_started(self) -> None:
        """RFC 9051 §6.2.1: what came before is forgotten."""
        self.tls = True
        self.wants_tls = False
        self.state = next_state(self.state, Verb.TLS_HANDSHAKE, Answer.OK)
        self.discard_plaintext()

    def discard_plaintext(self) -> None:
        """What came in the clear behind STARTTLS is never run inside TLS (RFC 9051 §6.2.1)."""
        self._reader = self.new_reader()

    def timed_out(self) -> bytes:
        """The last words to a client that said nothing for too long (RFC 3501 §5.4)."""
        return self._last_words("you said nothing for too long")

    def shut_down(self) -> bytes:
        """The last words when the server stops (RFC 3501 §3.4: none but after BYE)."""
        return self._last_words("shutting down")

    def _last_words(self, reason: str) -> bytes:
        self.closing = True
        return f"* BYE {self.context.hostname} {reason}\r\n".encode()

    def lost(self) -> None:
        """The connection is gone."""
        self.leave_mailbox()

    # Octets

    def say(self, octets: bytes) -> None:
        """Add whole lines to the batch."""
        self._out += octets

    def untagged(self, octets: bytes) -> None:
        """``* octets``."""
        self.say(b"* " + octets + b"\r\n")

    def _take_out(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def _step(self) -> bool:
        """One command or line; False when nothing more can be done with what is here."""
        if self._take_line is not None:
            line = self._reader.next_line()
            if line is not None:
                self._take_line(line)
            return line is not None
        match self._reader.next():
            case Incoming(octets):
                self.command_octets(octets)
            case WantsLiteral():
                self.continue_(b"Ready for the literal")
            case TooLarge(so_far, octets):
                self.reply_to_large_literal(so_far, octets)
            case None:
                return False
        return True

    def continue_(self, text: bytes) -> None:
        """A continuation request (RFC 3501 §7.5)."""
        self.say(b"+ " + text + b"\r\n")

    def expect_line(self, take: Callable[[bytes], None] | None) -> None:
        """The next lines are no commands: `take` reads them; None for commands again."""
        self._take_line = take

    def allow_large_literals(self) -> None:
        """Somebody has logged in."""
        self._reader.max_literals = self.context.world.limits.message_octets + _LITERALS_BEFORE_LOGIN

    # Commands

    def command_octets(self, octets: bytes) -> None:
        """Read a command, run it, answer it."""
        try:
            command = self.read_command(octets)
        except CommandError as exc:
            self.say(self.reply_to_bad_command(exc).encode(exc.tag or b"*"))
            return
        if not in_sequence(self.state, self.verb(command)):
            self.say(self.reply_to_wrong_state(command).encode(command.tag))
            return
        self.before(command)
        completion = self.perform(command)
        if self.errand is None:
            self.go_on(command, self.verb(command), completion)

    def read_command(self, octets: bytes) -> Command:
        """The grammar, with UTF-8 in quoted strings once IMAP4rev2 is on (RFC 9051 §4.3).

        Raises:
            CommandError: The octets break it.
        """
        return parse_command(octets, utf8=self.rev2)

    @staticmethod
    def verb(command: Command) -> Verb:
        """The command's row in the state table."""
        return Verb.UID if command.uid else Verb(command.verb)

    def perform(self, command: Command) -> Completion | None:
        """Run a command that may come now; None where it is not over yet (AUTHENTICATE, IDLE, an errand)."""
        method: Callable[[Command, Arguments], Completion | None] = getattr(
            self, f"do_{command.verb.lower()}"
        )
        try:
            return method(command, command.arguments)
        except Refusal as refusal:
            return refusal.completion
        except StoreError as error:
            return completion_of(error)

    def go_on(self, command: Command, verb: Verb, completion: Completion | None) -> None:
        """Move on; where the command is over, tell the news and send the tagged response."""
        answer = Answer.CONTINUE if completion is None else Answer(completion.status)
        self.state = self.state_after(verb, answer)
        if completion is not None:
            self.after(command)
            self.say(self.tagged(command, completion))

    def tagged(self, command: Command, completion: Completion) -> bytes:
        """The command's own tag, and how it ended (RFC 3501 §2.2.1)."""
        return completion.encode(command.tag)

    def state_after(self, verb: Verb, answer: Answer) -> State:
        return next_state(self.state, verb, answer)

    @property
    def idling(self) -> bool:
        """IDLE is under way (RFC 2177 §3)."""
        return self.state in {State.IDLING, State.IDLING_SELECTED}

    @property
    def rev2(self) -> bool:
        """IMAP4rev2 rules, which a client of both revisions asks for by ENABLE (RFC 9051 §A)."""
        return "IMAP4REV2" in self.enabled

    def use_condstore(self) -> None:
        """A CONDSTORE enabling command; the first on a mailbox is told its HIGHESTMODSEQ (RFC 7162 §3.1)."""
        if "CONDSTORE" in self.enabled:
            return
        self.enabled.add("CONDSTORE")
        if self.view is not None:
            self.untagged(b"OK [HIGHESTMODSEQ %d] Highest" % self.view.mailbox.highestmodseq)

    # Replies that are rules of their own

    def reply_to_bad_command(self, exc: CommandError) -> Completion:
        """RFC 3501 §2.2.2: BAD, untagged where no tag can be read."""
        return Completion("BAD", f"{exc.problem} at octet {exc.position}")

    def reply_to_wrong_state(self, command: Command) -> Completion:
        return Completion("BAD", f"{command.name} is not for this state: {self.state.value}")

    def reply_to_large_literal(self, so_far: bytes, octets: int) -> None:
        """RFC 7888 §4: a tagged NO or BAD in place of the continuation, or after the literal was dropped."""
        tag = read_tag(so_far) or b"*"
        self.say(Completion("NO", f"{octets} octets are too many", "LIMIT").encode(tag))

    def reply_to_endless_line(self) -> bytes:
        """The last words to a client whose line is longer than can be held (RFC 3501 §3.4)."""
        return b"* BYE A line is too long\r\n"

    # What the subclasses give

    def capabilities(self) -> list[str]:
        raise NotImplementedError

    def before(self, command: Command) -> None:
        """Before a command runs."""
        raise NotImplementedError

    def after(self, command: Command) -> None:
        """Before its tagged response."""
        raise NotImplementedError

    def tell_news(self, *, expunges: bool) -> None:
        """Tell what changed in the selected mailbox."""
        raise NotImplementedError

    def leave_mailbox(self) -> None:
        """Select nothing."""
        raise NotImplementedError
