"""Writing a result so that nobody ever reads half of it."""

from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, octets: bytes) -> None:
    """Write a file anew: a reader finds the old one or the new one, never half of it.

    Raises:
        OSError: It cannot be written. The old file is as it was and no draft is left.
    """
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_bytes(octets)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
