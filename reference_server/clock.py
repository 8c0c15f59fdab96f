"""The one clock of a server, which a test can move."""

import datetime as dt

__all__ = ["Clock"]


class Clock:
    """The system's time, and how far a test has moved it."""

    def __init__(self) -> None:
        self._ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        """Aware, UTC."""
        return dt.datetime.now(dt.UTC) + self._ahead

    def move(self, by: dt.timedelta) -> None:
        """Let so much time have passed."""
        self._ahead += by
