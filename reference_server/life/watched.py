"""A world that is watched while one message finds its way."""

import datetime as dt
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from harness.errors import RunFailed, UsageError
from harness.results.life import Lane, LaneKind, Stage, Standing, Step
from harness.target import Account, Target
from reference_server.host import RunningHost
from reference_server.journal import Event, Kind
from reference_server.life.filter_words import FILTERS_LANE
from reference_server.life.narration import DNS_LANE, microseconds, narrate
from reference_server.relay.queue_rows import State
from reference_server.server import Server
from reference_server.world import ONE_SERVER, Host, World
from reference_server.world.load import load_world
from reference_server.world.model import Reach

__all__ = ["Filed", "Party", "WatchedWorld", "watched_world"]

# Lanes that are no hosts, and what they are called where there is little room.
_NOT_HOSTS: Final = {DNS_LANE: "DNS", FILTERS_LANE: "filters"}

# Ours: how often the queues are looked at where the journal says nothing.
_LOOK_S: Final = 0.02
# Ours: silence after which all is told.
_REST_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Party:
    """A user of the world: who, where the mailbox is, and from which address the user's own machine connects."""

    account: Account
    host: str
    target: Target
    connects_from: str | None


@dataclass(frozen=True, slots=True)
class Filed:
    """A copy of a message in a mailbox; `report` where it is a delivery report."""

    address: str
    mailbox: str
    uid: int
    at_us: int
    report: bool


class WatchedWorld:
    """Runs a world's hosts, writes down what they do, and lets time pass where nothing else can happen.

    Args:
        down: Hosts that are switched off, until nothing more happens without them.
        slow: Hosts that answer late.

    Attributes:
        began: When the life began, by the world's clock.
    """

    def __init__(self, server: Server, *, down: Iterable[str] = (), slow: Iterable[str] = ()) -> None:
        self._server = server
        self.down = tuple(down)
        self.slow = tuple(slow)
        self._missing = list(self.down)
        self._events: list[Event] = []
        self._own: list[Step] = []
        self._news = threading.Event()
        for name in self.down:
            server.hosts[name].take_down()
        for name in self.slow:
            server.hosts[name].set_reach(Reach.SLOW)
        self.began = server.clock.now()
        for name in self.down:
            self._tell(name, f"{name} is down", "down", Standing.FAILED)
        for name in self.slow:
            self._tell(name, f"{name} answers late", f"slow: {server.hosts[name].host.delay_ms} ms")
        server.journal.listen(self._hear)

    @property
    def name(self) -> str:
        return self._server.world.name

    def now_us(self) -> int:
        """Microseconds since the life began, by the world's clock."""
        return microseconds(self._server.clock.now(), self.began)

    def party(self, address: str) -> Party | None:
        """The user with this address; None where it is no user's."""
        user = self._server.world.user(address)
        if user is None:
            return None
        host = next(h for h in self._server.hosts.values() if user in h.context.site.users)
        account = Account(user.address, user.password, user.address)
        return Party(account, host.host.name, host.target, user.connects_from)

    @property
    def users(self) -> tuple[str, ...]:
        """The addresses of everybody."""
        return tuple(user.address for user in self._server.world.users)

    def filed(self) -> list[Filed]:
        """Where copies are, in the order of their arrival."""
        return [
            Filed(
                event.place.address,
                event.place.mailbox,
                event.place.uid,
                microseconds(event.at, self.began),
                report=_is_report(event.octets),
            )
            for event in tuple(self._events)
            if event.kind is Kind.MAILBOX and event.place is not None
        ]

    def settle(self, timeout_s: float) -> bool:
        """Wait until every queue is empty; True when it is so within `timeout_s` of real time.

        Where all that is left waits for a later attempt, the hosts that were down come back, and the world's clock
        goes on to the next attempt.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._news.clear()
            waiting = [host for host in self._server.hosts.values() if _waits(host)]
            if not waiting:
                self._hear_the_rest()
                return True
            if not any(self._is_busy(host) for host in waiting):
                self._let_time_pass(waiting)
            self._news.wait(_LOOK_S)
        return False

    def steps(self) -> list[Step]:
        """What happened so far, in order of time."""
        hosts = {running.host.address: name for name, running in self._server.hosts.items()}
        told = narrate(tuple(self._events), self.began, hosts)
        return sorted([*self._own, *told], key=lambda step: step.at_us)

    def lanes(self, steps: Iterable[Step], domain: str) -> list[Lane]:
        """The hosts and the DNS, in the order in which the steps meet them; then the domain's other exchangers."""
        met = [name for step in steps if step.stage is not Stage.NETWORK for name in (step.actor, step.peer)]
        found = self._server.world.domain(domain)
        met += [mx.host for mx in sorted(found.mx, key=lambda mx: mx.preference)] if found else []
        met += [*self.down, *self.slow]
        known = [name for name in dict.fromkeys(met) if name in _NOT_HOSTS or name in self._server.hosts]
        short = _short_names([name for name in known if name not in _NOT_HOSTS]) | _NOT_HOSTS
        return [self._lane(name, short[name]) for name in known]

    # What goes on

    def _hear(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    def _hear_the_rest(self) -> None:
        """What is done is told a moment later."""
        while self._news.wait(_REST_S):
            self._news.clear()

    def _tell(self, host: str, title: str, said: str, standing: Standing = Standing.DONE) -> None:
        step = Step(
            number=0,
            stage=Stage.NETWORK,
            at_us=self.now_us(),
            lasted_us=0,
            actor=host,
            title=title,
            said=said,
            standing=standing,
        )
        self._own.append(step)

    @staticmethod
    def _is_busy(host: RunningHost) -> bool:
        """Whether it tries something now, or is about to."""
        return host.reach is not Reach.DOWN and bool(host.context.queue.due_hops())

    def _let_time_pass(self, waiting: list[RunningHost]) -> None:
        for name in self._missing:
            self._server.hosts[name].bring_up()
            self._tell(name, f"{name} comes back", "up")
        if self._missing:
            self._missing.clear()
            return
        dues = [due for host in waiting if (due := host.context.queue.next_due()) is not None]
        if dues:
            clock = self._server.clock
            clock.move(max(dt.timedelta(), min(dues) - clock.now()))
            for host in waiting:
                host.context.queue.flush(())  # changes nothing; wakes the relay

    def _lane(self, name: str, short: str) -> Lane:
        if name == DNS_LANE:
            address = self._server.world.network.dns_address
            return Lane(name=name, short=short, kind=LaneKind.DNS, about=address)
        if name == FILTERS_LANE:
            stages = ", ".join(dict.fromkeys(stage.name for stage in self._server.world.filters))
            return Lane(name=name, short=short, kind=LaneKind.FILTERS, about=stages)
        host = self._server.hosts[name].host
        about = ", ".join(_roles(self._server.world, host)) or host.address
        return Lane(name=name, short=short, kind=LaneKind.HOST, about=about)


def _waits(host: RunningHost) -> bool:
    """Whether mail is under way; what is held waits for somebody, not for time."""
    queued = (queued for entry in host.context.queue.entries() for queued in entry.recipients)
    return any(each.state is State.QUEUED for each in queued)


def _roles(world: World, host: Host) -> Iterator[str]:
    for domain in world.domains:
        preference = next((mx.preference for mx in domain.mx if mx.host == host.name), None)
        words = [f"MX {preference}"] if preference is not None else []
        words += ["mailboxes"] if domain.mailboxes == host.name else []
        if words:
            yield f"{' and '.join(words)} of {domain.name}"


def _short_names(names: list[str]) -> dict[str, str]:
    """The first labels of each name that no other one begins with."""
    return {name: next(s for s in _beginnings(name) if _alone(s, name, names)) for name in names}


def _beginnings(name: str) -> Iterator[str]:
    labels = name.split(".")
    yield from (".".join(labels[:count]) for count in range(1, len(labels) + 1))


def _alone(short: str, name: str, names: list[str]) -> bool:
    return short == name or not any(other.startswith(f"{short}.") for other in names if other != name)


def _is_report(content: bytes) -> bool:
    """A delivery report says so in its first lines (RFC 6522 §3)."""
    header = content.partition(b"\r\n\r\n")[0].lower()
    return b"multipart/report" in header


@contextmanager
def watched_world(
    path: Path | None, *, down: Iterable[str] = (), slow: Iterable[str] = ()
) -> Iterator[WatchedWorld]:
    """The world of a file, or of one server, on ports of its own, so that it can run beside one that is served.

    Args:
        down: Hosts, by name or by the beginning of it.

    Raises:
        UsageError: The file is wrong, or no host, or more than one, has such a name.
        RunFailed: An address of the world is not one of this machine's.
    """
    world = _on_free_ports(load_world(path) if path is not None else ONE_SERVER)
    chosen = [
        [_host(world, option, text) for text in texts] for option, texts in (("down", down), ("slow", slow))
    ]
    server = Server(world)
    try:
        server.start()
    except OSError as exc:
        raise RunFailed(f"{world.name}: cannot listen ({exc}); its addresses must be this machine's") from exc
    try:
        yield WatchedWorld(server, down=chosen[0], slow=chosen[1])
    finally:
        server.stop()


def _on_free_ports(world: World) -> World:
    hosts = tuple(replace(host, listeners=dict.fromkeys(host.listeners, 0)) for host in world.hosts)
    return replace(world, hosts=hosts, network=replace(world.network, dns_port=0, smtp_port=0))


def _host(world: World, option: str, text: str) -> str:
    found = world.hosts_named(text)
    if len(found) != 1:
        problem = "means more than one of" if found else "is none of"
        names = ", ".join(host.name for host in found or world.hosts)
        raise UsageError(f"--{option} {text}: {problem} the world's hosts: {names}")
    return found[0].name
