"""What every stage of the chain is: something that looks at one message, and says what it found."""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from reference_server.filters.model import Finding, Mail
from reference_server.world.filters import StageSettings, Verdict

__all__ = ["Stage", "Turn", "ascii_of", "clean", "found", "shown"]

# Ours: what a reply line and a line of a trace have room for.
_SHOWN_LETTERS: Final = 200


class Turn(IntEnum):
    """When a stage is asked: viruses first, then what looks for anything, then spam, then the rules."""

    VIRUS = 0
    ANYTHING = 1
    SPAM = 2
    RULES = 3


@dataclass
class Stage:
    """Looks at messages, one at a time, in a worker thread; made anew for each message."""

    turn: ClassVar[Turn] = Turn.ANYTHING

    settings: StageSettings

    def look(self, mail: Mail) -> Finding:
        """Look at a message.

        Raises:
            StageFailed: It could not.
        """
        raise NotImplementedError

    def found(self, mail: Mail, said: str, *fields: bytes, heard: bytes = b"") -> Finding:
        """What a virus or spam comes to by the stage's settings; with TAG these fields go on top."""
        return found(self.settings.verdict, mail, said, *fields, heard=heard)


def found(verdict: Verdict, mail: Mail, said: str, *fields: bytes, heard: bytes = b"") -> Finding:
    """A finding by this verdict; with TAG these fields go on top."""
    changes: tuple[str, ...] = ()
    if verdict in (Verdict.TAG, Verdict.REWRITE):
        mail = mail.with_content(b"".join(fields) + mail.content)
        changes = tuple(f"added {shown(each)}" for each in fields)
    return Finding(verdict, mail, said, changes=changes, heard=heard)


def clean(mail: Mail, said: str, *, heard: bytes = b"") -> Finding:
    """Nothing was found, and nothing changed."""
    return Finding(Verdict.ACCEPT, mail, said, heard=heard)


def shown(octets: bytes) -> str:
    """Octets from outside in one line, short enough for a reply and a trace."""
    text = octets.decode("utf-8", "backslashreplace")
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= _SHOWN_LETTERS else line[: _SHOWN_LETTERS - 3] + "..."


def ascii_of(text: str) -> str:
    """For replies (RFC 6531 §3.7.4.1) and header fields of mail that asked for no SMTPUTF8."""
    return text.encode("ascii", "backslashreplace").decode()
