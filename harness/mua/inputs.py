"""What a user gives: header lines, files, text from the keyboard. Each read is bounded."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.mua.compose import MAX_ATTACHMENTS_OCTETS, Attachment, read_attachment
from harness.mua.editor import edit

__all__ = ["read_attachments", "read_header", "read_octets", "read_text"]

# Ours: octets of a text, or of a message that is sent as it is.
MAX_INPUT_OCTETS: Final = 64 * 1024 * 1024

_HEADER: Final = re.compile(r"(?P<name>[^:\s]+):\s*(?P<text>.*?)\s*", re.DOTALL)


def read_header(text: str) -> tuple[str, str]:
    """``X-Note: hello`` in two. Raises `UsageError` where there is no colon behind a name."""
    found = _HEADER.fullmatch(text)
    if found is None:
        raise UsageError(f"--header {text!r}: a name, a colon and a text expected, as in 'X-Note: hello'")
    return found["name"], found["text"]


def read_attachments(paths: Iterable[Path]) -> list[Attachment]:
    """All files, within one limit for them together. Raises `UsageError`."""
    found: list[Attachment] = []
    left_octets = MAX_ATTACHMENTS_OCTETS
    for path in paths:
        found.append(read_attachment(path, limit_octets=left_octets))
        left_octets -= len(found[-1].octets)
    return found


def read_octets(path: Path) -> bytes:
    """A file's octets, or standard input's where the path is ``-``.

    Raises:
        UsageError: It cannot be read, or has more than `MAX_INPUT_OCTETS`.
    """
    try:
        if path == Path("-"):
            octets = sys.stdin.buffer.read(MAX_INPUT_OCTETS + 1)
        else:
            with path.open("rb") as file:
                octets = file.read(MAX_INPUT_OCTETS + 1)
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    if len(octets) > MAX_INPUT_OCTETS:
        raise UsageError(f"{path}: has more than {MAX_INPUT_OCTETS} octets")
    return octets


def read_text(body: str | None, body_file: Path | None) -> str:
    """The text of a message: as given, from a file, or from an editor where a person sits at the terminal.

    Raises:
        UsageError: Two were given, none was and nobody is there to ask, or it is not UTF-8.
    """
    if body is not None and body_file is not None:
        raise UsageError("give --body or --body-file, not both")
    if body is not None:
        return body
    if body_file is not None:
        octets = read_octets(body_file)
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise UsageError(
                f"{body_file}: is not UTF-8 at octet {exc.start}; send it with --attach or --raw"
            ) from exc
    if not sys.stdin.isatty():
        raise UsageError(
            "say what to write: --body TEXT, --body-file FILE (- for standard input) or --raw FILE"
        )
    text = edit()
    if not text.strip():
        raise UsageError("the message is empty, so it was not sent; --body '' sends an empty one")
    return text
