"""What the hosts do: the journal, all of it or the questions to the DNS alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import dns.exception
import dns.message
from starlette.requests import Request
from starlette.responses import Response

from reference_server.console.site import Site
from reference_server.journal import Direction, Event, Kind

__all__ = ["ActivityPages"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the world's DNS, and what it answered.

    Attributes:
        text: Question and answer in one line, as the journal has it.
        message: All of the answer, as a zone file would have it; ``""`` where there was none.
    """

    event: Event
    answered: Event | None
    text: str
    message: str


class ActivityPages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        kind = request.query_params.get("kind", "")
        kinds = (Kind(kind),) if kind in set(Kind) else ()
        context = {"events": self._site.recorder.events(*kinds), "kinds": list(Kind), "kind": kind}
        return self._site.page(request, "activity.html.j2", context)

    async def dns(self, request: Request) -> Response:
        """The latest question first."""
        events = self._site.recorder.events(Kind.DNS)
        questions = asked([event for event in reversed(events) if event.host == "dns"])
        return self._site.page(request, "dns.html.j2", {"questions": questions[::-1]})


def asked(events: Sequence[Event]) -> list[Question]:
    """What the server was asked, with the answer to each.

    Args:
        events: The server's own, in order of time.
    """
    questions: list[Question] = []
    for number, event in enumerate(events):
        if event.direction is Direction.RECEIVED:
            answer = next((each for each in events[number + 1 :] if _answers(each, event)), None)
            shown = answer or event
            questions.append(Question(event, answer, shown.text, _decoded(answer.octets) if answer else ""))
    return questions


def _answers(event: Event, question: Event) -> bool:
    """RFC 1035 §4.1.1: by the ID that both begin with."""
    same = event.peer == question.peer and event.octets[:2] == question.octets[:2]
    return event.direction is Direction.SENT and same


def _decoded(octets: bytes) -> str:
    try:
        return dns.message.from_wire(octets, ignore_trailing=True).to_text()
    except dns.exception.DNSException as exc:
        return f"no DNS message: {exc}"
