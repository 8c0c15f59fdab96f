"""From the journal's events to the steps of a life: what belongs together is one step, in words and octets."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Final, TypeAlias

import dns.exception
import dns.message

from harness.errors import RemoteProtocolError
from harness.results import life
from harness.results.life import Moved, Stage, Standing, Step
from harness.wire.smtp.replies import Reply, ReplyReader
from reference_server.journal import Direction, Event, Kind
from reference_server.life.drafts import Draft, Words
from reference_server.life.filter_words import FILTERS_LANE, is_stage, of_filters, of_milter
from reference_server.relay.model import Fate

__all__ = ["DNS_LANE", "microseconds", "narrate"]

_DIALOGUES: Final = frozenset({Kind.SMTP, Kind.LMTP})

# What the journal calls the DNS as a host.
DNS_LANE: Final = "dns"

# Ours: a connection that rests so long before its QUIT was kept, and the dialogue was over before.
_REST_S: Final = 1.0
# Ours: longer than any resolver waits for one answer.
_PATIENCE_S: Final = 30.0
# Ours: a look into what is known takes no longer.
_ONE_LOOK_S: Final = 1.0

_CONNECTED: Final = "connected"
_QUIT: Final = "QUIT"
_EXCHANGER: Final = re.compile(r"(?P<name>[^\s,()]+) \(preference (?P<preference>\d+)\)")
_NO_ANSWER: Final = "no answer"
_NO_DATA: Final = "no data"
_ADDRESS_TYPES: Final = frozenset({"A", "AAAA"})

_FATES: Final[Mapping[Fate, tuple[str, Standing]]] = {
    Fate.DELIVERED: ("is done with the message", Standing.DONE),
    Fate.RELAYED: ("is done with the message", Standing.DONE),
    Fate.EXPANDED: ("is done with the message", Standing.DONE),
    Fate.DEFERRED: ("puts the message off", Standing.WAITING),
    Fate.FAILED: ("gives the message up", Standing.FAILED),
}

# What a DNS answer begins with when it is none.
_DNS_STANDINGS: Final[Mapping[str, Standing]] = {
    "NXDOMAIN": Standing.FAILED,
    "SERVFAIL": Standing.WAITING,
    "REFUSED": Standing.WAITING,
    _NO_ANSWER: Standing.WAITING,
}


def narrate(events: Iterable[Event], began: dt.datetime, hosts: Mapping[str, str]) -> list[Step]:
    """The steps that events make, in order of time, not numbered yet.

    Args:
        hosts: The name of the host at each address: a peer is called what it is, not what the DNS called it.
    """
    drafts: list[Draft] = []
    for event in events:
        if event.host == DNS_LANE:
            continue  # the other end of what a host tells as well
        draft = next((d for d in reversed(drafts) if _belongs(event, d, drafts)), None)
        if draft is None:
            drafts.append(Draft([event]))
        else:
            draft.events.append(event)
    steps = [_step(draft, began, hosts) for draft in drafts]
    return sorted(steps, key=lambda step: step.at_us)


def _belongs(event: Event, draft: Draft, drafts: list[Draft]) -> bool:
    """Whether an event goes on with what a draft began."""
    last = draft.last
    if (last.host, last.kind) != (event.host, event.kind):
        return False
    match event.kind:
        case Kind.DNS:
            return _asks_the_same(event, draft)
        case Kind.SMTP | Kind.LMTP:
            return (
                last.peer == event.peer
                and event.text != _CONNECTED
                and event.queue_id in (draft.first.queue_id, "")
            )
        case Kind.FILTER:
            question = last.direction is Direction.SENT and event.direction is Direction.RECEIVED
            return question and last.peer == event.peer
        case Kind.ROUTE:
            since = drafts[drafts.index(draft) + 1 :]
            return all(other.first.host != event.host or other.first.kind is Kind.DNS for other in since)
        case Kind.MDA:
            mine = [other for other in drafts if other.first.host == event.host]
            return mine[-1] is draft
        case _:
            return False


def _asks_the_same(event: Event, draft: Draft) -> bool:
    """An answer, the question again, or a question for the other kind of address of the same name.

    What is known already is no question: all of one look is one step.
    """
    passed_s = (event.at - draft.last.at).total_seconds()
    if Direction.NOTE in (event.direction, draft.last.direction):
        return event.direction is draft.last.direction and passed_s < _ONE_LOOK_S
    if passed_s >= _PATIENCE_S:
        return False
    if event.octets[:2] == draft.last.octets[:2]:
        return True
    type_, name = _question(event.text)
    asked = {_question(before.text)[0] for before in draft.events}
    return name == _question(draft.first.text)[1] and type_ not in asked and asked | {type_} == _ADDRESS_TYPES


def _question(text: str) -> tuple[str, str]:
    """Type and name of ``A mx.example.test.?`` and of ``A mx.example.test.: 192.0.2.1``."""
    type_, _, name = text.partition("?")[0].partition(": ")[0].partition(" ")
    return type_, name


def microseconds(at: dt.datetime, began: dt.datetime) -> int:
    """How long after the beginning, never before it."""
    return max(0, (at - began) // dt.timedelta(microseconds=1))


def _peer(shown: str, hosts: Mapping[str, str]) -> str:
    """The host that ``a.example.test (127.0.2.1:25)`` means; its name in the DNS where the address is nobody's."""
    name, _, place = shown.partition(" (")
    return name if is_stage(name) else hosts.get(place.rpartition(":")[0], name)


def _step(draft: Draft, began: dt.datetime, hosts: Mapping[str, str]) -> Step:
    if draft.first.kind in _DIALOGUES:
        words = _of_dialogue(draft, _peer(draft.first.peer, hosts))
    else:
        words = _WORDS.get(draft.first.kind, _of_anything)(draft)
    # A choice is made when its last question is answered.
    first = draft.last if draft.first.kind is Kind.ROUTE else draft.first
    at_us = microseconds(first.at, began)
    return Step(
        number=0,
        stage=Stage(draft.first.kind.value),
        at_us=at_us,
        lasted_us=microseconds(_ended(draft), began) - at_us,
        actor=draft.first.host,
        peer=words.peer,
        title=words.title,
        said=words.said,
        answered=words.answered,
        standing=words.standing,
        facts=words.facts,
        moved=tuple(_moved(draft.events, began)),
    )


def _ended(draft: Draft) -> dt.datetime:
    """When the last thing happened, the end of a kept connection left out."""
    for before, event in pairwise(draft.events):
        if event.text == _QUIT and (event.at - before.at).total_seconds() >= _REST_S:
            return before.at
    return draft.last.at


def _moved(events: Sequence[Event], began: dt.datetime) -> Iterable[Moved]:
    tls = False
    for event in events:
        wire = event.kind in _DIALOGUES
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
            text=_decoded(event.octets) if event.kind is Kind.DNS else of_milter(events, event),
            tls=tls,
        )


def _decoded(octets: bytes) -> str:
    """A DNS message as a zone file would have it: its header in one line, sections that are empty left out."""
    try:
        lines = dns.message.from_wire(octets, ignore_trailing=True).to_text().split("\n")
    except dns.exception.DNSException as exc:
        return f"no DNS message: {exc}"
    sections = next((place for place, line in enumerate(lines) if line.startswith(";")), len(lines))
    header, rest = lines[:sections], lines[sections:]
    filled = [
        line
        for line, after in zip(rest, [*rest[1:], ";"], strict=True)
        if not (_heads(line) and _heads(after))
    ]
    return "\n".join([", ".join(header), *filled])


def _heads(line: str) -> bool:
    """Whether a line is the head of a section."""
    return line.startswith(";")


# Words, by kind


def _of_dns(draft: Draft) -> Words:
    if draft.first.direction is Direction.NOTE:
        known = [event.text for event in draft.events]
        return Words(
            title=f"{draft.first.host} need not ask the DNS again", said=known[0], facts=(*known[1:],)
        )
    asked = [_question(event.text) for event in draft.events if event.direction is Direction.SENT]
    name = _question(draft.first.text)[1]
    types = list(dict.fromkeys(type_ for type_, _ in asked))
    answers = {
        _question(event.text)[0]: event.text.partition(": ")[2] for event in draft.spoken(Direction.RECEIVED)
    }
    told = [answers.get(type_, _NO_ANSWER) for type_ in types]
    # Of the two kinds of address one is enough.
    found = [answer for answer in told if answer != _NO_DATA] or told[:1]
    standings = [_DNS_STANDINGS.get(answer.partition(",")[0], Standing.DONE) for answer in found]
    return Words(
        title=f"{draft.first.host} asks the DNS for the {' and '.join(types)} of {name}",
        said=f"{', '.join(types)} {name}?",
        peer=DNS_LANE,
        answered=", ".join(dict.fromkeys(found)),
        standing=Standing.DONE if Standing.DONE in standings else standings[0],
        facts=(f"asked {len(asked)} times",) if len(asked) > len(types) else (),
    )


def _of_route(draft: Draft) -> Words:
    decision = draft.last.text
    chosen = [f"{found['preference']} {found['name']}" for found in _EXCHANGER.finditer(decision)]
    why = ["the lower preference is tried first (RFC 5321 §5.1)"] if len(chosen) > 1 else []
    return Words(
        title=f"{draft.first.host} chooses where the message goes",
        said=", then ".join(chosen) or decision,
        standing=Standing.DONE if chosen else Standing.FAILED,
        facts=(*(event.text for event in draft.events), *why),
    )


def _of_dialogue(draft: Draft, peer: str) -> Words:
    words = _of_talk(draft, f"its filter {peer}" if is_stage(peer) else peer)
    return replace(words, peer=FILTERS_LANE) if is_stage(peer) else words


def _of_talk(draft: Draft, peer: str) -> Words:
    host = draft.first.host
    # A group says all its verbs; content, only how long it is.
    verbs = [verb for e in draft.spoken(Direction.SENT) for verb in e.text.split() if verb.isupper()]
    said = ", ".join(dict.fromkeys(verb for verb in verbs if verb != _QUIT))
    code, answered = _decisive(_replies(draft.spoken(Direction.RECEIVED)))
    if not answered:
        problem = draft.last.text
        return Words(
            f"{host} cannot reach {peer}",
            said or "connect",
            peer,
            problem,
            Standing.FAILED,
            (draft.first.peer,),
        )
    if not said:
        return Words(f"{host} ends its session with {peer}", _QUIT, peer, answered)
    title, standing = {
        4: (f"{peer} puts {host} off", Standing.WAITING),
        5: (f"{peer} refuses what {host} brings", Standing.FAILED),
    }.get(code, (f"{host} hands the message to {_taker(host, peer)}", Standing.DONE))
    return Words(title, said, peer, answered, standing, (draft.first.peer,))


def _taker(host: str, peer: str) -> str:
    return "its own mailbox agent" if peer == host else peer


def _replies(received: Iterable[Event]) -> list[Reply]:
    """Those that can be read."""
    reader, replies = ReplyReader(), list[Reply]()
    with suppress(RemoteProtocolError):
        for event in received:
            replies += reader.feed(event.octets)
    return replies


def _decisive(replies: list[Reply]) -> tuple[int, str]:
    """The reply that settled it, its first digit and its text: the first refusal, else the last before a goodbye."""
    if not replies:
        return 0, ""
    refusals = [reply for reply in replies if reply.klass in {4, 5}]
    said = [reply for reply in replies if reply.code != 221] or replies
    settled = refusals[0] if refusals else said[-1]
    return settled.klass, f"{settled.code} {settled.text}"


def _of_queue(draft: Draft) -> Words:
    event = draft.first
    if event.fate is None and event.text.startswith("held"):
        return Words(
            f"{event.host} holds the message", event.text, facts=_queued_as(event), standing=Standing.WAITING
        )
    if event.fate is None:
        deed = "takes the message into its queue" if event.octets else "looks into its queue"
        return Words(f"{event.host} {deed}", event.text, facts=_queued_as(event))
    title, standing = _FATES[event.fate]
    return Words(
        f"{event.host} {title}",
        event.text.rpartition(": ")[2],  # behind the address that it is about
        standing=standing,
        facts=(event.text, *_queued_as(event)),
    )


def _queued_as(event: Event) -> tuple[str, ...]:
    return (f"queue id {event.queue_id}",) if event.queue_id else ()


def _of_report(draft: Draft) -> Words:
    return Words(f"{draft.first.host} writes to the sender", draft.first.text, facts=_queued_as(draft.first))


def _of_mda(draft: Draft) -> Words:
    texts = tuple(event.text for event in draft.events)
    return Words(f"{draft.first.host} decides who gets the message", texts[-1], facts=texts)


def _of_mailbox(draft: Draft) -> Words:
    event = draft.first
    if event.place is None:
        return _of_anything(draft)
    place = event.place
    uid = f", UID {place.uid}" if place.uid else ""
    return Words(
        f"The message is in {place.mailbox} of {place.address}", f"{place.mailbox}{uid}", facts=(event.text,)
    )


def _of_anything(draft: Draft) -> Words:
    return Words(f"{draft.first.host}: {draft.first.text}", draft.first.text, facts=_queued_as(draft.first))


_Teller: TypeAlias = Callable[[Draft], Words]
_WORDS: Final[Mapping[Kind, _Teller]] = {
    Kind.DNS: _of_dns,
    Kind.ROUTE: _of_route,
    Kind.QUEUE: _of_queue,
    Kind.FILTER: of_filters,
    Kind.DSN: _of_report,
    Kind.MDA: _of_mda,
    Kind.MAILBOX: _of_mailbox,
}
