"""The stages of a filter chain in words: what each was asked, and what it said."""

from collections.abc import Mapping, Sequence
from typing import Final

from harness.results.life import Standing
from reference_server.filters.milter import wire as milter
from reference_server.journal import Direction, Event, Kind
from reference_server.life.drafts import Draft, Words
from reference_server.world.filters import StageKind

__all__ = ["FILTERS_LANE", "is_stage", "of_filters", "of_milter"]

# All the filters of a world: one lane, however many stages there are.
FILTERS_LANE: Final = "filters"

# What a stage of the filters says that does not let the message pass.
_VERDICTS: Final[Mapping[str, Standing]] = {
    "reject": Standing.FAILED,
    "discard": Standing.FAILED,
    "quarantine": Standing.WAITING,
    "try-later": Standing.WAITING,
}


def of_filters(draft: Draft) -> Words:
    """A stage that was asked and answered, or what is said of all of them."""
    host, asked, answered = draft.first.host, draft.first, draft.last
    if asked is answered:
        return Words(f"{host} shows the message to its filters", asked.text, facts=_about(asked))
    verdict = answered.text.partition(":")[0]
    return Words(
        f"{host} shows the message to {asked.peer}",
        asked.text,
        FILTERS_LANE,
        answered.text,
        _VERDICTS.get(verdict, Standing.DONE),
        answered.facts,
    )


def _about(event: Event) -> tuple[str, ...]:
    return (f"stage {event.peer}",) if event.peer else ()


def of_milter(events: Sequence[Event], event: Event) -> str:
    """What the answers of a milter say; its octets are not text."""
    asked = events[0].text.startswith(StageKind.MILTER) and event.direction is Direction.RECEIVED
    return milter.decoded(event.octets) if event.kind is Kind.FILTER and asked else ""


def is_stage(name: str) -> bool:
    """Whether a peer is an after-queue filter: its name has one label, and that of a host more (RFC 5321 §2.3.5)."""
    return bool(name) and not any(letter in name for letter in ".[")
