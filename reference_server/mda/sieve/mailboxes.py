"""The test mailboxexists (RFC 5490)."""

from dataclasses import dataclass
from typing import Final, Self

from reference_server.mda.sieve.arguments import Arguments, StringList, TestWords
from reference_server.mda.sieve.execution import Run, Test

__all__ = ["MAILBOX_TESTS"]


@dataclass(frozen=True, slots=True)
class MailboxExists(Test):
    """Whether the user has all of these mailboxes."""

    names: StringList

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        return cls(arguments.strings())

    def holds(self, run: Run) -> bool:
        return all(
            run.facts.mailbox_exists(run.expand(name).decode("utf-8", "replace")) for name in self.names
        )


MAILBOX_TESTS: Final[TestWords] = {"mailboxexists": ("mailbox", MailboxExists.read)}
