"""The generator: Locust in a process of its own, followed to its end, and told of Ctrl-C once."""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from harness.cli.load_child import child
from harness.cli.load_roles import Role
from harness.cli.load_schedule import Shape
from harness.cli.load_screen import Screen
from harness.results.load import LiveFigures
from loadtests.plan import LIVE_VARIABLE, PLAN_VARIABLE

__all__ = ["Ended", "Generator", "generator_command"]

# Ours: the generator's line comes once a second; a key is answered sooner.
_TICK_S: Final = 0.2
# Ours: who presses Ctrl-C again wants the end now; results so far are written in less.
_HASTE_S: Final = 5.0
# Ours: no line of figures has so many octets.
_MAX_LINE_OCTETS: Final = 1024 * 1024
_READ_OCTETS: Final = 64 * 1024

_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def generator_command(locustfile: Path, shape: Shape, role: Role) -> list[str]:
    """Locust's command line; ``-P``: nothing in the current directory stands in for a module."""
    command = [sys.executable, "-P", "-m", "locust", "-f", str(locustfile), "--only-summary"]
    if shape.mode == "closed" and not role.worker:
        users = str(shape.users)
        command += ["--users", users, "--spawn-rate", users, "--run-time", f"{shape.duration_s:g}s"]
    return command + role.locust_options()


@dataclass(frozen=True, slots=True)
class Ended:
    """How the generator ended; `code` is negative, the signal's number, where it was killed."""

    code: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Generator:
    """A generator to be run.

    Attributes:
        log: Where Locust's own words go.
        patience_s: How long after Ctrl-C it may drain, audit and report.
    """

    command: Sequence[str]
    plan: Path
    log: Path
    patience_s: float

    def run(self, screen: Screen) -> Ended:
        """Run it to its end; figures go to the screen as they come.

        SIGINT, SIGTERM and SIGHUP are told to it as one SIGINT; the second of them gives it seconds to end, and
        then it is killed, as after `patience_s`.

        Raises:
            RunFailed: It could not be started.
        """
        reading, writing = os.pipe()
        env: Mapping[str, str] = {PLAN_VARIABLE: str(self.plan), LIVE_VARIABLE: str(writing)}
        try:
            with (
                _counted() as received,
                child(self.command, log=self.log, env=env, keep=[writing]) as process,
            ):
                os.close(writing)
                writing = -1
                follower = _Follower(screen, reading, received, self.patience_s)
                while follower.listen() or process.poll() is None:
                    if follower.told_to_end():
                        process.send_signal(signal.SIGINT)
                    if follower.out_of_patience():
                        screen.say("the generator did not end in time and is killed")
                        break
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)
        return Ended(process.returncode, bool(received))


@contextmanager
def _counted() -> Iterator[list[int]]:
    """The signals that ask for an end, as they come, in place of their dying by them."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in _ENDS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Follower:
    """Reads what the generator says, and knows how long it still has."""

    def __init__(self, screen: Screen, reading: int, received: Sequence[int], patience_s: float) -> None:
        self._screen = screen
        self._reading: list[int] = [reading]
        self._received = received
        self._patience_s = patience_s
        self._told = 0
        self._deadline = float("inf")
        self._line = b""

    def listen(self) -> bool:
        """Show what comes within a moment; False where nothing did."""
        if not select.select(self._reading, [], [], _TICK_S)[0]:
            return False
        octets = os.read(self._reading[0], _READ_OCTETS)
        if not octets:
            self._reading.clear()
            return False
        *lines, self._line = (self._line + octets).split(b"\n")
        self._line = self._line[:_MAX_LINE_OCTETS]
        for line in lines:
            self._show(line)
        return True

    def _show(self, line: bytes) -> None:
        try:
            self._screen.show(msgspec.json.decode(line, type=LiveFigures))
        except msgspec.MsgspecError as exc:
            self._screen.say(f"the generator says what cannot be read: {exc}")

    def told_to_end(self) -> bool:
        """Whether a signal came that the generator has not been told of; twice is as much as it hears."""
        if len(self._received) <= self._told or self._told == 2:
            return False
        self._told += 1
        allowed_s = self._patience_s if self._told == 1 else _HASTE_S
        self._deadline = time.monotonic() + allowed_s
        self._screen.say(
            "ending: no new sessions; those that go on are drained, then the mailboxes are read (Ctrl-C ends that)"
            if self._told == 1
            else "ending now: what was found so far is kept"
        )
        return True

    def out_of_patience(self) -> bool:
        return time.monotonic() > self._deadline
