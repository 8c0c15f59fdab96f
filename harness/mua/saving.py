"""Messages and attachments into files; nothing that is there is written over."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import RunFailed, UsageError
from harness.mua.compose import Attachment

__all__ = ["message_path", "parse_numbers", "save_attachments", "write_new"]


def write_new(path: Path, octets: bytes) -> Path:
    """Write a file that is not there yet. Raises `RunFailed`."""
    try:
        with path.open("xb") as file:
            file.write(octets)
    except FileExistsError as exc:
        raise RunFailed(f"{path}: is there already; give another name") from exc
    except OSError as exc:
        raise RunFailed(f"{path}: cannot be written: {(exc.strerror or str(exc)).lower()}") from exc
    return path


def message_path(to: Path, number: int) -> Path:
    """Where a message goes: the file named, or ``N.eml`` in the directory named."""
    return to / f"{number}.eml" if to.is_dir() else to


def save_attachments(attachments: Sequence[Attachment], directory: Path) -> list[Path]:
    """Write each under its own name; of those of one name, all but the first get their place before it."""
    if not directory.is_dir():
        raise UsageError(f"{directory}: is no directory")
    saved: list[Path] = []
    for place, each in enumerate(attachments, 1):
        path = directory / each.name
        saved.append(write_new(directory / f"{place}-{each.name}" if path in saved else path, each.octets))
    return saved


def parse_numbers(words: Sequence[str], most: int) -> list[int]:
    """Message numbers as people write them: ``3``, ``2-5``, ``2,4``, ``all``; each once, in order.

    Raises:
        UsageError: Something else, or a number that is not from 1 to `most`.
    """
    found: dict[int, None] = {}
    for word in ",".join(words).split(","):
        if word in {"all", "*"}:
            found |= dict.fromkeys(range(1, most + 1))
            continue
        first, dash, last = word.partition("-")
        if not (first.isdecimal() and first.isascii()) or (
            dash and not (last.isdecimal() and last.isascii())
        ):
            raise UsageError(f"{word!r} is no message number; write 3, 2-5 or all")
        low, high = int(first[:9]), int((last or first)[:9])
        if not 1 <= low <= high <= most:
            raise UsageError(f"{word}: there are {most} messages, numbered from 1")
        found |= dict.fromkeys(range(low, high + 1))
    return list(found)
