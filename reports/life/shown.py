"""What is shown of a step: its times in words, its octets cut to what a reader can take."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from harness.results.life import Direction, Ending, Life, Moved, Stage, Standing, Step
from reports.text import Piece, number, pieces, plural

__all__ = ["STAGES", "Gap", "Row", "duration", "figures", "hex_lines", "rows", "since_before", "standing"]

# Ours: octets shown of one write, and of one step. Any legal line is whole, a long message is shown by its beginning;
# the file that --json writes has all.
_ROW_OCTETS: Final = 2_000
_STEP_OCTETS: Final = 24_000

_MS: Final = 1_000
_S: Final = 1_000_000

STAGES: Final = {
    Stage.COMPOSE: "Compose",
    Stage.SUBMISSION: "Submission",
    Stage.DNS: "DNS",
    Stage.ROUTE: "Choice of MX",
    Stage.SMTP: "SMTP",
    Stage.LMTP: "LMTP",
    Stage.QUEUE: "Queue",
    Stage.FILTER: "Filters",
    Stage.MDA: "Delivery",
    Stage.MAILBOX: "Mailbox",
    Stage.DSN: "Notification",
    Stage.POP3: "POP3",
    Stage.IMAP: "IMAP",
    Stage.NETWORK: "Network",
}

_STANDINGS: Final = {Standing.DONE: "", Standing.WAITING: "put off", Standing.FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class Row:
    """Octets of one write, or a note, by who spoke; `left_out` more of them are not shown."""

    at_us: int
    who: str
    direction: Direction
    tls: bool
    turns_tls: bool
    lines: tuple[list[Piece], ...]
    text: str
    octets: bytes
    left_out: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The end of a step that is not shown."""

    writes: int
    octets: int


def standing(step: Step) -> str:
    """How it came out, in a word; ``""`` where that goes without saying, as of a host that is down."""
    return "" if step.stage is Stage.NETWORK else _STANDINGS[step.standing]


def rows(step: Step) -> Iterator[Row | Gap]:
    """A step's octets in order."""
    so_far = list(accumulate((min(len(m.octets), _ROW_OCTETS) for m in step.moved), initial=0))
    shown = max(1, sum(1 for before in so_far[:-1] if before < _STEP_OCTETS))
    was_tls = False
    for moved in step.moved[:shown]:
        yield _row(step, moved, turns_tls=moved.tls != was_tls)
        was_tls = moved.tls
    if rest := step.moved[shown:]:
        yield Gap(len(rest), sum(len(moved.octets) for moved in rest))


def _row(step: Step, moved: Moved, *, turns_tls: bool) -> Row:
    octets = moved.octets[:_ROW_OCTETS]
    return Row(
        at_us=moved.at_us,
        who={Direction.SENT: step.actor, Direction.RECEIVED: step.peer}.get(moved.direction, ""),
        direction=moved.direction,
        tls=moved.tls,
        turns_tls=turns_tls,
        lines=() if moved.text else tuple(pieces(octets)),
        text=moved.text,
        octets=octets,
        left_out=len(moved.octets) - len(octets),
    )


def hex_lines(octets: bytes) -> Iterator[str]:
    """``0010  03 77 77 77  .www``, sixteen octets a line."""
    for offset in range(0, len(octets), 16):
        part = octets[offset : offset + 16]
        seen = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in part)
        yield f"{offset:04x}  {part.hex(' '):<47}  {seen}"


def duration(us: int) -> str:
    """Microseconds for people: ``0.8 ms``, ``34 ms``, ``2.1 s``, ``30 min``, ``2 h 5 min``, ``5 d 1 h``."""
    if us < _MS // 20:
        return "0 ms"
    if us < 10 * _MS:
        return f"{us / _MS:.1f} ms"
    if us < _S:
        return f"{us / _MS:.0f} ms"
    if us < 60 * _S:
        return f"{us / _S:.1f} s"
    seconds = round(us / _S)
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for unit, length in units:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def since_before(life: Life) -> list[int]:
    """For each step the microseconds since the one before ended; 0 where they overlap."""
    ends = accumulate((step.ended_us for step in life.steps), max, initial=0)
    return [max(0, step.at_us - end) for step, end in zip(life.steps, ends, strict=False)]


def figures(life: Life) -> list[tuple[str, str]]:
    """The life in numbers: what, and how much."""
    steps = life.steps
    hops = sum(step.stage is Stage.SMTP and step.standing is Standing.DONE for step in steps)
    questions = sum(step.stage is Stage.DNS for step in steps)
    waits = sum(step.standing is Standing.WAITING for step in steps)
    told = [
        ("steps", number(len(steps))),
        (f"DNS {_noun(questions, 'question')}", number(questions)),
        (_noun(hops, "hop"), number(hops)),
        (f"{_noun(waits, 'time')} put off", number(waits)),
        ("octets moved", number(sum(step.octets for step in steps))),
    ]
    if life.arrived_us is not None:
        until = "until returned" if life.ending is Ending.BOUNCED else "until in the mailbox"
        told.insert(0, (until, duration(life.arrived_us)))
    return told


def _noun(count: int, one: str) -> str:
    return plural(count, one).partition(" ")[2]
