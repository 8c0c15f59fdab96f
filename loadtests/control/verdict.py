"""The verdict of a run, from its limits, its mail and its generator.

Lost, duplicated, damaged and misdelivered mail stays what it is, whoever was too slow. A generator that was the limit
says nothing of the target's speed, so that comes before the other limits. What was not measured is never kept.
"""

from collections.abc import Sequence
from typing import Final, Literal

from harness.results.load import Judged

__all__ = ["EXIT_CODES", "Verdict", "breaks_mail", "limits_of_mail", "verdict_of"]

Verdict = Literal["kept", "broken", "generator saturated", "unfinished"]

EXIT_CODES: Final[dict[Verdict, int]] = {"kept": 0, "broken": 1, "generator saturated": 3, "unfinished": 3}

# What no mail system may do; a limit of the user's own takes the place of the one about the same thing.
_MAIL: Final = ("lost", "duplicated", "corrupted", "misdelivered")


def limits_of_mail(limits: Sequence[str]) -> list[str]:
    """The limits that hold although nobody wrote them."""
    said = {word for limit in limits for word in limit.split()[:1]}
    return [f"{what} = 0" for what in _MAIL if what not in said]


def breaks_mail(one: Judged) -> bool:
    return one.kept is False and one.rule.split()[:1][0] in _MAIL


def verdict_of(judged: Sequence[Judged], *, saturated: bool, unfinished: bool) -> Verdict:
    """
    Args:
        judged: Every limit, in the whole run and in its rounds.
        unfinished: Something keeps the run from being whole.
    """
    if any(breaks_mail(one) for one in judged):
        return "broken"
    if saturated:
        return "generator saturated"
    if any(one.kept is False for one in judged):
        return "broken"
    if unfinished or any(one.kept is None for one in judged):
        return "unfinished"
    return "kept"
