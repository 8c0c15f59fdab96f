"""The filters of a world as data: which stages mail passes on its way in, and what becomes of what they find."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

__all__ = [
    "IN_QUEUE",
    "OnFailure",
    "Place",
    "Rule",
    "StageKind",
    "StageSettings",
    "Verdict",
    "Way",
]


class Verdict(StrEnum):
    """What becomes of a message."""

    ACCEPT = "accept"
    TAG = "tag"
    REWRITE = "rewrite"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    DISCARD = "discard"
    TRY_LATER = "try-later"


class OnFailure(StrEnum):
    """What becomes of a message that a stage could not look at."""

    TRY_LATER = "try-later"
    ACCEPT = "accept"


class StageKind(StrEnum):
    """What looks at the mail."""

    BUILT_IN = "built-in"
    CLAMD = "clamd"
    MILTER = "milter"
    SPAMD = "spamd"
    RULES = "rules"
    BATCH = "batch"
    AFTER_QUEUE = "after-queue"


class Way(StrEnum):
    """By which listener mail comes in; ``submission`` is with and without implicit TLS."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"


# What has its turn when the message is in the queue already, in this order.
IN_QUEUE: Final = (StageKind.BATCH, StageKind.AFTER_QUEUE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a filter listens: a host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions that must all hold, and what happens then; a rule without conditions always holds.

    Attributes:
        header: The name of a field of which one must match `matches`, or be there where that is empty.
        matches: A regular expression, in any case, searched for in the unfolded value.
        larger_than: Octets of the message.
        sender: A pattern of the reverse-path with ``*`` and ``?``, in any case; ``""``: any, ``"<>"``: the null one.
        recipient: The same of one of the recipients.
        text: What the reply or the quarantine says.
        fields: With TAG and REWRITE: fields that are put on top, or in place of those of this name.
    """

    verdict: Verdict
    header: str = ""
    matches: str = ""
    larger_than: int | None = None
    sender: str = ""
    recipient: str = ""
    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageSettings:
    """One stage of the chain.

    Attributes:
        name: What trace fields, replies and the queue call it; unique on a host, in lower case.
        hosts: Whose mail passes it.
        ways: The listeners whose mail passes it.
        at: Where it listens; None for what is built in.
        timeout_s: How long connecting, and each answer, may take.
        verdict: What becomes of what it finds (a virus, spam).
        on_failure: What becomes of mail that it could not look at.
        largest: Octets; mail beyond is not shown to it, which is no failure. None: all of it is.
        lmtp: AFTER_QUEUE: it is handed the mail by LMTP.
        take_back: AFTER_QUEUE: where it gives the mail back by SMTP.
        batch: BUILT_IN, CLAMD, SPAMD, RULES: the BATCH stage in which it looks, in place of before the 250.
        directory: BATCH: where mail is held; a relative path starts at the server's data directory.
        interval_s: BATCH: how long mail waits for more.
        most: BATCH: so many messages go at once.
        command: BATCH: a scanner that is run on the directory; ``{directory}`` stands for its path.
        rules: RULES: the first that holds decides.
        down_while: The stage is out of service as long as this file is there: to try what happens then.
    """

    kind: StageKind
    name: str
    hosts: tuple[str, ...]
    ways: tuple[Way, ...] = (Way.SMTP, Way.SUBMISSION, Way.LMTP)
    at: Place | None = None
    timeout_s: float = 10.0
    verdict: Verdict = Verdict.REJECT
    on_failure: OnFailure = OnFailure.TRY_LATER
    largest: int | None = None
    lmtp: bool = False
    take_back: Place | None = None
    batch: str = ""
    directory: Path = Path("hold")
    interval_s: float = 1.0
    most: int = 30
    command: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    down_while: Path | None = None
