"""What the director of a run and its workers say to each other, through Locust's own channel.

A worker tells its whole state in every report, once a second and with every change, and does what the director's last
orders say; so nothing depends on one message that was noticed at the right moment. Times are seconds of the
director's clock unless a name says otherwise; each worker knows how far its own is from it.
"""

from typing import Final, Literal

import msgspec

from loadtests.arrivals.schedule import Epoch
from loadtests.figures.health import HealthDelta
from loadtests.figures.tally import TallyDelta
from loadtests.plan import Phase, Plan

__all__ = [
    "REPORT_EVERY_S",
    "ROAD",
    "Begin",
    "Finish",
    "FromDirector",
    "FromWorker",
    "Goodbye",
    "Hello",
    "MailboxRead",
    "Prepare",
    "Read",
    "Report",
    "Reshare",
    "Stage",
    "Stop",
    "Welcome",
    "decode_from_director",
    "decode_from_worker",
    "encode",
]

# The name of our messages among Locust's.
ROAD: Final = "mailproof"

# A third of what makes a silence; a change is reported at once.
REPORT_EVERY_S: Final = 1.0

Stage = Literal["preparing", "ready", "arriving", "draining", "drained", "reading", "refused"]


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """A worker is there. It is said several times, to compare clocks by the quickest answer.

    Attributes:
        sent_s: The worker's clock.
        host: Where it runs, for people.
        clock: Processes that name the same one need not compare; ``""`` where it has no name.
    """

    sent_s: float
    host: str
    clock: str


class MailboxRead(msgspec.Struct, frozen=True):
    """One mailbox was read to its end in a round of the audit, or could not be: `problem` says why."""

    mailbox: int
    problem: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """What a worker is doing, and what happened since its last report.

    Attributes:
        run: Reports of another run are no longer of interest.
        serial: Counts the worker's reports of this run; a gap is a report that was lost on the way.
        phase: The phase it is in, -1 before the first.
        disorder: A new division reached it too late: arrivals may have been made twice.
        round: The round of the audit that `read` is about.
        notes: What is to be said of this worker; `remarks`: of the run, which is said once however many say it.
        faults: Exceptions that nobody expected, and how often each came.
        problem: Why it was ``refused``, and the `exit_code` that goes with it.
        evidence: error class -> the last exchanges before one of its first errors.
    """

    run: str
    worker: int
    serial: int
    stage: Stage
    phase: int = -1
    active: int = 0
    waiting: int = 0
    disorder: bool = False
    round: int = -1
    problem: str = ""
    exit_code: int = 3
    figures: list[tuple[int, TallyDelta]] = []
    health: HealthDelta | None = None
    ledger: bytes = b""
    read: list[MailboxRead] = []
    notes: list[str] = []
    remarks: list[str] = []
    faults: dict[str, int] = {}
    evidence: dict[str, list[str]] = {}


class Goodbye(msgspec.Struct, frozen=True, tag="goodbye"):
    """A worker ends, on purpose."""


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The answer to a `Hello`: whose clock said `echo_s` when the director's said `director_s`."""

    echo_s: float
    director_s: float
    clock: str


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """A run begins: make ready, and report ``ready``. `began_s` is the run's time 0."""

    plan: Plan
    worker: int
    began_s: float


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """Make your share of a phase's arrivals, then let your sessions come to their end.

    Attributes:
        what: The phase; None in closed mode, where `users` start sessions until `ends_s`.
        division: All epochs, for a worker that comes later as well.
    """

    run: str
    phase: int
    began_s: float
    ends_s: float
    what: Phase | None = None
    division: tuple[Epoch, ...] = ()


class Reshare(msgspec.Struct, frozen=True, tag="reshare"):
    """From an arrival that is yet to come, the phase is divided anew."""

    run: str
    phase: int
    epoch: Epoch


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """No more arrivals of this phase; sessions may come to their end."""

    run: str
    phase: int


class Read(msgspec.Struct, frozen=True, tag="read"):
    """A round of the audit: read these mailboxes, from where you left off; in the `last` one remove what was read."""

    run: str
    round: int
    mailboxes: tuple[int, ...]
    last: bool


class Finish(msgspec.Struct, frozen=True, tag="finish"):
    """The run is over."""

    run: str


FromWorker = Hello | Report | Goodbye
FromDirector = Welcome | Prepare | Begin | Reshare | Stop | Read | Finish

_ENCODER: Final = msgspec.msgpack.Encoder()
_FROM_WORKER: Final[msgspec.msgpack.Decoder[FromWorker]] = msgspec.msgpack.Decoder(FromWorker)
_FROM_DIRECTOR: Final[msgspec.msgpack.Decoder[FromDirector]] = msgspec.msgpack.Decoder(FromDirector)


def encode(message: FromWorker | FromDirector) -> bytes:
    return _ENCODER.encode(message)


def decode_from_worker(octets: bytes) -> FromWorker:
    """
    Raises:
        msgspec.MsgspecError: It is none of our messages: the other side is of another version.
    """
    return _FROM_WORKER.decode(octets)


def decode_from_director(octets: bytes) -> FromDirector:
    """
    Raises:
        msgspec.MsgspecError: It is none of our messages: the other side is of another version.
    """
    return _FROM_DIRECTOR.decode(octets)
