"""How a command ends: the tagged response in the making, and the exception that brings one."""

from dataclasses import dataclass
from typing import Literal

from reference_server.store import HasChildren, MailboxExists, NoSuchMailbox, StoreError, StoreFailed

__all__ = ["Completion", "Refusal", "bad", "completion_of", "no", "ok"]


@dataclass(frozen=True, slots=True)
class Completion:
    """``OK [code] text`` and its like; `code` without its brackets, empty for none."""

    status: Literal["OK", "NO", "BAD"]
    text: str
    code: str = ""

    def encode(self, tag: bytes) -> bytes:
        """The line, `tag` being ``*`` for an untagged one."""
        code = f"[{self.code}] " if self.code else ""
        return b"%s %s %s\r\n" % (tag, self.status.encode(), (code + self.text).encode("ascii", "replace"))


class Refusal(Exception):
    """A command cannot be carried out; `completion` says so."""

    def __init__(self, completion: Completion) -> None:
        self.completion = completion
        super().__init__(completion.text)


def ok(text: str, code: str = "") -> Completion:
    return Completion("OK", text, code)


def no(text: str, code: str = "") -> Refusal:
    """To be raised: the command is right and cannot be done (RFC 3501 §7.1.2)."""
    return Refusal(Completion("NO", text, code))


def bad(text: str, code: str = "") -> Refusal:
    """To be raised: the command is wrong (RFC 3501 §7.1.3)."""
    return Refusal(Completion("BAD", text, code))


def completion_of(error: StoreError) -> Completion:
    """What the store refused, with the code of RFC 5530 §3 or RFC 9051 §7.1."""
    match error:
        case HasChildren():
            return Completion("NO", "There are mailboxes below it", "HASCHILDREN")
        case NoSuchMailbox():
            return Completion("NO", "There is no such mailbox", "NONEXISTENT")
        case MailboxExists():
            return Completion("NO", "There is such a mailbox already", "ALREADYEXISTS")
        case StoreFailed():
            return Completion("NO", "The store cannot be written", "UNAVAILABLE")
        case _:
            return Completion("NO", f"Not possible: {error}", "CANNOT")
