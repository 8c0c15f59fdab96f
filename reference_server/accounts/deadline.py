"""A bound for the whole of a conversation, where a library has one for each of its waits only, or none."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["cut_off"]


@contextmanager
def cut_off(timeout_s: float, cut: Callable[[], None]) -> Iterator[None]:
    """Call `cut` in another thread when the block has not ended in time: it shuts down the socket that is waited for.

    The library then raises what it raises for a connection that is lost.
    """
    timer = threading.Timer(timeout_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
