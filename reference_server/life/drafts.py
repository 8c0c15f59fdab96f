"""What narration works on: events that will be one step, and the words that the step will have."""

from dataclasses import dataclass, field

from harness.results.life import Standing
from reference_server.journal import Direction, Event

__all__ = ["Draft", "Words"]


@dataclass(slots=True)
class Draft:
    """Events that will be one step."""

    events: list[Event] = field(default_factory=list)

    @property
    def first(self) -> Event:
        return self.events[0]

    @property
    def last(self) -> Event:
        return self.events[-1]

    def spoken(self, direction: Direction) -> list[Event]:
        return [event for event in self.events if event.direction is direction]


@dataclass(frozen=True, slots=True)
class Words:
    """What a step says."""

    title: str
    said: str
    peer: str = ""
    answered: str = ""
    standing: Standing = Standing.DONE
    facts: tuple[str, ...] = ()
