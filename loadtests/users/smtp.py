"""Users that send mail: to a mail exchanger, by submission, by LMTP."""

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import ClassVar, Final

from locust.env import Environment

from harness.errors import UsageError
from harness.target import Account, Protocol
from loadtests.ledger.slots import NOBODY
from loadtests.users.base import MailUser
from loadtests.users.smtp_session import Outgoing, SmtpSession

__all__ = ["LmtpUser", "SmtpUser", "SubmissionUser"]


_HOW: Final = "list it in the target file or an accounts file, or name it in the class (`user`, `recipients`)"


class SmtpUser(MailUser):
    """Sends mail as another mail exchanger does: no login, TLS only where the profile requires it."""

    abstract = True
    prefix: ClassVar[str] = "smtp"
    protocols: ClassVar[tuple[Protocol, ...]] = (Protocol.SMTP,)
    lmtp: ClassVar[bool] = False

    _made: ClassVar[Iterator[int]] = count()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        plan = self.shared.plan
        self.traffic: Final = plan.settings.traffic
        # A run with the same seed sends to the same people; no secret comes of it.
        self.random = Random(f"{plan.seed}/{self.shared.worker}/{next(self._made)}")  # noqa: S311
        self._sender: Final = self.shared.target.policy.sender.encode()

    def check(self) -> None:
        """
        Raises:
            UsageError: There is nobody to send mail to.
        """
        if not self.shared.accounts.receiving:
            raise UsageError(f"{type(self).__name__} needs somebody to send to: {_HOW}")

    def session(self) -> None:
        """Connect, send as many messages as the profile says, and quit."""
        with self.open() as session:
            session.send_all(self.letters(), then_quit=True)

    def open(self) -> SmtpSession:
        """A session that is ready for messages: greeted, EHLO said, in TLS and logged in where that is wanted.

        Raises:
            OperationFailed: Not so far.
        """
        since_s = self.begins_s()
        session = SmtpSession(self, self.connect(since_s))
        session.read_greeting(since_s)
        session.hello()
        if self.wants_tls(session):
            session.start_tls()
        if self.shared.letters.needs_8bit:
            session.check_8bit()
        return session

    def wants_tls(self, session: SmtpSession) -> bool:
        """Whether STARTTLS comes next."""
        return self.traffic.tls == "required" and not session.connection.tls

    def letters(self) -> Iterator[Outgoing]:
        """The messages of one session."""
        for _ in range(self.between(self.traffic.messages)):
            yield self.letter()

    def letter(self) -> Outgoing:
        """A message to as many recipients as the profile says, entered into the ledger; to be sent once."""
        shared, traffic, rng = self.shared, self.traffic, self.random
        mailboxes = shared.accounts.recipients(rng, self.between(traffic.recipients))
        addresses = list(map(shared.accounts.addresses.__getitem__, mailboxes))
        unknown = -1
        if traffic.unknown and rng.random() < traffic.unknown:
            unknown = len(mailboxes) - 1
            mailboxes[-1], addresses[-1] = NOBODY, shared.accounts.unknown(rng)
        slot = shared.ledger.open(mailboxes)
        return Outgoing(shared.letters.compose(slot, self.sender(), addresses), slot, unknown)

    def between(self, ends: tuple[int, int]) -> int:
        """A number from one end to the other, both among them, each as likely."""
        least, most = ends
        return least if least == most else least + int(self.random.random() * (most - least + 1))

    def sender(self) -> bytes:
        """The reverse-path of the next message, without its brackets."""
        return self._sender


class SubmissionUser(SmtpUser):
    """Sends mail as a person's program does: logged in, in TLS where it is offered, from the person's own address."""

    abstract = True
    prefix: ClassVar[str] = "submission"
    protocols: ClassVar[tuple[Protocol, ...]] = (Protocol.SUBMISSION, Protocol.SUBMISSIONS)

    account: Account

    def check(self) -> None:
        """
        Raises:
            UsageError: There is nobody to log in as, or nobody to send to.
        """
        super().check()
        if not self.shared.accounts.entering:
            raise UsageError(f"{type(self).__name__} needs an account with a password: {_HOW}")

    def open(self) -> SmtpSession:
        entering = self.shared.accounts.entering
        self.account = self.shared.accounts[entering[int(self.random.random() * len(entering))]]
        session = super().open()
        session.log_in(self.account)
        return session

    def wants_tls(self, session: SmtpSession) -> bool:
        if session.connection.tls:
            return False
        tls = self.traffic.tls
        return tls == "required" or (tls == "auto" and "STARTTLS" in session.extensions)

    def sender(self) -> bytes:
        return self.account.address.encode()


class LmtpUser(SmtpUser):
    """Hands mail to a store as a mail transfer agent does (RFC 2033)."""

    abstract = True
    prefix: ClassVar[str] = "lmtp"
    protocols: ClassVar[tuple[Protocol, ...]] = (Protocol.LMTP,)
    lmtp: ClassVar[bool] = True
