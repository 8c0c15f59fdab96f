"""Known findings: what a target is known to break, why that is accepted, and until when."""

import datetime as dt
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from harness.errors import UsageError
from harness.results.model import CheckResult, Verdict

__all__ = ["Baseline", "Known"]

_MAX_FILE_OCTETS: Final = 1024 * 1024


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One accepted finding; after `expires` (a date) it counts again."""

    requirement: str
    check: str
    reason: str
    expires: dt.date | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: list[Known] = []


@dataclass(frozen=True, slots=True)
class Baseline:
    """The known findings of one target."""

    known: tuple[Known, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Baseline":
        """Read ``[[known]]`` tables with requirement, check, reason and, if wanted, expires.

        Raises:
            UsageError: Names the file and what is wrong in it.
        """
        try:
            if path.stat().st_size > _MAX_FILE_OCTETS:
                raise UsageError(f"{path}: a baseline has at most {_MAX_FILE_OCTETS} octets")
            read = msgspec.convert(tomllib.loads(path.read_text()), _File)
        except OSError as exc:
            raise UsageError(f"{path}: cannot be read ({exc.strerror}); give the path of a baseline") from exc
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as exc:
            raise UsageError(f"{path}: is no baseline: {exc}") from exc
        return cls(tuple(read.known))

    def new_violations(self, results: Iterable[CheckResult], today: dt.date) -> list[tuple[str, str]]:
        """(requirement, check) of every violation that no entry in force accepts."""
        accepted = {(k.requirement, k.check) for k in self.known if k.expires is None or k.expires >= today}
        return [pair for pair in _violations(results) if pair not in accepted]

    def stale(self, results: Iterable[CheckResult]) -> list[Known]:
        """Entries whose check ran and no longer finds what it found."""
        results = list(results)
        ran = {result.check for result in results}
        broken = set(_violations(results))
        return [k for k in self.known if k.check in ran and (k.requirement, k.check) not in broken]


def _violations(results: Iterable[CheckResult]) -> list[tuple[str, str]]:
    return [
        (finding.requirement, result.check)
        for result in results
        for finding in result.findings
        if finding.verdict is Verdict.VIOLATES
    ]
