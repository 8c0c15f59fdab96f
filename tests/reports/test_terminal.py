"""The end of a run fits a screen and says nothing the target could abuse."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from harness.results.model import RunHeader, Seen
from harness.results.store import Run
from harness.spec.model import Level, Register
from reports.terminal import print_summary


def printed(run: Run, register: Register, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    print_summary(run, console, register=register)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 200])
def test_a_summary_is_no_longer_than_a_screen(run: Run, register: Register, width: int) -> None:
    lines = printed(run, register, width)

    assert len(lines) <= 24
    assert max(map(len, [line for line in lines if "report.html" not in line])) <= 80


def test_many_findings_are_cut_and_the_rest_counted(
    write_run: Callable[..., Run], register: Register, check_of_one: Callable[..., object]
) -> None:
    broken = [check_of_one(r, Seen.BROKEN) for r in register.requirements if r.weight is Level.MUST]

    lines = printed(write_run(*broken), register)

    named = sum(line.startswith("violates RFC") for line in lines)
    assert len(lines) <= 24
    assert f"… and {len(broken) - named} more" in lines


def test_a_clean_run_has_no_list_of_findings(write_run: Callable[..., Run], register: Register) -> None:
    lines = printed(write_run(), register)

    assert not [line for line in lines if line.startswith(("violates", "declines"))]
    assert lines[-1] == "Exit code 3, without a baseline: the run, or a part of it, could not be finished"


def test_a_targets_name_moves_no_cursor_and_makes_no_markup(
    write_run: Callable[..., Run], register: Register, first_record: Callable[..., RunHeader]
) -> None:
    text = "\n".join(
        printed(write_run(first=first_record(target="\x1b[2J[bold red]evil[/] \u202e")), register)
    )

    assert "\x1b" not in text
    assert r"\x1b[2J[bold red]evil[/] \u202e" in text
