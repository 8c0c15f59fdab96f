"""Sessions on a maildrop that holds known messages; other mail may be there and is left alone."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from harness.clients.live import LiveTarget
from harness.clients.pop3 import Pop3Client, Pop3Refused
from harness.errors import NotOffered, TransportError, Unclear
from harness.target import Account
from harness.wire.pop3.responses import Response, Status
from harness.wire.pop3.states import Answer
from suites.mail import TOKEN_HEADER, plain_message, put

__all__ = [
    "STOCK",
    "Drop",
    "ended",
    "fresh_messages",
    "log_in",
    "maildrop",
    "must_be_err",
    "must_be_ok",
    "numbers_by_token",
    "offered",
    "open_stock",
    "owner",
    "owner_index",
    "removed",
    "stocked",
]

# Bodies of the messages that every check may read and none removes.
STOCK: Final = (
    b"Hello.\r\n",
    b".\r\n..\r\n.x\r\nx.\r\n...\r\n",
    b"".join(b"Line %d of twelve.\r\n" % number for number in range(1, 13)),
    b"x" * 990 + b"\r\n\r\n" + b"." + b"y" * 900 + b"\r\n",
)

_MARK: Final = re.compile(rb"^%s: (\S+)\r$" % TOKEN_HEADER, re.MULTILINE | re.IGNORECASE)

# Ours: how far back from the newest message a check looks for its own; wait between two looks, first and longest.
_SEARCHED: Final = 400
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.3

# Where a message of this target was found the last time: looked at first, and believed only if it is there.
_last_seen: Final[WeakKeyDictionary[LiveTarget, dict[bytes, int]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Drop:
    """A session in the TRANSACTION state, and the number of each message that was asked for -> what was put in."""

    pop3: Pop3Client
    contents: Mapping[int, bytes]

    @property
    def numbers(self) -> list[int]:
        """In the order in which they were asked for."""
        return list(self.contents)


def must_be_ok(response: Response, what: bytes) -> None:
    """Assert +OK."""
    status = _status(response)
    assert status.answer is Answer.OK, f"{what!r} was answered {status}"


def must_be_err(response: Response, what: bytes) -> None:
    """Assert -ERR."""
    status = _status(response)
    assert status.answer is Answer.ERR, f"{what!r} was answered {status}"


def _status(response: Response) -> Status:
    return response if isinstance(response, Status) else response.status


def owner_index(target: LiveTarget) -> int:
    """The account whose maildrop is used: the second, where there are two."""
    return min(1, max(0, len(target.declared.accounts) - 1))


def owner(target: LiveTarget) -> Account:
    return target.account(owner_index(target))


def offered(pop3: Pop3Client, tag: str) -> list[str]:
    """The parameters of a capability that CAPA lists now; `NotOffered` where it lists none."""
    response = pop3.multiline(b"CAPA")
    if not response.ok:
        raise NotOffered(f"CAPA was answered {response.status}")
    for line in response.lines:
        words = line.decode("latin-1").split()
        if words and words[0].upper() == tag:
            return words[1:]
    raise NotOffered(f"CAPA does not list {tag}")


def log_in(target: LiveTarget, *, account: int | None = None) -> Pop3Client:
    """A session that is logged in. Where the login is refused, the last session may hold the lock yet: tried again.

    Raises:
        Unclear: It was refused until `limits.delivery_s` had passed.
    """
    index = owner_index(target) if account is None else account
    refusal = Unclear("no login was tried")
    for _ in _looks(target):
        try:
            return target.pop3(account=index)
        except Unclear as exc:
            refusal = exc
    raise refusal


def _looks(target: LiveTarget) -> Iterator[None]:
    """Once, and again after growing pauses until `limits.delivery_s` have passed."""
    deadline = time.monotonic() + target.limits.delivery_s
    pause_s = _FIRST_PAUSE_S
    yield
    while time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        yield


def fresh_messages(target: LiveTarget, bodies: Sequence[bytes]) -> list[bytes]:
    """New messages of these bodies for the owner of the maildrop."""
    address = owner(target).address
    return [plain_message(target.unique("drop"), to=address, body=body) for body in bodies]


def numbers_by_token(
    target: LiveTarget, pop3: Pop3Client, tokens: Sequence[bytes], *, newest: int = _SEARCHED
) -> dict[bytes, int]:
    """The number of each message with one of these tokens, newest looked at first; some may be missing.

    Args:
        newest: How many messages are looked at.
    """
    known = _last_seen.setdefault(target, {})
    listed = [number for number, _octets in pop3.list_()]
    likely = [known[token] for token in tokens if known.get(token) in listed]
    found: dict[bytes, int] = {}
    for number in dict.fromkeys([*likely, *reversed(listed[-newest:])]):
        if len(found) == len(tokens):
            break
        mark = _MARK.search(_header(pop3, number))
        if mark and mark[1] in tokens:
            found[mark[1]] = number
    known.update(found)
    return found


def _header(pop3: Pop3Client, number: int) -> bytes:
    try:
        return pop3.top(number, 0)
    except Pop3Refused:  # TOP is optional (RFC 1939 §7)
        return pop3.retr(number)


def _token(content: bytes) -> bytes:
    mark = _MARK.search(content)
    if mark is None:
        raise LookupError("a message without a token")
    return mark[1]


def _open(target: LiveTarget, contents: Sequence[bytes], *, new: bool) -> Drop:
    """A session in which all of `contents` are there; put in first where they are `new`, else what is missing."""
    wanted = {_token(content): content for content in contents}
    absent = list(contents) if new else []
    looked = False
    for _ in _looks(target):
        if absent:
            put(target, absent, account=owner_index(target))
        pop3 = log_in(target)
        found = numbers_by_token(target, pop3, list(wanted))
        if len(found) == len(wanted):
            return Drop(pop3, {found[token]: content for token, content in wanted.items()})
        ended(pop3)
        once = not (new or looked)
        absent = [content for token, content in wanted.items() if token not in found] if once else []
        looked = True
    raise Unclear(f"{len(found)} of {len(wanted)} messages were in the maildrop in time")


def open_stock(target: LiveTarget) -> Drop:
    """A session on the stock: put in once for a run, and again where something took it away."""
    address = owner(target).address
    tokens = [f"stock-{target.token}-{index}" for index in range(len(STOCK))]
    contents = [
        plain_message(token, to=address, body=body) for token, body in zip(tokens, STOCK, strict=True)
    ]
    try:
        return _open(target, contents, new=False)
    except Pop3Refused as exc:
        raise Unclear(str(exc)) from exc


def ended(pop3: Pop3Client) -> None:
    """End a session with nothing removed; without QUIT where the marks could not be taken away."""
    with suppress(TransportError):  # what was to be seen has been seen
        if not pop3.closed and pop3.command(b"RSET").ok:
            pop3.command(b"QUIT")
    pop3.close()


def removed(drop: Drop) -> None:
    """End a session with its messages removed."""
    with suppress(TransportError):  # as `ended`; what is left over is cleaned up after the run
        for number in drop.numbers:
            drop.pop3.command(b"DELE %d" % number)
        drop.pop3.command(b"QUIT")


@contextmanager
def stocked(target: LiveTarget) -> Iterator[Drop]:
    """As `open_stock`, ended with nothing removed; a refusal that the check does not judge is `Unclear`."""
    drop = open_stock(target)
    with _judged(drop):
        yield drop


@contextmanager
def maildrop(target: LiveTarget, contents: Sequence[bytes]) -> Iterator[Drop]:
    """A session with these new messages, put in first; at its end they are removed."""
    try:
        drop = _open(target, contents, new=True)
    except Pop3Refused as exc:
        raise Unclear(str(exc)) from exc
    with _judged(drop):
        yield drop
        if not drop.pop3.closed:
            removed(drop)


@contextmanager
def _judged(drop: Drop) -> Iterator[None]:
    try:
        yield
        ended(drop.pop3)
    except Pop3Refused as exc:
        raise Unclear(str(exc)) from exc
