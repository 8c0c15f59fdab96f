"""A blocking POP3 client: polite commands, raw octets, and every wait bounded."""

import itertools
import time
from collections.abc import Iterable, Sequence
from ssl import SSLContext

from harness.clients.dialogue import Dialogue
from harness.clients.sasl import SECRET, converse
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, LocalProtocolError, ProtocolError
from harness.wire import sasl
from harness.wire.lines import CRLF
from harness.wire.pop3.commands import MAX_COMMAND_LINE, is_multi_line
from harness.wire.pop3.listings import (
    apop_digest,
    read_capabilities,
    read_drop_listing,
    read_scan_listing,
    read_timestamp,
    read_uid_listing,
)
from harness.wire.pop3.responses import MultiLine, Response, ResponseReader, Status
from harness.wire.pop3.states import TRANSITIONS, Answer, State, Verb, in_sequence, next_state, verb_of

__all__ = ["Pop3Client", "Pop3Refused"]


class Pop3Refused(ProtocolError):
    """A command whose data was asked for was answered -ERR; `command` is the line sent, `status` the answer."""

    def __init__(self, command: bytes, status: Status) -> None:
        self.command = command
        self.status = status
        super().__init__(f"{command.decode('latin-1')} was answered {status}")


class Pop3Client(Dialogue):
    """One session over a connected transport.

    There are three doors. The named commands (`stat`, `retr`, ...) refuse what the state table forbids, with
    `LocalProtocolError`, and send nothing; those that return data raise `Pop3Refused` where it is refused.
    `command`, `multiline` and `pipeline` send any line. `raw` sends any octets; where they led is unknown, so
    nothing is refused until an answer tells the state.

    All that reads raises `TimedOut`, `ConnectionLost` (the peer closed, too) and `RemoteProtocolError`.

    Args:
        timeout_s: How long a response may take to be whole.

    Attributes:
        state: Where the session stands; None, for unknown, after `raw` and after
            a command out of sequence that the peer took.
        greeting: What `read_greeting` read; there is none before.
    """

    def __init__(self, transport: Transport, *, timeout_s: float) -> None:
        super().__init__(transport, timeout_s=timeout_s)
        self.state: State | None = State.AUTHORIZATION
        self.greeting: Status
        self._reader = ResponseReader()

    @property
    def closed(self) -> bool:
        """We closed, or the peer answered QUIT."""
        return self.transport.closed or self.state in {State.UPDATE, State.CLOSED}

    # Reading

    def read_response(self, timeout_s: float | None = None, *, multi_line: bool = False) -> Response:
        """The next response, whole, within `timeout_s` (default: the client's).

        Args:
            multi_line: It is a `MultiLine`: it has more lines where it is positive; else it is a `Status`.
        """
        allowed_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + allowed_s
        while (response := self._reader.next_response(multi_line=multi_line)) is None:
            if not self._receive(deadline - time.monotonic()):
                raise ConnectionLost(self.transcript.label, "closed by the peer while a response was awaited")
        return response

    def read_status(self, timeout_s: float | None = None) -> Status:
        """The next response, a status line, as `read_response`."""
        return _status(self.read_response(timeout_s))

    def read_greeting(self) -> Status:
        """The greeting (RFC 1939 §4)."""
        self.greeting = self.read_status()
        return self.greeting

    def responses_within(self, quiet_s: float, *, multi_line: Iterable[bool] = ()) -> list[Response]:
        """All responses up to the first `quiet_s` seconds of silence, the peer's close, or `timeout_s` in all.

        Args:
            multi_line: Of each response, in order, as in `read_response`; behind those, False.
        """
        self._listen(quiet_s)
        responses = []
        for form in itertools.chain(multi_line, itertools.repeat(False)):
            response = self._reader.next_response(multi_line=form)
            if response is None:
                break
            responses.append(response)
        return responses

    def _take(self, octets: bytes) -> None:
        self._reader.feed(octets)

    # Sending anything

    def raw(self, octets: bytes, *, shown: bytes | None = None) -> None:
        """Send octets as they are. Read what comes of them with `read_response` or `responses_within`.

        Args:
            shown: What the transcript keeps instead, where they hold a secret.
        """
        self.state = None
        self.transport.send(octets, shown=shown)

    def command(self, line: bytes, *, shown: bytes | None = None) -> Status:
        """Send any line and return the status of its response; the lines of a multi-line one are dropped.

        Args:
            line: Without CRLF, which is added.
            shown: What the transcript keeps instead, where the line holds a secret; without CRLF.

        Raises:
            LocalProtocolError: The line holds CR or LF.
        """
        verb = self._due(line)
        self._send([line], shown)
        return _status(self._answer(verb, multi_line=verb is not Verb.AUTH_RESPONSE and is_multi_line(line)))

    def multiline(self, line: bytes) -> MultiLine:
        """Send any line and return the response, which has more lines when it is positive. Raises as `command`."""
        verb = self._due(line)
        self._send([line])
        response = self._answer(verb, multi_line=True)
        assert isinstance(response, MultiLine)
        return response

    def pipeline(self, lines: Sequence[bytes]) -> list[Response]:
        """Send lines in one write, then read one response for each (RFC 2449 §6.6). Raises as `command`."""
        self._send(lines)
        return [self._answer(verb_of(line), multi_line=is_multi_line(line)) for line in lines]

    def _due(self, line: bytes) -> Verb | None:
        return Verb.AUTH_RESPONSE if self.state is State.AUTH else verb_of(line)

    def _send(self, lines: Sequence[bytes], shown: bytes | None = None) -> None:
        for line in lines:
            if b"\r" in line or b"\n" in line:
                told = line[:80] if shown is None else shown
                raise LocalProtocolError(f"a command line cannot hold CR or LF: {told!r}")
        octets = b"".join(line + CRLF for line in lines)
        self.transport.send(octets, shown=None if shown is None else shown + CRLF)

    def _answer(self, verb: Verb | None, *, multi_line: bool) -> Response:
        response = self.read_response(multi_line=multi_line)
        if verb is not None:
            self._move(verb, _status(response))
        return response

    def _move(self, verb: Verb, status: Status) -> None:
        """Let an answer move the session; a peer that takes what is out of sequence leaves it unknown."""
        if self.state is None:
            self.state = _told_by(verb, status.answer)
        elif in_sequence(self.state, verb):
            self.state = next_state(self.state, verb, status.answer)
        elif status.answer is not Answer.ERR:
            self.state = None

    # Logging in

    def _check(self, verb: Verb) -> None:
        if self.state is not None and not in_sequence(self.state, verb):
            raise LocalProtocolError(
                f"{verb} is out of sequence ({self.state}); command() sends it all the same"
            )

    def _polite(self, verb: Verb, *words: bytes, shown: bytes | None = None) -> Status:
        self._check(verb)
        return self.command(b" ".join((verb.encode(), *words)), shown=shown)

    def user(self, name: str) -> Status:
        return self._polite(Verb.USER, name.encode())

    def pass_(self, password: str) -> Status:
        """PASS; the password does not reach the transcript."""
        return self._polite(Verb.PASS, password.encode(), shown=b"PASS " + SECRET)

    def login(self, user: str, password: str) -> Status:
        """USER and PASS: the status of PASS, or of USER where that was refused."""
        status = self.user(user)
        return self.pass_(password) if status.ok else status

    def apop(self, user: str, password: str) -> Status:
        """APOP by the greeting's timestamp (RFC 1939 §7); the digest does not reach the transcript.

        Raises:
            LocalProtocolError: The greeting has no timestamp.
        """
        timestamp = read_timestamp(self.greeting)
        if timestamp is None:
            raise LocalProtocolError("the greeting has no timestamp, so there is no APOP (RFC 1939 §7)")
        name, digest = user.encode(), apop_digest(timestamp, password.encode())
        return self._polite(Verb.APOP, name, digest, shown=b"APOP %s %s" % (name, SECRET))

    def auth_plain(self, user: str, password: str, *, initial: bool = True) -> Status:
        """AUTH PLAIN (RFC 4616 §2), with an initial response where `initial`; no secret reaches the transcript."""
        return self.authenticate(sasl.PlainClient(user, password), initial=initial)

    def auth_login(self, user: str, password: str) -> Status:
        """AUTH LOGIN; no secret reaches the transcript."""
        return self.authenticate(sasl.LoginClient(user, password))

    def authenticate(self, mechanism: sasl.ClientMechanism, *, initial: bool = True) -> Status:
        """Run a SASL exchange to its end; the last status. A challenge nobody can read is cancelled (RFC 5034 §4).

        Raises:
            ServerUnproven: As `converse`.
        """
        self._check(Verb.AUTH)
        command = b"AUTH " + mechanism.name.encode()
        first = mechanism.initial() if initial else None
        line = command if first is None else command + b" " + sasl.encode_initial(first)
        if first is None or len(line) + len(CRLF) > MAX_COMMAND_LINE:
            # RFC 5034 §4: no initial response where the command would grow too long.
            status = self.command(command)
        else:
            status = self.command(line, shown=command + b" " + SECRET)
        return converse(
            mechanism,
            status,
            self.transcript,
            respond=lambda response, shown: self.command(response, shown=shown),
            challenge_in=lambda read: read.text if read.answer is Answer.CHALLENGE else None,
            accepted=lambda read: read.ok,
        )

    def stls(self, context: SSLContext, hostname: str | None) -> Status:
        """STLS and, where accepted, the handshake; what came in the clear is dropped (RFC 2595 §4).

        Raises:
            TlsFailed: The handshake failed or the certificate was refused.
        """
        status = self._polite(Verb.STLS)
        if status.ok:
            # What came in the clear behind the +OK is nobody's response.
            self._reader = ResponseReader()
            self.transport.start_tls(context, hostname)
            self.state = State.AUTHORIZATION
        return status

    # The maildrop

    def capa(self) -> dict[str, list[str]]:
        """What CAPA lists: tag in upper case -> its parameters (RFC 2449 §5). Raises `Pop3Refused`."""
        return read_capabilities(self._lines(Verb.CAPA))

    def stat(self) -> tuple[int, int]:
        """Messages, and their octets in all. Raises `Pop3Refused`."""
        drop = read_drop_listing(self._text(Verb.STAT))
        return drop.count, drop.octets

    def list_(self, number: int | None = None) -> list[tuple[int, int]]:
        """Number and octets of each message, or of the one asked for. Raises `Pop3Refused`."""
        return [
            (scan.number, scan.octets) for scan in map(read_scan_listing, self._listed(Verb.LIST, number))
        ]

    def uidl(self, number: int | None = None) -> list[tuple[int, bytes]]:
        """Number and unique-id of each message, or of the one asked for. Raises `Pop3Refused`."""
        return [(uid.number, uid.unique_id) for uid in map(read_uid_listing, self._listed(Verb.UIDL, number))]

    def retr(self, number: int) -> bytes:
        """A message, octet for octet, byte-stuffing undone. Raises `Pop3Refused`."""
        return self._content(Verb.RETR, b"%d" % number).octets

    def top(self, number: int, lines: int) -> bytes:
        """A message's header, the blank line, and so many lines of its body. Raises `Pop3Refused`."""
        return self._content(Verb.TOP, b"%d" % number, b"%d" % lines).octets

    def dele(self, number: int) -> Status:
        return self._polite(Verb.DELE, b"%d" % number)

    def noop(self) -> Status:
        return self._polite(Verb.NOOP)

    def rset(self) -> Status:
        return self._polite(Verb.RSET)

    def quit(self) -> Status:
        """QUIT and its answer; the connection stays open on our side until `close`."""
        return self._polite(Verb.QUIT)

    def _listed(self, verb: Verb, number: int | None) -> list[bytes]:
        return self._lines(verb) if number is None else [self._text(verb, b"%d" % number)]

    def _text(self, verb: Verb, *words: bytes) -> bytes:
        status = self._polite(verb, *words)
        if not status.ok:
            raise Pop3Refused(b" ".join((verb.encode(), *words)), status)
        return status.text

    def _lines(self, verb: Verb) -> list[bytes]:
        return self._content(verb).lines

    def _content(self, verb: Verb, *words: bytes) -> MultiLine:
        self._check(verb)
        line = b" ".join((verb.encode(), *words))
        response = self.multiline(line)
        if not response.ok:
            raise Pop3Refused(line, response.status)
        return response


def _status(response: Response) -> Status:
    return response.status if isinstance(response, MultiLine) else response


def _told_by(verb: Verb, answer: Answer) -> State | None:
    """The one state that such an answer leads to, None where there are several or it was refused."""
    if answer is Answer.ERR:
        return None
    led = {next_state(state, verb, answer) for state, known in TRANSITIONS if known is verb}
    return led.pop() if len(led) == 1 else None
