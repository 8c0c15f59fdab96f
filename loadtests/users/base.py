"""What every mail user is: where it connects, how its sessions are run and counted, how its operations fail."""

import logging
import random
from collections.abc import Sequence
from inspect import isfunction
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Final, Self

from gevent import GreenletExit, get_hub
from locust import User
from locust.env import Environment
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

import loadtests.control.plugin  # noqa: F401 - hooks plans and --mail-target into Locust
from harness.errors import ProtocolError, TransportError, UsageError
from harness.target import Protocol
from loadtests.plan import Settings
from loadtests.users.connection import Connection
from loadtests.users.errors import OperationFailed, error_class
from loadtests.users.surroundings import context_of, endpoint_of, tls_context_of

if TYPE_CHECKING:
    from loadtests.context import Terms

__all__ = ["MailSession", "MailUser"]

logger: Final = logging.getLogger(__name__)

# What is meant for Locust and not an error.
_FOR_LOCUST: Final = (StopUser, StopTest, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately)


class MailUser(User):
    """A Locust user that speaks mail. Subclasses say in `session` what one arrival does.

    Where it connects: the plan's target or the one of ``--mail-target``; without them ``--host`` (or `host`) as
    ``smtp://127.0.0.1:2525``, with `user` and `password` to log in with; certificates are not checked then.

    In open mode the driver calls `run_session` at each arrival's time. In closed mode Locust runs the tasks; a class
    without tasks of its own has one: a session.

    Attributes:
        prefix: What the names of its operations begin with.
        protocols: The kinds of endpoint that will do, the best first.
        user: To log in with; `address` gets this user's mail, where it is not `user`.
        recipients: Who gets mail, where no target file has accounts.
        settings: For runs without a plan; those of the locustfile's first class.
        shared: What all users of this process have in common.
        recorder: Of the phase that the session arrived in.
        due_s: When the session was to begin, until its first message was sent; None outside of sessions.
    """

    abstract = True
    prefix: ClassVar[str]
    protocols: ClassVar[tuple[Protocol, ...]]

    user: ClassVar[str] = ""
    password: ClassVar[str] = ""
    address: ClassVar[str] = ""
    recipients: ClassVar[Sequence[str]] = ()
    settings: ClassVar[Settings] = Settings()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = [each for each in cls.tasks if each is not _one_session]
        cls.tasks = own or [_one_session]

    def __init__(self, environment: Environment) -> None:
        """
        Raises:
            StopTest: There is no such endpoint or account; Locust says so and ends with exit code 2.
        """
        super().__init__(environment)
        try:
            self.shared: Final = context_of(environment)
            self.endpoint: Final = endpoint_of(environment, self)
            self.check()
        except UsageError as exc:
            environment.process_exit_code = exc.exit_code
            _tell_in_one_line(StopTest)
            raise StopTest(str(exc)) from exc
        self.recorder = self.shared.recorder
        self.due_s: float | None = None
        self._connections: list[Connection] = []

    @classmethod
    def share(cls, terms: "Terms") -> float:
        """How many of all sessions are this class's, against the other classes of the locustfile; 0 for none."""
        return terms.plan.settings.shares.get(cls.__name__, cls.weight)

    def check(self) -> None:
        """Whether all is there that sessions need; raises `UsageError` where it is not."""

    def session(self) -> None:
        """What one arrival does, to its end; of a class that only has tasks it is one of them, by their weights."""
        own = [each for each in self.tasks if each is not _one_session and isfunction(each)]
        if not own:
            raise NotImplementedError(
                f"{type(self).__name__} has neither a session nor tasks that are functions"
            )
        random.choice(own)(self)  # noqa: S311 - as Locust chooses

    def run_session(self, due_s: float, phase: int) -> None:
        """One session that was to begin at `due_s`; it is recorded, and no error leaves it."""
        self.recorder = recorder = self.shared.recorder.of(phase)
        self.due_s = due_s
        recorder.session_begun(due_s)
        try:
            self.session()
        except OperationFailed:
            recorder.session_ended(ok=False)
        except (GreenletExit, *_FOR_LOCUST):
            # It was ended from outside, and nobody can say how it would have gone on.
            recorder.session_abandoned()
            raise
        except Exception as exc:
            recorder.session_ended(ok=False)
            self.environment.events.user_error.fire(user_instance=self, exception=exc, tb=exc.__traceback__)
            logger.exception("%s: an error that is no answer of the target", type(self).__name__)
        else:
            recorder.ok(f"{self.prefix}.session", due_s)
            recorder.session_ended(ok=True)
        finally:
            self.due_s = None
            self.hang_up()

    def on_stop(self) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close what is still open."""
        while self._connections:
            self._connections.pop().close()

    # For the protocols

    def begins_s(self) -> float:
        """When what is done now was to begin: the session's due time before its first message, else now."""
        return monotonic() if self.due_s is None else self.due_s

    def connect(self, since_s: float) -> Connection:
        """A connection to the user's endpoint, in TLS where that is implicit; the greeting has not been read.

        Raises:
            OperationFailed: Recorded as ``PREFIX.connect``, begun at `since_s`.
        """
        name = f"{self.prefix}.connect"
        try:
            connection = Connection.connect(self.endpoint, timeout_s=self.shared.plan.settings.timeout_s)
        except TransportError as exc:
            raise self.failed(name, since_s, exc) from exc
        self._connections = [each for each in self._connections if not each.closed]
        self._connections.append(connection)
        if self.endpoint.implicit_tls:
            try:
                self.start_tls(connection)
            except TransportError as exc:
                raise self.failed(name, since_s, exc, connection=connection) from exc
        return connection

    def start_tls(self, connection: Connection) -> None:
        """The handshake, certificates checked as the target file says; raises `TransportError`."""
        server_name = self.shared.target.server_name or self.endpoint.host
        connection.start_tls(tls_context_of(self.environment), server_name)

    def failed(
        self,
        operation: str,
        since_s: float,
        trouble: str | TransportError | ProtocolError,
        *,
        detail: str = "",
        connection: Connection | None = None,
    ) -> OperationFailed:
        """Record a failure; the caller raises what is returned.

        Args:
            trouble: An error class (with `detail`: the answer), or what the connection raised.
            connection: Whose last exchanges are the evidence.
        """
        word = trouble if isinstance(trouble, str) else error_class(trouble)
        seen = detail or str(trouble)
        if connection is None:
            failure = OperationFailed(operation, word, seen)
        else:
            failure = OperationFailed(operation, word, connection.conceal(seen), connection.evidence())
        self.recorder.failed(operation, since_s, word, failure)
        return failure


class MailSession:
    """A dialogue over one connection. As a context manager it is ended politely, or at once after an error."""

    def __init__(self, user: MailUser, connection: Connection) -> None:
        self.user = user
        self.connection = connection
        self.recorder = user.recorder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if kind is None and not self.connection.closed:
            self.quit()
        self.close()

    def quit(self) -> None:
        """End the dialogue as the protocol wants it, and close."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection now."""
        self.connection.close()

    def failed(
        self, operation: str, since_s: float, trouble: str | TransportError | ProtocolError, detail: str = ""
    ) -> OperationFailed:
        """As `MailUser.failed`, with this connection's last exchanges as evidence."""
        return self.user.failed(operation, since_s, trouble, detail=detail, connection=self.connection)


def _tell_in_one_line(kind: type[Exception]) -> None:
    """Locust says in one line what such an exception says; gevent would print a traceback before it."""
    hub = get_hub()
    if kind not in hub.NOT_ERROR:
        hub.NOT_ERROR += (kind,)


def _one_session(user: MailUser) -> None:
    """The task of a class that has none: one session, which begins now."""
    user.run_session(monotonic(), user.shared.recorder.number)
