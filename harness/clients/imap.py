"""A blocking IMAP client: polite commands that return what the server said, and raw octets."""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext
from types import TracebackType
from typing import Final, Self, TypeVar

from harness.clients.transcript import Transcript
from harness.clients.transport import Transport
from harness.errors import ConnectionLost, LocalProtocolError, ProtocolError, RemoteProtocolError, TimedOut
from harness.wire import sasl
from harness.wire.imap.encode import encode_astring
from harness.wire.imap.reader import ResponseReader
from harness.wire.imap.responses import (
    Capability,
    Code,
    Condition,
    Continuation,
    Fetch,
    FetchData,
    Flags,
    MailboxEntry,
    MailboxStatus,
    Numbered,
    Response,
    Search,
    Tagged,
    Untagged,
)

__all__ = ["ImapClient", "ImapRefused", "Literal", "Result", "SelectResult"]

R = TypeVar("R", bound=Untagged)

_MASKED: Final = b"<masked>"


class ImapRefused(ProtocolError):
    """A helper that returns data was answered NO or BAD; `result` has the whole answer."""

    def __init__(self, result: "Result") -> None:
        self.result = result
        super().__init__(f"answered {result.status} {result.text.decode('latin-1')!r}")


class Literal(bytes):
    """Octets to be sent as a literal."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A command's answer: its completion, and all untagged responses that came since the last one."""

    tagged: Tagged
    untagged: tuple[Untagged, ...]

    @property
    def ok(self) -> bool:
        return self.tagged.status == "OK"

    @property
    def status(self) -> str:
        return self.tagged.status

    @property
    def code(self) -> Code | None:
        return self.tagged.code

    @property
    def text(self) -> bytes:
        return self.tagged.text

    def has_code(self, name: str) -> bool:
        """Whether the completion carries this response code."""
        return self.tagged.code is not None and self.tagged.code.name == name

    def of(self, kind: type[R]) -> list[R]:
        """The untagged responses of a kind, in order."""
        return [response for response in self.untagged if isinstance(response, kind)]

    def codes(self) -> dict[str, Code]:
        """The response codes of untagged OK, NO and BAD and of the completion, by name."""
        codes = [*(condition.code for condition in self.of(Condition)), self.tagged.code]
        return {code.name: code for code in codes if code is not None}

    def fetched(self) -> dict[int, FetchData]:
        """FETCH responses by sequence number; several for one message are merged, the last one winning."""
        found: dict[int, FetchData] = {}
        for fetch in self.of(Fetch):
            found[fetch.number] = (
                _merged(found[fetch.number], fetch.data) if fetch.number in found else fetch.data
            )
        return found

    def expunged(self) -> list[int]:
        """Sequence numbers of EXPUNGE responses, in order."""
        return [r.number for r in self.of(Numbered) if r.kind == "EXPUNGE"]

    def last(self, kind: str) -> int | None:
        """The last number of EXISTS or RECENT, None where there was none."""
        numbers = [r.number for r in self.of(Numbered) if r.kind == kind]
        return numbers[-1] if numbers else None

    def __str__(self) -> str:
        code = f"[{self.code.name} {self.code.argument.decode('latin-1')}] " if self.code else ""
        return f"{self.status} {code}{self.text.decode('latin-1')}"


def _merged(old: FetchData, new: FetchData) -> FetchData:
    def pick(name: str) -> object:
        value = getattr(new, name)
        return getattr(old, name) if value is None else value

    names = ("flags", "uid", "octets", "internaldate", "modseq", "envelope", "body", "bodystructure")
    return FetchData(
        **{name: pick(name) for name in names},  # type: ignore[arg-type]  # each keeps its own type
        sections=old.sections + new.sections,
        others={**old.others, **new.others},
    )


@dataclass(frozen=True, slots=True)
class SelectResult:
    """What SELECT or EXAMINE told; None for what was not sent."""

    result: Result

    @property
    def ok(self) -> bool:
        return self.result.ok

    @property
    def exists(self) -> int | None:
        return self.result.last("EXISTS")

    @property
    def recent(self) -> int | None:
        return self.result.last("RECENT")

    @property
    def flags(self) -> frozenset[str] | None:
        found = self.result.of(Flags)
        return found[-1].flags if found else None

    @property
    def permanentflags(self) -> frozenset[str] | None:
        code = self.result.codes().get("PERMANENTFLAGS")
        return frozenset(code.argument.strip(b"()").decode("latin-1").split()) if code else None

    @property
    def uidnext(self) -> int | None:
        return self._number("UIDNEXT")

    @property
    def uidvalidity(self) -> int | None:
        return self._number("UIDVALIDITY")

    @property
    def highestmodseq(self) -> int | None:
        return self._number("HIGHESTMODSEQ")

    @property
    def read_only(self) -> bool:
        return self.result.has_code("READ-ONLY")

    def _number(self, name: str) -> int | None:
        code = self.result.codes().get(name)
        return int(code.argument) if code and code.argument.isdigit() else None


class ImapClient:
    """One IMAP session.

    Mailbox names are octets as they go over the wire, encoded by the caller where they are not ASCII.

    Args:
        timeout_s: How long one wait for octets may last.
    """

    def __init__(self, transport: Transport, *, timeout_s: float) -> None:
        self.transport = transport
        self.greeting: Condition | None = None
        self._timeout_s = timeout_s
        self._reader = ResponseReader()
        self._arrived: list[Response] = []
        self._tags = itertools.count(1)
        self._capabilities: frozenset[str] | None = None

    @property
    def transcript(self) -> Transcript:
        return self.transport.transcript

    def close(self) -> None:
        """Close the connection without a word."""
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    # Octets and responses

    def raw(self, octets: bytes, *, shown: bytes | None = None) -> None:
        """Send any octets."""
        self.transport.send(octets, shown=shown)

    def read_response(self, timeout_s: float | None = None) -> Response:
        """The next response; raises `TimedOut` or `ConnectionLost` where none comes."""
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        while not self._arrived:
            if not self._receive(deadline - time.monotonic()):
                raise ConnectionLost(self._where, "closed where a response was awaited")
        return self._arrived.pop(0)

    def responses_within(self, quiet_s: float) -> list[Response]:
        """All that comes until nothing has come for `quiet_s`, or the connection ends."""
        try:
            while self._receive(quiet_s):
                pass
        except (TimedOut, ConnectionLost):
            pass  # silence and an end are what was waited for
        arrived, self._arrived = self._arrived, []
        return arrived

    def at_eof(self, timeout_s: float) -> bool:
        """Whether the server closes within `timeout_s`; responses that come before are kept."""
        deadline = time.monotonic() + timeout_s
        try:
            while self._receive(deadline - time.monotonic()):
                pass
        except TimedOut:
            return False
        except ConnectionLost:
            return True
        return True

    @property
    def _where(self) -> str:
        return self.transport.transcript.label

    def _receive(self, timeout_s: float) -> bool:
        octets = self.transport.receive(timeout_s)
        self._arrived += self._reader.feed(octets)
        return bool(octets)

    def read_greeting(self) -> Condition:
        """OK, PREAUTH or BYE.

        Raises:
            RemoteProtocolError: Something else came first.
        """
        response = self.read_response()
        if not isinstance(response, Condition):
            raise RemoteProtocolError(f"no IMAP greeting: {response.raw[:80]!r}")
        self.greeting = response
        return response

    def new_tag(self) -> bytes:
        return b"A%d" % next(self._tags)

    def wait_tagged(self, tag: bytes) -> Result:
        """Everything up to the completion with this tag.

        Raises:
            ConnectionLost: The server closed first; a BYE it gave is in the message.
        """
        untagged: list[Untagged] = []
        while True:
            try:
                response = self.read_response()
            except ConnectionLost as exc:
                bye = next((u for u in untagged if isinstance(u, Condition) and u.status == "BYE"), None)
                if bye is not None:
                    raise ConnectionLost(self._where, f"closed after BYE {bye.text!r}") from exc
                raise
            match response:
                case Tagged() if response.tag == tag:
                    return Result(response, tuple(untagged))
                case Untagged():
                    untagged.append(response)
                case Tagged():
                    raise RemoteProtocolError(
                        f"tag {response.tag!r} where {tag!r} is awaited: {response.raw[:80]!r}"
                    )

    # Commands

    def command(self, *parts: bytes, sync: bool = True, shown: bytes | None = None) -> Result:
        """Send a command and wait for its completion.

        Args:
            parts: Words, put together with spaces; a `Literal` goes as one, waiting for ``+`` where `sync`.
            shown: What the transcript keeps in place of the line.

        Raises:
            LocalProtocolError: A word holds CR, LF or NUL.
        """
        tag = self.new_tag()
        self.send_command(tag, *parts, sync=sync, shown=shown)
        return self.wait_tagged(tag)

    def send_command(self, tag: bytes, *parts: bytes, sync: bool = True, shown: bytes | None = None) -> None:
        """Send without waiting for the completion; literals wait for their ``+``."""
        pending = tag
        for part in parts:
            if not isinstance(part, Literal):
                if any(octet in part for octet in b"\r\n\0"):
                    raise LocalProtocolError(f"a command line cannot hold CR, LF or NUL: {part[:80]!r}")
                pending += b" " + part
                continue
            mark = b"{%d}\r\n" if sync else b"{%d+}\r\n"
            pending += b" " + mark % len(part)
            if sync:
                self.raw(pending)
                pending = b""
                if not self._go_ahead(tag):
                    return
            pending += part
        self.raw(pending + b"\r\n", shown=None if shown is None else tag + b" " + shown + b"\r\n")

    def _go_ahead(self, tag: bytes) -> bool:
        """Wait for ``+``; False where the command was completed instead, and the completion is kept."""
        held: list[Response] = []
        while True:
            response = self.read_response()
            if isinstance(response, Continuation):
                self._arrived = held + self._arrived
                return True
            held.append(response)
            if isinstance(response, Tagged) and response.tag == tag:
                self._arrived = held + self._arrived
                return False

    def pipeline(self, lines: Sequence[bytes]) -> list[Result]:
        """Send whole command lines in one write, each with a tag of its own; their results in the order sent."""
        tags = [self.new_tag() for _ in lines]
        self.raw(b"".join(tag + b" " + line + b"\r\n" for tag, line in zip(tags, lines, strict=True)))
        return [self.wait_tagged(tag) for tag in tags]

    @property
    def capabilities(self) -> frozenset[str]:
        """As last told, asked for where nothing was told; in upper case."""
        return self.capability() if self._capabilities is None else self._capabilities

    def capability(self) -> frozenset[str]:
        """CAPABILITY; `ImapRefused` where it is refused."""
        found = self._data(self.command(b"CAPABILITY")).of(Capability)
        self._capabilities = found[-1].capabilities if found else frozenset()
        return self._capabilities

    def login(self, user: str, password: str) -> Result:
        """LOGIN; the password never reaches the transcript."""
        self._capabilities = None
        words = [_credential(user), _credential(password)]
        return self.command(
            b"LOGIN", *words, shown=b"LOGIN " + encode_astring(user.encode()) + b" " + _MASKED
        )

    def authenticate_plain(self, user: str, password: str, *, initial: bool = False) -> Result:
        """AUTHENTICATE PLAIN, with the response in the command where `initial` (RFC 4959 §3)."""
        self._capabilities = None
        response = sasl.PlainClient(user, password).initial()
        tag = self.new_tag()
        if initial:
            line = tag + b" AUTHENTICATE PLAIN "
            self.raw(line + sasl.encode_initial(response) + b"\r\n", shown=line + _MASKED + b"\r\n")
        else:
            self.raw(tag + b" AUTHENTICATE PLAIN\r\n")
            if self._go_ahead(tag):
                self.raw(sasl.encode(response) + b"\r\n", shown=_MASKED + b"\r\n")
        return self.wait_tagged(tag)

    def starttls(self, context: SSLContext, hostname: str | None) -> Result:
        """STARTTLS, and the handshake where it was accepted; what was known is forgotten (RFC 3501 §6.2.1)."""
        result = self.command(b"STARTTLS")
        if result.ok:
            self.transport.start_tls(context, hostname)
            self._reader = ResponseReader()
            self._arrived = []
            self._capabilities = None
        return result

    def select(self, mailbox: bytes, *parameters: bytes) -> SelectResult:
        """SELECT; parameters as in ``(CONDSTORE)``."""
        return SelectResult(self.command(b"SELECT", encode_astring(mailbox), *parameters))

    def examine(self, mailbox: bytes, *parameters: bytes) -> SelectResult:
        return SelectResult(self.command(b"EXAMINE", encode_astring(mailbox), *parameters))

    def list_(self, reference: bytes, pattern: bytes) -> list[MailboxEntry]:
        """LIST; both arguments as they go over the wire."""
        return self._data(self.command(b"LIST", reference, pattern)).of(MailboxEntry)

    def status(self, mailbox: bytes, items: bytes) -> dict[str, int]:
        """STATUS with items as in ``(MESSAGES UIDNEXT)``."""
        found = self._data(self.command(b"STATUS", encode_astring(mailbox), items)).of(MailboxStatus)
        return dict(found[-1].items) if found else {}

    def fetch(self, numbers: bytes, items: bytes) -> dict[int, FetchData]:
        """FETCH, by sequence number."""
        return self._data(self.command(b"FETCH", numbers, items)).fetched()

    def uid_fetch(self, uids: bytes, items: bytes) -> dict[int, FetchData]:
        """UID FETCH, by sequence number; the UID is in the data."""
        return self._data(self.command(b"UID FETCH", uids, items)).fetched()

    def store(self, numbers: bytes, what: bytes, flags: bytes) -> Result:
        """STORE, as in ``store(b"1", b"+FLAGS", rb"(\\Seen)")``."""
        return self.command(b"STORE", numbers, what, flags)

    def search(self, *criteria: bytes) -> list[int]:
        """SEARCH: sequence numbers."""
        return self._numbers(self.command(b"SEARCH", *criteria))

    def uid_search(self, *criteria: bytes) -> list[int]:
        """UID SEARCH: UIDs."""
        return self._numbers(self.command(b"UID SEARCH", *criteria))

    def _numbers(self, result: Result) -> list[int]:
        return [number for found in self._data(result).of(Search) for number in found.numbers]

    def append(
        self, mailbox: bytes, content: bytes, *, flags: bytes = b"", date: bytes = b"", sync: bool = True
    ) -> Result:
        """APPEND; flags as in ``(\\Seen)``, the date with its quotes."""
        words = [word for word in (flags, date) if word]
        return self.command(b"APPEND", encode_astring(mailbox), *words, Literal(content), sync=sync)

    def copy(self, numbers: bytes, mailbox: bytes) -> Result:
        return self.command(b"COPY", numbers, encode_astring(mailbox))

    def move(self, numbers: bytes, mailbox: bytes) -> Result:
        return self.command(b"MOVE", numbers, encode_astring(mailbox))

    def expunge(self) -> Result:
        return self.command(b"EXPUNGE")

    def create(self, mailbox: bytes) -> Result:
        return self.command(b"CREATE", encode_astring(mailbox))

    def delete(self, mailbox: bytes) -> Result:
        return self.command(b"DELETE", encode_astring(mailbox))

    def rename(self, old: bytes, new: bytes) -> Result:
        return self.command(b"RENAME", encode_astring(old), encode_astring(new))

    def subscribe(self, mailbox: bytes) -> Result:
        return self.command(b"SUBSCRIBE", encode_astring(mailbox))

    def unsubscribe(self, mailbox: bytes) -> Result:
        return self.command(b"UNSUBSCRIBE", encode_astring(mailbox))

    def enable(self, *capabilities: bytes) -> Result:
        return self.command(b"ENABLE", *capabilities)

    def noop(self) -> Result:
        return self.command(b"NOOP")

    def logout(self) -> Result:
        return self.command(b"LOGOUT")

    @contextmanager
    def idle(self) -> Iterator["Idle"]:
        """IDLE as long as the block lasts; DONE at its end (RFC 2177 §3).

        Raises:
            ImapRefused: IDLE was refused.
        """
        tag = self.new_tag()
        self.raw(tag + b" IDLE\r\n")
        if not self._go_ahead(tag):
            raise ImapRefused(self.wait_tagged(tag))
        idling = Idle(self)
        yield idling
        self.raw(b"DONE\r\n")
        idling.result = self.wait_tagged(tag)

    def _data(self, result: Result) -> Result:
        if not result.ok:
            raise ImapRefused(result)
        return result


class Idle:
    """A running IDLE; `result` is its completion once it has ended."""

    def __init__(self, client: ImapClient) -> None:
        self._client = client
        self.result: Result | None = None

    def wait(self, timeout_s: float) -> Untagged:
        """The next untagged response; `TimedOut` where none comes."""
        while True:
            response = self._client.read_response(timeout_s)
            if isinstance(response, Untagged):
                return response


def _credential(text: str) -> bytes:
    octets = text.encode()
    if any(octet in octets for octet in b"\r\n\0") or not octets.isascii():
        return Literal(octets)
    return encode_astring(octets)
