"""A run on disk: `result.jsonl`, one record a line, written as the run goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from harness.errors import RunFailed, UsageError
from harness.results.model import SCHEMA, CheckResult, RunEnd, RunHeader

__all__ = ["RESULT_FILE", "Run", "RunWriter", "read_run"]

RESULT_FILE: Final = "result.jsonl"

# Ours: far above what a deep run writes; a larger file is not ours.
_MAX_LINE_OCTETS: Final = 512 * 1024 * 1024

_Record = RunHeader | CheckResult | RunEnd
_DECODER: Final = msgspec.json.Decoder(_Record)
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Run:
    """What `read_run` found; `end` is None where the run was cut off."""

    path: Path
    header: RunHeader
    checks: tuple[CheckResult, ...]
    end: RunEnd | None


class RunWriter:
    """Appends records; each is on its way to disk when the call returns, so that a crash keeps what was done."""

    def __init__(self, directory: Path, header: RunHeader) -> None:
        """Raises `RunFailed` when the directory cannot be made or written."""
        self._path = directory / RESULT_FILE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)
        except OSError as exc:
            raise RunFailed(
                f"{self._path}: cannot be written ({exc.strerror}); choose another --out"
            ) from exc
        try:
            self.write(header)
        except RunFailed:
            self._file.close()
            raise

    def write(self, record: RunHeader | CheckResult | RunEnd) -> None:
        """Raises `RunFailed` when the disk takes no more; what was written before stays readable."""
        try:
            left = memoryview(_ENCODER.encode(record) + b"\n")
            while left:
                left = left[self._file.write(left) :]
        except OSError as exc:
            raise RunFailed(
                f"{self._path}: {exc.strerror}; results up to here are kept, free space or choose another --out"
            ) from exc

    def close(self) -> None:
        """Twice is once."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE_OCTETS):
            yield line


def read_run(directory: Path) -> Run:
    """Read a run from its directory, or from its `result.jsonl`.

    A last line that was cut by a crash is left out; anything else that cannot be read is an error.

    Raises:
        UsageError: Says which file and line, and what is wrong with it.
    """
    path = directory if directory.is_file() else directory / RESULT_FILE
    records: list[RunHeader | CheckResult | RunEnd] = []
    try:
        for number, line in enumerate(_lines(path), 1):
            try:
                records.append(_DECODER.decode(line))
            except msgspec.MsgspecError as exc:
                if not line.endswith(b"\n"):
                    break
                raise UsageError(f"{path}: line {number} is no record of a run: {exc}") from exc
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read ({exc.strerror}); give the directory of a run") from exc
    match records:
        case [RunHeader() as header, *rest] if header.schema == SCHEMA:
            pass
        case [RunHeader() as header, *_]:
            raise UsageError(f"{path}: has schema {header.schema}; this version of mailproof reads {SCHEMA}")
        case _:
            raise UsageError(f"{path}: does not begin with the record of a run")
    checks = tuple(r for r in rest if isinstance(r, CheckResult))
    end = rest[-1] if rest and isinstance(rest[-1], RunEnd) else None
    return Run(path.parent, header, checks, end)
