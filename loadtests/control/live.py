"""The live line: what goes on, once a second, as JSON on a file descriptor that somebody reads, or nobody."""

import os
from collections import deque
from typing import Final

import msgspec

from harness.results.load import LiveFigures
from loadtests.control.director import Director, State
from loadtests.control.outcome import main_operation
from loadtests.figures.tally import Sessions

__all__ = ["Live"]

# A pipe takes a line of this length whole or not at all (POSIX write: PIPE_BUF), and what is said is no longer.
_MAX_MESSAGE: Final = 1000


class Live:
    """Tells who watches. One who does not read misses lines, and holds nothing up.

    Attributes:
        abandoned: Who watched has gone, and nobody else can end the run.
    """

    def __init__(self, file: int | None) -> None:
        """`file` is a descriptor; None: there is nobody to tell."""
        self.abandoned = False
        self._file = file
        self._messages: Final[deque[str]] = deque(maxlen=200)
        self._told = (0.0, 0)
        if file is not None:
            os.set_blocking(file, False)

    def say(self, text: str) -> None:
        """Something to be said once, with the next line."""
        self._messages.append(text[:_MAX_MESSAGE])

    def tell(self, director: Director, now_s: float) -> None:
        """Write a line, and one more for each message that waits."""
        if self._file is None:
            return
        figures = self._figures(director, now_s)
        while True:
            message = self._messages[0] if self._messages else ""
            if not self._write(msgspec.structs.replace(figures, message=message)):
                return
            if not message:
                return
            self._messages.popleft()
            if not self._messages:
                return

    def _write(self, figures: LiveFigures) -> bool:
        if self._file is None:
            return False
        try:
            os.write(self._file, msgspec.json.encode(figures) + b"\n")
        except BlockingIOError:
            return False  # the reader is busy: the next line tells all of this one again
        except OSError:
            self._file = None
            self.abandoned = True
            return False
        return True

    def _figures(self, director: Director, now_s: float) -> LiveFigures:
        findings, record = director.findings, director.record
        sessions, at_s = Sessions(), 0.0
        for each in findings.phases:
            sessions.merge(findings.figures.total(each.phase.number).sessions)
            at_s += max(0.0, min(now_s, each.ended_s) - each.phase.began_s)
        before_s, before = self._told
        self._told = (now_s, sessions.completed)
        totals = findings.figures.total(0 if record is None else record.phase.number)
        operation = main_operation(findings, totals)
        # Counting takes a moment where there are millions: not while something is measured.
        counts = director.state in (State.AUDITING, State.DONE)
        return LiveFigures(
            state=director.state.value,
            phase="" if record is None else record.phase.label,
            at_s=round(at_s, 3),
            of_s=director.total_s,
            due=sessions.due,
            completed=sessions.completed,
            failed=sessions.failed,
            active=findings.figures.active,
            late=sessions.late,
            rate_per_s=(sessions.completed - before) / (now_s - before_s) if now_s > before_s else 0.0,
            main_operation=operation,
            p95_ms=findings.figures.recent(operation).percentile_ms(95) if operation else 0.0,
            owed=findings.book.owed if counts else 0,
            found=findings.book.found if counts else 0,
        )
