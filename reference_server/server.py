"""The server as one object, and `serve()` for those who want a target and nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from harness.target import Account, Endpoint, Target
from reference_server.accounts import Accounts
from reference_server.context import Context
from reference_server.faults import Faults
from reference_server.runtime import AsyncioSide, TrioSide
from reference_server.store import Store
from reference_server.tls import make_certificates
from reference_server.world import ONE_SERVER, World

__all__ = ["Server", "serve"]


class Server:
    """A mail world on loopback.

    Args:
        world: Domain, users and rules; default: example.test with alice, bob and carol.
        faults: Names of deviations to switch on (`reference_server.faults`).
        data: A file for the store; without it everything is in memory and gone at `stop`.

    Raises:
        KeyError: There is no such fault.
    """

    def __init__(
        self,
        world: World = ONE_SERVER,
        *,
        faults: Iterable[str] = (),
        host: str = "127.0.0.1",
        data: Path | None = None,
    ) -> None:
        self.world = world
        self.faults = Faults(faults)
        self.store = Store(str(data) if data else ":memory:")
        for user in world.users:
            self.store.create_user(user.name)
        certificates = make_certificates("localhost", host, world.hostname)
        context = Context(world, Accounts(world), self.store, certificates.context, self.faults)
        self._host = host
        self._ca_pem = certificates.ca_pem
        self._asyncio = AsyncioSide(context, host)
        self._trio = TrioSide(context, host)
        self._target: Target | None = None

    @property
    def target(self) -> Target:
        """What `mailproof check` needs to know; `RuntimeError` before `start`."""
        if self._target is None:
            raise RuntimeError("the server has not been started")
        return self._target

    def start(self) -> Self:
        """Listen on ports of the system's choice; returns when every one accepts."""
        ports = self._asyncio.start() | self._trio.start()
        self._target = Target(
            name="mailproof reference server",
            domain=self.world.domain,
            endpoints={p: Endpoint(p, self._host, port) for p, port in sorted(ports.items())},
            accounts=tuple(
                Account(address, user.password, address)
                for user in self.world.users
                for address in [f"{user.name}@{self.world.domain}"]
            ),
            ca_pem=self._ca_pem,
        )
        return self

    def stop(self) -> None:
        """End every session and close the store; no thread, socket or file stays."""
        self._asyncio.stop()
        self._trio.stop()
        self.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


@contextmanager
def serve(world: World = ONE_SERVER, *, faults: Iterable[str] = ()) -> Iterator[Target]:
    """A running server's target; the server ends with the context."""
    with Server(world, faults=faults) as server:
        yield server.target
