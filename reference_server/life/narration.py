"""From the journal's events to the steps of a life: what belongs together is one step, in words and octets."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import dns.exception
import dns.message

from harness.results import life
from harness.results.life import Moved, Stage, Standing, Step
from harness.wire.smtp.replies import ReplyReader
from reference_server.journal import Direction, Event, Kind
from reference_server.relay.model import Fate

__all__ = ["DNS_LANE", "lane_of", "microseconds", "narrate"]

# What the journal calls the DNS as a host.
DNS_LANE: Final = "dns"

# Ours: a dialogue that rests so long goes on as another step: a kept connection, a QUIT.
_REST_S: Final = 1.0

_CONNECTED: Final = "connected"
_QUIT: Final = "QUIT"
_EXCHANGER: Final = re.compile(r"(?P<name>[^\s,()]+) \(preference (?P<preference>\d+)\)")
_NO_ANSWER: Final = "no answer"

_STANDINGS: Final[Mapping[Fate, Standing]] = {
    Fate.DELIVERED: Standing.DONE,
    Fate.RELAYED: Standing.DONE,
    Fate.DEFERRED: Standing.WAITING,
    Fate.FAILED: Standing.FAILED,
}

# What a DNS answer begins with when it is none.
_DNS_STANDINGS: Final[Mapping[str, Standing]] = {
    "NXDOMAIN": Standing.FAILED,
    "SERVFAIL": Standing.WAITING,
    "REFUSED": Standing.WAITING,
    _NO_ANSWER: Standing.WAITING,
}


@dataclass(slots=True)
class _Draft:
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
class _Words:
    """What a step says."""

    title: str
    said: str
    peer: str = ""
    answered: str = ""
    standing: Standing = Standing.DONE
    facts: tuple[str, ...] = ()


def narrate(events: Iterable[Event], began: dt.datetime) -> list[Step]:
    """The steps that events make, in order of time, not numbered yet."""
    drafts: list[_Draft] = []
    for event in events:
        if event.host == DNS_LANE:
            continue  # the other end of what a host tells as well
        draft = next((d for d in reversed(drafts) if _belongs(event, d, drafts)), None)
        if draft is None:
            drafts.append(_Draft([event]))
        else:
            draft.events.append(event)
    steps = [_step(draft, began) for draft in drafts]
    return sorted(steps, key=lambda step: step.at_us)


def _belongs(event: Event, draft: _Draft, drafts: list[_Draft]) -> bool:
    """Whether an event goes on with what a draft began."""
    last = draft.last
    if (last.host, last.kind) != (event.host, event.kind):
        return False
    match event.kind:
        case Kind.DNS:
            return event.octets[:2] == draft.first.octets[:2]
        case Kind.SMTP | Kind.LMTP:
            return (
                last.peer == event.peer
                and event.text != _CONNECTED
                and event.queue_id in (draft.first.queue_id, "")
                and (event.at - last.at).total_seconds() < _REST_S
            )
        case Kind.ROUTE:
            since = drafts[drafts.index(draft) + 1 :]
            return all(other.first.host != event.host or other.first.kind is Kind.DNS for other in since)
        case Kind.MDA:
            mine = [other for other in drafts if other.first.host == event.host]
            return mine[-1] is draft
        case _:
            return False


def microseconds(at: dt.datetime, began: dt.datetime) -> int:
    """How long after the beginning, never before it."""
    return max(0, (at - began) // dt.timedelta(microseconds=1))


def lane_of(peer: str) -> str:
    """The host that a connection's peer is: ``mx.example.test (127.0.2.1:25)`` without its address."""
    return peer.partition(" (")[0]


def _step(draft: _Draft, began: dt.datetime) -> Step:
    words = _WORDS.get(draft.first.kind, _of_anything)(draft)
    # A choice is made when its last question is answered.
    first = draft.last if draft.first.kind is Kind.ROUTE else draft.first
    at_us = microseconds(first.at, began)
    return Step(
        number=0,
        stage=Stage(draft.first.kind.value),
        at_us=at_us,
        lasted_us=microseconds(draft.last.at, began) - at_us,
        actor=draft.first.host,
        peer=words.peer,
        title=words.title,
        said=words.said,
        answered=words.answered,
        standing=words.standing,
        facts=words.facts,
        moved=tuple(_moved(draft.events, began)),
    )


def _moved(events: Iterable[Event], began: dt.datetime) -> Iterable[Moved]:
    tls = False
    for event in events:
        wire = event.kind in {Kind.SMTP, Kind.LMTP}
        if not event.octets and not wire:
            continue
        note = event.direction is Direction.NOTE
        tls = tls or (wire and note and event.text.startswith("TLS"))
        # What was written to disk was sent there.
        direction = life.Direction.SENT if note and event.octets else life.Direction(event.direction.value)
        yield Moved(
            at_us=microseconds(event.at, began),
            direction=direction,
            octets=event.octets or event.text.encode(),
            text=_decoded(event.octets) if event.kind is Kind.DNS else "",
            tls=tls,
        )


def _decoded(octets: bytes) -> str:
    """A DNS message as a zone file would have it, sections that are empty left out."""
    try:
        lines = dns.message.from_wire(octets, ignore_trailing=True).to_text().split("\n")
    except dns.exception.DNSException as exc:
        return f"no DNS message: {exc}"
    following = [*lines[1:], ";"]
    return "\n".join(
        line
        for line, after in zip(lines, following, strict=True)
        if not (line.startswith(";") and after.startswith(";"))
    )


# Words, by kind


def _of_dns(draft: _Draft) -> _Words:
    questions, answers = draft.spoken(Direction.SENT), draft.spoken(Direction.RECEIVED)
    asked = (questions or answers)[0].text
    type_, _, name = asked.partition("?")[0].partition(":")[0].partition(" ")
    answer = answers[-1].text.partition(": ")[2] if answers else _NO_ANSWER
    again = (f"asked {len(questions)} times",) if len(questions) > 1 else ()
    return _Words(
        title=f"{draft.first.host} asks the DNS for the {type_} of {name}",
        said=asked,
        peer=DNS_LANE,
        answered=answer,
        standing=_DNS_STANDINGS.get(answer.partition(",")[0], Standing.DONE),
        facts=again,
    )


def _of_route(draft: _Draft) -> _Words:
    decision = draft.last.text
    chosen = [f"{found['preference']} {found['name']}" for found in _EXCHANGER.finditer(decision)]
    why = ["the lower preference is tried first (RFC 5321 §5.1)"] if len(chosen) > 1 else []
    return _Words(
        title=f"{draft.first.host} chooses where the message goes",
        said=", then ".join(chosen) or decision,
        standing=Standing.DONE if chosen else Standing.FAILED,
        facts=(*(event.text for event in draft.events), *why),
    )


def _of_dialogue(draft: _Draft) -> _Words:
    host, peer = draft.first.host, lane_of(draft.first.peer)
    # A group says all its verbs; content, only how long it is.
    verbs = [verb for e in draft.spoken(Direction.SENT) for verb in e.text.split() if verb.isupper()]
    said = ", ".join(dict.fromkeys(verb for verb in verbs if verb != _QUIT))
    code, answered = _decisive(b"".join(event.octets for event in draft.spoken(Direction.RECEIVED)))
    if not answered:
        problem = draft.last.text
        return _Words(
            f"{host} cannot reach {peer}",
            said or "connect",
            peer,
            problem,
            Standing.FAILED,
            (draft.first.peer,),
        )
    if not said:
        return _Words(f"{host} ends its session with {peer}", _QUIT, peer, answered)
    title, standing = {
        4: (f"{peer} puts {host} off", Standing.WAITING),
        5: (f"{peer} refuses what {host} brings", Standing.FAILED),
    }.get(code, (f"{host} hands the message to {peer}", Standing.DONE))
    return _Words(title, said, peer, answered, standing, (draft.first.peer,))


def _decisive(received: bytes) -> tuple[int, str]:
    """The reply that settled it, its first digit and its text: the first refusal, else the last before a goodbye."""
    replies = ReplyReader().feed(received)
    if not replies:
        return 0, ""
    refusals = [reply for reply in replies if reply.klass in {4, 5}]
    said = [reply for reply in replies if reply.code != 221] or replies
    settled = refusals[0] if refusals else said[-1]
    return settled.klass, f"{settled.code} {settled.text}"


def _of_queue(draft: _Draft) -> _Words:
    event = draft.first
    standing = _STANDINGS[event.fate] if event.fate else Standing.DONE
    return _Words(
        f"{event.host}: {event.text}", _short(event.text), standing=standing, facts=_queued_as(event)
    )


def _queued_as(event: Event) -> tuple[str, ...]:
    return (f"queue id {event.queue_id}",) if event.queue_id else ()


def _short(text: str) -> str:
    """Of ``wqp@example.test: deferred until ... (4.4.1)`` what comes behind the address."""
    return text.rpartition(": ")[2]


def _of_mda(draft: _Draft) -> _Words:
    texts = tuple(event.text for event in draft.events)
    return _Words(f"{draft.first.host} decides who gets the message", texts[-1], facts=texts)


def _of_mailbox(draft: _Draft) -> _Words:
    event = draft.first
    if event.place is None:
        return _of_anything(draft)
    place = event.place
    uid = f", UID {place.uid}" if place.uid else ""
    return _Words(f"The message is in {place.mailbox} of {place.address}", f"{place.mailbox}{uid}")


def _of_anything(draft: _Draft) -> _Words:
    return _Words(f"{draft.first.host}: {draft.first.text}", draft.first.text, facts=_queued_as(draft.first))


_Teller: TypeAlias = Callable[[_Draft], _Words]
_WORDS: Final[Mapping[Kind, _Teller]] = {
    Kind.DNS: _of_dns,
    Kind.ROUTE: _of_route,
    Kind.SMTP: _of_dialogue,
    Kind.LMTP: _of_dialogue,
    Kind.QUEUE: _of_queue,
    Kind.MDA: _of_mda,
    Kind.MAILBOX: _of_mailbox,
}
