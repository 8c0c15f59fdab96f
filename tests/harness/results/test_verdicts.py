"""Seen and level decide the verdict; the gravest one speaks for a requirement."""

from itertools import permutations, product

import pytest

from harness.results import Seen, Verdict, verdict, worst
from harness.spec import Level


@pytest.mark.parametrize(
    ("seen", "level", "expected"),
    [
        (Seen.KEPT, Level.MUST, Verdict.CONFORMS),
        (Seen.KEPT, Level.SHOULD_NOT, Verdict.CONFORMS),
        (Seen.KEPT, Level.MAY, Verdict.OFFERS),
        (Seen.BROKEN, Level.MUST, Verdict.VIOLATES),
        (Seen.BROKEN, Level.MUST_NOT, Verdict.VIOLATES),
        (Seen.BROKEN, Level.SHOULD, Verdict.DECLINES),
        (Seen.BROKEN, Level.SHOULD_NOT, Verdict.DECLINES),
        (Seen.BROKEN, Level.MAY, Verdict.ERROR),
        (Seen.UNCLEAR, Level.MUST, Verdict.INCONCLUSIVE),
        (Seen.NOT_OFFERED, Level.MUST, Verdict.NOT_TESTED),
        (Seen.NOT_OFFERED, Level.MAY, Verdict.NOT_OFFERED),
        (Seen.FAILED, Level.MUST, Verdict.ERROR),
    ],
)
def test_the_level_weighs_what_was_seen(seen: Seen, level: Level, expected: Verdict) -> None:
    assert verdict(seen, level) is expected


def test_every_pair_is_decided_but_a_broken_statement_without_weight() -> None:
    undecided = {pair for pair in product(Seen, Level) if _decided(*pair) is None}

    assert undecided == {(Seen.BROKEN, Level.IMPLIED)}


def _decided(seen: Seen, level: Level) -> Verdict | None:
    try:
        return verdict(seen, level)
    except KeyError:
        return None


def test_a_violation_outweighs_everything_in_any_order() -> None:
    for order in permutations([Verdict.CONFORMS, Verdict.VIOLATES, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED]):
        assert worst(order) is Verdict.VIOLATES


def test_no_check_means_not_tested() -> None:
    assert worst([]) is Verdict.NOT_TESTED
