"""The target's processes, where they run on this machine: CPU and memory, with their children."""

from collections.abc import Iterable

from harness.results.load import ProcessUse

__all__ = ["Watch"]


class Watch:
    """Watches processes by number. `sample` is called about once a second."""

    def __init__(self, pids: Iterable[int]) -> None:
        """
        Raises:
            UsageError: There is no such process.
        """
        self._pids = tuple(pids)

    def sample(self, now_s: float) -> None:
        """Look once; `now_s` counts from the run's start."""

    def uses(self) -> list[ProcessUse]:
        """What each has used so far."""
        return []

    def notes(self) -> list[str]:
        """What is to be said and was not yet: a process ended, or came back under another number."""
        return []
