"""Mailboxes of the run's own: made for one example, filled with known messages, removed at its end."""

import datetime as dt
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from harness.clients.imap import ImapClient, Literal
from harness.clients.live import LiveTarget
from harness.errors import TransportError, Unclear
from harness.wire.imap.encode import encode_astring, encode_date_time, encode_flags
from harness.wire.imap.fetch import FetchData
from harness.wire.imap.responses import Expunge, NamespaceData, Response
from harness.wire.imap.results import Result, SelectResult, fetched, found
from harness.wire.imap.states import State
from suites.mail import plain_message

__all__ = [
    "Scratch",
    "Stored",
    "append",
    "carried_out",
    "examine",
    "message",
    "messages",
    "name_for",
    "news",
    "numbers",
    "plain_flags",
    "scratch",
    "select",
    "spare",
    "stock",
    "told",
    "without_expunged",
]

T = TypeVar("T")

# Ours: the first wait between two looks for news, and the longest.
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as APPEND puts it: `date` is its internal date, None for the server's clock."""

    content: bytes
    flags: tuple[str, ...] = ()
    date: dt.datetime | None = None

    @property
    def id(self) -> bytes:
        """Its Message-ID."""
        return self.content.partition(b"Message-ID: ")[2].partition(b"\r\n")[0]


@dataclass(frozen=True, slots=True)
class Scratch:
    """A mailbox of the run's own, and the session that has it selected."""

    target: LiveTarget
    name: bytes
    imap: ImapClient
    selected: SelectResult

    def ask(self, *pieces: bytes | Literal) -> Result:
        """A command that must be answered OK; `Unclear` where it is not."""
        return carried_out(self.imap, *pieces)

    def fetch(self, items: bytes, which: bytes = b"1:*") -> dict[int, FetchData]:
        """What FETCH says, by message number."""
        return fetched(self.ask(b"FETCH", which, items), uid=False)

    def flags(self) -> list[frozenset[str]]:
        r"""The flags of each message, in lower case and without ``\Recent``; the mailbox must not be empty."""
        data = self.fetch(b"(FLAGS)")
        return [plain_flags(data[number].flags or ()) for number in sorted(data)]

    def uids(self) -> list[int]:
        """The UIDs that SEARCH finds."""
        return sorted(found(self.ask(b"UID SEARCH ALL")))

    def ids(self, name: bytes | None = None) -> list[bytes]:
        """The Message-IDs in a mailbox (default: this one), in its order, as a fresh session sees them."""
        session = self.target.imap()
        if not select(session, self.name if name is None else name, b"EXAMINE").exists:
            return []
        data = fetched(carried_out(session, b"FETCH 1:* (ENVELOPE)"), uid=False)
        envelopes = [data[number].envelope for number in sorted(data)]
        return [envelope.message_id or b"" for envelope in envelopes if envelope is not None]

    def another(self, *, enable: bytes = b"") -> "Scratch":
        """A second session, of the same account, on the same mailbox; with this enabled before it is selected."""
        session = self.target.imap()
        if enable:
            carried_out(session, b"ENABLE", enable)
        return Scratch(self.target, self.name, session, select(session, self.name))


def plain_flags(flags: Sequence[str]) -> frozenset[str]:
    r"""Flags in lower case, for case makes no difference, and without ``\Recent``, which is the session's."""
    return frozenset(flag.lower() for flag in flags) - {"\\recent"}


def carried_out(imap: ImapClient, *pieces: bytes | Literal) -> Result:
    """A command that must be answered OK; `Unclear` where it is not, for the check is about something else."""
    result = imap.command(*pieces)
    if not result.ok:
        words = b" ".join(piece for piece in pieces if isinstance(piece, bytes))
        raise Unclear(f"{words.decode('latin-1')} was answered {result.tagged}")
    return result


def select(imap: ImapClient, name: bytes, verb: bytes = b"SELECT") -> SelectResult:
    return SelectResult.read(carried_out(imap, verb, encode_astring(name)))


def examine(imap: ImapClient, name: bytes) -> SelectResult:
    return select(imap, name, b"EXAMINE")


def numbers(values: Sequence[int]) -> bytes:
    """A set of message numbers or UIDs, in the order given."""
    return b",".join(b"%d" % value for value in values)


def message(target: LiveTarget, body: bytes = b"Hello.\r\n", headers: Sequence[bytes] = ()) -> Stored:
    """A new message with no flags."""
    token = target.unique()
    return Stored(plain_message(token, to=target.account().address, body=body, headers=headers))


def messages(target: LiveTarget, flags: Sequence[Sequence[str]]) -> list[Stored]:
    """New messages with these flags."""
    return [Stored(message(target).content, tuple(each)) for each in flags]


@functools.cache
def _prefix(target: LiveTarget) -> bytes:
    """What the names of one's own mailboxes begin with (RFC 2342 §5); nothing where NAMESPACE is not offered."""
    imap = target.imap()
    if not {"NAMESPACE", "IMAP4REV2"} & imap.capabilities:
        return b""
    namespaces = carried_out(imap, b"NAMESPACE").of(NamespaceData)
    personal = namespaces[0].personal if namespaces else ()
    return personal[0].prefix if personal else b""


def name_for(target: LiveTarget, word: str = "box") -> bytes:
    """A name that no mailbox has."""
    return _prefix(target) + target.unique(word).encode()


def append(imap: ImapClient, name: bytes, stored: Stored) -> Result:
    """APPEND, which must be answered OK."""
    pieces: list[bytes | Literal] = [b"APPEND", encode_astring(name)]
    if stored.flags:
        pieces.append(encode_flags(stored.flags))
    if stored.date is not None:
        pieces.append(encode_date_time(stored.date))
    return carried_out(imap, *pieces, Literal(stored.content, sync="LITERAL+" not in imap.capabilities))


def _create(imap: ImapClient, name: bytes) -> None:
    """Make a mailbox of a name that nobody else uses.

    Where it is said to be there already, the server has lost a race with its own index: it has made it.
    """
    result = imap.command(b"CREATE", encode_astring(name))
    if not result.ok and "ALREADYEXISTS" not in result.codes():
        raise Unclear(f"CREATE {name.decode('latin-1')} was answered {result.tagged}")


@contextmanager
def scratch(target: LiveTarget, contents: Sequence[Stored] = ()) -> Iterator[Scratch]:
    """A new mailbox with these messages, selected.

    It is removed where the block ends well; what a failure leaves is removed after the run.
    """
    imap = target.imap()
    name = name_for(target)
    _create(imap, name)
    for stored in contents:
        append(imap, name, stored)
    yield Scratch(target, name, imap, select(imap, name))
    _remove(imap, name)


def _remove(imap: ImapClient, name: bytes) -> None:
    """Delete a mailbox, as far as it goes; a server may end a session that deletes what it has selected."""
    with suppress(TransportError):
        if imap.state is State.SELECTED and "UNSELECT" in imap.capabilities:
            imap.command(b"UNSELECT")
        imap.command(b"DELETE", encode_astring(name))


@contextmanager
def spare(box: Scratch) -> Iterator[bytes]:
    """A second new mailbox, empty; removed as the first."""
    name = name_for(box.target, "spare")
    _create(box.imap, name)
    yield name
    _remove(box.imap, name)


def stock(target: LiveTarget, word: str, contents: Callable[[], Sequence[Stored]]) -> Scratch:
    """A mailbox that one check reads again and again and never changes, opened by EXAMINE; filled on first use."""
    imap = target.imap()
    name = _prefix(target) + f"{word}-{target.token}".encode()
    if not imap.command(b"STATUS", encode_astring(name), b"(MESSAGES)").ok:
        _create(imap, name)
        for stored in contents():
            append(imap, name, stored)
    return Scratch(target, name, imap, examine(imap, name))


def news(box: Scratch, enough: Callable[[list[Response]], bool]) -> list[Response]:
    """All that NOOPs bring until it is enough, or `limits.delivery_s` has passed."""
    deadline = time.monotonic() + box.target.limits.delivery_s
    pause_s = _FIRST_PAUSE_S
    responses = list(box.ask(b"NOOP").responses)
    while not enough(responses) and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        responses += box.ask(b"NOOP").responses
    return responses


def without_expunged(order: Sequence[T], responses: Sequence[Response]) -> list[T]:
    """What is left of a mailbox, message by message, after the EXPUNGE responses among these."""
    left = list(order)
    for response in responses:
        if isinstance(response, Expunge):
            assert 1 <= response.number <= len(left), f"{response} came where {len(left)} messages were left"
            del left[response.number - 1]
    return left


def told(responses: Sequence[Response]) -> str:
    """Responses as a reason shows them."""
    return " | ".join(str(response)[:200] for response in responses) or "nothing"
