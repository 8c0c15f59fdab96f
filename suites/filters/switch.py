"""Putting a filter out of service, and back, as the target file says."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import NotOffered, Unclear

__all__ = ["filters_down", "switchable"]

# Ours: a scanner may read its signatures again, which takes a while.
_COMMAND_S: Final = 120.0


def switchable(target: LiveTarget) -> None:
    """A target whose filters can be put out of service."""
    if target.declared.filters is None:
        raise NotOffered("the target file does not say how a filter is put out of service")


@contextmanager
def filters_down(target: LiveTarget) -> Iterator[None]:
    """The filter is out of service within, and back behind, whatever happened.

    Raises:
        Unclear: One of the commands failed.
    """
    switch = target.declared.filters
    if switch is None:
        raise NotOffered("the target file does not say how a filter is put out of service")
    try:
        _run("stop", switch.stop)
        yield
    finally:
        _run("start", switch.start)


def _run(key: str, command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 (the operator's own command)
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Unclear(f"filters.{key}: {exc}") from exc
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        raise Unclear(f"filters.{key} ended with {done.returncode}: {said}")
