"""A load run on disk: `summary.json`, and the curves and histograms beside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from harness.errors import RunFailed, UsageError
from harness.results.files import replace_file
from harness.results.load import (
    HISTOGRAMS_FILE,
    LOAD_SCHEMA,
    SERIES_FILE,
    SUMMARY_FILE,
    Histograms,
    LoadSummary,
    Series,
)

__all__ = ["LoadRun", "is_load_run", "read_load_run", "write_load_run"]

# Ours: a hundred times what the longest run with the most operations writes; a larger file is not ours.
_MAX_OCTETS: Final = 512 * 1024 * 1024

_Record = LoadSummary | Series | Histograms
_T = TypeVar("_T", LoadSummary, Series, Histograms)


class _Head(msgspec.Struct, frozen=True):
    """What tells which file this is, before the rest of it is believed."""

    kind: str = ""
    schema: int = LOAD_SCHEMA


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What `read_load_run` found; the curves or the histograms are None where their file is missing."""

    path: Path
    summary: LoadSummary
    series: Series | None
    histograms: Histograms | None


def write_load_run(directory: Path, summary: LoadSummary, series: Series, histograms: Histograms) -> None:
    """Write a run's three files, the summary last: where it is, the run is whole.

    Raises:
        RunFailed: The disk takes no more. Files that were whole before stay whole.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise RunFailed(f"{directory}: cannot be made ({exc.strerror}); choose another --out") from exc
    files: tuple[tuple[str, _Record, int], ...] = (
        (SERIES_FILE, series, 0),
        (HISTOGRAMS_FILE, histograms, 0),
        (SUMMARY_FILE, summary, 2),
    )
    for name, record, indent in files:
        path = directory / name
        try:
            replace_file(path, msgspec.json.format(msgspec.json.encode(record), indent=indent) + b"\n")
        except OSError as exc:
            raise RunFailed(
                f"{path}: cannot be written ({exc.strerror}); free space or choose another --out"
            ) from exc


def read_load_run(path: Path) -> LoadRun:
    """Read a load run from its directory, or from its `summary.json`.

    Raises:
        UsageError: Says which file, and what is wrong with it.
    """
    directory = path.parent if path.is_file() else path
    summary = directory / SUMMARY_FILE
    octets = _octets(summary)
    if octets is None:
        raise UsageError(f"{summary}: there is no such file; give the directory of a load run")
    return LoadRun(
        directory,
        _decoded(summary, octets, LoadSummary),
        _beside(directory / SERIES_FILE, Series),
        _beside(directory / HISTOGRAMS_FILE, Histograms),
    )


def is_load_run(path: Path) -> bool:
    """Whether this is the directory of a load run, or a file in one; False where nothing can be read."""
    summary = (path.parent if path.is_file() else path) / SUMMARY_FILE
    try:
        octets = _octets(summary)
        return octets is not None and msgspec.json.decode(octets, type=_Head).kind == "load"
    except (UsageError, msgspec.MsgspecError, RecursionError):
        return False


def _beside(path: Path, kind: type[_T]) -> _T | None:
    octets = _octets(path)
    return None if octets is None else _decoded(path, octets, kind)


def _octets(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            octets = file.read(_MAX_OCTETS + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UsageError(
            f"{path}: cannot be read ({exc.strerror}); give the directory of a load run"
        ) from exc
    if len(octets) > _MAX_OCTETS:
        raise UsageError(f"{path}: has more than {_MAX_OCTETS:,} octets; no load run writes so much")
    return octets


def _decoded(path: Path, octets: bytes, kind: type[_T]) -> _T:
    try:
        schema = msgspec.json.decode(octets, type=_Head).schema
        if schema == LOAD_SCHEMA:
            return msgspec.json.decode(octets, type=kind)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise UsageError(f"{path}: is no file of a load run: {exc}") from exc
    raise UsageError(f"{path}: has schema {schema}; this version of mailproof reads {LOAD_SCHEMA}")
