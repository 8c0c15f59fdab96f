"""Whether a step's rate is carried: by how many sessions go on, from one quarter of it to the next."""

import pytest

from loadtests.control.findings import PhaseRecord
from loadtests.control.phases import RunningPhase
from loadtests.plan import Phase, Segment

STEP_S = 8.0


def seen(backlogs: list[int]) -> tuple[int | None, int | None]:
    """What a record keeps of backlogs that are seen at even times from a step's begin to its end."""
    phase = Phase(label="a", segments=(Segment(from_per_s=100, to_per_s=100, duration_s=STEP_S),))
    record = PhaseRecord(RunningPhase(0, phase, [0], began_s=50.0))
    for number, backlog in enumerate(backlogs):
        record.see_backlog(50.0 + STEP_S * number / (len(backlogs) - 1), backlog)
    return record.backlogs


@pytest.mark.parametrize(
    ("backlogs", "kept"),
    [
        ([0, 5, 5, 5, 5, 5, 5, 5, 5], (5, 5)),
        ([0, 5, 5, 5, 5, 5, 5, 5, 300], (5, 5)),  # everything stood still at the end
        ([0, 5, 5, 5, 300, 5, 5, 5, 5], (5, 5)),
        ([0, 10, 20, 30, 40, 50, 60, 70, 80], (40, 60)),
        ([300, 200, 100, 50, 20, 5, 5, 5, 5], (5, 5)),
    ],
)
def test_what_stays_counts_and_not_what_passes(backlogs: list[int], kept: tuple[int, int]) -> None:
    assert seen(backlogs) == kept


def test_of_the_first_half_nothing_is_kept() -> None:
    phase = Phase(label="a", segments=(Segment(from_per_s=100, to_per_s=100, duration_s=STEP_S),))
    record = PhaseRecord(RunningPhase(0, phase, [0], began_s=0.0))

    record.see_backlog(STEP_S * 0.49, 7)

    assert record.backlogs == (None, None)
