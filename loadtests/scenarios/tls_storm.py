"""Connections that begin TLS and end at once: what a server meets when all its clients come back together.

Nobody logs in, so that what is measured is the handshake.
"""

from harness.target import Protocol
from loadtests import ImapUser, Pop3User, SmtpUser
from loadtests.scenarios import habits


class _Smtp(habits.IfOffered, SmtpUser):
    """Greets, turns to TLS and quits."""

    abstract = True

    def session(self) -> None:
        with self.open():
            pass


class _Imap(habits.IfOffered, ImapUser):
    """Greets, turns to TLS and quits."""

    abstract = True

    def session(self) -> None:
        with self.open():
            pass


class _Pop3(habits.IfOffered, Pop3User):
    """Greets, turns to TLS and quits."""

    abstract = True

    def session(self) -> None:
        with self.open():
            pass


class Submission(_Smtp):
    prefix = "submission"
    protocols = (Protocol.SUBMISSION,)


class Submissions(_Smtp):
    prefix = "submissions"
    protocols = (Protocol.SUBMISSIONS,)


class Imap(_Imap):
    protocols = (Protocol.IMAP,)


class Imaps(_Imap):
    protocols = (Protocol.IMAPS,)


class Pop3(_Pop3):
    protocols = (Protocol.POP3,)


class Pop3s(_Pop3):
    protocols = (Protocol.POP3S,)
