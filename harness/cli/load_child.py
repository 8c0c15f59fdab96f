"""Processes that a load run starts: in a process group of their own, and ended by their id whatever happens.

A terminal's Ctrl-C reaches every process of the foreground group. In groups of their own neither the generator nor
the embedded server hears it; the command tells the generator, once, and the server lives until the audit is done.
"""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from harness.errors import RunFailed

__all__ = ["child", "last_words", "wait_for_line"]

# Ours: after SIGTERM a process has so long to put its house in order.
_GRACE_S: Final = 10.0

# Ours: what is said last is near the end of a log.
_MAX_TAIL_OCTETS: Final = 64 * 1024

_READ_OCTETS: Final = 64 * 1024

# Gevent ends a traceback with a time alone.
_WORD: Final = re.compile(r"[A-Za-z]{2}")
# A line of ours, an error of Locust's log, or the last line of a traceback.
_TELLING: Final = re.compile(
    r"(?:mailproof: |\[[^\]]*\] \S*/(?:ERROR|CRITICAL)/[\w.]+: )(?P<text>\S.*)", re.DOTALL
)


@contextmanager
def child(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
    stdout: int | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process as long as the context; at its end no process of its group is left.

    Args:
        log: Where its stderr goes, and its stdout unless `stdout` says otherwise.
        env: Variables beside those of this process.
        keep: File descriptors that it inherits.

    Raises:
        RunFailed: It cannot be started, or its log cannot be written.
    """
    try:
        with log.open("ab") as words:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter, no shell)
                command,
                stdin=stdin,
                stdout=words if stdout is None else stdout,
                stderr=words,
                env={**os.environ, **(env or {})},
                pass_fds=keep,
                process_group=0,
            )
    except OSError as exc:
        raise RunFailed(f"{command[0]}: cannot be started ({exc.strerror}), its log is {log}") from exc
    try:
        yield process
    finally:
        _end(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    # The group's number is the process's own, and stays its children's when it has gone.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_line(process: subprocess.Popen[bytes], start: bytes, timeout_s: float) -> bool:
    """Read its stdout until a line begins so; False where it ends, or `timeout_s` is over, before."""
    if process.stdout is None:
        raise ValueError("its stdout is no pipe")
    deadline = time.monotonic() + timeout_s
    read = b"\n"
    while select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
        octets = os.read(process.stdout.fileno(), _READ_OCTETS)
        if not octets:
            return False
        read += octets
        if b"\n" + start in read:
            return True
        read = read[read.rfind(b"\n") :]
    return False


def last_words(log: Path) -> str:
    """The last line of a log that says what went wrong, else the last that says anything; ``""`` for none."""
    try:
        with log.open("rb") as words:
            words.seek(max(0, log.stat().st_size - _MAX_TAIL_OCTETS))
            lines = words.read(_MAX_TAIL_OCTETS).decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if _WORD.search(line)]
    telling = (found for line in reversed(said) if (found := _TELLING.match(line)))
    return next((found["text"] for found in telling), said[-1] if said else "")
