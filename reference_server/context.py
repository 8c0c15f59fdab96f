"""What every session shares."""

import datetime as dt
import ssl
import threading
from dataclasses import dataclass, field
from typing import TypeVar

from reference_server.accounts import Accounts
from reference_server.faults import Faults
from reference_server.store import Store
from reference_server.world import World

__all__ = ["Context", "Maildrops"]

T = TypeVar("T")


class Maildrops:
    """The locks of RFC 1939 §4: one POP3 session a maildrop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[str] = set()

    def acquire(self, user: str) -> bool:
        """False where another session holds it."""
        with self._lock:
            if user in self._held:
                return False
            self._held.add(user)
            return True

    def release(self, user: str) -> None:
        with self._lock:
            self._held.discard(user)


@dataclass(frozen=True)
class Context:
    """The world's state and rules, as one server plays it; sessions of both threads hold it."""

    world: World
    accounts: Accounts
    store: Store
    tls: ssl.SSLContext
    faults: Faults
    maildrops: Maildrops = field(default_factory=Maildrops)

    @property
    def hostname(self) -> str:
        return self.world.hostname

    def now(self) -> dt.datetime:
        """The one clock of the server, aware, UTC."""
        return dt.datetime.now(dt.UTC)

    def variant(self, base: type[T]) -> type[T]:
        """The class to instantiate in place of `base`."""
        return self.faults.variant(base)
