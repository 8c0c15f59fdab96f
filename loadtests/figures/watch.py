"""The target's processes, where they run on this machine: CPU and memory, with their children.

A mail server is a tree of processes that come and go. What an ended child has used is in its parent's account; a
process that ends itself is said, and so is one of the same name and command line that takes its place.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import psutil

from harness.errors import UsageError
from harness.results.load import ProcessUse

__all__ = ["Watch"]


class Watch:
    """Watches processes by number, each with its children; `sample` is called about once a second."""

    def __init__(self, pids: Iterable[int]) -> None:
        """
        Raises:
            UsageError: There is no such process.
        """
        self._trees: Final = [_Tree(_process(pid)) for pid in dict.fromkeys(pids)]
        self._notes: list[str] = []

    def sample(self, now_s: float) -> None:
        """Look once; `now_s` counts from the run's start, as the notes do."""
        for tree in self._trees:
            # Without a descriptor left nobody can look; what was used meanwhile is seen the next time.
            with suppress(OSError):
                self._notes += tree.look(now_s, {other.pid for other in self._trees})

    def uses(self) -> list[ProcessUse]:
        """What each has used so far."""
        return [tree.use() for tree in self._trees]

    def notes(self) -> list[str]:
        """What is to be said and was not yet: a process ended, or another took its place."""
        notes, self._notes = self._notes, []
        return notes


def _process(pid: int) -> psutil.Process:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess as exc:
        raise UsageError(f"there is no process {pid} on this machine to watch") from exc


class _Tree:
    """One process and its children."""

    def __init__(self, process: psutil.Process) -> None:
        self._asked_for: Final = int(process.pid)
        self._name: Final = str(process.name())
        self._command: Final = _command_of(process)
        self._cpu_s = self._cpu_max = 0.0
        self._memory_max = 0
        self._looked_s: float | None = None
        self._family: set[int] = set()  # as it was last seen
        self._ended_s: float | None = None
        self._follow(process)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def _follow(self, process: psutil.Process) -> None:
        self._process = process
        self._before_s: float | None = None

    def use(self) -> ProcessUse:
        return ProcessUse(
            pid=self._asked_for,
            name=self._name,
            cpu_s=self._cpu_s,
            cpu_max=self._cpu_max,
            memory_max_octets=self._memory_max,
        )

    def look(self, now_s: float, watched: set[int]) -> Iterator[str]:
        """Measure; what has changed is said."""
        if self._ended_s is not None:
            successor = self._successor(watched)
            if successor is None:
                return
            yield (
                f"process {self.pid} ({self._name}) is back as {successor.pid}, "
                f"{now_s - self._ended_s:.0f} s after it was seen to end"
            )
            self._ended_s = None
            self._follow(successor)
            self._before_s = 0.0  # all it has used was used in the run
        if not _goes_on(self._process):
            self._ended_s = now_s
            yield f"process {self.pid} ({self._name}) ended, {now_s:.0f} s into the run"
            return
        self._measure(now_s)

    def _measure(self, now_s: float) -> None:
        cpu_s, memory = 0.0, 0
        processes = (self._process, *_children_of(self._process))
        self._family = {process.pid for process in processes}
        for process in processes:
            try:
                with process.oneshot():
                    cpu_s += sum(
                        process.cpu_times()[:4]
                    )  # its own, user and system, and its ended children's
                    memory += process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue  # it ended just now, or belongs to somebody whose processes are no business of ours
        # A child whose parent did not wait for it takes its account with it: then less is left than there was.
        used_s = 0.0 if self._before_s is None else max(0.0, cpu_s - self._before_s)
        self._before_s = cpu_s
        self._cpu_s += used_s
        self._memory_max = max(self._memory_max, memory)
        if self._looked_s is not None and now_s > self._looked_s:
            self._cpu_max = max(self._cpu_max, used_s / (now_s - self._looked_s))
        self._looked_s = now_s

    def _successor(self, watched: set[int]) -> psutil.Process | None:
        """The first process of the same name and command line that was begun later and is none of its children."""
        strangers = set(psutil.pids()) - watched - self._family
        alike = [process for pid in strangers if (process := self._alike(pid)) is not None]
        return min(alike, key=psutil.Process.create_time, default=None)

    def _alike(self, pid: int) -> psutil.Process | None:
        try:
            process = psutil.Process(pid)
            same = process.name() == self._name and _command_of(process) == self._command
            later = process.create_time() > self._process.create_time()
        except psutil.NoSuchProcess:
            return None
        return process if same and later else None


def _goes_on(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _command_of(process: psutil.Process) -> tuple[str, ...]:
    """Its command line; empty where it may not be read."""
    try:
        return tuple(process.cmdline())
    except psutil.AccessDenied:
        return ()
