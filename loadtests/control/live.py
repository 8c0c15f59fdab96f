"""The live line: what goes on, once a second, as JSON on a file descriptor that somebody reads, or nobody."""

import os
from collections import deque
from typing import Final

import msgspec

from harness.results.load import LiveFigures
from loadtests.control.director import Director, State
from loadtests.control.outcome import main_operation

__all__ = ["LiveLine", "live_figures"]


class LiveLine:
    """Writes lines to a descriptor; who does not read them misses them, and holds nothing up."""

    def __init__(self, file: int | None) -> None:
        """None: there is nobody to tell."""
        self._file = file
        if file is not None:
            os.set_blocking(file, False)

    def write(self, figures: LiveFigures) -> None:
        if self._file is None:
            return
        try:
            os.write(self._file, msgspec.json.encode(figures) + b"\n")
        except BlockingIOError:
            return  # the pipe is full: the reader is busy, and the next line tells all of this one again
        except OSError:
            self._file = None  # the reader has gone; the run goes on


class Messages:
    """What is to be said once, one with each line."""

    def __init__(self) -> None:
        self._waiting: Final[deque[str]] = deque(maxlen=200)

    def say(self, text: str) -> None:
        self._waiting.append(text)

    def next(self) -> str:
        return self._waiting.popleft() if self._waiting else ""
