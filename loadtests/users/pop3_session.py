"""A POP3 session on a lean connection: the named commands, each counted under its name."""

from collections.abc import Iterable, Iterator
from itertools import islice
from time import monotonic
from typing import Final, NamedTuple

from harness.errors import ProtocolError, TransportError
from harness.target import Account
from harness.wire import sasl
from harness.wire.lines import CRLF
from harness.wire.pop3.listings import (
    read_capabilities,
    read_drop_listing,
    read_scan_listing,
    read_uid_listing,
)
from harness.wire.pop3.responses import ResponseReader, Status
from loadtests.users.base import MailUser
from loadtests.users.connection import Connection
from loadtests.users.dialogue import Dialogue
from loadtests.users.errors import OperationFailed, coded
from loadtests.users.pop3_answers import Answer, AnswerReader

__all__ = ["Pop3Session", "Step"]

_SECRET: Final = b"***"
_PASS: Final = b"PASS ***\r\n"

# Ours: commands that are sent ahead of their answers; what the server has to say to them never stops it from reading.
AHEAD: Final = 100


class Step(NamedTuple):
    """One command of a batch.

    Attributes:
        operation: The name it is counted under.
        line: Without CRLF.
        multi_line: Its positive answer has more lines.
    """

    operation: str
    line: bytes
    multi_line: bool = False


class Pop3Session(Dialogue):
    """One session over a connection. Several commands go out in one write where the server offers PIPELINING."""

    def __init__(self, user: MailUser, connection: Connection) -> None:
        super().__init__(user, connection)
        self._reader = AnswerReader()
        self._capabilities: dict[str, list[str]] | None = None

    def read_greeting(self, since_s: float) -> None:
        """The greeting, counted as ``pop3.connect`` from `since_s`."""
        with self._during("pop3.connect", since_s):
            greeting = self._answer()
        self._counted("pop3.connect", since_s, greeting)

    # Sending

    def command(self, step: Step, *, shown: bytes | None = None) -> Answer:
        """Send a command and read its answer.

        Args:
            shown: What evidence shows of the line, where it holds a secret.

        Raises:
            OperationFailed: It was answered -ERR, or the connection failed.
        """
        since_s = monotonic()
        try:
            self.connection.send(step.line + CRLF, shown=None if shown is None else shown + CRLF)
            answer = self._answer(multi_line=step.multi_line)
        except (TransportError, ProtocolError) as exc:
            raise self._broken(step.operation, since_s, exc) from exc
        return self._counted(step.operation, since_s, answer)

    def batch(self, steps: Iterable[Step]) -> Iterator[Answer]:
        """Send commands ahead of their answers where PIPELINING is offered (RFC 2449 §6.6), else one by one.

        One answer at a time is held. Who does not take them all must close the session.

        Raises:
            OperationFailed: One was refused: what was sent behind it has been answered, and is not handed out; or the
                connection failed.
        """
        waiting = iter(steps)
        ahead = AHEAD if self.offers("PIPELINING") else 1
        while under_way := list(islice(waiting, ahead)):
            since_s = monotonic()
            with self._during(under_way[0].operation, since_s):
                self.connection.send(b"".join(step.line + CRLF for step in under_way))
            failure: OperationFailed | None = None
            for step in under_way:
                with self._during(step.operation, since_s):
                    self.connection.expect(self.connection.timeout_s)
                    answer = self._answer(multi_line=step.multi_line)
                if answer.ok:
                    self._counted(step.operation, since_s, answer)
                    if failure is None:
                        yield answer
                else:
                    refusal = self._refusal(step.operation, since_s, answer)
                    failure = failure or refusal
            if failure is not None:
                raise failure

    # Before the maildrop

    @property
    def capabilities(self) -> dict[str, list[str]]:
        """Tag in upper case -> its parameters, as last told in this state of TLS; asked for where never told.

        A server without CAPA has none (RFC 2449 §5), which is no error.
        """
        if self._capabilities is None:
            since_s = monotonic()
            with self._during("pop3.capa", since_s):
                self.connection.send(b"CAPA\r\n")
                answer = self._answer(multi_line=True)
            self.recorder.ok("pop3.capa", since_s)
            self._capabilities = read_capabilities(answer.lines) if answer.ok else {}
        return self._capabilities

    def offers(self, tag: str) -> bool:
        return tag in self.capabilities

    def start_tls(self) -> None:
        """STLS and the handshake; what was told in the clear is forgotten (RFC 2595 §4)."""
        since_s = monotonic()
        with self._during("pop3.stls", since_s):
            self.connection.send(b"STLS\r\n")
            answer = self._answer()
            if not answer.ok:
                raise self._refusal("pop3.stls", since_s, answer)
            # What came in the clear behind the +OK is nobody's response (RFC 2595 §4).
            self._reader = AnswerReader()
            self.user.start_tls(self.connection)
        self._capabilities = None
        self.recorder.ok("pop3.stls", since_s)

    def log_in(self, account: Account) -> None:
        """USER and PASS, or AUTH PLAIN where they are not offered; counted as ``pop3.auth`` either way."""
        name, secret = account.user.encode(), account.password.encode()
        plain = sasl.encode_initial(sasl.PlainClient(account.user, account.password).initial())
        self.connection.hide(secret, plain)
        by_sasl = "PLAIN" in self.capabilities.get("SASL", [])
        if by_sasl and (not self.offers("USER") or not (name + secret).isascii()):
            self.command(Step("pop3.auth", b"AUTH PLAIN " + plain), shown=b"AUTH PLAIN " + _SECRET)
        else:
            self._log_in_by_user(b"USER %b\r\n" % name, b"PASS %b\r\n" % secret)

    def _log_in_by_user(self, user: bytes, password: bytes) -> None:
        since_s = monotonic()
        with self._during("pop3.auth", since_s):
            if self.offers("PIPELINING"):
                self.connection.send(user + password, shown=user + _PASS)
                answer = self._answer()
            else:
                self.connection.send(user)
                answer = self._answer()
                if answer.ok:
                    self.connection.send(password, shown=_PASS)
            if answer.ok or self.offers("PIPELINING"):
                answer = self._answer()
        self._counted("pop3.auth", since_s, answer)

    # The maildrop

    def stat(self) -> tuple[int, int]:
        """Messages, and their octets in all."""
        return self._drop(self.command(_STAT))

    def list_(self) -> dict[int, int]:
        """Number -> octets."""
        lines = self.command(_LIST).lines
        with self._during("pop3.list", monotonic()):
            return {scan.number: scan.octets for scan in map(read_scan_listing, lines)}

    def uidl(self) -> list[tuple[int, bytes]]:
        """Number and unique-id of each message."""
        return self._uids(self.command(_UIDL).lines)

    def uidl_of(self, numbers: Iterable[int]) -> list[tuple[int, bytes]]:
        """The same of some messages."""
        answers = self.batch(Step("pop3.uidl", b"UIDL %d" % number) for number in numbers)
        return self._uids([answer.text for answer in answers])

    def look(self) -> list[tuple[int, bytes]]:
        """STAT and UIDL, as a client does that looks for new mail."""
        stat, uidl = self.batch([_STAT, _UIDL])
        self._drop(stat)
        return self._uids(uidl.lines)

    def retr(self, number: int) -> bytes:
        """A message, byte-stuffing undone."""
        return self.command(_retr(number)).content

    def each_retr(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """Messages, one at a time in memory; who does not take them all must `close`."""
        return (answer.content for answer in self.batch(map(_retr, numbers)))

    def each_top(self, numbers: Iterable[int], lines: int = 0) -> Iterator[bytes]:
        """Headers, the blank line, and so many lines of the bodies; as `each_retr`. TOP must be offered."""
        steps = (Step("pop3.top", b"TOP %d %d" % (number, lines), multi_line=True) for number in numbers)
        return (answer.content for answer in self.batch(steps))

    def dele(self, *numbers: int) -> None:
        """Mark messages as deleted; they go when `quit` is answered."""
        for _ in self.batch(Step("pop3.dele", b"DELE %d" % number) for number in numbers):
            pass

    def noop(self) -> None:
        self.command(Step("pop3.noop", b"NOOP"))

    def rset(self) -> None:
        self.command(Step("pop3.rset", b"RSET"))

    def quit(self) -> None:
        """QUIT, and close."""
        self.command(Step("pop3.quit", b"QUIT"))
        self.close()

    # Beneath the commands

    def _drop(self, answer: Answer) -> tuple[int, int]:
        with self._during("pop3.stat", monotonic()):
            drop = read_drop_listing(answer.text)
        return drop.count, drop.octets

    def _uids(self, lines: list[bytes]) -> list[tuple[int, bytes]]:
        with self._during("pop3.uidl", monotonic()):
            return [(uid.number, uid.unique_id) for uid in map(read_uid_listing, lines)]

    def _answer(self, *, multi_line: bool = False) -> Answer:
        answer = None if self._reader.idle else self._reader.answer(multi_line=multi_line)
        while answer is None:
            answer = self._reader.answer(self.connection.receive(), multi_line=multi_line)
        return answer

    def _counted(self, operation: str, since_s: float, answer: Answer) -> Answer:
        if not answer.ok:
            raise self._refusal(operation, since_s, answer)
        self.recorder.ok(operation, since_s, len(answer.stuffed))
        return answer

    def _refusal(self, operation: str, since_s: float, answer: Answer) -> OperationFailed:
        """Count an answer that is not positive; to be raised."""
        reader = ResponseReader()
        reader.feed(answer.status + CRLF)
        status = reader.next_response()
        code = status.code if isinstance(status, Status) else None
        return self.failed(operation, since_s, coded("-ERR", code), answer.status.decode("latin-1"))


_STAT: Final = Step("pop3.stat", b"STAT")
_LIST: Final = Step("pop3.list", b"LIST", multi_line=True)
_UIDL: Final = Step("pop3.uidl", b"UIDL", multi_line=True)


def _retr(number: int) -> Step:
    return Step("pop3.retr", b"RETR %d" % number, multi_line=True)
