"""The rest of the world for a mail server under test: a DNS that leads to us, and exchangers that keep what comes.

It is met by its entry point (``mailproof.servers``, ``peer``) alone.
"""

import ipaddress
import itertools
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.errors import NotOffered
from harness.target import Outside, Protocol
from reference_server.clock import Clock
from reference_server.context import Context
from reference_server.dns import Authority, serve_dns
from reference_server.runtime import AsyncioSide, TrioSide
from reference_server.sink import EXTENSIONS, DialogueRecord, Received, SinkContext
from reference_server.store import Store
from reference_server.tls import HostTls
from reference_server.world import Host, Site, World
from reference_server.world.model import Record, Trouble, TroubleKind

__all__ = ["Exchanger", "Peer", "open_peer"]

# RFC 2606 §2: .test is for this.
_TOP: Final = "sink.mailproof.test"
# RFC 2606 §3: what goes back to somebody there, or on to somebody there, comes to us too.
_EXAMPLES: Final = ("example.org", "example.net", "example.com")

# For this once: the target may outlive us, and the next peer's names are others.
_TTL_S: Final = 0
# Ours: so many exchangers listen at a time; the oldest goes when another comes.
_EXCHANGERS: Final = 48

_AS_EVER: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Exchanger:
    """One of our hosts."""

    context: SinkContext

    @property
    def name(self) -> str:
        return self.context.hostname

    @property
    def address(self) -> str:
        return self.context.host.address

    @property
    def connections(self) -> int:
        """How often somebody connected."""
        return len(self.context.clients)

    @property
    def commands(self) -> tuple[bytes, ...]:
        """Every command line that came, of all sessions."""
        return tuple(self.context.commands)


class Peer:
    """Our side of a target's network, as long as it runs.

    Args:
        outside: Where the target asks and sends to.
        token: Part of our domain's name, so that no two runs share one.
        record: Gives what keeps the octets of a new session, by what the session is called.

    Attributes:
        domain: Mail for it and for every name below it that is not published otherwise comes to us.
    """

    def __init__(
        self, outside: Outside, token: str, record: Callable[[str], DialogueRecord] | None = None
    ) -> None:
        self.domain = f"{token.lower()}.{_TOP}"
        self._outside = outside
        self._record = record or SinkContext.record
        self._asyncio_side, self._trio_side = AsyncioSide(), TrioSide()
        self._authority = Authority()
        self._clock = Clock()
        self._tls = HostTls.made_for(self.domain, f"*.{self.domain}")
        self._numbers = itertools.count(1)
        self._troubles: list[Trouble] = []
        self._listening: deque[SinkContext] = deque()
        self._received: list[Received] = []
        self._arrival = threading.Condition()
        self._running = ExitStack()

    def start(self) -> None:
        """Answer and listen; raises `OSError`, and nothing runs then."""
        try:
            for side in (self._asyncio_side, self._trio_side):
                side.start()
                self._running.callback(side.stop)
            self._store = Store(":memory:", self._clock)
            self._running.callback(self._store.close)
            self._first = self._open(self._outside.mx.host, SinkContext.offered, _AS_EVER, listens=True)
            self._publish(*self._own_records())
            self._trio_side.start_task(serve_dns, self._authority, *self._outside.dns)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Leave the network; twice is once."""
        self._running.close()

    @property
    def exchanger_name(self) -> str:
        """The host that takes mail for `domain`."""
        return self._first.hostname

    def exchanger(
        self,
        *,
        without: Collection[str] = (),
        replies: Mapping[str, str] = _AS_EVER,
        listens: bool = True,
    ) -> Exchanger:
        """A new host on an address of its own, next to the declared one.

        Args:
            without: The extensions that it does not offer.
            replies: What a command line that begins so is answered with; ``"greeting"`` and ``"."`` too.
            listens: False: connections are refused.

        Raises:
            NotOffered: The declared address is not on loopback, so there are no others that are ours.
        """
        first = ipaddress.ip_address(self._outside.mx.host)
        if not first.is_loopback or first.version != 4:
            raise NotOffered(f"the exchanger {first} is not in 127.0.0.0/8, where we could have others")
        while len(self._listening) >= _EXCHANGERS:
            self._asyncio_side.close(self._listening.popleft())
        context = self._open(
            str(first + next(self._numbers)),
            frozenset(EXTENSIONS) - {name.upper() for name in without},
            dict(replies),
            listens=listens,
        )
        self._listening.append(context)
        self._publish(Record(f"{context.hostname}.", _TTL_S, "A", context.host.address))
        return Exchanger(context)

    def publish(self, *records: tuple[str, str], trouble: str = "") -> str:
        """A new name below `domain` with these records, type and value; returns it.

        Args:
            trouble: What questions about it are met with in place of an answer, a word of `TroubleKind`.
        """
        name = f"d{next(self._numbers)}.{self.domain}"
        troubles = (Trouble(f"{name}.", TroubleKind(trouble)),) if trouble else ()
        self._publish(*(Record(f"{name}.", _TTL_S, *record) for record in records), troubles=troubles)
        return name

    def received(self) -> list[Received]:
        """All messages so far, in their order."""
        with self._arrival:
            return list(self._received)

    def wait_for(self, recipients: Collection[bytes], within_s: float) -> list[Received]:
        """The messages for any of these recipients, once each of them has one or the time is over."""
        wanted = {address.lower() for address in recipients}

        def theirs(messages: list[Received]) -> list[Received]:
            return [m for m in messages if wanted & {address.lower() for address in m.recipients}]

        def whole(messages: list[Received]) -> bool:
            return wanted <= {address.lower() for m in theirs(messages) for address in m.recipients}

        self.wait_until(whole, within_s)
        return theirs(self.received())

    def wait_until(self, found: Callable[[list[Received]], bool], within_s: float) -> bool:
        """Whether the messages came to be as `found` wants them within this time."""
        with self._arrival:
            return self._arrival.wait_for(lambda: found(self._received), within_s)

    def _keep(self, message: Received) -> None:
        with self._arrival:
            self._received.append(message)
            self._arrival.notify_all()

    def _open(
        self, address: str, offered: frozenset[str], replies: Mapping[str, str], *, listens: bool
    ) -> SinkContext:
        host = Host(f"mx{next(self._numbers)}.{self.domain}", address)
        site = Site(World(name="outside", hosts=(host,), domains=(), cheap_hashes=True), host)
        plain = Context.make(site, self._store, self._tls, clock=self._clock)
        context = SinkContext(
            **{name: getattr(plain, name) for name in Context.__dataclass_fields__},
            offered=offered,
            replies=replies,
            keep=self._keep,
            record=self._record,
        )
        if listens:
            self._asyncio_side.open(context, {Protocol.SMTP: self._outside.mx.port})
        return context

    def _own_records(self) -> list[Record]:
        """Of the names that nobody publishes: all of them lead to the first exchanger."""
        exchanger = f"{self.exchanger_name}."
        return [Record(exchanger, _TTL_S, "A", self._outside.mx.host)] + [
            Record(f"{name}.", _TTL_S, "MX", f"10 {exchanger}")
            for domain in (self.domain, *_EXAMPLES)
            for name in (domain, f"*.{domain}")
        ]

    def _publish(self, *records: Record, troubles: tuple[Trouble, ...] = ()) -> None:
        self._authority.add_records(records)
        if troubles:
            self._troubles += troubles
            self._authority.replace_troubles(self._troubles)


@contextmanager
def open_peer(
    outside: Outside, token: str, record: Callable[[str], DialogueRecord] | None = None
) -> Iterator[Peer]:
    """A running peer; it ends with the context. Raises `OSError` where we cannot listen."""
    peer = Peer(outside, token, record)
    peer.start()
    try:
        yield peer
    finally:
        peer.stop()
