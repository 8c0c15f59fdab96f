"""A load run's directory: made ready before the run, and read, shown and judged after it."""

from pathlib import Path
from typing import Final

import msgspec
import typer
from rich.console import Console

from harness.cli.load_child import last_words
from harness.cli.load_generator import Ended
from harness.errors import RunFailed, UsageError
from harness.results import RESULT_FILE
from harness.results.files import replace_file
from harness.results.load import HISTOGRAMS_FILE, SERIES_FILE, SUMMARY_FILE
from loadtests.control.verdict import EXIT_CODES
from loadtests.plan import Plan
from reports.load import LOAD_PAGE, print_load_summary, write_load_page
from reports.text import one_line

__all__ = ["LOG_FILE", "PLAN_FILE", "conclude", "prepare", "run_number", "write_plan"]

PLAN_FILE: Final = "plan.json"
LOG_FILE: Final = "locust.log"


def prepare(out: Path) -> None:
    """Make the directory, and remove what a run of before left there: nobody must take it for this run's.

    Raises:
        UsageError: It holds the results of a check run.
        RunFailed: It cannot be made or written.
    """
    if (out / RESULT_FILE).exists():
        raise UsageError(f"{out}: holds the results of a check run; choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (SUMMARY_FILE, SERIES_FILE, HISTOGRAMS_FILE, LOAD_PAGE, PLAN_FILE, LOG_FILE):
            (out / name).unlink(missing_ok=True)
    except OSError as exc:
        raise RunFailed(f"{out}: cannot be written ({exc.strerror}); choose another --out") from exc


def write_plan(path: Path, plan: Plan) -> None:
    """Raises `RunFailed` where it cannot be written."""
    try:
        replace_file(path, msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n")
    except OSError as exc:
        raise RunFailed(f"{path}: cannot be written ({exc.strerror}); choose another --out") from exc


def conclude(out: Path, ended: Ended) -> int:
    """Write the page, print the answer, and say what the command ends with.

    Raises:
        UsageError: The generator could not use what it was given.
        RunFailed: It ended without a result.
    """
    if not (out / SUMMARY_FILE).exists():
        raise _nothing_found(ended, out / LOG_FILE)
    run = write_load_page(out)
    print_load_summary(run, Console(highlight=False))
    if ended.code not in (0, 1, 3):
        typer.echo(f"mailproof: the generator ended with code {ended.code}; see {out / LOG_FILE}", err=True)
    return EXIT_CODES[run.summary.verdict]


def _nothing_found(ended: Ended, log: Path) -> UsageError | RunFailed:
    if ended.interrupted:
        return RunFailed("stopped before anything was found")
    words = one_line(last_words(log)) or "it said nothing"
    if ended.code == UsageError.exit_code:
        return UsageError(words)
    return RunFailed(f"the generator failed (code {ended.code}): {words}; its log is {log}")


def run_number(text: str) -> str:
    """The number of a run, given by itself or by the run's directory.

    Raises:
        UsageError: It is neither.
    """
    if len(text) == 8 and set(text) <= set("0123456789abcdef"):
        return text
    path = Path(text)
    try:
        return msgspec.json.decode(
            ((path / PLAN_FILE) if path.is_dir() else path).read_bytes(), type=Plan
        ).run
    except OSError as exc:
        raise UsageError(
            f"--clean: {text!r} is neither the number of a run (eight hexadecimal digits) nor its directory"
        ) from exc
    except msgspec.MsgspecError as exc:
        raise UsageError(f"--clean: {text}: is no plan of a load run: {exc}") from exc
