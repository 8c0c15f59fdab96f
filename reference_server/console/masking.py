"""What a session's octets look like without the passwords in them; it rather hides too much than too little."""

import re
from typing import Final

from harness.wire.imap.command_octets import SECRET

__all__ = ["Masking"]

# Ours: what is held of a line that has no end; more than any command has.
_HELD_OCTETS: Final = 64 * 1024

# A command that shows a password, or begins an exchange that does: what stays is its name, and the mechanism's.
_SECRET_COMMAND: Final = re.compile(
    rb"(?P<shown>\s*(?:AUTH[ \t]+\S+|PASS|APOP|\S+[ \t]+LOGIN|\S+[ \t]+AUTHENTICATE[ \t]+\S+))"
    rb"(?P<secret>[ \t]+.*)?",
    re.IGNORECASE | re.DOTALL,
)
_AUTH_IN_CONTENT: Final = re.compile(rb"(?im)^([ \t]*AUTH[ \t]+\S+[ \t]+)[^\r\n]+")
_CANCEL: Final = b"*"


class Masking:
    """The octets of one session, from the server's side; SMTP, POP3 and IMAP alike.

    Between a command that logs in and the answer that ends it, every line of the client is a secret.
    """

    def __init__(self) -> None:
        self._held = b""
        self._in_exchange = False

    def received(self, octets: bytes) -> bytes:
        """What may be shown now: whole lines, and nothing of one whose end has not come."""
        *lines, held = (self._held + octets).split(b"\n")
        self._held = held
        shown = b"".join(self._line(line) + b"\n" for line in lines)
        if len(self._held) > _HELD_OCTETS:
            shown += self.rest()
        return shown

    def content(self, octets: bytes) -> bytes:
        """The same for a message, and for commands behind its end."""
        return self.rest() + _AUTH_IN_CONTENT.sub(rb"\1" + SECRET, octets)

    def answered(self, octets: bytes, *, waiting: bool) -> None:
        """What the server said; `waiting` where it has not answered all yet."""
        if octets and not waiting:
            last = octets.removesuffix(b"\r\n").rpartition(b"\r\n")[2]
            goes_on = last.startswith(b"+") and not last.startswith(b"+OK")
            self._in_exchange = last.startswith(b"334") or (self._in_exchange and goes_on)

    def rest(self) -> bytes:
        """What is held; at the end of the session."""
        held, self._held = self._held, b""
        return self._line(held) if held else b""

    def _line(self, line: bytes) -> bytes:
        text = line.removesuffix(b"\r")
        ending = line[len(text) :]
        if self._in_exchange:
            return (text if text in (_CANCEL, b"") else SECRET) + ending
        found = _SECRET_COMMAND.fullmatch(text)
        if found is None:
            return line
        self._in_exchange = True
        return found["shown"] + (b" " + SECRET if found["secret"] else b"") + ending
