"""When mail that could not be handed over is tried again, and when the sender is told (RFC 5321 §4.5.4.1)."""

import datetime as dt
from dataclasses import dataclass

from reference_server.world.model import RelayLimits

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """The limits as points in time; pure."""

    limits: RelayLimits

    def wait_s(self, failures: int) -> float:
        """How long to wait after so many failed attempts, one at least; the last wait is repeated."""
        waits = self.limits.retry_s
        return waits[min(failures, len(waits)) - 1]

    def next_attempt(self, failures: int, now: dt.datetime) -> dt.datetime:
        return now + dt.timedelta(seconds=self.wait_s(failures))

    def expires(self, arrived: dt.datetime) -> dt.datetime:
        """The attempt that fails from then on is the last."""
        return arrived + dt.timedelta(seconds=self.limits.give_up_s)

    def gives_up(self, arrived: dt.datetime, now: dt.datetime) -> bool:
        return now >= self.expires(arrived)

    def is_late(self, arrived: dt.datetime, now: dt.datetime) -> bool:
        """Whether it is time for a delayed notice, where senders get any."""
        notice_s = self.limits.delay_notice_s
        return notice_s is not None and now >= arrived + dt.timedelta(seconds=notice_s)
