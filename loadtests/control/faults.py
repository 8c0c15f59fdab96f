"""Exceptions that nobody expected, wherever in a generator process they come up: counted, and told in its reports."""

import logging
import traceback
from collections import Counter
from types import TracebackType
from typing import Final

import gevent
from gevent.hub import Hub
from locust.env import Environment

__all__ = ["Faults"]

logger: Final = logging.getLogger(__name__)

# Ours: a program has no more kinds of errors than a person reads of.
_MOST: Final = 20


class Faults:
    """Collects what no one else catches: exceptions that end a greenlet, and those of users' own code."""

    def __init__(self, environment: Environment) -> None:
        self._seen: set[str] = set()
        self._waiting: Counter[str] = Counter()
        hub = gevent.get_hub()
        self._hubs_own = hub.handle_error
        hub.handle_error = self._handle_error
        environment.events.user_error.add_listener(self._user_error)  # type: ignore[no-untyped-call]  # Locust's

    def note(self, error: BaseException, where: TracebackType | None) -> None:
        """Count an exception under its type, its text and the line that raised it."""
        frames = traceback.extract_tb(where)
        line = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        text = f"{type(error).__name__}: {str(error)[:200]}{line}"
        if text in self._seen or len(self._seen) < _MOST:
            self._seen.add(text)
            self._waiting[text] += 1

    def take(self) -> dict[str, int]:
        """What came since this was last asked."""
        waiting, self._waiting = self._waiting, Counter()
        return dict(waiting)

    def _handle_error(
        self,
        context: object,
        kind: type[BaseException] | None,
        error: BaseException | str | None,
        where: TracebackType | None,
    ) -> None:
        if isinstance(error, BaseException) and not isinstance(error, Hub.NOT_ERROR + Hub.SYSTEM_ERROR):
            self.note(error, where)
        self._hubs_own(context, kind, error, where)

    def _user_error(
        self, exception: BaseException, tb: TracebackType | None = None, **_event: object
    ) -> None:
        self.note(exception, tb)
