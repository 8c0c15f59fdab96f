"""Hands messages over to next hops: one exchanger after the other, on connections that are kept for more."""

import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Protocol

import trio

from harness.errors import ConnectFailed, RemoteProtocolError, TimedOut, TlsFailed, TransportError
from reference_server.envelope import Recipient
from reference_server.journal import Direction, Journal
from reference_server.relay.connection import Connection, Line, Peer
from reference_server.relay.dialogue import Dialogue
from reference_server.relay.doubt import InDoubt, Turn
from reference_server.relay.model import Attempt, Fate, NextHop, Outcome, Transport
from reference_server.relay.routing import Exchanger, NoRoute
from reference_server.relay.talk import Record, Refused
from reference_server.world.model import RelayLimits, RelayTls

__all__ = ["Courier", "Routes"]

# Ours: how long a final reply may take before others may be in doubt too.
_PATIENCE_S: Final = 5.0
# Ours: how many connections are kept, for how long, and how often that is looked after.
_MAX_KEPT: Final = 50
_KEPT_S: Final = 5.0
_LOOK_S: Final = 1.0
# Ours: how long one QUIT may take, and all of them at the end.
_QUIT_S: Final = 5.0
_LAST_WORDS_S: Final = 0.5


class Routes(Protocol):
    """Who takes the mail of a domain: `Router`."""

    async def route(self, name: str) -> tuple[Exchanger, ...]:
        """Raises `NoRoute`."""


@dataclass(eq=False)
class _Kept:
    """A connection with its session, how many messages went over it, and since when it waits for more.

    Attributes:
        asked: What was asked of TLS when it was made.
    """

    connection: Connection
    dialogue: Dialogue
    asked: RelayTls = RelayTls.OPPORTUNISTIC
    messages: int = 0
    since: float = 0.0


class _Handover:
    """One attempt under way: who waits, and why."""

    def __init__(self, attempt: Attempt, record: Record) -> None:
        self.attempt = attempt
        self._record = record
        self._waiting = {recipient.address: recipient for recipient in attempt.envelope.recipients}
        self._reasons: dict[bytes, Outcome] = {}

    @property
    def waiting(self) -> tuple[Recipient, ...]:
        return tuple(self._waiting.values())

    def settle(self, outcomes: Mapping[bytes, Outcome]) -> None:
        for address in outcomes:
            del self._waiting[address]
        self._record(outcomes)

    def put_off(self, outcomes: Mapping[bytes, Outcome]) -> None:
        for address, outcome in outcomes.items():
            self._reasons[address] = _weightier(self._reasons.get(address, outcome), outcome)

    def put_off_all(self, outcome: Outcome) -> None:
        self.put_off(dict.fromkeys(self._waiting, outcome))

    def end(self) -> None:
        """Nobody is left to be asked."""
        if self._waiting:
            self.settle({address: self._reasons[address] for address in self._waiting})


def _weightier(old: Outcome, new: Outcome) -> Outcome:
    """What is said of who was not taken: failed only where every host says so, and a peer's word before ours."""
    if old.fate is not new.fate:
        return old if old.fate is Fate.DEFERRED else new
    return old if old.by_peer and not new.by_peer else new


class Courier:
    """Hands messages over; keeps connections.

    Args:
        hello: What we say in EHLO.
        tls: For peers that offer STARTTLS, by what `limits` ask of it; empty: there is no TLS here.
        source: The address that connections come from, None for the system's choice.
        lmtp: Address and port of this host's own mailbox agent, for `Transport.LMTP`.
        filters: By the stage's name, for `Transport.FILTER`.
        dialogue: What sessions are made of.
    """

    def __init__(
        self,
        router: Routes,
        *,
        hello: str,
        smtp_port: int,
        limits: RelayLimits,
        tls: Mapping[RelayTls, ssl.SSLContext],
        journal: Journal,
        host: str,
        source: str | None = None,
        lmtp: tuple[str, int] | None = None,
        filters: Mapping[str, Peer] = MappingProxyType({}),
        dialogue: type[Dialogue] = Dialogue,
    ) -> None:
        self._router = router
        self._hello = hello
        self._smtp_port = smtp_port
        self._limits = limits
        self._line = Line(host, source, limits.connect_s, limits.timeout_s, tls, journal)
        self._lmtp = lmtp
        self._filters = filters
        self._dialogue = dialogue
        self._in_doubt = InDoubt(limits.in_doubt, patience_s=_PATIENCE_S)
        self._limiters: defaultdict[Peer, trio.CapacityLimiter] = defaultdict(
            lambda: trio.CapacityLimiter(limits.per_destination)
        )
        # A dict as an ordered set: the one kept longest comes first.
        self._kept: dict[_Kept, None] = {}
        self._closed = False

    async def deliver(self, attempt: Attempt, record: Record) -> None:
        """Try the hosts of the next hop, one address after the other, until no recipient waits (RFC 5321 §5.1).

        Args:
            record: Told of every recipient once, as soon as it is certain what became of it; for those whom the reply
                to the message settles, before anything else is awaited. What it raises ends the attempt.

        Raises nothing that a peer could cause.
        """
        handover = _Handover(attempt, record)
        try:
            asked = self.asked(attempt.next_hop)
            for peer in await self.peers(attempt.next_hop):
                await self._try(peer, handover, asked)
                if not handover.waiting:
                    break
        except NoRoute as exc:
            handover.put_off_all(exc.outcome)
        handover.end()

    def asked(self, next_hop: NextHop) -> RelayTls:
        """What is asked of TLS there; what stays on this host needs none."""
        if next_hop.transport is not Transport.SMTP:
            return RelayTls.OPPORTUNISTIC
        return self._limits.tls_for.get(next_hop.name.lower().rstrip("."), self._limits.tls)

    async def peers(self, next_hop: NextHop) -> list[Peer]:
        """Whom to try, in order; raises `NoRoute`."""
        if next_hop.transport is Transport.LMTP:
            if self._lmtp is None:
                raise NoRoute(Outcome(Fate.DEFERRED, "4.3.5", "no mailbox agent is configured"))
            return [Peer(next_hop.name, *self._lmtp, lmtp=True)]
        if next_hop.transport is Transport.FILTER:
            if next_hop.name not in self._filters:
                raise NoRoute(Outcome(Fate.DEFERRED, "4.3.5", f"no filter is named {next_hop.name}"))
            return [self._filters[next_hop.name]]
        exchangers = await self._router.route(next_hop.name)
        peers = [
            Peer(exchanger.name, address, self._smtp_port)
            for exchanger in exchangers
            for address in exchanger.addresses
        ]
        if not peers:
            raise NoRoute(Outcome(Fate.DEFERRED, "4.4.4", f"no host has an address for {next_hop.name}"))
        return peers

    async def tend(self) -> None:
        """For ever: end connections that wait for more in vain, and those that the peer has ended."""
        while True:
            await trio.sleep(_LOOK_S)
            now = trio.current_time()
            await self._part_with(
                [s for s in self._kept if now - s.since > _KEPT_S or not s.connection.quiet]
            )

    async def close_idle(self) -> None:
        """Say QUIT on every connection that is kept."""
        await self._part_with(list(self._kept))

    async def aclose(self) -> None:
        """End what is kept, soon, even when cancelled; nothing is kept from now on."""
        self._closed = True
        with trio.move_on_after(_LAST_WORDS_S, shield=True):
            await self.close_idle()

    # One peer

    async def _try(self, peer: Peer, handover: _Handover, asked: RelayTls) -> None:
        """Hand over to one peer what it takes; why it does not take the rest is noted."""
        async with self._place(peer):
            session = await self._reused(peer, asked)
            if session is not None and (await self._hand_over(session, handover) or not handover.waiting):
                return
            # A connection that was kept may have ended meanwhile; that is no answer.
            try:
                session = await self._open(peer, handover.attempt.queue_id, asked)
            except Refused as exc:
                if not exc.outcome.by_peer:
                    self._line.note(peer, Direction.NOTE, exc.outcome.diagnostic, handover.attempt.queue_id)
                handover.put_off_all(exc.outcome)
            except (TransportError, RemoteProtocolError) as exc:
                handover.put_off_all(Outcome(Fate.DEFERRED, _status(exc), str(exc), peer.name))
            else:
                await self._hand_over(session, handover)

    @asynccontextmanager
    async def _place(self, peer: Peer) -> AsyncIterator[None]:
        """One of the connections that a peer may have at a time."""
        limiter = self._limiters[peer]
        try:
            async with limiter:
                yield
        finally:
            if not limiter.borrowed_tokens and not limiter.statistics().tasks_waiting:
                self._limiters.pop(peer, None)

    async def _reused(self, peer: Peer, asked: RelayTls) -> _Kept | None:
        """A connection to this peer that was made for the same, and is still good."""

        def fits(kept: _Kept) -> bool:
            return kept.connection.peer == peer and kept.asked is asked

        while session := next(filter(fits, self._kept), None):
            del self._kept[session]
            if session.connection.quiet:
                return session
            await session.connection.close()
        return None

    async def _open(self, peer: Peer, queue_id: str, asked: RelayTls) -> _Kept:
        """A new connection, ready for MAIL; in the clear after a handshake that failed only where nothing is asked.

        Raises:
            Refused, TransportError, RemoteProtocolError: The connection is closed.
        """
        if asked is not RelayTls.OPPORTUNISTIC:
            return await self._opened(peer, queue_id, asked, asked)
        try:
            return await self._opened(
                peer, queue_id, asked, asked if self._line.tls and not peer.lmtp else None
            )
        except TlsFailed:
            return await self._opened(peer, queue_id, asked, None)

    async def _opened(self, peer: Peer, queue_id: str, asked: RelayTls, tls: RelayTls | None) -> _Kept:
        connection = await Connection.connect(peer, self._line, queue_id)
        session = _Kept(
            connection,
            self._dialogue(hello=self._hello, remote=peer.name, lmtp=peer.lmtp, tls=tls),
            asked,
        )
        try:
            await connection.run(session.dialogue.open())
        except BaseException:
            await self._part(session)
            raise
        return session

    async def _hand_over(self, session: _Kept, handover: _Handover) -> bool:
        """One message; afterwards the connection is kept or ended. Whether the peer was there to the end."""
        attempt = handover.attempt
        envelope = replace(attempt.envelope, recipients=handover.waiting)
        connection, dialogue = session.connection, session.dialogue
        connection.queue_id = attempt.queue_id
        try:
            handover.put_off(
                await connection.run(
                    dialogue.transact(envelope, attempt.content, handover.settle), Turn(self._in_doubt)
                )
            )
        except BaseException:
            await connection.close()
            raise
        session.messages += 1
        answered = dialogue.alive
        if self._closed or not answered or session.messages >= self._limits.per_connection:
            await self._part(session)
        else:
            await self._keep(session)
        return answered

    async def _keep(self, session: _Kept) -> None:
        session.connection.queue_id = ""
        session.since = trio.current_time()
        self._kept[session] = None
        await self._part_with(list(self._kept)[:-_MAX_KEPT])

    async def _part_with(self, sessions: Sequence[_Kept]) -> None:
        """End connections that are kept, all at a time."""
        if not sessions:
            return
        for session in sessions:
            del self._kept[session]
        async with trio.open_nursery() as nursery:
            for session in sessions:
                nursery.start_soon(self._part, session)

    async def _part(self, session: _Kept) -> None:
        """QUIT where the peer still listens, and close."""
        try:
            with trio.move_on_after(_QUIT_S):
                await session.connection.run(session.dialogue.quit())
        finally:
            await session.connection.close()


def _status(exc: TransportError | RemoteProtocolError) -> str:
    """RFC 3463 §3.5, §3.6, §3.8: no answer; a bad connection; a protocol that is none; cryptography that failed."""
    match exc:
        case TlsFailed():
            return "4.7.5"
        case ConnectFailed() | TimedOut():
            return "4.4.1"
        case TransportError():
            return "4.4.2"
        case _:
            return "4.5.0"
