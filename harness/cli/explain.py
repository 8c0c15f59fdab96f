"""`mailproof explain`: what a requirement asks, which checks prove it, which rulings apply."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import typer

from harness.cli.running import collect_checks
from harness.errors import UsageError
from harness.spec import Register, Requirement, Ruling, load_register
from suites.covers import Check

__all__ = ["explain", "explanation"]


def explain(
    requirement: Annotated[
        str, typer.Argument(help="A requirement, or the beginning of one: RFC5321-4.1.1.5, RFC1939, pop3")
    ],
) -> None:
    """Say what a requirement asks, where it stands in the RFC, which checks prove it, which rulings apply."""
    register = load_register()
    checks = collect_checks() if register.select(requirement) else []
    typer.echo(explanation(register, requirement, checks))


def explanation(register: Register, prefix: str, checks: Iterable[Check]) -> str:
    """The text of `mailproof explain`: the requirements that a prefix names, then their rulings in full, each once.

    Raises:
        UsageError: Nothing begins so; the nearest ids are said.
    """
    found = register.select(prefix)
    if not found:
        near = ", ".join(register.nearest(prefix)) or "none"
        raise UsageError(f"no requirement begins with {prefix!r}; near: {near}")
    known = list(checks)
    ruling_ids = dict.fromkeys(ruling_id for requirement in found for ruling_id in requirement.rulings)
    blocks = [_requirement_lines(requirement, known) for requirement in found]
    blocks += [_ruling_lines(register.ruling(ruling_id)) for ruling_id in ruling_ids]
    return "\n\n".join("\n".join(block) for block in blocks)


def _requirement_lines(requirement: Requirement, checks: Sequence[Check]) -> Iterator[str]:
    level = requirement.level.value
    if requirement.weighed_as:
        level += f", weighed as {requirement.weighed_as.value}"
    if requirement.keyword:
        level += f" (written {requirement.keyword!r})"
    yield f"{requirement.id}  {level}  {requirement.party.value}  {requirement.place}"
    yield from _indented(requirement.text)
    yield from _indented(requirement.note)
    proving = [check for check in checks if requirement.id in check.requirements]
    for check in proving:
        yield from _indented(f"Proved by {check.id}: {check.title}; {check.fault} turns it red.")
    if requirement.excluded:
        yield from _indented(f"Not tested: {requirement.excluded}")
    elif not proving:
        yield from _indented("No check proves it yet.")
    if requirement.rulings:
        yield from _indented(f"Rests on {', '.join(requirement.rulings)}.")


def _ruling_lines(ruling: Ruling) -> Iterator[str]:
    yield f"{ruling.id}  {ruling.title}  {ruling.place}"
    yield from _indented(ruling.reading)
    yield from _indented(f"Why: {ruling.why}")


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, width=96, initial_indent="    ", subsequent_indent="    ")
