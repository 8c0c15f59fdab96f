"""The phases of a run, from a profile: its warm-up, its course over time, its parts."""

from collections.abc import Mapping
from typing import Final

from loadtests.plan import Phase, Segment, Settings

__all__ = ["planned_phases"]

_ALL: Final = "all"
_WHOLE: Final[Mapping[str, float]] = {"": 100.0}


def planned_phases(
    settings: Settings, rate_per_s: float, duration_s: float, percents: Mapping[str, float] = _WHOLE
) -> tuple[Phase, ...]:
    """What is asked of the target one after the other, at shares of a rate.

    Args:
        rate_per_s: What the course of the profile is multiples of.
        duration_s: Of each share; its parts take equal times of it.
        percents: Label -> percentage of the rate.
    """
    phases = [
        Phase(label=_label(label, number, settings.parts), segments=_course(settings, rate, duration_s))
        for label, rate in ((label, rate_per_s * percent / 100) for label, percent in percents.items())
        for number in range(settings.parts)
    ]
    if settings.warm_up_s:
        first = phases[0].segments[0].from_per_s
        warm_up = Segment(from_per_s=first, to_per_s=first, duration_s=settings.warm_up_s, counted=False)
        phases[0] = Phase(label=phases[0].label, segments=(warm_up, *phases[0].segments))
    return tuple(phases)


def _course(settings: Settings, rate_per_s: float, duration_s: float) -> tuple[Segment, ...]:
    """One part."""
    whole = sum(stretch for _first, _last, stretch in settings.course) * settings.parts
    return tuple(
        Segment(
            from_per_s=rate_per_s * first,
            to_per_s=rate_per_s * last,
            duration_s=duration_s * stretch / whole,
        )
        for first, last, stretch in settings.course
    )


def _label(share: str, number: int, parts: int) -> str:
    part = f"part {number + 1} of {parts}" if parts > 1 else ""
    return ", ".join(filter(None, (share, part))) or _ALL
