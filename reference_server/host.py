"""One host of a running world: up, down, slow or out of reach, as a test or a script wants it."""

from typing import Final

from harness.target import Account, Endpoint, Protocol, Target
from reference_server.context import Context
from reference_server.declared import policy_of
from reference_server.ports import BlackHole
from reference_server.runtime import AsyncioSide, Task, TrioSide
from reference_server.store import Store
from reference_server.world import Host
from reference_server.world.model import Reach

__all__ = ["RunningHost"]

_LISTENING: Final = frozenset({Reach.UP, Reach.SLOW})


class RunningHost:
    """A host; its mail and its queue stay where they are while it is down.

    Attributes:
        ports: Where it listens or, while it is down, will listen again; shared with its relay.
    """

    def __init__(
        self,
        context: Context,
        ports: dict[Protocol, int],
        ca_pem: str,
        tasks: tuple[Task, ...] = (),
    ) -> None:
        self.context = context
        self.ports = ports
        self._ca_pem = ca_pem
        who = next((user.address for user in context.site.residents), context.hostname)
        self._client_pem = context.tls.client_pem(who)
        self._tasks = tasks
        self._sides: tuple[AsyncioSide, TrioSide] | None = None
        self._holes: list[BlackHole] = []
        self._open = False

    @property
    def host(self) -> Host:
        return self.context.host

    @property
    def store(self) -> Store:
        return self.context.store

    @property
    def reach(self) -> Reach:
        return self.context.link.reach

    @property
    def target(self) -> Target:
        """What `mailproof check` needs to know of this host."""
        site, address = self.context.site, self.host.address
        return Target(
            name="mailproof reference server" if len(site.world.hosts) == 1 else self.host.name,
            domain=site.domain,
            endpoints={p: Endpoint(p, address, self.ports[p]) for p in Protocol if p in self.ports},
            accounts=tuple(
                Account(u.address, u.password, u.address, self.context.issuer.issue(u.address))
                for u in site.users
                if u.keeps_mail and u.password
            ),
            ca_pem=self._ca_pem,
            server_name=self.host.name,
            client_pem=self._client_pem,
            policy=policy_of(site),
        )

    def start(self, asyncio_side: AsyncioSide, trio_side: TrioSide) -> None:
        """Join the threads that carry it; listens unless the world says that it is down."""
        self._sides = (asyncio_side, trio_side)
        self._enter(self.reach)

    def set_reach(self, reach: Reach) -> None:
        """Change how the host is met; sessions that are open end when it goes down.

        Raises:
            OSError: A port was taken by somebody else meanwhile.
        """
        was, self.context.link.reach = self.reach, reach
        if self._sides is None or was is reach or {was, reach} <= _LISTENING:
            return
        self._leave()
        self._enter(reach)

    def bring_up(self) -> None:
        """The host is there again, and its relay goes on where it stopped."""
        self.set_reach(Reach.UP)

    def take_down(self) -> None:
        """The host is switched off: connections are refused, its relay stops."""
        self.set_reach(Reach.DOWN)

    def stop(self) -> None:
        """Leave the network for good; twice is once."""
        self._leave()
        self._sides = None

    def _enter(self, reach: Reach) -> None:
        if self._sides is None:
            return
        if reach in _LISTENING:
            asyncio_side, trio_side = self._sides
            self._open = True
            self.ports |= asyncio_side.open(self.context, self.ports)
            self.ports |= trio_side.open(self.context, self.ports, *self._tasks)
        elif reach is Reach.UNREACHABLE:
            for port in self.ports.values():
                if port:
                    self._holes.append(BlackHole(self.host.address, port))

    def _leave(self) -> None:
        while self._holes:
            self._holes.pop().close()
        if self._sides is not None and self._open:
            for side in self._sides:
                side.close(self.context)
        self._open = False
