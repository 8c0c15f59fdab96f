"""A host that sends, with a clock that stands still, and a courier that says what a test wants."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest
import trio

from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.envelope import Envelope, Recipient
from reference_server.relay.model import Attempt, Fate, NextHop, Outcome, Transport
from reference_server.relay.runner import Relay
from reference_server.store import Store, StoreFailed
from reference_server.tls import HostTls
from reference_server.world import ONE_SERVER, RelayLimits, Site

START = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
CONTENT = b"Received: from a.test by b.test; Tue, 24 Nov 2026 12:00:00 +0000\r\nSubject: x\r\n\r\ntext\r\n"


FILED = Outcome(Fate.DELIVERED, "2.1.5", "delivered to the mailbox")
HANDED_ON = Outcome(Fate.DELIVERED, "2.0.0", "250 2.0.0 OK", "mx.example.org", by_peer=True)


class StillClock(Clock):
    """Moves when it is told to, and only then."""

    def now(self) -> dt.datetime:
        return START + self._ahead


@dataclass
class ScriptedCourier:
    """Gives every recipient the outcome that `says` has for it, and keeps what it was given."""

    clock: Clock
    says: Callable[[Attempt, bytes], Outcome] = lambda attempt, address: HANDED_ON
    attempts: list[tuple[dt.datetime, Attempt]] = field(default_factory=list)
    busiest: dict[NextHop, int] = field(default_factory=dict)
    _busy: dict[NextHop, int] = field(default_factory=dict)

    async def deliver(self, attempt: Attempt, record: Callable[[Mapping[bytes, Outcome]], None]) -> None:
        hop = attempt.next_hop
        self.attempts.append((self.clock.now(), attempt))
        self._busy[hop] = self._busy.get(hop, 0) + 1
        self.busiest[hop] = max(self.busiest.get(hop, 0), self._busy[hop])
        await trio.lowlevel.checkpoint()
        self._busy[hop] -= 1
        record({r.address: self.says(attempt, r.address) for r in attempt.envelope.recipients})


@dataclass
class FrontDoor:
    """Takes the reports; `broken` for a full disk. Local deliveries come out as `outcome`."""

    taken: list[tuple[Envelope, bytes]] = field(default_factory=list)
    delivered: list[Attempt] = field(default_factory=list)
    broken: bool = False
    outcome: Outcome = FILED

    def accept(self, envelope: Envelope, content: bytes) -> None:
        if self.broken:
            raise StoreFailed("disk full")
        self.taken.append((envelope, content))

    def deliver_queued(self, attempt: Attempt) -> dict[bytes, Outcome]:
        self.delivered.append(attempt)
        return {r.address: self.outcome for r in attempt.envelope.recipients}

    deliver_released = deliver_queued


@dataclass
class SendingHost:
    """All of it."""

    context: Context
    courier: ScriptedCourier
    door: FrontDoor

    def relay(self) -> Relay:
        return Relay(self.context, self.courier, self.door)

    def run_once(self) -> int:
        return trio.run(self.relay().run_once)

    def add(
        self,
        *addresses: str | Recipient,
        sender: bytes = b"eric@example.test",
        content: bytes = CONTENT,
        transport: Transport = Transport.SMTP,
        **envelope: object,
    ) -> str:
        """Queue a message; each recipient's domain is its next hop."""
        recipients = tuple(a if isinstance(a, Recipient) else Recipient(a.encode()) for a in addresses)
        hops = {
            r.address: NextHop(transport, r.address.rpartition(b"@")[2].decode("utf-8")) for r in recipients
        }
        return self.context.queue.add(Envelope(sender, recipients, **envelope), content, hops)  # type: ignore[arg-type]

    @property
    def moments(self) -> list[dt.timedelta]:
        """When attempts were made, from the start."""
        return [at - START for at, _ in self.courier.attempts]


@pytest.fixture
def sending_host() -> Iterator[Callable[..., SendingHost]]:
    """Make a host, with these limits of its relay."""
    stores: list[Store] = []

    def make(path: str = ":memory:", **limits: object) -> SendingHost:
        clock = StillClock()
        world = replace(ONE_SERVER, relay=RelayLimits(**limits))  # type: ignore[arg-type]
        store = Store(path, clock)
        stores.append(store)
        tls = HostTls.made_for("localhost")
        context = Context.make(Site(world, world.hosts[0]), store, tls, clock=clock)
        return SendingHost(context, ScriptedCourier(clock), FrontDoor())

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def host(sending_host) -> SendingHost:
    return sending_host()
