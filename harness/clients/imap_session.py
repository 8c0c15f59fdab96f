"""An IMAP session on a blocking connection: responses in, commands of any kind out."""

import itertools
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.clients.dialogue import Dialogue
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, RemoteProtocolError
from harness.wire.imap.command_octets import SECRET, Piece, cut_command
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import Capability, Condition, Continuation, Response, Tagged
from harness.wire.imap.results import Result
from harness.wire.imap.states import TRANSITIONS, Answer, State, Verb, in_sequence, next_state, verb_of
from harness.wire.lines import CRLF

__all__ = ["SECRET", "ImapSession", "Piece"]

# Ours: what may come before one command is completed, and how many responses may wait to be asked for.
MAX_RESULT_OCTETS: Final = 256 * 1024 * 1024
MAX_WAITING: Final = 1_000_000


@dataclass(slots=True)
class _Arriving:
    """What comes before a completion."""

    responses: list[Response] = field(default_factory=list)
    octets: int = 0

    def add(self, response: Response) -> None:
        self.octets += len(response.raw)
        if self.octets > MAX_RESULT_OCTETS:
            raise RemoteProtocolError(f"more than {MAX_RESULT_OCTETS} octets before a command is completed")
        self.responses.append(response)


class ImapSession(Dialogue):
    """One session over a connected transport; `ImapClient` adds the named commands.

    `command` and `send` send any command, in or out of sequence. `raw` sends any octets; where they led is unknown
    until an answer tells the state.

    All that reads raises `TimedOut`, `ConnectionLost` (the peer closed, too) and `RemoteProtocolError`.

    Args:
        timeout_s: How long a response, and a command's completion, may take.

    Attributes:
        state: Where the session stands; None, for unknown, after `raw` and after
            a command out of sequence that the peer took.
        greeting: What `read_greeting` read, None before.
    """

    def __init__(self, transport: Transport, *, timeout_s: float) -> None:
        super().__init__(transport, timeout_s=timeout_s)
        self.state: State | None = State.CONNECTED
        self.greeting: Condition | None = None
        self._reader = ResponseReader()
        self._arrived: deque[Response] = deque()
        self._sent: dict[bytes, Verb | None] = {}
        self._completed: dict[bytes, Result] = {}
        self._numbers = itertools.count(1)
        self._capabilities: frozenset[str] | None = None
        self._bye: bytes | None = None

    @property
    def closed(self) -> bool:
        """We closed, or the peer said BYE."""
        return self.transport.closed or self.state is State.LOGOUT

    @property
    def settled(self) -> bool:
        """Every command sent was completed, and everything that came was handed out."""
        return not self._sent and not self._arrived and self._reader.idle

    # Reading

    def read_response(self, timeout_s: float | None = None) -> Response:
        """The next response, whole, within `timeout_s` (default: the client's)."""
        return self._next(self._deadline(timeout_s))

    def read_greeting(self) -> Condition:
        """The greeting: OK, PREAUTH or BYE (RFC 3501 §7.1).

        Raises:
            RemoteProtocolError: What came is none.
        """
        response = self.read_response()
        if not isinstance(response, Condition) or not _greets(response.status):
            raise RemoteProtocolError(f"not an IMAP greeting: {response.raw[:80]!r}")
        self.greeting = response
        self.state = next_state(State.CONNECTED, Verb.GREETING, response.status)
        return response

    def responses_within(self, quiet_s: float) -> list[Response]:
        """All responses up to the first `quiet_s` seconds of silence, the peer's close, or `timeout_s` in all."""
        self._listen(quiet_s)
        return [self._hand_out() for _ in range(len(self._arrived))]

    def put_back(self, responses: Sequence[Response]) -> None:
        """Let these be the next responses again."""
        self._arrived.extendleft(reversed(responses))

    def wait_tagged(self, tag: bytes, timeout_s: float | None = None) -> Result:
        """The completion of a command that was sent, with all that came before it.

        Another command's completion that comes first is kept for when it is asked for; what came before it, too.
        """
        if tag in self._completed:
            return self._completed.pop(tag)
        return self._wait(tag, self._deadline(timeout_s), _Arriving())

    def _deadline(self, timeout_s: float | None) -> float:
        return time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)

    def _next(self, deadline: float) -> Response:
        while not self._arrived:
            self._take(b"")  # raises what the reader kept back behind whole responses
            if not self._receive(deadline - time.monotonic()):
                after = "" if self._bye is None else f" after BYE {self._bye!r}"
                raise ConnectionLost(self.transcript.label, f"closed{after} while a response was awaited")
        return self._hand_out()

    def _take(self, octets: bytes) -> None:
        self._arrived.extend(self._reader.feed(octets))
        if len(self._arrived) > MAX_WAITING:
            raise RemoteProtocolError(f"more than {MAX_WAITING} responses that nobody asked for")

    def _hand_out(self) -> Response:
        response = self._arrived.popleft()
        self._learn(response)
        return response

    def _learn(self, response: Response) -> None:
        """What a response says of the session, whoever asked."""
        match response:
            case Capability(capabilities=names):
                self._capabilities = _upper(names)
            case Condition(status=Answer.BYE, text=text):
                self.state = State.LOGOUT
                self._bye = text
            case Condition(code=code) | Tagged(code=code) if code is not None and code.name == "CAPABILITY":
                self._capabilities = _upper(code.words)
            case _:
                pass

    def _wait(self, tag: bytes, deadline: float, came: _Arriving) -> Result:
        while True:
            response = self._next(deadline)
            match response:
                case Tagged(tag=found) if found == tag:
                    return self._complete(response, came)
                case Tagged(tag=found) if found in self._sent:
                    self._completed[found] = self._complete(response, came)
                    came = _Arriving()
                case _:
                    came.add(response)

    def _complete(self, tagged: Tagged, came: _Arriving) -> Result:
        verb = self._sent.pop(tagged.tag, None)
        if verb is not None:
            self._move(verb, tagged.status)
        return Result(tagged, tuple(came.responses))

    def _move(self, verb: Verb, answer: Answer) -> None:
        """Let an answer move the session; a peer that takes what is out of sequence leaves it unknown."""
        if self.state is State.LOGOUT:
            return
        if self.state is None:
            self.state = _told_by(verb, answer)
        elif in_sequence(self.state, verb):
            self.state = next_state(self.state, verb, answer)
        elif answer is Answer.OK:
            self.state = None

    # Sending anything

    def raw(self, octets: bytes, *, shown: bytes | None = None) -> None:
        """Send octets as they are. Read what comes of them with `read_response` or `responses_within`.

        Args:
            shown: What the transcript keeps instead, where they hold a secret.
        """
        self.state = None
        self.transport.send(octets, shown=shown)

    def new_tag(self) -> bytes:
        """A tag not used before in this session."""
        return b"A%d" % next(self._numbers)

    def send(self, *pieces: Piece, tag: bytes | None = None, shown: bytes | None = None) -> bytes:
        """Send a command without waiting for its completion; before a synchronizing literal, wait for ``+``.

        A server that completes the command in place of the ``+`` has refused the literal: it is not sent.

        Args:
            pieces: Parts to be put together with spaces, encoded but for literals; no tag, no CRLF.
            tag: One of the caller's own; by default a new one.
            shown: What the transcript keeps of the command instead, where it holds a secret; no tag, no CRLF.

        Returns:
            The tag, for `wait_tagged`.

        Raises:
            LocalProtocolError: A piece holds CR or LF.

        Source: RFC 3501 §2.2.1, §4.3, §7.5; RFC 7888 §3.
        """
        tag = self.new_tag() if tag is None else tag
        chunks = list(cut_command((tag, *pieces), shown))
        self._sent[tag] = _verb(pieces)
        deadline = self._deadline(None)
        for number, chunk in enumerate(chunks):
            if number and self._go_ahead(tag, deadline) is None:
                break
            masked = SECRET if number else tag + b" " + (shown or b"") + CRLF
            self.transport.send(chunk, shown=None if shown is None else masked)
        return tag

    def command(self, *pieces: Piece, shown: bytes | None = None) -> Result:
        """Send any command and wait for its completion; arguments as in `send`."""
        return self.wait_tagged(self.send(*pieces, shown=shown))

    def pipeline(self, lines: Sequence[bytes]) -> list[Result]:
        """Send whole command lines in one write, each with a tag of its own; their results in the order sent."""
        tags = [self.new_tag() for _ in lines]
        pairs = list(zip(tags, lines, strict=True))
        octets = b"".join(chunk for pair in pairs for chunk in cut_command(pair, None))
        self._sent.update((tag, verb_of(line)) for tag, line in pairs)
        self.transport.send(octets)
        return [self.wait_tagged(tag) for tag in tags]

    def _go_ahead(self, tag: bytes, deadline: float) -> Continuation | None:
        """Wait for ``+``; None where the command is completed instead. What came is kept for `wait_tagged`."""
        came = _Arriving()
        while not isinstance(response := self._next(deadline), Continuation):
            came.add(response)
            if isinstance(response, Tagged) and response.tag == tag:
                break
        self.put_back(came.responses)
        return response if isinstance(response, Continuation) else None


def _verb(pieces: Sequence[Piece]) -> Verb | None:
    first = pieces[0] if pieces else b""
    return verb_of(first) if isinstance(first, bytes) else None


def _upper(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.upper() for name in names)


def _greets(status: Answer) -> bool:
    return status in TRANSITIONS[State.CONNECTED, Verb.GREETING]


def _told_by(verb: Verb, answer: Answer) -> State | None:
    """The one state that such an answer leads to, None where there are several or it was refused."""
    if answer is not Answer.OK:
        return None
    led = {next_state(state, verb, answer) for state, known in TRANSITIONS if known is verb}
    return led.pop() if len(led) == 1 else None
