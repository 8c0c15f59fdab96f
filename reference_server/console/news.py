"""What has changed, for pages that are open: told in any thread, heard in trio's."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

import trio

__all__ = ["Listener", "News"]


class News:
    """Counts changes by topic and rings whoever listens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: Counter[str] = Counter()
        self._bells: list[Callable[[], None]] = []

    def tell(self, topics: Iterable[str]) -> None:
        """Something changed; quick, in any thread."""
        with self._lock:
            self._changes.update(topics)
            bells = tuple(self._bells)
        for ring in bells:
            ring()

    def changes(self) -> Mapping[str, int]:
        """How often each topic has changed so far."""
        with self._lock:
            return dict(self._changes)

    @contextmanager
    def listening(self) -> "Iterator[Listener]":
        """In trio's thread."""
        listener = Listener(self)
        with self._lock:
            self._bells.append(listener.ring)
        try:
            yield listener
        finally:
            with self._lock:
                self._bells.remove(listener.ring)


class Listener:
    """One page."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._token = trio.lowlevel.current_trio_token()
        self._event = trio.Event()
        self._known = news.changes()

    def ring(self) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._wake, idempotent=True)

    def _wake(self) -> None:
        self._event.set()

    async def changed(self) -> list[str]:
        """The topics that have changed since the last time, once there are any."""
        while True:
            await self._event.wait()
            self._event = trio.Event()
            known, self._known = self._known, self._news.changes()
            if topics := sorted(t for t, n in self._known.items() if known.get(t) != n):
                return topics
