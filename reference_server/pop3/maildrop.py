"""The maildrop as one session sees it: numbered at login, changed at QUIT only (RFC 1939 §4 to §6)."""

from dataclasses import dataclass, field

from harness.wire.pop3.commands import CommandError
from reference_server.context import Context
from reference_server.mime import header_end
from reference_server.store import INBOX, MessageRow

__all__ = ["Maildrop"]


@dataclass
class Maildrop:
    """Messages by number from 1; numbers never change, marked ones are as good as gone."""

    context: Context
    user: str
    marked: set[int] = field(default_factory=set)
    _rows: list[MessageRow] = field(default_factory=list)
    _mailbox_id: int = 0
    _uidvalidity: int = 0

    def open(self) -> bool:
        """Take the lock and the numbers; False where another session holds the maildrop (RFC 1939 §4)."""
        if not self.lock():
            return False
        mailbox = self.context.store.mailbox(self.user, INBOX)
        if mailbox is not None:
            self._mailbox_id, self._uidvalidity = mailbox.id, mailbox.uidvalidity
            self._rows = self.context.store.messages(mailbox.id)
        return True

    def lock(self) -> bool:
        """Whether nobody else holds the maildrop; it is ours from now on."""
        return self.context.store.lock_maildrop(self.user)

    def close(self) -> None:
        """Release the lock; nothing is removed."""
        self.context.store.unlock_maildrop(self.user)

    def update(self) -> None:
        """The UPDATE state: remove the marked messages (RFC 1939 §6)."""
        self.context.store.expunge(
            self._mailbox_id, [self._rows[number - 1].uid for number in self.removals()]
        )

    def removals(self) -> set[int]:
        """The marked messages and no other (RFC 1939 §6)."""
        return self.marked

    def mark(self, number: int) -> None:
        """RFC 1939 §5: as good as gone, removed by `update`."""
        self.marked.add(number)

    def unmark_all(self) -> None:
        """RFC 1939 §5, RSET."""
        self.marked.clear()

    def numbers(self) -> list[int]:
        """The messages that are not marked."""
        return [number for number in range(1, len(self._rows) + 1) if number not in self.marked]

    def has(self, number: int) -> bool:
        return 1 <= number <= len(self._rows) and number not in self.marked

    def octets(self, number: int) -> int:
        """The size as sent, stuffing not counted (RFC 1939 §11)."""
        row = self._rows[number - 1]
        return row.octets if self.ends_with_crlf(number) else row.octets + 2

    def ends_with_crlf(self, number: int) -> bool:
        content = self._content(number)
        return content is None or content.endswith(b"\r\n")

    def content(self, number: int) -> bytes:
        """The message, its last line ended: a multi-line response consists of lines.

        Raises:
            CommandError: Somebody else removed it: the lock binds POP3 alone.
        """
        content = self._content(number)
        if content is None:
            raise CommandError(0, "RFC 1939 §5", "no such message")
        return content if content.endswith(b"\r\n") else content + b"\r\n"

    def _content(self, number: int) -> bytes | None:
        return self.context.store.content(self._rows[number - 1].content_id)

    def unique_id(self, number: int) -> bytes:
        """Stays with the message over sessions, and is never used again (RFC 1939 §7)."""
        return b"%d.%d" % (self._uidvalidity, self._rows[number - 1].uid)

    def top(self, number: int, lines: int) -> bytes:
        """The header, the blank line, and so many lines of the body (RFC 1939 §7)."""
        content = self.content(number)
        body_start = header_end(content)
        return content[:body_start] + b"".join(_lines(content[body_start:])[:lines])


def _lines(body: bytes) -> list[bytes]:
    """Cut at CRLF only, which stays."""
    return [line + b"\r\n" for line in body.split(b"\r\n")[:-1]]
