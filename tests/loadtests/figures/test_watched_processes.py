"""A target's processes are watched with their children; one that ends or comes back is said."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest

from harness.errors import UsageError
from loadtests.figures.watch import Watch

# A process that works in a child of its own and waits for it, again and again.
PARENT = """
import subprocess, sys
print("here", flush=True)
while True:
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
"""

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    begun: list[subprocess.Popen[bytes]] = []

    def start_one() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, start_new_session=True
        )
        begun.append(process)
        # `Popen` is back a moment before the kernel has given the process its own name and command line.
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        return process

    yield start_one
    for process in begun:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """With its children, which are of its session."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait(30)
    if process.stdout is not None:
        process.stdout.close()


def sample_until(watch: Watch, seen: Callable[[], bool]) -> None:
    began_s = monotonic()
    while not seen():
        assert monotonic() - began_s < 60, watch.uses()
        sleep(0.05)
        watch.sample(monotonic() - began_s)


def test_what_children_use_counts_as_well(start: Start) -> None:
    watch = Watch([start().pid])

    sample_until(watch, lambda: watch.uses()[0].cpu_s > 0.3)  # more than starting Python costs the parent

    (use,) = watch.uses()
    assert use.cpu_max > 0
    assert use.memory_max_octets > 1_000_000
    assert use.name
    assert watch.notes() == []


def test_a_process_that_ends_and_comes_back_is_said(start: Start) -> None:
    first = start()
    watch, notes = Watch([first.pid]), list[str]()
    sample_until(watch, lambda: watch.uses()[0].cpu_s > 0)

    end(first)
    sample_until(watch, lambda: bool(notes.extend(watch.notes()) or notes))
    used_s = watch.uses()[0].cpu_s
    second = start()
    sample_until(watch, lambda: bool(notes.extend(watch.notes()) or len(notes) > 1))
    sample_until(watch, lambda: watch.uses()[0].cpu_s > used_s)

    name = watch.uses()[0].name
    assert notes[0].startswith(f"process {first.pid} ({name}) ended, ")
    assert notes[1].startswith(f"process {first.pid} ({name}) is back as {second.pid}, ")
    assert [use.pid for use in watch.uses()] == [first.pid]


def test_a_process_that_has_ended_keeps_what_it_used(start: Start) -> None:
    process = start()
    watch = Watch([process.pid])
    sample_until(watch, lambda: watch.uses()[0].cpu_s > 0)
    before = watch.uses()

    end(process)
    sample_until(watch, lambda: bool(watch.notes()))

    assert watch.uses()[0].cpu_s >= before[0].cpu_s


def test_a_process_that_never_was_is_refused() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)

    with pytest.raises(UsageError, match=f"there is no process {process.pid} on this machine"):
        Watch([process.pid])
