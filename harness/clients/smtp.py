"""A blocking SMTP and LMTP client: polite commands, raw octets, and every wait bounded."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from ssl import SSLContext
from typing import Final

from harness.clients.dialogue import Dialogue
from harness.clients.sasl import SECRET, converse
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, LocalProtocolError
from harness.wire import sasl
from harness.wire.lines import CRLF
from harness.wire.smtp.commands import MAX_COMMAND_LINE
from harness.wire.smtp.data import encode_data
from harness.wire.smtp.replies import Reply, ReplyReader, read_extensions
from harness.wire.smtp.states import State, Verb, in_sequence, next_state, verb_of

__all__ = ["SmtpClient"]

# RFC 5321 §4.1.3: what a client without a name of its own says in EHLO; HELO takes a name only.
_ADDRESS_LITERAL: Final = b"[127.0.0.1]"
_NAME: Final = b"client.example.test"

_HELLO: Final = frozenset({Verb.HELO, Verb.EHLO, Verb.LHLO})


class SmtpClient(Dialogue):
    """One session over a connected transport.

    There are three doors. The named commands (`mail`, `rcpt`, ...) refuse what the state table forbids, with
    `LocalProtocolError`, and send nothing. `command` and `pipeline` send any line. `raw` sends any octets; where
    they led is unknown, so nothing is refused until the next accepted EHLO or RSET.

    All that reads raises `TimedOut`, `ConnectionLost` (the peer closed, too) and `RemoteProtocolError`.

    Args:
        timeout_s: How long a reply may take to be whole.
        lmtp: Speak LMTP: LHLO, and a reply for each recipient after the content (RFC 2033 §4).

    Attributes:
        extensions: What the last EHLO or LHLO offered: keyword in upper case -> its parameters, ``""`` for none.
        state: Where the session stands; None, for unknown, after `raw` and after
            a command out of sequence that the peer took.
        greeting: What `read_greeting` read; there is none before.
    """

    def __init__(self, transport: Transport, *, timeout_s: float, lmtp: bool = False) -> None:
        super().__init__(transport, timeout_s=timeout_s)
        self.lmtp = lmtp
        self.extensions: Mapping[str, str] = {}
        self.state: State | None = State.FRESH
        self.greeting: Reply
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()

    @property
    def closed(self) -> bool:
        """We closed, or the peer confirmed QUIT."""
        return self.transport.closed or self.state is State.CLOSED

    # Reading

    def read_reply(self, timeout_s: float | None = None) -> Reply:
        """The next reply, whole, within `timeout_s` (default: the client's)."""
        allowed_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + allowed_s
        while not self._replies:
            if not self._receive(deadline - time.monotonic()):
                raise ConnectionLost(self.transcript.label, "closed by the peer while a reply was awaited")
        return self._replies.popleft()

    def read_greeting(self) -> Reply:
        """The greeting (RFC 5321 §3.1)."""
        self.greeting = self.read_reply()
        return self.greeting

    def replies_within(self, quiet_s: float) -> list[Reply]:
        """All replies up to the first `quiet_s` seconds of silence, the peer's close, or `timeout_s` in all."""
        self._listen(quiet_s)
        replies = list(self._replies)
        self._replies.clear()
        return replies

    def _receive(self, timeout_s: float) -> bool:
        self._take(b"")  # raises what an earlier feed held back
        return super()._receive(timeout_s)

    def _take(self, octets: bytes) -> None:
        self._replies.extend(self._reader.feed(octets))

    # Sending anything

    def raw(self, octets: bytes, *, shown: bytes | None = None) -> None:
        """Send octets as they are. Read what comes of them with `read_reply` or `replies_within`."""
        self.state = None
        self.transport.send(octets, shown=shown)

    def command(self, line: bytes, *, shown: bytes | None = None) -> Reply:
        """Send any line and return its reply; the CRLF is added, `shown` (without CRLF) hides a secret.

        Raises:
            LocalProtocolError: The line holds CR or LF.
        """
        return self.pipeline([line], shown=None if shown is None else shown + CRLF)[0]

    def pipeline(self, lines: Sequence[bytes], *, shown: bytes | None = None) -> list[Reply]:
        """Send lines in one write, then read one reply for each (RFC 2920 §3.1)."""
        for line in lines:
            if b"\r" in line or b"\n" in line:
                raise LocalProtocolError(f"a command line cannot hold CR or LF: {line[:80]!r}")
        self.transport.send(b"".join(line + CRLF for line in lines), shown=shown)
        return [self._answered(self._due(line)) for line in lines]

    def _due(self, line: bytes) -> Verb | None:
        return Verb.AUTH_RESPONSE if self.state is State.AUTH else verb_of(line)

    def _answered(self, verb: Verb | None) -> Reply:
        reply = self.read_reply()
        if verb is not None:
            self._move(verb, reply)
        return reply

    def _move(self, verb: Verb, reply: Reply) -> None:
        """Let a reply move the session; a peer that takes what is out of sequence leaves it unknown."""
        done = reply.klass in {2, 3}
        if done and verb in _HELLO:
            self.extensions = {} if verb is Verb.HELO else read_extensions(reply)
        if self.state is None:
            self.state = State.READY if done and verb in _HELLO | {Verb.RSET} else None
        elif in_sequence(self.state, verb):
            self.state = next_state(self.state, verb, reply.klass)
        elif done:
            self.state = None

    # The commands, in sequence

    def _check(self, verb: Verb) -> None:
        if self.state is not None and not in_sequence(self.state, verb):
            raise LocalProtocolError(
                f"{verb} is out of sequence ({self.state}); command() sends it all the same"
            )

    def _polite(self, verb: Verb, *words: bytes) -> Reply:
        self._check(verb)
        return self.command(b" ".join((verb.encode(), *words)))

    def ehlo(self, name: bytes = _ADDRESS_LITERAL) -> Reply:
        return self._polite(Verb.EHLO, name)

    def helo(self, name: bytes = _NAME) -> Reply:
        return self._polite(Verb.HELO, name)

    def lhlo(self, name: bytes = _ADDRESS_LITERAL) -> Reply:
        return self._polite(Verb.LHLO, name)

    def mail(self, path: bytes, *parameters: bytes) -> Reply:
        """MAIL; `path` with its brackets, sent as it is: ``mail(b"<a@example.test>", b"SIZE=1000")``."""
        return self._polite(Verb.MAIL, b"FROM:" + path, *parameters)

    def rcpt(self, path: bytes, *parameters: bytes) -> Reply:
        """RCPT; `path` with its brackets, sent as it is."""
        return self._polite(Verb.RCPT, b"TO:" + path, *parameters)

    def rset(self) -> Reply:
        return self._polite(Verb.RSET)

    def noop(self, *words: bytes) -> Reply:
        return self._polite(Verb.NOOP, *words)

    def vrfy(self, text: bytes) -> Reply:
        return self._polite(Verb.VRFY, text)

    def expn(self, text: bytes) -> Reply:
        return self._polite(Verb.EXPN, text)

    def help(self, *words: bytes) -> Reply:
        return self._polite(Verb.HELP, *words)

    def quit(self) -> Reply:
        """QUIT and its reply; the connection stays open on our side until `close`."""
        return self._polite(Verb.QUIT)

    # Content

    def data(self, content: bytes) -> Reply:
        """DATA with all of `content`; the final reply, or DATA's own where it is not 354.

        With LMTP and several recipients use `data_replies`.
        """
        return self.data_replies(content, 1)[-1]

    def data_replies(self, content: bytes, recipients: int) -> list[Reply]:
        """As `data`; with LMTP the reply for each accepted recipient, in order (RFC 2033 §4.2)."""
        opened = self.data_open()
        if opened.klass != 3:
            return [opened]
        self.transport.send(encode_data(content))
        replies = [self.read_reply() for _ in range(recipients)]
        self._move(Verb.END_OF_DATA, replies[-1])
        return replies

    def data_open(self) -> Reply:
        """DATA alone; send content with `raw`, dots doubled by you, and finish with `end_of_data`."""
        return self._polite(Verb.DATA)

    def end_of_data(self) -> Reply:
        """Send the final dot; what was sent before must end with CRLF."""
        self._check(Verb.END_OF_DATA)
        self.transport.send(b"." + CRLF)
        return self._answered(Verb.END_OF_DATA)

    def bdat(self, chunk: bytes, *, last: bool = False) -> Reply:
        """One chunk in one write (RFC 3030 §2); with LMTP and `last`, the first of the recipients' replies."""
        verb = Verb.BDAT_LAST if last else Verb.BDAT
        self._check(verb)
        self.transport.send(b"BDAT %d%s\r\n%s" % (len(chunk), b" LAST" if last else b"", chunk))
        return self._answered(verb)

    # AUTH and STARTTLS

    def auth_plain(self, user: str, password: str, *, initial: bool = True) -> Reply:
        """AUTH PLAIN (RFC 4616), with an initial response where `initial`; no secret reaches the transcript."""
        return self.authenticate(sasl.PlainClient(user, password), initial=initial)

    def auth_login(self, user: str, password: str) -> Reply:
        """AUTH LOGIN; no secret reaches the transcript."""
        return self.authenticate(sasl.LoginClient(user, password))

    def authenticate(self, mechanism: sasl.ClientMechanism, *, initial: bool = True) -> Reply:
        """Run a SASL exchange to its end; the last reply. A challenge nobody can read is cancelled (RFC 4954 §4).

        Raises:
            ServerUnproven: As `converse`.
        """
        self._check(Verb.AUTH)
        command = b"AUTH " + mechanism.name.encode()
        first = mechanism.initial() if initial else None
        line = command if first is None else command + b" " + sasl.encode_initial(first)
        if first is None or len(line) + len(CRLF) > MAX_COMMAND_LINE:
            # RFC 4954 §4: no initial response where the command would grow too long.
            reply = self.command(command)
        else:
            reply = self.command(line, shown=command + b" " + SECRET)
        return converse(
            mechanism,
            reply,
            self.transcript,
            respond=lambda response, shown: self.command(response, shown=shown),
            challenge_in=lambda read: read.lines[-1] if read.klass == 3 else None,
            accepted=lambda read: read.klass == 2,
        )

    def starttls(self, context: SSLContext, hostname: str | None) -> Reply:
        """STARTTLS and, where accepted, the handshake; all knowledge of before is dropped (RFC 3207 §4.2).

        Raises:
            TlsFailed: The handshake failed or the certificate was refused.
        """
        reply = self._polite(Verb.STARTTLS)
        if reply.klass == 2:
            # What came in the clear behind the 220 is nobody's reply.
            self._reader = ReplyReader()
            self._replies.clear()
            self.transport.start_tls(context, hostname)
            self.extensions = {}
            self.state = State.FRESH
        return reply
