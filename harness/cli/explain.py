"""`mailproof explain`: what a requirement asks, which checks prove it, which rulings apply."""

import difflib
import textwrap
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from harness.cli.running import collect_checks
from harness.errors import UsageError
from harness.spec import Register, Requirement, load_register
from suites.covers import Check

__all__ = ["explain", "explanation"]


def explain(
    requirement: Annotated[
        str, typer.Argument(help="A requirement, or the beginning of one: RFC5321-4.1.1.5")
    ],
) -> None:
    """Say what a requirement asks, where it stands in the RFC, which checks prove it, which rulings apply."""
    typer.echo(explanation(load_register(), requirement, collect_checks()))


def explanation(register: Register, prefix: str, checks: Iterable[Check]) -> str:
    """The text of `mailproof explain`.

    Raises:
        UsageError: Nothing begins so; the nearest ids are said.
    """
    found = register.select(prefix)
    if not found:
        near = difflib.get_close_matches(prefix.upper(), list(register), n=3, cutoff=0.4)
        raise UsageError(f"no requirement begins with {prefix!r}; near: {', '.join(near) or 'none'}")
    known = list(checks)
    blocks = [_requirement(requirement, known) for requirement in found]
    rulings = dict.fromkeys(ruling for requirement in found for ruling in requirement.rulings)
    for ruling_id in rulings:
        ruling = register.rulings[ruling_id]
        blocks.append(
            "\n".join(
                [
                    f"{ruling.id}  {ruling.title} ({ruling.place})",
                    *_indented(ruling.reading),
                    *_indented(ruling.why),
                ]
            )
        )
    return "\n\n".join(blocks)


def _requirement(requirement: Requirement, checks: Sequence[Check]) -> str:
    level = str(requirement.level)
    if requirement.weighed_as is not None:
        level += f", weighed as {requirement.weighed_as}"
    lines = [
        f"{requirement.id}  {level}  {requirement.party}  {requirement.place}",
        *_indented(requirement.text),
    ]
    if requirement.note:
        lines += _indented(requirement.note)
    proving = [check for check in checks if requirement.id in check.requirements]
    for check in proving:
        lines.append(f"    proved by {check.id}, which goes red under {check.fault}")
    if requirement.excluded:
        lines += _indented(f"Not tested: {requirement.excluded}")
    elif not proving:
        lines.append("    No check proves it yet.")
    if requirement.rulings:
        lines.append(f"    rests on {', '.join(requirement.rulings)}")
    return "\n".join(lines)


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, width=96, initial_indent="    ", subsequent_indent="    ")
