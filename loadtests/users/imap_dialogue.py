"""An IMAP dialogue on a lean connection: commands out, answers in, each counted under its name."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Final

from harness.errors import LocalProtocolError, ProtocolError, TransportError
from harness.wire.imap.encode import to_astring
from harness.wire.imap.parser import parse_response
from harness.wire.imap.responses import Condition, Tagged
from harness.wire.imap.states import Answer as Status
from harness.wire.lines import CRLF
from loadtests.users.base import MailUser
from loadtests.users.connection import Connection
from loadtests.users.dialogue import Dialogue
from loadtests.users.errors import RUBBISH, OperationFailed, coded
from loadtests.users.imap_answers import Answer, AnswerReader

if TYPE_CHECKING:
    from loadtests.users.imap_mailbox import Mailbox

__all__ = ["ImapDialogue", "astring"]

# Commands that are under way at once when there are many: the next is sent before the last is answered.
AHEAD: Final = 2


class ImapDialogue(Dialogue):
    """One session over a connection whose greeting is due; `ImapSession` adds the named commands.

    Attributes:
        mailbox: The selected one, kept right by what the server says unasked; None where none is.
    """

    def __init__(self, user: MailUser, connection: Connection) -> None:
        super().__init__(user, connection)
        self.mailbox: Mailbox | None = None
        self._reader = AnswerReader()
        self._tags = 0

    def read_greeting(self, since_s: float) -> bytes:
        """The greeting, counted as ``imap.connect`` from `since_s`; PREAUTH is as good as OK (RFC 3501 §7.1)."""
        with self._during("imap.connect", since_s):
            raw = self._response()
        greeting = parse_response(raw)
        if not isinstance(greeting, Condition) or greeting.status not in {Status.OK, Status.PREAUTH}:
            known = isinstance(greeting, Condition) and greeting.status is Status.BYE
            code = greeting.code.name if isinstance(greeting, Condition) and greeting.code else None
            answer_class = coded("BYE", code) if known else RUBBISH
            failure = self.failed("imap.connect", since_s, answer_class, str(greeting))
            self.close()
            raise failure
        self.recorder.ok("imap.connect", since_s)
        return raw

    def command(self, operation: str, line: bytes, *, shown: bytes | None = None, octets: int = 0) -> Answer:
        """Send a command and read its answer.

        Args:
            operation: The name it is counted under.
            line: Without tag and CRLF.
            shown: What evidence shows of the line, where it holds a secret.
            octets: Of the message it sends; of what it is answered where it sends none.

        Raises:
            OperationFailed: It was answered NO or BAD, or the connection failed.
        """
        tag = self._new_tag()
        since_s = monotonic()
        try:
            self.connection.send(tag + line + CRLF, shown=None if shown is None else tag + shown + CRLF)
            answer = self._answer(tag)
        except (TransportError, ProtocolError) as exc:
            raise self._broken(operation, since_s, exc) from exc
        return self._counted(operation, since_s, answer, octets)

    def batch(self, operation: str, lines: Iterable[bytes]) -> list[Answer]:
        """Send commands in one write and read their answers.

        Each is counted from the write on. None may make another ambiguous (RFC 3501 §5.5).

        Raises:
            OperationFailed: The first that was refused, when all are answered; or the connection failed.
        """
        tagged = [(self._new_tag(), line) for line in lines]
        since_s = monotonic()
        answers = []
        with self._during(operation, since_s):
            self.connection.send(b"".join(tag + line + CRLF for tag, line in tagged))
            for tag, _ in tagged:
                answers.append(self._answer(tag))
                if answers[-1].ok:
                    self.recorder.ok(operation, since_s, len(answers[-1].octets))
        failures = [self._refusal(operation, since_s, answer) for answer in answers if not answer.ok]
        for failure in failures:
            raise failure
        return answers

    def each(self, operation: str, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Send commands, the next before the last is answered, and hand out their untagged responses as they come.

        One response at a time is held. Who does not take them all must close the session.

        Raises:
            OperationFailed: One was refused, or the connection failed.
        """
        waiting = iter(lines)
        under_way = deque(self._begin(operation, line) for line in islice(waiting, AHEAD))
        while under_way:
            tag, since_s = under_way[0]
            with self._during(operation, since_s):
                self.connection.expect(self.connection.timeout_s)
                response = self._response()
            if response.startswith(tag):
                under_way.popleft()
                self._counted(operation, since_s, Answer(response[len(tag) : -2], b""))
                under_way.extend(self._begin(operation, line) for line in islice(waiting, 1))
            else:
                self._hear(response)
                yield response

    def _begin(self, operation: str, line: bytes) -> tuple[bytes, float]:
        tag, since_s = self._new_tag(), monotonic()
        with self._during(operation, since_s):
            self.connection.send(tag + line + CRLF)
        return tag, since_s

    # Beneath the commands

    def _new_tag(self) -> bytes:
        """A tag not used before in this session, with its space."""
        self._tags += 1
        return b"A%d " % self._tags

    def _answer(self, tag: bytes) -> Answer:
        answer = None if self._reader.idle else self._reader.answer(tag)
        receive = self.connection.receive
        while answer is None:
            answer = self._reader.answer(tag, receive())
        if self.mailbox is not None:
            self.mailbox.hear(answer)
        return answer

    def _response(self) -> bytes:
        response = None if self._reader.idle else self._reader.response()
        while response is None:
            response = self._reader.response(self.connection.receive())
        return response

    def _hear(self, response: bytes) -> None:
        if self.mailbox is not None:
            self.mailbox.hear_response(response)

    def _forget(self) -> None:
        """Drop what came in the clear before TLS: it is nobody's response (RFC 9051 §6.2.1)."""
        self._reader = AnswerReader()

    def _go_ahead(self, tag: bytes) -> Answer | None:
        """Wait for ``+``; the answer where the command is completed instead."""
        while not (response := self._response()).startswith(b"+"):
            if response.startswith(tag):
                return Answer(response[len(tag) : -2], b"")
            self._hear(response)
        return None

    def _counted(self, operation: str, since_s: float, answer: Answer, octets: int = 0) -> Answer:
        if not answer.ok:
            raise self._refusal(operation, since_s, answer)
        self.recorder.ok(operation, since_s, octets or len(answer.octets))
        return answer

    def _refusal(self, operation: str, since_s: float, answer: Answer) -> OperationFailed:
        """Count a completion that is not OK; to be raised."""
        completion = parse_response(b"A " + answer.text + CRLF)
        if not isinstance(completion, Tagged):
            return self.failed(operation, since_s, RUBBISH, answer.text.decode("latin-1"))
        answer_class = coded(completion.status.value, completion.code.name if completion.code else None)
        return self.failed(operation, since_s, answer_class, answer.text.decode("latin-1"))


def astring(octets: bytes) -> bytes:
    """A mailbox name or the like in one piece.

    Raises:
        LocalProtocolError: Only a literal can carry it.
    """
    encoded = to_astring(octets)
    if not isinstance(encoded, bytes):
        raise LocalProtocolError(f"only a literal can carry {octets[:80]!r}")
    return encoded
