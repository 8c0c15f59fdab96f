"""How a sending went, for people and for programs."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from harness.mua.envelope import Fate, Outcome
from harness.mua.screen import line, wire_text

__all__ = ["EXIT_CODES", "exit_code", "outcome_line", "outcomes_as_data"]

_MARKS: Final = {
    Fate.ACCEPTED: ("✔", "green"),
    Fate.REFUSED: ("✖", "red"),
    Fate.UNREACHABLE: ("?", "yellow"),
}

# The worst one counts.
EXIT_CODES: Final = {Fate.ACCEPTED: 0, Fate.REFUSED: 1, Fate.UNREACHABLE: 3}


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 all accepted, 1 some refused, 3 some that nobody decided on."""
    return max(EXIT_CODES[outcome.fate] for outcome in outcomes)


def outcome_line(outcome: Outcome) -> Text:
    """``✔ bob@example.test  accepted  250 2.0.0 Ok``; a refusal says what was refused, and by whom."""
    mark, style = _MARKS[outcome.fate]
    shown = Text.assemble((f"{mark} ", style), (_address(outcome), "bold"), (f"  {outcome.fate}", style))
    if outcome.fate is not Fate.ACCEPTED:
        shown.append(f" at {outcome.stage}", style)
    shown.append("  " + _said(outcome))
    if outcome.server and outcome.fate is not Fate.UNREACHABLE:
        shown.append(f"  {line(outcome.server)}", "dim")
    return shown


def outcomes_as_data(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """The outcomes as JSON has them; `code` and `enhanced` are null where no reply decided."""
    return [
        {
            "recipient": _address(outcome),
            "fate": str(outcome.fate),
            "stage": outcome.stage,
            "server": outcome.server,
            "code": outcome.reply.code if outcome.reply else None,
            "enhanced": str(outcome.reply.enhanced) if outcome.reply and outcome.reply.enhanced else None,
            "text": _text(outcome),
        }
        for outcome in outcomes
    ]


def _address(outcome: Outcome) -> str:
    return line(outcome.recipient.encode().decode())


def _said(outcome: Outcome) -> str:
    return f"{outcome.reply.code} {_text(outcome)}" if outcome.reply else line(outcome.problem)


def _text(outcome: Outcome) -> str:
    if outcome.reply is None:
        return line(outcome.problem)
    return wire_text(b" ".join(text.strip() for text in outcome.reply.lines))
