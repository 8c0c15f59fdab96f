"""SCRAM (RFC 5802) spelt out attribute by attribute, so that one thing at a time can be wrong."""

import functools
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from harness.target import Account
from harness.wire import sasl
from harness.wire.sasl import scram
from harness.wire.sasl.scram import HASHES, PLUS, Binding
from harness.wire.sasl.scram_client import MAX_ITERATIONS
from suites.security.doors import Door, Entrance, Kind, Said, tour

__all__ = [
    "BARE",
    "BOUND",
    "EVERY",
    "Exchange",
    "Way",
    "anywhere",
    "attributes",
    "converse",
    "first_message",
    "first_messages",
    "tried",
    "turns",
    "working",
]

BARE: Final = tuple(HASHES)
BOUND: Final = tuple(name + PLUS for name in HASHES)
EVERY: Final = (*BOUND, *BARE)

# Few: a server may take its time to refuse, and count.
turns: Final = st.integers(0, 5)


@dataclass(frozen=True, slots=True)
class Way:
    """How an exchange departs from the usual one; with nothing said, it does not.

    Attributes:
        flag: How the channel is bound, in place of what goes with the mechanism.
        authorization: Whom to act as, as it stands in the message.
        user: The name, as it stands in the message.
        before: What stands in front of the name in the first message, with its comma.
        behind: What stands behind the nonce, in the first and in the last message, with its comma.
        nonce: What is put behind the nonce in the last message.
        header: What ``c=`` says that the first message began with, in place of what it did.
        bound: The octets of the channel, in place of the true ones.
        proof: Whether the proof is right; it is always one of all that was said.
    """

    flag: str | None = None
    authorization: str = ""
    user: str | None = None
    before: str = ""
    behind: str = ""
    nonce: str = ""
    header: str | None = None
    bound: bytes | None = None
    proof: bool = True


@dataclass(slots=True)
class Exchange:
    """What came of it.

    Attributes:
        nonce: Ours.
        server_first: The server's first message, None where the exchange ended before.
        server_final: Its last message, None where there was none.
        signature: Whether that carries the signature of one who knows the password.
        end: The outcome.
    """

    nonce: str
    end: Said
    server_first: str | None = None
    server_final: str | None = None
    signature: bool = False
    challenge: dict[str, str] = field(default_factory=dict)

    @property
    def logged_in(self) -> bool:
        return self.end.kind is Kind.IN


def converse(door: Door, name: str, account: Account, way: Way | None = None) -> Exchange:
    """Run an exchange with the account's password.

    Raises:
        Unclear: A reply that is temporary, or a first message of the server that nobody can go on from.
    """
    way = way or Way()
    binding = Binding.best(door.facts) if name.endswith(PLUS) else None
    flag = way.flag if way.flag is not None else f"p={binding.name}" if binding else "n"
    header = f"{flag},{way.authorization},"
    nonce = secrets.token_urlsafe(24)
    user = scram.escape(sasl.saslprep(account.user)) if way.user is None else way.user
    bare = f"{way.before}n={user},r={nonce}{way.behind}"
    said = door.first(name, (header + bare).encode())
    exchange = Exchange(nonce, said)
    if said.kind is not Kind.CHALLENGE:
        return exchange
    exchange.server_first = _text(said)
    exchange.challenge = attributes(exchange.server_first)
    octets = way.bound if way.bound is not None else binding.octets if binding else b""
    channel = (header if way.header is None else way.header).encode() + octets
    final, signature = _final(name, account, bare, exchange, channel, way)
    exchange.end = door.respond(final.encode())
    if exchange.end.kind is Kind.CHALLENGE:
        exchange.server_final = _text(exchange.end)
        told = attributes(exchange.server_final).get("v", "")
        exchange.signature = hmac.compare_digest(told.encode(), scram.base64(signature).encode())
        exchange.end = door.respond(b"")
    return exchange


def first_message(door: Door, name: str, account: Account, *, nonce: str = "") -> str:
    """The server's first message to one of ours, with this nonce or a new one; the exchange stands at it.

    Raises:
        Unclear: As `converse`, or there is none.
    """
    binding = Binding.best(door.facts) if name.endswith(PLUS) else None
    flag = f"p={binding.name}" if binding else "n"
    user = scram.escape(sasl.saslprep(account.user))
    said = door.first(name, f"{flag},,n={user},r={nonce or secrets.token_urlsafe(24)}".encode())
    if said.kind is not Kind.CHALLENGE:
        raise Unclear(f"{name} at {door.place} was answered {said}")
    return _text(said)


def first_messages(target: LiveTarget, names: Iterable[str] = EVERY) -> Iterator[tuple[Entrance, str]]:
    """Each entrance of a `tour`, with the server's first message; those where there is none are left out.

    Raises:
        Unclear: There is none anywhere.
    """
    reasons = []
    for entrance in (there := tour(target, names)):
        try:
            yield entrance, first_message(entrance.open(target), entrance.name, target.account())
        except Unclear as exc:
            reasons.append(exc.reason)
    if len(reasons) == len(there):
        raise Unclear(reasons[0])


def _final(
    name: str, account: Account, bare: str, exchange: Exchange, channel: bytes, way: Way
) -> tuple[str, bytes]:
    """Our last message, and what the server's is to say (RFC 5802 §3)."""
    try:
        nonce, salt = exchange.challenge["r"], scram.read_base64(exchange.challenge["s"])
        iterations = int(exchange.challenge["i"])
    except (KeyError, ValueError, sasl.SaslError) as exc:
        raise Unclear(f"the server's first message is {exchange.server_first!r}") from exc
    if not 0 < iterations <= MAX_ITERATIONS:
        raise Unclear(f"{iterations} iterations are asked for")
    mechanism = name.removesuffix(PLUS)
    keys = scram.derive(mechanism, sasl.saslprep(account.password), salt, iterations)
    without_proof = f"c={scram.base64(channel)},r={nonce}{way.nonce}{way.behind}"
    said = f"{bare},{exchange.server_first},{without_proof}".encode()
    proof = scram.xor(keys.client, hmac.digest(keys.stored, said, HASHES[mechanism]))
    if not way.proof:
        proof = bytes([proof[0] ^ 1]) + proof[1:]
    return f"{without_proof},p={scram.base64(proof)}", hmac.digest(keys.server, said, HASHES[mechanism])


def attributes(message: str) -> dict[str, str]:
    """Letter -> value, as patiently as can be."""
    return {word[:1]: word[2:] for word in message.split(",") if word[1:2] == "="}


def _text(said: Said) -> str:
    try:
        return said.octets.decode()
    except UnicodeDecodeError as exc:
        raise Unclear(f"a message of the server is no UTF-8: {said}") from exc


@functools.cache
def working(target: LiveTarget, names: tuple[str, ...] = EVERY) -> tuple[Entrance, ...]:
    """The entrances of a `tour` that let the first account in: it may have no secret for one of the mechanisms.

    Raises:
        Unclear: None does.
    """
    there = tour(target, names)
    found = tuple(entrance for entrance in there if tried(target, entrance).logged_in)
    if not found:
        raise Unclear(f"true credentials do not log in by {', '.join(map(str, there))}")
    return found


def anywhere(target: LiveTarget, turn: int, names: tuple[str, ...] = EVERY) -> Entrance:
    """One of the entrances that work, another at each turn."""
    there = working(target, names)
    return there[turn % len(there)]


def tried(target: LiveTarget, entrance: Entrance, way: Way | None = None) -> Exchange:
    """An exchange there; a maildrop is given back."""
    door = entrance.open(target)
    exchange = converse(door, entrance.name, target.account(), way)
    if exchange.logged_in:
        door.leave()
    return exchange
