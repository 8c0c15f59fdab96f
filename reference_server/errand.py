"""What a session has to wait for: done by a worker thread, while its carrier goes on with everybody else.

A session stays without I/O. It leaves an `Errand` and takes no further step; the carrier sends what there is, lets
a worker run the errand and hands the result back::

    self.leave(lambda: directory.verify(user, password), self.verified, context.account_workers)

Where a client leaves or the server stops in mid-errand, the result is thrown away and `then` never called: nothing
of the session may be changed by `run`.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import trio

__all__ = ["Errand", "Errands", "Workers", "trio_result"]

T = TypeVar("T")

# Ours: how many answers may be waited for at once; 200 log-ins a second that take 2 * 200 ms each need 80.
MOST_THREADS: Final = 128


@dataclass(frozen=True, slots=True)
class Errand(Generic[T]):
    """Something slow.

    Attributes:
        run: Blocks, in a thread of its own; has its own bound of time, and its own answer for every failure that
            can be foreseen: what it raises is a fault of ours and ends the connection.
        then: Takes the result back in the session's loop: says the reply, moves the state.
        workers: Whose threads do it: those of one kind of errand do not wait for another.
    """

    run: Callable[[], T]
    then: Callable[[T], None]
    workers: "Workers"


class Errands:
    """A session's side of it.

    Attributes:
        errand: What is waited for; the session takes no further step until `errand_done`.
    """

    # Any: of what kind the result is, is between `run` and `then`; a session may leave errands of all kinds.
    errand: Errand[Any] | None = None

    def leave(self, run: Callable[[], T], then: Callable[[T], None], workers: "Workers") -> None:
        """Wait for `run`, then go on with `then`."""
        if self.errand is not None:
            raise RuntimeError("an errand is under way already")
        self.errand = Errand(run, then, workers)

    def errand_done(self, result: object) -> bytes:
        """Take the result, go on with what has come meanwhile; returns what is to be sent."""
        errand, self.errand = self.errand, None
        if errand is None:
            raise RuntimeError("no errand is under way")
        errand.then(result)
        return self.receive(b"")

    def receive(self, data: bytes) -> bytes:
        """Take octets off the network, return what is to be sent."""
        raise NotImplementedError


class Workers:
    """Threads of a world, for the sessions of both loops; what is beyond their number waits for its turn.

    They are daemons (trio keeps them in its cache): a back end that hangs does not keep the process from ending.
    """

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._free = most
        self._waiting: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()

    def submit(self, run: Callable[[], T]) -> "Future[T]":
        """Run something as soon as there is a thread; a future that is cancelled before is not run."""
        future: Future[T] = Future()

        def task() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(run())
                except BaseException as exc:  # noqa: BLE001 (raised again where the result is asked for)
                    future.set_exception(exc)

        with self._lock:
            if not self._free:
                self._waiting.append(task)
                return future
            self._free -= 1
        trio.lowlevel.start_thread_soon(lambda: self._work(task), lambda outcome: outcome.unwrap())
        return future

    def _work(self, task: Callable[[], None] | None) -> None:
        while task is not None:
            task()
            with self._lock:
                task = self._waiting.popleft() if self._waiting else None
                self._free += task is None


async def trio_result(future: "Future[T]") -> T:
    """As `asyncio.wrap_future`: the result, waited for in trio's loop; a wait that is cancelled abandons it."""
    token, done = trio.lowlevel.current_trio_token(), trio.Event()

    def tell(_future: "Future[T]") -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    future.add_done_callback(tell)
    try:
        await done.wait()
    except trio.Cancelled:
        future.cancel()
        raise
    return future.result()
