"""What can go wrong between a person and the target, in words for people."""

from harness.errors import MailproofError

__all__ = ["Gone", "InDoubt", "LogInRefused", "NotPossible"]


class LogInRefused(MailproofError):
    """The server did not let somebody in.

    Attributes:
        temporary: Not for what was given: it may be tried again.
    """

    def __init__(self, problem: str, *, temporary: bool = False) -> None:
        self.temporary = temporary
        super().__init__(problem)


class Gone(MailproofError):
    """A folder, a message or a part that is not there any more, or never was."""


class NotPossible(MailproofError):
    """The server cannot do what was asked for, and nothing was changed."""


class InDoubt(MailproofError):
    """Nobody said whether it was done."""
