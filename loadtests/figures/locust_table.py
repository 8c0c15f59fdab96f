"""Locust's own table, kept in agreement with ours at little cost.

Locust enters each request by itself, which costs more than a whole message over a kept connection. So its listener is
replaced by ours, which enters foreign requests (of an `HttpUser` in the same file) as Locust would, and mail's
operations come in bulk with every tick of the tally. Whoever else listens to `events.request` hears of each operation
when it happens.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from loadtests.figures.tally import Batch

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.stats import StatsEntry

__all__ = ["LocustTable"]

# Below this Locust's buckets are whole milliseconds, which `round` counts at a tenth of the price.
_WHOLE_BELOW_MS: Final = 99.5

_LOCUSTS_LISTENER: Final = ("locust.runners", "Runner.__init__.<locals>.on_request")


class LocustTable:
    """Enters mail's operations into an environment's statistics.

    Attributes:
        listeners: All who listen to `events.request`; more than one means that somebody but us does.
    """

    def __init__(self, environment: "Environment") -> None:
        self.environment: Final = environment
        self.listeners: Final[Sequence[Callable[..., object]]] = environment.events.request._handlers
        self._take_over()

    def _take_over(self) -> None:
        request = self.environment.events.request
        for listener in list(self.listeners):
            of_an_earlier_run = isinstance(getattr(listener, "__self__", None), LocustTable)
            if of_an_earlier_run or _named(listener) == _LOCUSTS_LISTENER:
                request.remove_listener(listener)  # type: ignore[no-untyped-call]  # Locust's
        request.add_listener(self._on_request)  # type: ignore[no-untyped-call]  # Locust's

    def _on_request(
        self,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        exception: BaseException | None = None,
        recorded: bool = False,
        **_others: object,
    ) -> None:
        if recorded:
            return
        self._enter_one(request_type, name, response_time, response_length, exception)

    def _enter_one(
        self, kind: str, name: str, took_ms: float, octets: int, exception: BaseException | None
    ) -> None:
        stats = self.environment.stats
        stats.log_request(kind, name, took_ms, octets)  # type: ignore[arg-type]  # Locust itself gives it floats
        if exception:
            stats.log_error(kind, name, exception)  # type: ignore[arg-type]  # only its repr is taken

    def failed(self, name: str, took_s: float, exception: BaseException) -> None:
        """Enter a failure, at once: there are few, and Locust wants the time of each."""
        self._enter_one(_kind(name), name, took_s * 1000, 0, exception)

    def tell(self, name: str, took_s: float, octets: int, exception: BaseException | None) -> None:
        """Tell the other listeners of one operation."""
        self.environment.events.request.fire(  # type: ignore[no-untyped-call]  # Locust's
            request_type=_kind(name),
            name=name,
            response_time=took_s * 1000,
            response_length=octets,
            response=None,
            context={},
            exception=exception,
            start_time=time.time() - took_s,
            url=None,
            recorded=True,
        )

    def enter(self, batch: Batch) -> None:
        """Enter what succeeded since the last tick."""
        stats = self.environment.stats
        for name, samples_s in batch.samples_s.items():
            took_ms = [sample_s * 1000 for sample_s in samples_s]
            buckets = _buckets(took_ms)
            for entry in (stats.entries[name, _kind(name)], stats.total):
                _add(entry, took_ms, buckets, batch.octets.get(name, 0))


def _named(listener: Callable[..., object]) -> tuple[str, str]:
    return listener.__module__, getattr(listener, "__qualname__", "")


def _kind(name: str) -> str:
    """The request type of an operation: its protocol."""
    return name.partition(".")[0].upper()


def _buckets(took_ms: Sequence[float]) -> Mapping[int, int]:
    from locust import stats

    ours = stats.bucket_response_time.__module__ == stats.__name__
    return Counter(
        map(round if ours and max(took_ms) < _WHOLE_BELOW_MS else stats.bucket_response_time, took_ms)
    )


def _add(entry: "StatsEntry", took_ms: Sequence[float], buckets: Mapping[int, int], octets: int) -> None:
    """As so many calls of `StatsEntry.log`, all of them now."""
    now_s = time.time()
    second = int(now_s)
    if entry.use_response_times_cache and second > int(entry.last_request_timestamp or second):
        entry._cache_response_times(second - 1)
    entry.num_requests += len(took_ms)
    entry.num_reqs_per_sec[second] += len(took_ms)
    entry.last_request_timestamp = now_s
    entry.total_response_time += sum(took_ms)  # type: ignore[assignment]  # Locust itself adds floats
    least, most = min(took_ms), max(took_ms)
    known = entry.min_response_time
    entry.min_response_time = least if known is None else min(known, least)  # type: ignore[assignment]  # likewise
    entry.max_response_time = max(entry.max_response_time, most)  # type: ignore[assignment]  # likewise
    for bucket, times in buckets.items():
        entry.response_times[bucket] += times
    entry.total_content_length += octets
