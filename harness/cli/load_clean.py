"""`mailproof load --clean RUN`: remove what a run left in the mailboxes, by the token in each of its messages."""

import subprocess
import sys
import tempfile
from pathlib import Path

from harness.cli.load_out import run_number
from harness.cli.load_safety import check_owner_agrees
from harness.cli.load_target import TargetRequest
from harness.errors import UsageError

__all__ = ["clean_run"]


def clean_run(text: str, where: TargetRequest) -> int:
    """Remove a run's messages and folders, and nothing else; what was removed is printed.

    Args:
        text: The number of the run, or its directory.

    Returns:
        The exit code: 3 where a mailbox could not be cleaned.

    Raises:
        UsageError: There is no such run, or no target was named.
    """
    run = run_number(text)
    if where.embedded:
        raise UsageError(f"--clean {text}: say where, as in: mailproof load --clean {run} TARGET.toml")
    with (
        tempfile.TemporaryDirectory(prefix="mailproof-load-") as private,
        where.opened(Path(private), 0) as place,
    ):
        check_owner_agrees(place.target, authorized=where.authorized)
        # Readers are greenlets, and those live in a process of their own.
        command = [sys.executable, "-P", "-m", "loadtests.clean", run, str(place.file)]
        return subprocess.run(command, check=False).returncode  # noqa: S603 (our own interpreter, no shell)
