"""What a POP3 and an IMAP session share: whose connection it is, and how its operations fail."""

from collections.abc import Callable
from time import monotonic
from types import TracebackType

from harness.errors import ProtocolError, TransportError
from loadtests.users.base import MailSession
from loadtests.users.errors import OperationFailed

__all__ = ["Dialogue", "starts_tls"]


class Dialogue(MailSession):
    """One connected session.

    Every operation is counted under a fixed name, from when it is begun to when its answer is whole, and raises
    `OperationFailed` where it fails. One that is refused leaves the session as it was; trouble with the connection,
    or octets that are no protocol, close it.
    """

    @property
    def closed(self) -> bool:
        return self.connection.closed

    def _broken(
        self, operation: str, since_s: float, trouble: TransportError | ProtocolError
    ) -> OperationFailed:
        """Count trouble with the connection, which is closed; to be raised."""
        failure = self.failed(operation, since_s, trouble)
        self.close()
        return failure

    def _during(self, operation: str, since_s: float) -> "_During":
        """A block in which trouble is counted and raised as `OperationFailed`."""
        return _During(self, operation, since_s)


class _During:
    def __init__(self, dialogue: Dialogue, operation: str, since_s: float) -> None:
        self._dialogue = dialogue
        self._operation = operation
        self._since_s = since_s

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if isinstance(exc, TransportError | ProtocolError):
            raise self._dialogue._broken(self._operation, self._since_s, exc) from exc


def starts_tls(session: Dialogue, operation: str, offered: Callable[[], bool]) -> bool:
    """Whether a session that has just been greeted is to turn to TLS, by the settings' ``tls``.

    Args:
        offered: Asked where it matters: whether the server offers it.

    Raises:
        OperationFailed: It is required and not offered.
    """
    policy = session.user.shared.plan.settings.traffic.tls
    if session.connection.tls or policy == "off":
        return False
    begun_s = monotonic()
    if offered():
        return True
    if policy == "required":
        raise session.failed(operation, begun_s, "tls", "TLS is required and not offered")
    return False
