"""The life of one message: what moved it, step by step, as `mailproof trace` writes it and a page draws it."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from harness.errors import UsageError
from harness.results.model import Record

__all__ = [
    "LIFE_SCHEMA",
    "Direction",
    "Ending",
    "Lane",
    "LaneKind",
    "Life",
    "Moved",
    "Stage",
    "Standing",
    "Step",
    "encode_life",
    "numbered",
    "read_life",
]

# Raised when a reader of the older form could misread the newer; a field more is no reason.
LIFE_SCHEMA: Final = 1

# Ours: far above the longest life; a larger file is not ours.
_MAX_OCTETS: Final = 512 * 1024 * 1024


class LaneKind(StrEnum):
    """What kind of party a lane of the diagram is."""

    AGENT = "agent"  # a user with a mail user agent
    HOST = "host"
    DNS = "dns"
    FILTERS = "filters"


class Stage(StrEnum):
    """The part of the mail system that a step belongs to."""

    COMPOSE = "compose"
    SUBMISSION = "submission"
    DNS = "dns"
    ROUTE = "route"
    SMTP = "smtp"
    LMTP = "lmtp"
    QUEUE = "queue"
    FILTER = "filter"
    MDA = "mda"
    MAILBOX = "mailbox"
    DSN = "dsn"
    POP3 = "pop3"
    IMAP = "imap"
    NETWORK = "network"  # a host goes down or comes back, time is let pass


class Standing(StrEnum):
    """How a step came out."""

    DONE = "done"
    WAITING = "waiting"  # put off: tried again later, or by another host
    FAILED = "failed"


class Ending(StrEnum):
    """How the life ended, as far as it was watched."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REFUSED = "refused"
    DROPPED = "dropped"  # accepted, and nobody has a copy: a rule threw it away
    HELD = "held"  # in quarantine, until somebody releases it
    UNFINISHED = "unfinished"


class Direction(StrEnum):
    """Who spoke, seen from the step's actor; a note was never on the wire."""

    SENT = "sent"
    RECEIVED = "received"
    NOTE = "note"


class Moved(Record, frozen=True, kw_only=True):
    """Octets that moved, `at_us` microseconds after the life began (base64 in JSON).

    Attributes:
        text: What binary octets say, decoded, a line per fact: a DNS message. Empty where the octets are text.
    """

    at_us: int
    direction: Direction
    octets: bytes
    text: str = ""
    tls: bool = False


class Step(Record, frozen=True, kw_only=True):
    """One thing that happened, on one host or between two.

    Attributes:
        number: From 1, in order of time.
        at_us: When it began, in microseconds after the life began.
        lasted_us: Up to its last octet.
        actor: The lane that acts: who asks, connects, decides.
        peer: The lane of the other side; ``""`` where there is none.
        title: One sentence of ours.
        said: What went to the peer, or what the actor did, in a few words; for an arrow.
        answered: What came back, in a few words; ``""`` where nothing did.
        facts: Why, and with what result: a line each.
        moved: The octets, in order.
    """

    number: int
    stage: Stage
    at_us: int
    lasted_us: int
    actor: str
    title: str
    said: str
    peer: str = ""
    answered: str = ""
    standing: Standing = Standing.DONE
    facts: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()

    @property
    def ended_us(self) -> int:
        return self.at_us + self.lasted_us

    @property
    def octets(self) -> int:
        """How many octets moved."""
        return sum(len(each.octets) for each in self.moved if each.direction is not Direction.NOTE)


class Lane(Record, frozen=True, kw_only=True):
    """A party of the life.

    Attributes:
        name: What steps call it: a host's name, a user's address, ``dns``, ``filters``; unique.
        short: Its name where there is little room.
        about: What it is to this message, in a few words.
    """

    name: str
    short: str
    kind: LaneKind
    about: str = ""


class Life(Record, frozen=True, kw_only=True, tag="life"):
    """One message from the sender's keyboard to the reader's screen.

    Attributes:
        started: ISO 8601, by the world's clock.
        down: The hosts that were down when the message was sent, `slow` those that were slow.
        says: How it ended, in one sentence.
        arrived_us: When the copy that was read, or the report to the sender, was in its mailbox; None for never.
        lanes: In the order in which the message meets them.
    """

    schema: int = LIFE_SCHEMA
    mailproof_version: str
    world: str
    started: str
    sender: str
    recipient: str
    subject: str
    ending: Ending
    says: str
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    down: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    arrived_us: int | None = None


_DECODER: Final = msgspec.json.Decoder(Life)


def numbered(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps in order of time, numbered from 1; those of one moment stay as they came."""
    ordered = sorted(steps, key=lambda step: step.at_us)
    return tuple(msgspec.structs.replace(step, number=number) for number, step in enumerate(ordered, 1))


def encode_life(life: Life) -> bytes:
    """The life as JSON, indented, with a line feed at its end."""
    return msgspec.json.format(msgspec.json.encode(life), indent=1) + b"\n"


def read_life(path: Path) -> Life:
    """Read what `encode_life` made.

    Raises:
        UsageError: Says which file, and what is wrong with it.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(_MAX_OCTETS + 1)
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read ({exc.strerror}); give the file that --json wrote") from exc
    if len(octets) > _MAX_OCTETS:
        raise UsageError(f"{path}: has more than {_MAX_OCTETS} octets and is no life of ours")
    try:
        life = _DECODER.decode(octets)
    except msgspec.MsgspecError as exc:
        raise UsageError(f"{path}: is not the life of a message: {exc}") from exc
    if life.schema != LIFE_SCHEMA:
        raise UsageError(f"{path}: has schema {life.schema}; this version of mailproof reads {LIFE_SCHEMA}")
    return life
