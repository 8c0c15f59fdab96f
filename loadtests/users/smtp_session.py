"""Messages over an SMTP, submission or LMTP session of a load run."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from time import monotonic
from typing import TYPE_CHECKING, Final

import gevent

from harness.errors import ProtocolError, TransportError
from loadtests.content.letters import Letter
from loadtests.users.connection import Connection
from loadtests.users.errors import NOT_8BIT, OperationFailed
from loadtests.users.smtp_dialogue import DONE, GO_ON, SmtpDialogue
from loadtests.users.smtp_replies import GOING_AWAY

if TYPE_CHECKING:
    from loadtests.users.smtp import SmtpUser

__all__ = ["Outgoing", "SmtpSession"]

# Ours: a content of more octets is not copied to be sent in one write with the commands that follow it.
_JOINED_OCTETS: Final = 64 * 1024

# A slow client writes so often.
_PIECE_EVERY_S: Final = 0.1

_first_octet: Final = itemgetter(0)


class Outgoing:
    """A letter on its way; it is sent once.

    Attributes:
        slot: Its first recipient's in the ledger; the next one's is one higher, and so on.
        unknown: The place among the recipients of one who does not exist; -1 where all do.
        since_s: When it began, or was to begin.
        accepted: Recipients to whom the content is sent, by their place in the letter.
        trouble: The last refusal of a recipient who should have been accepted.
    """

    __slots__ = ("accepted", "letter", "since_s", "slot", "trouble", "unknown")

    def __init__(self, letter: Letter, slot: int, unknown: int = -1) -> None:
        self.letter = letter
        self.slot = slot
        self.unknown = unknown
        self.since_s = 0.0
        self.accepted: Sequence[int] = ()
        self.trouble: OperationFailed | None = None


class SmtpSession(SmtpDialogue):
    """A session that sends messages; `SmtpUser.open` makes it. The ledger is told what became of each recipient."""

    def __init__(self, user: "SmtpUser", connection: Connection) -> None:
        super().__init__(user, connection)
        self._ledger: Final = user.shared.ledger
        self._unclean = False

    def send(self, outgoing: Outgoing, *, octets_per_s: float | None = None) -> bool:
        """Send one message.

        Args:
            octets_per_s: How fast a slow client writes the content.

        Returns:
            Whether it was accepted for anybody. False is no error: nobody whom it is to exists.

        Raises:
            OperationFailed: A command or a recipient was refused, or the connection failed.
        """
        self._begin(outgoing)
        if self.pipelining:
            since_s = monotonic()
            self._write_envelope(outgoing)
            self._read_envelope(outgoing, since_s)
        else:
            self._ask(outgoing)
        if outgoing.accepted:
            self._write_content(outgoing, octets_per_s=octets_per_s)
            self._read_end(outgoing)
        if outgoing.trouble is not None:
            raise outgoing.trouble
        return bool(outgoing.accepted)

    def send_all(self, mail: Iterable[Outgoing], *, then_quit: bool = False) -> int:
        """Send messages one after the other; with pipelining, the next one's envelope goes out with the content.

        Such a message counts from when the one before it was answered: what waits behind a message is charged to that
        one only.

        Args:
            then_quit: Quit behind the last one; with pipelining, in one write with its content.

        Returns:
            How many were accepted for anybody.

        Raises:
            OperationFailed: As in `send`; messages behind it are not sent.

        Source: RFC 2920 §3.1 (content may be the first in a group of commands).
        """
        if not self.pipelining:
            count = sum(map(self.send, mail))
            if then_quit:
                self.quit()
            return count
        count = 0
        before: Outgoing | None = None
        trouble: OperationFailed | None = None
        for outgoing in mail:
            self._begin(outgoing)
            if before is None:
                since_s = monotonic()
                self._write_envelope(outgoing)
            else:
                since_s = outgoing.since_s = self._end_and_go_on(before, outgoing)
                count += 1
            self._read_envelope(outgoing, since_s)
            before = outgoing if outgoing.accepted else None
            if (trouble := outgoing.trouble) is not None:
                break
        if before is not None:
            then_quit = then_quit and trouble is None
            self._write_content(before, b"QUIT\r\n" if then_quit else b"")
            ended_s = self._read_end(before, behind=int(then_quit))
            count += 1
            if then_quit:
                self.read_farewell(ended_s)
        elif then_quit and trouble is None:
            self.quit()
        if trouble is not None:
            raise trouble
        return count

    def check_8bit(self) -> None:
        """Whether messages may hold octets above 127.

        Raises:
            OperationFailed: Of class ``8bitmime``; nothing was sent.

        Source: RFC 6152 §3 (not without 8BITMIME).
        """
        if "8BITMIME" not in self.extensions:
            raise self.failed(self.names.mail, monotonic(), NOT_8BIT, "8BITMIME is not offered")

    # The steps of one message

    def _begin(self, outgoing: Outgoing) -> None:
        if self._unclean:
            self._unclean = False
            self.command(self.names.rset, b"RSET\r\n")
        due_s = self.user.due_s
        if due_s is None:
            outgoing.since_s = monotonic()
        else:
            outgoing.since_s = due_s
            self.user.due_s = None

    def _end_and_go_on(self, before: Outgoing, outgoing: Outgoing) -> float:
        """Send a content with the next envelope behind it, and read what became of the content.

        Returns:
            When that was said.

        Raises:
            OperationFailed: Something went wrong; as the next message is under way, the session is over.
        """
        try:
            self._write_content(before, self._envelope(outgoing.letter))
            return self._read_end(before, behind=len(outgoing.letter.rcpt_to) + 2)
        except OperationFailed:
            self._not_sent(outgoing)
            self.close()
            raise

    def _envelope(self, letter: Letter) -> bytes:
        """MAIL, each RCPT and DATA."""
        rcpt_to = letter.rcpt_to[0] if len(letter.rcpt_to) == 1 else b">\r\nRCPT TO:<".join(letter.rcpt_to)
        return b"%bRCPT TO:<%b>\r\nDATA\r\n" % (self._mail(letter), rcpt_to)

    def _mail(self, letter: Letter) -> bytes:
        size = b" SIZE=%d" % letter.octets if "SIZE" in self.extensions else b""
        body = b" BODY=8BITMIME" if letter.needs_8bit else b""
        return b"MAIL FROM:<%b>%b%b\r\n" % (letter.mail_from, size, body)

    def _write_envelope(self, outgoing: Outgoing) -> None:
        try:
            self.connection.send(self._envelope(outgoing.letter))
        except TransportError as exc:
            self._not_sent(outgoing)
            raise self._broken(self.names.mail, outgoing.since_s, exc) from exc

    def _read_envelope(self, outgoing: Outgoing, since_s: float) -> None:
        """Read and judge the replies to an envelope that was sent in one write at `since_s`."""
        names = self.names.envelope(len(outgoing.letter.rcpt_to))
        try:
            replies = self.replies.some(len(names))
        except (TransportError, ProtocolError) as exc:
            self._not_sent(outgoing)
            raise self._broken(names[self.replies.held], since_s, exc) from exc
        if bytes(map(_first_octet, replies)) == _all_well(len(names)) and outgoing.unknown < 0:
            outgoing.accepted = range(len(names) - 2)
            self.recorder.ok_together(names, since_s)
        else:
            self._judge(outgoing, replies, since_s)

    def _judge(self, outgoing: Outgoing, replies: Sequence[bytes], since_s: float) -> None:
        """Say of each of an envelope's replies what it means; there are fewer where the last one is a 421."""
        mail, *rcpts = replies[:-1] if len(replies) == len(outgoing.letter.rcpt_to) + 2 else replies
        data = replies[-1]
        accepted: list[int] = []
        try:
            self._done(self.names.mail, since_s, mail)
            for at, reply in enumerate(rcpts):
                if self._recipient(outgoing, at, reply, since_s):
                    accepted.append(at)
                if self.connection.closed:
                    break
            else:
                self._unclean = not (accepted and data[0] == GO_ON)
                if accepted:
                    self._go_on(since_s, data)
                    outgoing.accepted = accepted
        finally:
            if not outgoing.accepted:
                self._not_sent(outgoing)
                if data[0] == GO_ON and not self.connection.closed:
                    # RFC 2920 §3.1: DATA was taken although nobody was; an empty content ends it.
                    self._exchange(self.names.data, since_s, b".\r\n")

    def _recipient(self, outgoing: Outgoing, at: int, reply: bytes, since_s: float) -> bool:
        """Judge one reply to RCPT: whether the recipient was accepted."""
        names, unknown = self.names, at == outgoing.unknown
        if reply[0] == DONE:
            self.recorder.ok(names.unknown_taken if unknown else names.rcpt, since_s)
            return True
        self._ledger.refused(outgoing.slot + at)
        if unknown and not reply.startswith(GOING_AWAY):
            self.recorder.ok(names.unknown, since_s)
        else:
            outgoing.trouble = self._refused(names.rcpt, since_s, reply)
        return False

    def _go_on(self, since_s: float, reply: bytes) -> None:
        """Judge the reply to DATA."""
        if reply[0] != GO_ON:
            raise self._refused(self.names.data, since_s, reply)
        self.recorder.ok(self.names.data, since_s)

    def _ask(self, outgoing: Outgoing) -> None:
        """The envelope, one command at a time."""
        letter, names = outgoing.letter, self.names
        accepted: list[int] = []
        try:
            self.command(names.mail, self._mail(letter))
            for at, mailbox in enumerate(letter.rcpt_to):
                since_s = monotonic()
                reply = self._exchange(names.rcpt, since_s, b"RCPT TO:<%b>\r\n" % mailbox)
                if self._recipient(outgoing, at, reply, since_s):
                    accepted.append(at)
                if self.connection.closed:
                    return
            self._unclean = True
            if accepted:
                since_s = monotonic()
                self._go_on(since_s, self._exchange(names.data, since_s, b"DATA\r\n"))
                self._unclean = False
                outgoing.accepted = accepted
        finally:
            if not outgoing.accepted:
                self._not_sent(outgoing)

    def _write_content(
        self, outgoing: Outgoing, commands: bytes = b"", *, octets_per_s: float | None = None
    ) -> None:
        """Send a content and what follows it: in one write, or without copying what is large."""
        letter = outgoing.letter
        try:
            if octets_per_s is not None:
                self._send_slowly(letter.wire, octets_per_s)
            elif letter.octets > _JOINED_OCTETS:
                head, body = letter.pieces
                self.connection.send(head)
                self.connection.send(body)
                if commands:
                    self.connection.send(commands)
            else:
                self.connection.send(letter.wire + commands)
        except TransportError as exc:
            raise self._lost(outgoing, outgoing.accepted, exc) from exc

    def _send_slowly(self, octets: bytes, octets_per_s: float) -> None:
        piece = max(1, int(octets_per_s * _PIECE_EVERY_S))
        for start in range(0, len(octets), piece):
            gevent.sleep(_PIECE_EVERY_S)
            self.connection.send(octets[start : start + piece])

    def _read_end(self, outgoing: Outgoing, behind: int = 0) -> float:
        """What became of the content.

        Args:
            behind: How many replies are awaited behind it.

        Returns:
            When it was said.

        Raises:
            OperationFailed: It was refused, with LMTP for one recipient at least; or nobody knows.
        """
        if self.lmtp:
            return self._read_end_for_each(outgoing)
        name, since_s = self.names.message, outgoing.since_s
        try:
            reply = self.replies.next(behind)
        except (TransportError, ProtocolError) as exc:
            raise self._lost(outgoing, outgoing.accepted, exc) from exc
        if reply[0] != DONE:
            for at in outgoing.accepted:
                self._ledger.refused(outgoing.slot + at)
            raise self._refused(name, since_s, reply)
        ended_s = self.connection.arrived_s
        for at in outgoing.accepted:
            self._ledger.accepted(outgoing.slot + at, ended_s)
        return self.recorder.ok(name, since_s, outgoing.letter.octets, ended_s)

    def _read_end_for_each(self, outgoing: Outgoing) -> float:
        """One reply for each recipient, which may come long after the one before (RFC 2033 §4.2)."""
        failure: OperationFailed | None = None
        for index, at in enumerate(outgoing.accepted):
            if self.connection.closed:
                # A 421: what comes behind it, if anything, answers nothing.
                self._ledger.unsure(outgoing.slot + at)
                continue
            try:
                reply = self.replies.next()
            except (TransportError, ProtocolError) as exc:
                raise self._lost(outgoing, outgoing.accepted[index:], exc) from exc
            if reply[0] == DONE:
                self._ledger.accepted(outgoing.slot + at, monotonic())
            else:
                self._ledger.refused(outgoing.slot + at)
                failure = self._refused(self.names.message, outgoing.since_s, reply)
        if failure is not None:
            raise failure
        return self.recorder.ok(self.names.message, outgoing.since_s, outgoing.letter.octets)

    def _not_sent(self, outgoing: Outgoing) -> None:
        """Nobody was sent this message's content."""
        slot = outgoing.slot
        for at in range(len(outgoing.letter.rcpt_to)):
            self._ledger.refused(slot + at)

    def _lost(
        self, outgoing: Outgoing, unanswered: Sequence[int], trouble: TransportError | ProtocolError
    ) -> OperationFailed:
        """The content was sent, and its reply never came: both sides may be right (RFC 5321 §6.1)."""
        for at in unanswered:
            self._ledger.unsure(outgoing.slot + at)
        return self._broken(self.names.message, outgoing.since_s, trouble)


@lru_cache
def _all_well(commands: int) -> bytes:
    """The first octets of the replies to an envelope of so many commands when all goes well."""
    return bytes([DONE] * (commands - 1) + [GO_ON])
