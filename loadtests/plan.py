"""The plan of a run, and the settings of a scenario: data that travels from the command line to every worker.

Everything here is bounded and checked when it is read; the plan holds no password (each worker reads the target
file itself).
"""

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Final, Literal

import msgspec

from harness.target import Protocol

__all__ = [
    "LIVE_VARIABLE",
    "PLAN_VARIABLE",
    "READERS",
    "Audited",
    "Content",
    "Phase",
    "Plan",
    "Reading",
    "Segment",
    "Settings",
    "Traffic",
]

# Where a generator process finds its plan file.
PLAN_VARIABLE: Final = "MAILPROOF_LOAD_PLAN"
# The file descriptor that it writes its live lines to, where somebody reads them.
LIVE_VARIABLE: Final = "MAILPROOF_LOAD_LIVE_FD"

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class Segment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch of the schedule: the rate goes evenly from one value to another (equal: it holds).

    Attributes:
        counted: Arrivals in it are part of the figures; false for warming up.
    """

    from_per_s: NotNegative
    to_per_s: NotNegative
    duration_s: Positive
    counted: bool = True


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Segments without a gap between them, judged together; phases are parted by draining."""

    label: str
    segments: tuple[Segment, ...]


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What messages look like.

    Attributes:
        sizes: ``fixed``, ``lognormal`` (the mixture `lognormal`: weight, median octets, sigma), ``measured`` (the
            cumulative distribution of real mail) or ``directory`` (the messages in `directory`, as they are).
        pool: How many different messages are made before the run.
    """

    sizes: Literal["fixed", "lognormal", "measured", "directory"] = "measured"
    octets: Annotated[int, msgspec.Meta(ge=300, le=100_000_000)] = 4096
    lognormal: tuple[tuple[Positive, Positive, Positive], ...] = ((0.7, 4_000, 0.9), (0.3, 40_000, 1.4))
    max_octets: Annotated[int, msgspec.Meta(ge=300, le=100_000_000)] = 10_000_000
    directory: str | None = None
    pool: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200


class Traffic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sessions send and read. A scenario uses the keys that mean something to it.

    Attributes:
        messages: Messages in one sending session, drawn evenly from this range.
        recipients: Recipients of one message, drawn evenly from this range.
        unknown: Share of messages to a user who does not exist (their refusal is no error).
        pipelining: MAIL, RCPT and DATA in one write where the server offers it.
        tls: ``auto`` (as the endpoint and the protocol's custom ask), ``off``, ``required``.
        delete: Share of read messages that a reader deletes.
        connections: Connections of one IMAP user.
        stay_s: How long an IMAP session lasts.
        think_s: Between two actions of one session.
        pace_octets_per_s: How fast a slow client writes.
        actions: Of a session that does various things: action -> how often, against the others.
    """

    messages: tuple[AtLeastOne, AtLeastOne] = (1, 1)
    recipients: tuple[AtLeastOne, AtLeastOne] = (1, 1)
    unknown: Share = 0.0
    pipelining: bool = True
    tls: Literal["auto", "off", "required"] = "auto"
    delete: Share = 0.0
    connections: AtLeastOne = 1
    stay_s: NotNegative = 0.0
    think_s: NotNegative = 0.0
    pace_octets_per_s: Positive = 1024.0
    actions: dict[str, NotNegative] = {}


class Office(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organisation, SPECmail-style: sessions/s = users x sent a day x peak share / 3600."""

    users: AtLeastOne = 100
    sent_per_day: Positive = 25.0
    peak_share: Share = 0.15  # of a day's mail, in the peak hour
    local_share: Share = 0.4  # of what they send, to each other
    pop3_share: Share = 0.3  # of readers; the others use IMAP
    checks_per_hour: Positive = 12.0


# How mailboxes are read, and where; the best first.
READERS: Final[Mapping[str, tuple[Protocol, ...]]] = {
    "imap": (Protocol.IMAP, Protocol.IMAPS),
    "pop3": (Protocol.POP3, Protocol.POP3S),
}


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Readers that run beside the load and see when accepted mail can be read.

    Attributes:
        protocol: ``auto`` takes IMAP where the target has it, POP3 otherwise.
        mode: ``leave`` what was read where it is, ``delete`` it, or no readers in the run (``none``).
        every_s: How often a reader looks (an IMAP reader also hears of new mail by IDLE).
        mailboxes: How many mailboxes are watched at once.
    """

    protocol: Literal["auto", "imap", "pop3"] = "auto"
    mode: Literal["leave", "delete", "none"] = "leave"
    every_s: Positive = 2.0
    mailboxes: Count = 20

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The endpoints that readers may use, the best first."""
        return READERS.get(self.protocol) or tuple(chain(*READERS.values()))


class Audited(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the final audit reads the mailboxes.

    Attributes:
        enabled: False: nothing is read, and the result says that nobody looked.
        late_after_s: Readable later than this is late.
        wait_s: How long after the last acceptance a message may still turn up before it is lost.
        delete: Remove the run's messages when they have been read.
    """

    enabled: bool = True
    late_after_s: Positive = 60.0
    wait_s: NotNegative = 90.0
    delete: bool = True


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario's profile: `profiles/NAME.toml`, the user's own file, or both, one over the other.

    Attributes:
        needs: Endpoints that the scenario talks to: of each group the target must have one, ``[["imap", "imaps"]]``.
        course: How the rate goes over the duration, a stretch after the other: from and to, in multiples of
            `rate_per_s`, and how long it lasts against the others. ``[[1, 1, 2], [5, 5, 1], [1, 1, 2]]`` is a spike.
        shares: User class of the locustfile -> how many of all sessions are its own, against those of the others.
        parts: The duration is cut into so many parts that are judged by themselves, each with the whole course.
        drain_s: How long sessions may go on after the last arrival.
        max_sessions: At once, in one process; an arrival that finds all in use waits, and is late.
    """

    about: str = ""
    needs: tuple[tuple[Protocol, ...], ...] = ()
    rate_per_s: Positive = 10.0
    duration_s: Positive = 60.0
    warm_up_s: NotNegative = 0.0
    arrivals: Literal["poisson", "even"] = "poisson"
    course: Annotated[tuple[tuple[NotNegative, NotNegative, Positive], ...], msgspec.Meta(min_length=1)] = (
        (1.0, 1.0, 1.0),
    )
    parts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    shares: dict[str, NotNegative] = {}
    content: Content = Content()
    traffic: Traffic = Traffic()
    office: Office = Office()
    reading: Reading = Reading()
    audit: Audited = Audited()
    limits: tuple[str, ...] = ()
    timeout_s: Positive = 30.0
    drain_s: Positive = 30.0
    max_sessions: AtLeastOne = 2000


class Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`--find-capacity`: between these rates, to this precision; each step holds so long."""

    from_per_s: Positive
    to_per_s: Positive
    precision: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.05
    step_s: Positive = 20.0


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run.

    Attributes:
        run: Eight hexadecimal digits that every message and folder of the run carries.
        target: The target file; a worker on another machine may be given its own.
        mode: ``open``: `phases` or `search`; ``closed``: `users` with `think_s` between their sessions.
        pids: Processes of the target on this machine, to be watched with their children.
        software: How the endpoints greeted before the run: protocol -> greeting.
    """

    scenario: str
    run: str
    seed: int
    target: str
    out: str
    settings: Settings
    mode: Literal["open", "closed"] = "open"
    phases: tuple[Phase, ...] = ()
    search: Search | None = None
    users: Count = 0
    think_s: NotNegative = 1.0
    duration_s: Positive = 60.0
    workers: Count = 0  # generator processes expected; 0: this one alone
    pids: tuple[int, ...] = ()
    software: dict[str, str] = {}
    command: str = ""
