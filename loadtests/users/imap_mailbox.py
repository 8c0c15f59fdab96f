"""The selected mailbox, kept right by what the server says of it unasked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from loadtests.users.imap_answers import Answer

__all__ = ["Mailbox", "read_mailbox_data"]

_CHANGED: Final = re.compile(rb"\* (\d{1,10}) (EX(?:ISTS|PUNGE))\r\n")
_NUMBERS: Final = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d{1,10})\]", re.IGNORECASE)


@dataclass(slots=True)
class Mailbox:
    """What is known of the selected mailbox.

    Attributes:
        exists: How many messages it has.
        uids: The UIDs of the first messages, in the order of their numbers; a prefix, for nobody asked for the others
            yet. A message that goes leaves it at once, so that ``uids[number - 1]`` is right.
        looked_at: How many of the first messages somebody has looked at; it follows those that go, and is set by
            whoever looks.
    """

    name: bytes
    exists: int = 0
    uidvalidity: int = 0
    uidnext: int = 0
    uids: list[int] = field(default_factory=list)
    looked_at: int = 0

    def hear(self, answer: Answer) -> None:
        """Take what an answer says of it."""
        if b" EX" not in answer.octets:
            return
        if answer.plain:
            for number, what in _changes(answer.octets):
                self._change(number, what)
        else:
            for response in answer.responses:
                self.hear_response(response)

    def hear_response(self, response: bytes) -> None:
        """Take what one response says of it."""
        if found := _CHANGED.match(response):
            self._change(int(found[1]), found[2])

    def learn(self, number: int, uid: int) -> None:
        """A message's UID; what is not next to the known ones is left unknown."""
        if number == len(self.uids) + 1:
            self.uids.append(uid)
        elif number <= len(self.uids):
            self.uids[number - 1] = uid

    def _change(self, number: int, what: bytes) -> None:
        if len(what) == len(b"EXISTS"):
            self.exists = number
        elif number <= self.exists:
            # RFC 3501 §7.4.1: the numbers behind it move up at once.
            self.exists -= 1
            self.looked_at -= number <= self.looked_at
            del self.uids[number - 1 : number]


def _changes(lines: bytes) -> Iterator[tuple[int, bytes]]:
    for found in _CHANGED.finditer(lines):
        # A text may say the same in mid-line.
        if not found.start() or lines.startswith(b"\r\n", found.start() - 2):
            yield int(found[1]), found[2]


def read_mailbox_data(name: bytes, answer: Answer) -> Mailbox:
    """What SELECT or EXAMINE said (RFC 3501 §6.3.1); 0 is what it did not say."""
    mailbox = Mailbox(name)
    mailbox.hear(answer)
    for response in answer.responses:
        if found := _NUMBERS.search(response):
            setattr(mailbox, found[1].decode().lower(), int(found[2]))
    return mailbox
