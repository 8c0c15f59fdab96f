"""`--only`: any prefix of a requirement, an area, or a check."""

from collections.abc import Callable, Sequence

from harness.errors import UsageError
from harness.spec import load_register
from suites.covers import Check
from suites.gates import GATES

__all__ = ["areas_of", "selector"]


def areas_of(words: Sequence[str]) -> list[str]:
    """The areas that the words name; empty, for all, where a word is a requirement's."""
    asked = [word for text in words for word in text.split(",") if word]
    named = [word.partition(".")[0] for word in asked]
    return list(dict.fromkeys(named)) if all(area in GATES for area in named) else []


def selector(words: Sequence[str], *, intrusive: bool) -> Callable[[Check], bool]:
    """Keeps the checks that any of the words names; without words, all. Words may be joined by commas.

    Raises:
        UsageError: A word names nothing; the nearest names are said.
    """
    register = load_register()
    asked = [word for text in words for word in text.split(",") if word]
    requirements: set[str] = set()
    for word in asked:
        found = (
            {requirement.id for requirement in register.select(word)}
            if word.upper().startswith("RFC")
            else set()
        )
        requirements |= found
        if word.upper().startswith("RFC") and not found:
            near = register.nearest(word)
            raise UsageError(f"--only {word}: no requirement begins so; near: {', '.join(near) or 'none'}")
        if not word.upper().startswith("RFC") and word.partition(".")[0] not in GATES:
            raise UsageError(
                f"--only {word}: no such area; there are {', '.join(GATES)}, and requirements RFC…"
            )
    prefixes = tuple(word for word in asked if not word.upper().startswith("RFC"))

    def select(check: Check) -> bool:
        if check.intrusive and not intrusive:
            return False
        named = check.id.startswith(prefixes) or not requirements.isdisjoint(check.requirements)
        return named if asked else True

    return select
