"""The action vacation (RFC 5230): what the script says of the answer."""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

from reference_server.mda.sieve.actions import Vacation
from reference_server.mda.sieve.addresses import mailbox_list
from reference_server.mda.sieve.arguments import Arguments, CommandWords, StringList
from reference_server.mda.sieve.errors import Place, SieveError
from reference_server.mda.sieve.execution import Command, Run
from reference_server.mda.sieve.strings import Template

__all__ = ["VACATION_COMMANDS"]

# RFC 5230 §4.1: a site's own minimum above 0 and maximum above 30.
MIN_DAYS: Final = 1
MAX_DAYS: Final = 365
DEFAULT_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class VacationCommand(Command):
    """Leaves the implicit keep as it is (RFC 5230 §4.7).

    Attributes:
        response: Made of the arguments as they are written, before variables are put in (RFC 5230 §4.2).
    """

    reason: Template
    response: str
    days: int
    subject: Template | None
    sender: Template | None
    addresses: StringList
    mime: bool
    place: Place

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        days = arguments.tag_number(":days")
        subject, sender = arguments.tag_string(":subject"), arguments.tag_string(":from")
        addresses = arguments.tag_strings(":addresses") or ()
        mime, handle = arguments.flag(":mime"), arguments.tag_string(":handle")
        reason = arguments.string()
        if sender is not None and sender.constant is not None:
            _sender(sender.constant, sender)
        if mime and reason.constant is not None:
            _entity(reason.constant, reason)
        return cls(
            reason,
            _response(handle, subject, sender, mime, reason),
            DEFAULT_DAYS if days is None else min(max(days, MIN_DAYS), MAX_DAYS),
            subject,
            sender,
            addresses,
            mime,
            arguments.place,
        )

    def execute(self, run: Run) -> None:
        if self.mime:
            _entity(run.expand(self.reason), self.reason)
        action = Vacation(
            run.text(self.reason),
            self.response,
            self.days,
            None if self.subject is None else run.text(self.subject),
            None if self.sender is None else _sender(run.expand(self.sender), self.sender),
            tuple(run.text(address) for address in self.addresses),
            self.mime,
        )
        run.decide(action, self.place)


def _response(
    handle: Template | None, subject: Template | None, sender: Template | None, mime: bool, reason: Template
) -> str:
    """One name for equal answers; each argument has its place and length, so that none is taken for another."""
    if handle is not None:
        return "handle:" + handle.source.decode("utf-8", "replace")
    digest = hashlib.sha256()
    for part in (subject, sender, reason):
        digest.update(b"-" if part is None else b"%d:%s" % (len(part.source), part.source))
    digest.update(b"mime" if mime else b"text")
    return "content:" + digest.hexdigest()


def _sender(octets: bytes, template: Template) -> str:
    """RFC 5230 §4.3."""
    text = octets.decode("utf-8", "replace")
    if mailbox_list(text) is None:
        raise SieveError(template.place, f":from takes addresses, not {text[:80]!r}")
    return text


def _entity(octets: bytes, template: Template) -> None:
    """RFC 5230 §5: no 8-bit text in the header of the entity."""
    if not octets.partition(b"\r\n\r\n")[0].isascii():
        raise SieveError(template.place, "with :mime the header in the text is ASCII")


VACATION_COMMANDS: Final[CommandWords] = {"vacation": ("vacation", VacationCommand.read)}
