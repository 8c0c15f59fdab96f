"""The server as one object, and `serve()` for those who want a target and nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from harness.target import Account, Endpoint, Protocol, Target
from reference_server.accounts import Accounts
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.faults import Faults
from reference_server.runtime import AsyncioSide, TrioSide
from reference_server.store import Store
from reference_server.tls import make_certificates
from reference_server.world import ONE_SERVER, World

__all__ = ["Server", "serve"]


class Server:
    """A mail world on loopback; started once, stopped once.

    Args:
        world: Domain, users and rules; default: example.test with alice, bob and carol.
        faults: Names of deviations to switch on (`reference_server.faults`).
        host: The address to listen on.
        data_dir: Where the store's file goes; without it everything is in memory and gone at `stop`.

    Raises:
        KeyError: There is no such fault.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        faults: Iterable[str] = (),
        host: str = "127.0.0.1",
        data_dir: Path | None = None,
    ) -> None:
        self.world = world or ONE_SERVER
        self.faults = Faults(faults)
        self.clock = Clock()
        self.store = Store(str(data_dir / "mail.sqlite") if data_dir else ":memory:", self.clock)
        for user in self.world.users:
            self.store.create_user(user.name)
        certificates = make_certificates("localhost", host, self.world.hostname)
        self._context = Context(
            self.world, Accounts(self.world), self.store, certificates.context, self.faults, self.clock
        )
        self._ca_pem = certificates.ca_pem
        self._host = host
        self._running = ExitStack()
        self._running.callback(self.store.close)
        self._target: Target | None = None

    @property
    def target(self) -> Target:
        """What `mailproof check` needs to know; `RuntimeError` before `start`."""
        if self._target is None:
            raise RuntimeError("the server has not been started")
        return self._target

    def start(self) -> Self:
        """Listen on ports of the system's choice; returns when every one accepts.

        Raises:
            OSError: The address cannot be listened on; nothing is left running.
        """
        ports: dict[Protocol, int] = {}
        try:
            for side in (AsyncioSide(self._context, self._host), TrioSide(self._context, self._host)):
                ports |= side.start()
                self._running.callback(side.stop)
        except BaseException:
            self.stop()
            raise
        self._target = self._describe(ports)
        return self

    def stop(self) -> None:
        """End every session and close the store; no thread, socket or file stays. Twice is once."""
        self._running.close()

    def _describe(self, ports: dict[Protocol, int]) -> Target:
        return Target(
            name="mailproof reference server",
            domain=self.world.domain,
            endpoints={p: Endpoint(p, self._host, ports[p]) for p in Protocol if p in ports},
            accounts=tuple(
                Account(address, user.password, address)
                for user in self.world.users
                for address in [f"{user.name}@{self.world.domain}"]
            ),
            ca_pem=self._ca_pem,
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


@contextmanager
def serve(*, world: World | None = None, faults: Iterable[str] = ()) -> Iterator[Target]:
    """A running server's target; the server ends with the context."""
    with Server(world, faults=faults) as server:
        yield server.target
