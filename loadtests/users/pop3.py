"""Locust users that read mail over POP3."""

from typing import ClassVar

from harness.target import Account, Protocol
from loadtests.users.dialogue import starts_tls
from loadtests.users.pop3_session import Pop3Session
from loadtests.users.reading import ReadingUser

__all__ = ["Pop3Session", "Pop3User"]


class Pop3User(ReadingUser):
    """A user of POP3.

    ```python
    class Reader(Pop3User):
        def session(self) -> None:
            with self.login() as pop3:
                for number, _uid in pop3.look():
                    pop3.retr(number)
    ```
    """

    abstract = True
    prefix = "pop3"
    protocols: ClassVar[tuple[Protocol, ...]] = (Protocol.POP3, Protocol.POP3S)

    def open(self) -> Pop3Session:
        """A connection whose greeting was read, in TLS as the settings say.

        Raises:
            OperationFailed: As ``pop3.connect`` or ``pop3.stls``.
        """
        since_s = self.begins_s()
        session = Pop3Session(self, self.connect(since_s))
        self.due_s = None
        session.read_greeting(since_s)
        if starts_tls(session, "pop3.stls", lambda: session.offers("STLS")):
            session.start_tls()
        return session

    def login(self, account: Account | None = None) -> Pop3Session:
        """`open` and log in, as the account given or the user's own.

        Raises:
            OperationFailed: As ``pop3.auth``, or as in `open`.
        """
        session = self.open()
        session.log_in(account or self.account)
        return session
