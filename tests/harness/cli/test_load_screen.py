"""One line of figures on a terminal, plain lines elsewhere."""

import io
import itertools

from rich.console import Console

from harness.cli.load_screen import figures_line, live_screen
from harness.results.load import LiveFigures


def figures(**changed: object) -> LiveFigures:
    fields: dict[str, object] = {
        "state": "running", "phase": "100%", "at_s": 23.4, "of_s": 90.0, "due": 600, "completed": 573, "failed": 2,
        "active": 12, "late": 0, "rate_per_s": 24.91, "main_operation": "smtp.message", "p95_ms": 31.234,
    }  # fmt: skip
    return LiveFigures(**{**fields, **changed})  # type: ignore[arg-type]  # the fields' types are LiveFigures' own


def shown(*moments: LiveFigures, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=110, color_system=None, highlight=False)
    seconds = itertools.count()
    with live_screen(console, lambda: float(next(seconds))) as screen:
        for moment in moments:
            screen.show(moment)
    return out.getvalue()


def test_the_line_tells_what_matters() -> None:
    assert figures_line(figures()) == "24.9/s  573 done  2 failed  12 active  smtp.message p95 31.2 ms"
    assert figures_line(figures(late=4)).endswith("  4 LATE")
    assert figures_line(figures(state="auditing", found=1200, owed=1234)) == "found 1,200 of 1,234 owed"


def test_a_terminal_has_one_line_that_is_gone_at_the_end() -> None:
    text = shown(figures(), figures(at_s=24.4), terminal=True)

    assert "100% 0:24 of 1:30" in text
    assert text.endswith("\x1b[2K")  # the line is erased


def test_a_log_gets_a_line_for_each_stage_and_every_ten_seconds() -> None:
    moments = [figures(at_s=float(second)) for second in range(25)]
    text = shown(
        *moments, figures(state="draining"), figures(state="auditing"), figures(state="done"), terminal=False
    )

    lines = text.splitlines()
    assert [line.partition(":  ")[0].split(": ")[0] for line in lines] == [
        "100% 0:00 of 1:30",
        "100% 0:10 of 1:30",
        "100% 0:20 of 1:30",
        "draining",
        "auditing",
    ]


def test_what_is_to_be_said_is_said_once_and_cannot_move_the_cursor() -> None:
    text = shown(figures(message="worker 2 died\x1b[2J"), figures(), terminal=False)

    assert text.count("worker 2 died") == 1
    assert "\x1b" not in text
