"""Text written in the user's own editor."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from harness.errors import UsageError

__all__ = ["edit"]


def edit(text: str = "") -> str:
    """Open ``$VISUAL``, ``$EDITOR`` or vi on a text; what was saved.

    Raises:
        UsageError: The editor cannot be run, ended with an error, or saved what is not UTF-8.
    """
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="mailproof-") as directory:
        path = Path(directory) / "message.txt"
        path.write_text(text, "utf-8")
        try:
            done = subprocess.run([*command, str(path)], check=False)  # noqa: S603 (the user's own editor)
        except OSError as exc:
            raise UsageError(
                f"{command[0]}: cannot be run ({exc.strerror}); set EDITOR, or give --body or --body-file"
            ) from exc
        if done.returncode:
            raise UsageError(f"{command[0]} ended with {done.returncode}; nothing was sent")
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(f"{command[0]} left no UTF-8 text: {exc}") from exc
