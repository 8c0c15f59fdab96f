"""What one sees while a run goes on: what runs, how many are done, what was found so far."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from harness.results import CheckResult, Verdict
from suites.covers import Check

__all__ = ["RunProgress", "progress"]

_SHOWN = (Verdict.VIOLATES, Verdict.DECLINES, Verdict.ERROR)


class RunProgress:
    """Listens to a run and moves a bar; where nobody watches, one line an area."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("connecting", total=None, found="")
        self._found: Counter[Verdict] = Counter()
        self._area = ""

    def starting(self, checks: int) -> None:
        self._bar.update(self._task, total=checks)

    def running(self, check: Check) -> None:
        if check.area != self._area:
            self._area = check.area
            if not self._bar.console.is_terminal:
                self._bar.console.print(f"{check.area} …")
        self._bar.update(self._task, description=f"{check.area}: {check.title}"[:60].ljust(60))

    def done(self, result: CheckResult) -> None:
        self._found.update(finding.verdict for finding in result.findings)
        found = ", ".join(f"{self._found[v]} {v}" for v in _SHOWN if self._found[v])
        self._bar.update(self._task, advance=1, found=found)


@contextmanager
def progress() -> Iterator[RunProgress]:
    """The bar on stderr, gone when the run ends."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[found]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield RunProgress(bar)
