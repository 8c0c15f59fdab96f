"""Locust users that read mail over IMAP."""

from typing import ClassVar

from harness.target import Account, Protocol
from loadtests.users.dialogue import starts_tls
from loadtests.users.imap_session import ImapSession
from loadtests.users.reading import ReadingUser

__all__ = ["ImapSession", "ImapUser"]


class ImapUser(ReadingUser):
    """A user of IMAP.

    ```python
    class Reader(ImapUser):
        def session(self) -> None:
            with self.login() as imap:
                imap.select()
                imap.fetch(b"1:*", b"(FLAGS ENVELOPE)")
    ```
    """

    abstract = True
    prefix = "imap"
    protocols: ClassVar[tuple[Protocol, ...]] = (Protocol.IMAP, Protocol.IMAPS)

    def open(self) -> ImapSession:
        """A connection whose greeting was read, in TLS as the settings say.

        Raises:
            OperationFailed: As ``imap.connect`` or ``imap.starttls``.
        """
        since_s = self.begins_s()
        session = ImapSession(self, self.connect(since_s))
        self.due_s = None
        session.told(session.read_greeting(since_s))
        if starts_tls(session, "imap.starttls", lambda: b"STARTTLS" in session.capabilities):
            session.start_tls()
        return session

    def login(self, account: Account | None = None) -> ImapSession:
        """`open` and log in, as the account given or the user's own.

        Raises:
            OperationFailed: As ``imap.login``, or as in `open`.
        """
        session = self.open()
        session.log_in(account or self.account)
        return session
