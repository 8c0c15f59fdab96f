"""What every user, reader and driver of one generator process shares."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from harness.target import Target
from loadtests.accounts import Accounts
from loadtests.content.letters import Letters
from loadtests.figures.recorder import Recorder
from loadtests.ledger.ledger import Ledger
from loadtests.plan import Plan

__all__ = ["Context", "Terms"]


@dataclass
class Terms:
    """What is known of a run in every process, those that make no sessions included."""

    plan: Plan
    target: Target


@dataclass
class Context(Terms):
    """One generator process in one run.

    Attributes:
        worker: This process's number in the run, from 0; never used twice, so that tokens stay unique.
        accounts: All accounts of the target.
        share: Which of the living workers this one is, from 0, and how many there are; it changes when one joins or
            dies.
        recorder: Where every operation's time and error goes.
        ledger: What was accepted and what was found.
        letters: Messages ready to be sent.
        started_s: When the run began, on `clock`.
    """

    worker: int
    accounts: Accounts
    recorder: Recorder
    ledger: Ledger
    letters: Letters
    started_s: float
    share: tuple[int, int] = (0, 1)
    clock: Callable[[], float] = monotonic

    @property
    def mine(self) -> range:
        """The mailboxes that are this worker's own to log in to, now."""
        return self.accounts.mine(*self.share)
