"""One IMAP session on trio: commands one after another, and the news that come between them."""

import itertools
from collections.abc import Sequence
from typing import Final

import trio

from harness.errors import RemoteProtocolError
from harness.wire.imap.command_octets import Piece, cut_command
from harness.wire.imap.encode import to_astring
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import (
    Capability,
    Condition,
    Continuation,
    Exists,
    Expunge,
    Fetch,
    Response,
    Tagged,
)
from harness.wire.imap.results import ImapRefused, Result, SelectResult
from harness.wire.imap.states import Answer
from harness.wire.lines import CRLF
from reference_server.web.mail.errors import Gone
from reference_server.web.mail.wire import Wire

__all__ = ["Connection"]

# Ours: what may come before one command is completed. The longest is a message of `reading.MAX_MESSAGE_OCTETS`.
MAX_RESULT_OCTETS: Final = 96 * 1024 * 1024

# Ours, below the 29 minutes of RFC 2177 §3, and what middle boxes allow; and how often one without IDLE is asked.
IDLE_S: Final = 300.0
POLL_S: Final = 20.0


class Connection:
    """A session over a connected stream; one task at a time.

    All that waits raises `TimedOut`, `ConnectionLost` and `RemoteProtocolError`.

    Attributes:
        mailbox: What is selected, as on the wire; None for nothing.
        exists: How many messages it has.
        uidvalidity: Of it.
        usable: False while a command is under way: a connection on which one was cancelled serves nobody.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.mailbox: bytes | None = None
        self.exists = 0
        self.uidvalidity = 0
        self.usable = True
        self._reader = ResponseReader(max_response_octets=MAX_RESULT_OCTETS)
        self._arrived: list[Response] = []
        self._numbers = itertools.count(1)
        self._capabilities: frozenset[str] | None = None

    # Reading

    async def read(self, timeout_s: float | None = None) -> Response:
        """The next response."""
        while not self._arrived:
            self._arrived += self._reader.feed(await self.wire.receive(timeout_s))
        response = self._arrived.pop(0)
        self._learn(response)
        return response

    def _learn(self, response: Response) -> None:
        match response:
            case Capability(capabilities=names):
                self._capabilities = frozenset(name.upper() for name in names)
            case Condition(code=code) | Tagged(code=code) if code is not None and code.name == "CAPABILITY":
                self._capabilities = frozenset(name.upper() for name in code.words)
            case Exists(count=count):
                self.exists = count
            case Expunge():
                self.exists = max(0, self.exists - 1)
            case _:
                pass

    def forget(self) -> None:
        """What was known before TLS or a login counts no more (RFC 9051 §6.2.1)."""
        self._reader = ResponseReader(max_response_octets=MAX_RESULT_OCTETS)
        self._arrived.clear()
        self._capabilities = None

    # Commands

    async def command(self, *pieces: Piece, timeout_s: float | None = None) -> Result:
        """Send a command and wait for its completion; before a synchronizing literal, for the ``+``.

        Args:
            timeout_s: How long the server may say nothing; by default as the wire has it.
        """
        self.usable = False
        tag = b"W%d" % next(self._numbers)
        came: list[Response] = []
        octets = 0
        chunks = list(cut_command((tag, *pieces)))
        await self.wire.send(chunks.pop(0))
        while True:
            response = await self.read(timeout_s)
            if isinstance(response, Tagged) and response.tag == tag:
                self.usable = True
                return Result(response, tuple(came))
            if isinstance(response, Continuation) and chunks:
                await self.wire.send(chunks.pop(0))
                continue
            octets += len(response.raw)
            if octets > MAX_RESULT_OCTETS:
                raise RemoteProtocolError(
                    f"more than {MAX_RESULT_OCTETS} octets before a command is completed"
                )
            came.append(response)

    async def asked(self, *pieces: Piece, timeout_s: float | None = None) -> Result:
        """As `command`; raises `ImapRefused` where it is answered NO or BAD."""
        result = await self.command(*pieces, timeout_s=timeout_s)
        if not result.ok:
            raise ImapRefused(
                b" ".join(p for p in pieces[:2] if isinstance(p, bytes)).decode("latin-1"), result
            )
        return result

    async def capabilities(self) -> frozenset[str]:
        """In upper case; asked for where never heard in this state of login and TLS."""
        if self._capabilities is None:
            await self.asked(b"CAPABILITY")
        return self._capabilities or frozenset()

    async def offers(self, *names: str) -> bool:
        """Whether any of these capabilities is there."""
        return not (await self.capabilities()).isdisjoint(names)

    async def select(self, mailbox: bytes) -> None:
        """Open a mailbox, or hear the news of the one that is open. Raises `Gone` where it cannot be opened."""
        if self.mailbox == mailbox:
            await self.asked(b"NOOP")
            return
        self.mailbox = None
        opened = SelectResult.read(await self.command(b"SELECT", to_astring(mailbox)))
        if not opened.ok:
            raise Gone(f"The folder cannot be opened: {opened.result.text.decode('utf-8', 'replace')}")
        self.mailbox = mailbox
        self.exists = opened.exists or 0
        self.uidvalidity = opened.uidvalidity or 0

    async def unselect(self) -> None:
        """Let a mailbox go that is about to be renamed or deleted, without expunging anything."""
        if self.mailbox is None:
            return
        if await self.offers("UNSELECT", "IMAP4REV2"):
            await self.asked(b"UNSELECT")
        else:
            # RFC 3501 §6.3.1: a SELECT that fails leaves nothing selected.
            await self.command(b"EXAMINE", b'""')
        self.mailbox = None

    # Waiting

    async def news(self, *, wait_s: float = IDLE_S) -> bool:
        """Whether anything changes in the mailbox within this time: by IDLE (RFC 2177 §3), without it by NOOP."""
        if not await self.offers("IDLE", "IMAP4REV2"):
            await trio.sleep(min(wait_s, POLL_S))
            return _has_news((await self.asked(b"NOOP")).responses)
        self.usable = False
        tag = b"W%d" % next(self._numbers)
        await self.wire.send(tag + b" IDLE" + CRLF)
        came: list[Response] = []
        while not isinstance(response := await self.read(), Continuation):
            if isinstance(response, Tagged):
                raise ImapRefused("IDLE", Result(response, tuple(came)))
            came.append(response)
        with trio.move_on_after(wait_s):
            while not _has_news(came):
                came.append(await self.read(2 * wait_s))
        await self.wire.send(b"DONE" + CRLF)
        while not (isinstance(response := await self.read(), Tagged) and response.tag == tag):
            came.append(response)
        self.usable = True
        return _has_news(came)

    async def log_out(self) -> None:
        """Say goodbye and close."""
        try:
            if self.usable:
                with trio.move_on_after(1):
                    await self.wire.send(b"W LOGOUT" + CRLF)
        finally:
            await self.wire.close()


def _has_news(responses: Sequence[Response]) -> bool:
    return any(
        isinstance(response, Exists | Expunge | Fetch)
        or (isinstance(response, Condition) and response.status is Answer.BYE)
        for response in responses
    )
