"""What every session shares."""

import ssl
from dataclasses import dataclass
from typing import TypeVar

from reference_server.accounts import Accounts
from reference_server.clock import Clock
from reference_server.faults import Faults
from reference_server.store import Store
from reference_server.world import World

__all__ = ["Context"]

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """The world's state and rules, as one server plays it; sessions of both threads hold it."""

    world: World
    accounts: Accounts
    store: Store
    tls: ssl.SSLContext
    faults: Faults
    clock: Clock

    @property
    def hostname(self) -> str:
        return self.world.hostname

    def variant(self, base: type[T]) -> type[T]:
        """The class to instantiate in place of `base`."""
        return self.faults.variant(base)
