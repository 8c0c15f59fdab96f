"""Framing and dispatch: octets in, octets out; no socket and no clock here.

What aiosmtpd 1.4.6 does otherwise, and what this replaces: a bare LF ends a command (its issues 558 and 183); one
write per reply (389), here one batch for everything that came in one read; the whole message in one growing line
reader (285, 293), here an incremental reader.
"""

from dataclasses import dataclass, field
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.lines import LineBuffer
from harness.wire.smtp.commands import MAX_AUTH_LINE, Command, parse_command
from harness.wire.smtp.data import ChunkReader, DataReader
from harness.wire.smtp.errors import CommandError
from harness.wire.smtp.replies import EnhancedCode, encode_reply
from harness.wire.smtp.states import LMTP_VERBS, SMTP_VERBS, State, Verb, in_sequence, next_state, verb_of
from harness.wire.tls import TlsFacts
from reference_server.context import Context
from reference_server.dialogue import Dialogue
from reference_server.smtp.roles import Role

__all__ = ["Answer", "SmtpCore", "answer"]

# RFC 3461 §5.4 asks for 1036 octets of RCPT, other extensions for more; RFC 4954 §4 for 12288 within AUTH.
MAX_LINE: Final = MAX_AUTH_LINE


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply in the making; `enhanced` as text, ``"2.1.0"``, empty for greeting, EHLO and 3yz (RFC 2034 §4)."""

    code: int
    lines: tuple[str, ...]
    enhanced: str = ""

    @property
    def klass(self) -> int:
        return self.code // 100


def answer(code: int, enhanced: str, *lines: str) -> Answer:
    """``answer(250, "2.0.0", "OK")``."""
    return Answer(code, lines, enhanced)


@dataclass
class SmtpCore(Dialogue):
    """The machine behind a session: framing, states, sequence; verbs are methods ``do_VERB`` of the subclasses.

    Attributes:
        wants_tls: STARTTLS was answered 220: the carrier runs the handshake and calls `tls_started`.
        closing: The carrier sends what is left and closes.
        tls_facts: What is known of the TLS of this connection; the carrier sets it.
    """

    context: Context
    role: Role
    peer: str
    tls: bool = False
    state: State = State.FRESH
    wants_tls: bool = False
    closing: bool = False
    tls_facts: TlsFacts | None = None
    _lines: LineBuffer = field(default_factory=lambda: LineBuffer(MAX_LINE))
    _out: bytearray = field(default_factory=bytearray)
    _reader: DataReader | ChunkReader | None = None
    _skipping: bool = False

    verbs: frozenset[Verb] = field(init=False)

    def __post_init__(self) -> None:
        self.verbs = self.known_verbs()

    # What the carrier calls

    def greet(self) -> bytes:
        """The greeting (RFC 5321 §3.1)."""
        protocol = "LMTP" if self.role is Role.LMTP else "ESMTP"
        self.say(Answer(220, (f"{self.context.hostname} {protocol} mailproof",)))
        return self._take_out()

    def receive(self, data: bytes) -> bytes:
        """Take octets off the network, return all the replies they cause, in order (RFC 2920 §3.2)."""
        self._lines.feed(data)
        while not (self.closing or self.wants_tls or self.errand) and self._step():
            pass
        return self._take_out()

    def tls_started(self) -> None:
        """The handshake is done: everything known so far is forgotten (RFC 3207 §4.2)."""
        self.tls = True
        self.wants_tls = False
        self.discard_plaintext()
        self.forget_client()

    def timed_out(self) -> bytes:
        """The last words to a client that said nothing for too long (RFC 5321 §3.8)."""
        self.closing = True
        self.say(answer(421, "4.4.2", f"{self.context.hostname} you said nothing for too long, closing"))
        return self._take_out()

    def shut_down(self) -> bytes:
        """The last words when the server stops (RFC 5321 §3.8)."""
        self.closing = True
        self.say(answer(421, "4.3.2", f"{self.context.hostname} shutting down, closing"))
        return self._take_out()

    def lost(self) -> None:
        """The connection is over: what was under way is cancelled (RFC 5321 §4.1.1.10)."""
        self.closing = True

    # Octets

    def _take_out(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def say(self, reply: Answer) -> None:
        """Encode a reply into the batch."""
        self._out += self.encode(reply)

    def encode(self, reply: Answer) -> bytes:
        """The octets of a reply, the enhanced code on every line (RFC 2034 §4)."""
        enhanced = EnhancedCode(*map(int, reply.enhanced.split("."))) if reply.enhanced else None
        return encode_reply(reply.code, [line.encode() for line in reply.lines], enhanced)

    def _step(self) -> bool:
        """One line or one piece of content; False when nothing more can be done with what is here."""
        if self._reader is not None:
            return self._read_content(self._reader)
        try:
            line = self._lines.next_line()
        except RemoteProtocolError:
            self.endless_line()
            return True
        if line is None:
            return False
        if self._skipping:
            self._skipping = False
        elif self.state is State.AUTH:
            self.conclude(Verb.AUTH_RESPONSE, self.auth_line(line))
        else:
            self.command_line(line)
        return True

    def endless_line(self) -> None:
        """Answer a line that is too long once, when it is; the rest of it, up to its CRLF, says nothing."""
        if not self._skipping:
            if self.state is State.AUTH:
                self.conclude(Verb.AUTH_RESPONSE, self.reply_to_endless_auth_line())
            else:
                self.say(self.reply_to_endless_line())
        self._skipping = True
        self._lines.take_up_to(MAX_LINE)  # the line is longer, so its CRLF is not in these

    def _read_content(self, reader: DataReader | ChunkReader) -> bool:
        octets = self._lines.take_up_to(self._lines.pending)
        piece = reader.feed(octets)
        if piece:
            self.keep(piece)
        if not reader.ended:
            return False
        self._reader = None
        if reader.rest:
            self._lines.feed(reader.rest)
        for reply in self.content_complete():
            self.say(reply)
        return True

    def expect(self, reader: DataReader | ChunkReader) -> None:
        """What comes next is content, read by `reader`."""
        self._reader = reader

    def discard_plaintext(self) -> None:
        """What came in the clear behind STARTTLS is dropped, never run inside TLS (RFC 3207 §6)."""
        self._lines = LineBuffer(MAX_LINE)

    # Commands

    def known_verbs(self) -> frozenset[Verb]:
        """RFC 2033 §4.1: LMTP has LHLO in place of HELO and EHLO. AUTH is on submission only."""
        known = LMTP_VERBS if self.role is Role.LMTP else SMTP_VERBS
        return known if self.role is Role.SUBMISSION else known - {Verb.AUTH}

    def command_line(self, line: bytes) -> None:
        """Read a command line, answer it, and move on as the state table says."""
        try:
            command = parse_command(line)
        except CommandError as exc:
            self.say(self.reply_to_bad_line(exc))
            return
        verb = verb_of(line)
        if verb is None or verb not in self.verbs:
            self.say(
                self.reply_to_unknown_verb(command) if verb is None else self.reply_to_missing_verb(verb)
            )
            return
        refusal = self.refusal_before(verb, command)
        if verb in (Verb.BDAT, Verb.BDAT_LAST):
            self.open_chunk(command, refusal)
            return
        if refusal is not None:
            self.say(refusal)
            return
        self.conclude(verb, self.perform(verb, command))

    def conclude(self, verb: Verb, reply: Answer | None) -> None:
        """Say how a command ended, and move on; None where an errand is left, which calls this again."""
        if reply is not None:
            self.state = self.state_after(verb, reply)
            self.say(reply)

    def perform(self, verb: Verb, command: Command) -> Answer | None:
        """Run a command that is in sequence; grammar errors become 501, 555 and their like."""
        method = getattr(self, f"do_{verb.value.lower()}")
        try:
            reply: Answer | None = method(command)
        except CommandError as exc:
            return self.reply_to_bad_argument(verb, exc)
        return reply

    def open_chunk(self, command: Command, refusal: Answer | None) -> None:
        raise NotImplementedError

    def state_after(self, verb: Verb, reply: Answer) -> State:
        """Where the reply leads."""
        return next_state(self.state, verb, reply.klass)

    def refusal_before(self, verb: Verb, command: Command) -> Answer | None:
        """Why a command is not even run: out of sequence, or login due; subclasses add to it."""
        if not in_sequence(self.state, verb):
            return self.reply_to_wrong_sequence(verb)
        return None

    # Replies that are rules of their own

    def reply_to_endless_line(self) -> Answer:
        """RFC 5321 §4.5.3.1.9: 500; the connection stays (§4.1.1.10)."""
        return answer(500, "5.5.2", "Line too long")

    def reply_to_endless_auth_line(self) -> Answer:
        """RFC 4954 §4: 500 5.5.6, and the exchange has failed."""
        return answer(500, "5.5.6", "Authentication exchange line is too long")

    def reply_to_bad_line(self, exc: CommandError) -> Answer:
        """RFC 5321 §4.1.2: 501 for octets that no command may hold; §4.2.4: 500 where there is no verb."""
        if exc.rule.endswith("§4.1.2"):
            return answer(501, "5.5.2", f"Syntax error: {exc.problem}")
        return answer(500, "5.5.2", f"Syntax error: {exc.problem}")

    def reply_to_unknown_verb(self, command: Command) -> Answer:
        """RFC 5321 §4.2.4: 500."""
        return answer(500, "5.5.1", "Command not recognized")

    def reply_to_missing_verb(self, verb: Verb) -> Answer:
        """RFC 5321 §4.2.4: 502 for what is known and not implemented; RFC 2033 §4.1: 500 for HELO in LMTP."""
        if verb in (Verb.HELO, Verb.EHLO, Verb.LHLO):
            return answer(500, "5.5.1", "Command not recognized")
        return answer(502, "5.5.1", "Command not implemented")

    def reply_to_wrong_sequence(self, verb: Verb) -> Answer:
        """RFC 5321 §4.1.4: 503."""
        return answer(503, "5.5.1", f"{verb.value} out of sequence: {self.state.value}")

    def reply_to_bad_argument(self, verb: Verb, exc: CommandError) -> Answer:
        raise NotImplementedError

    # What the subclasses give

    def auth_line(self, line: bytes) -> Answer | None:
        raise NotImplementedError

    def keep(self, piece: bytes) -> None:
        raise NotImplementedError

    def content_complete(self) -> list[Answer]:
        """The replies to what was read; none yet where an errand is left, which says them."""
        raise NotImplementedError

    def forget_client(self) -> None:
        raise NotImplementedError
