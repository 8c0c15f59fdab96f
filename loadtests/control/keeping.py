"""A run's results on disk: every few seconds what there is so far, in the end all of it."""

from pathlib import Path
from typing import Final

import msgspec

from harness.results.files import replace_file
from harness.results.load import SUMMARY_FILE, LoadSummary
from harness.results.load_store import write_load_run
from harness.target import Target
from loadtests.control.findings import Findings
from loadtests.control.outcome import summary_of

__all__ = ["Keeper"]

# Ours: what is lost at most when somebody kills the generator.
KEEP_EVERY_S: Final = 5.0
# Curves of a long run take a moment to write: a generator that is alone does so only when nothing is measured.
KEEP_ALL_EVERY_S: Final = 30.0


class Keeper:
    """Writes the results of one run."""

    def __init__(self, findings: Findings, target: Target, *, alone: bool) -> None:
        self._findings: Final = findings
        self._target: Final = target
        self._out: Final = Path(findings.plan.out)
        self._all_every_s: Final = float("inf") if alone else KEEP_ALL_EVERY_S
        self._kept_s = self._all_kept_s = findings.began_s

    def keep(self, now_s: float) -> None:
        """Write what there is, where it is time to.

        Raises:
            OSError, RunFailed: The disk takes no more.
        """
        if now_s - self._all_kept_s >= self._all_every_s:
            self._all_kept_s = self._kept_s = now_s
            self._write_all(self._summary(now_s, finished=False))
        elif now_s - self._kept_s >= KEEP_EVERY_S:
            self._kept_s = now_s
            self._out.mkdir(parents=True, exist_ok=True)
            octets = msgspec.json.encode(self._summary(now_s, finished=False))
            replace_file(self._out / SUMMARY_FILE, msgspec.json.format(octets, indent=1))

    def finish(self, now_s: float) -> LoadSummary:
        """Write all there is; the run is over.

        Raises:
            RunFailed: The disk takes no more.
        """
        summary = self._summary(now_s, finished=True)
        self._write_all(summary)
        return summary

    def _summary(self, now_s: float, *, finished: bool) -> LoadSummary:
        return summary_of(self._findings, self._target, now_s, finished=finished)

    def _write_all(self, summary: LoadSummary) -> None:
        figures = self._findings.figures
        write_load_run(self._out, summary, figures.series(), figures.total().histograms)
