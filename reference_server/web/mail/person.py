"""A person who is logged in: who it is, and the connections that serve the pages they open."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Self

import trio

from harness.errors import ProtocolError, TransportError, UsageError
from harness.target import Endpoint, Protocol, Target
from reference_server.web.mail.connection import Connection
from reference_server.web.mail.login import log_in
from reference_server.web.mail.wire import connect

__all__ = ["MailSystem", "Person"]

# Ours: connections for one person at once, besides the one that waits for new mail.
MAX_CONNECTIONS: Final = 3

_READING: Final = (Protocol.IMAPS, Protocol.IMAP)
# RFC 8314 §3.3: implicit TLS where it can be had.
_SENDING: Final = (Protocol.SUBMISSIONS, Protocol.SUBMISSION, Protocol.SMTP)


@dataclass(frozen=True, slots=True)
class MailSystem:
    """Where mail is read and sent.

    Attributes:
        context: What certificates are held against.
        certificate_name: What they must carry, None for the endpoint's host.
        sending: None where nothing can be sent.
        addresses: User -> the address mail is sent from, where the target says it.
    """

    name: str
    domain: str
    reading: Endpoint
    sending: Endpoint | None
    context: ssl.SSLContext = field(repr=False)
    certificate_name: str | None
    timeout_s: float
    addresses: dict[str, str]

    @classmethod
    def of(cls, target: Target, context: ssl.SSLContext) -> Self:
        """Raises `UsageError` where the target has no IMAP."""
        ends = target.endpoints
        reading = next((ends[protocol] for protocol in _READING if protocol in ends), None)
        if reading is None:
            raise UsageError(f"{target.name}: webmail reads by IMAP; give endpoints.imap or endpoints.imaps")
        return cls(
            name=target.name,
            domain=target.domain,
            reading=reading,
            sending=next((ends[protocol] for protocol in _SENDING if protocol in ends), None),
            context=context,
            certificate_name=target.server_name,
            timeout_s=target.limits.timeout_s,
            addresses={account.user: account.address for account in target.accounts},
        )

    def address_of(self, user: str) -> str:
        """What a user's mail is sent from."""
        return self.addresses.get(user) or (user if "@" in user else f"{user}@{self.domain}")


class Person:
    """Somebody who may log in; the password is kept in memory, and only here.

    Raises:
        LogInRefused, TransportError, ProtocolError: From whatever opens a connection.
    """

    def __init__(self, system: MailSystem, user: str, password: str) -> None:
        self.system = system
        self.user = user
        self.password = password
        self.address = system.address_of(user)
        self._idle: list[Connection] = []
        self._places = trio.CapacityLimiter(MAX_CONNECTIONS)
        self._gone = False

    def __repr__(self) -> str:
        return f"Person({self.user!r})"

    async def open(self) -> Connection:
        """A new session, which the caller closes."""
        system = self.system
        wire = await connect(
            system.reading, system.context, name=system.certificate_name, timeout_s=system.timeout_s
        )
        try:
            return await log_in(
                wire, self.user, self.password, context=system.context, name=system.certificate_name
            )
        except BaseException:
            await wire.close()
            raise

    @asynccontextmanager
    async def reading(self, mailbox: bytes | None = None) -> AsyncIterator[Connection]:
        """A session for as long as the block lasts, with a mailbox open where one is named. Raises `Gone`, too."""
        # A task that asks twice is two borrowers.
        async with _place(self._places):
            connection = await self._ready(mailbox)
            try:
                yield connection
            finally:
                if connection.usable and not self._gone:
                    self._idle.append(connection)
                else:
                    await connection.wire.close()

    async def _ready(self, mailbox: bytes | None) -> Connection:
        """One that is alive: those that died in the meantime are dropped, and a new one is opened."""
        while self._idle:
            fitting = [each for each in self._idle if each.mailbox == mailbox]
            connection = (fitting or self._idle)[-1]
            self._idle.remove(connection)
            try:
                await _opened(connection, mailbox)
            except (TransportError, ProtocolError):
                await connection.wire.close()
                continue
            except BaseException:
                await self._put_back(connection)
                raise
            return connection
        connection = await self.open()
        try:
            await _opened(connection, mailbox)
        except BaseException:
            await self._put_back(connection)
            raise
        return connection

    async def _put_back(self, connection: Connection) -> None:
        if connection.usable:
            self._idle.append(connection)
        else:
            await connection.wire.close()

    async def leave(self) -> None:
        """Log out everywhere, and forget the password."""
        self._gone = True
        self.password = ""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.log_out()


async def _opened(connection: Connection, mailbox: bytes | None) -> None:
    if mailbox is None:
        await connection.asked(b"NOOP")
    else:
        await connection.select(mailbox)


@asynccontextmanager
async def _place(places: trio.CapacityLimiter) -> AsyncIterator[None]:
    borrower = object()
    await places.acquire_on_behalf_of(borrower)
    try:
        yield
    finally:
        places.release_on_behalf_of(borrower)
