"""The words of a report: what each standing is called and what it means."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from harness.results.model import Verdict
from reports.overview import Disposition

__all__ = ["COLUMNS", "STATES", "Words"]


class Words(NamedTuple):
    """A standing's name, in the place of a verb and for a column, and what it means in a sentence."""

    name: str
    meaning: str


# In the order in which a reader should meet them.
STATES: Final[Mapping[str, Words]] = {
    Verdict.VIOLATES.value: Words("violates", "A MUST or MUST NOT is broken."),
    Verdict.DECLINES.value: Words("declines", "A SHOULD or SHOULD NOT is not followed."),
    Verdict.ERROR.value: Words("error", "The check itself failed. It says nothing about the target."),
    Verdict.INCONCLUSIVE.value: Words(
        "inconclusive",
        "What was seen proves nothing: a policy, a limit, a timeout. Neither a pass nor a failure.",
    ),
    Verdict.CONFORMS.value: Words("conforms", "Kept wherever a check looked."),
    Verdict.OFFERS.value: Words("offers", "A MAY, and the target offers it."),
    Verdict.NOT_OFFERED.value: Words("not offered", "A MAY, and the target does not offer it."),
    Verdict.NOT_TESTED.value: Words(
        "not tested", "Its check needs what the target does not offer or was not configured with."
    ),
    Disposition.UNTESTED.value: Words("untested", "No check of this run covers it."),
    Disposition.EXCLUDED.value: Words("excluded", "No check can show it from outside; the reason is given."),
}

# What a table by area has room for: which states a column counts together.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "violates": (Verdict.VIOLATES.value,),
    "declines": (Verdict.DECLINES.value,),
    "undecided": (Verdict.ERROR.value, Verdict.INCONCLUSIVE.value),
    "kept": (Verdict.CONFORMS.value, Verdict.OFFERS.value),
    "absent": (Verdict.NOT_OFFERED.value, Verdict.NOT_TESTED.value),
    "untested": (Disposition.UNTESTED.value,),
    "excluded": (Disposition.EXCLUDED.value,),
}
