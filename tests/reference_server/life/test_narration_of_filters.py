"""The stages of a filter chain as steps: what was asked, what was said, how long it took, what was changed."""

import datetime as dt
import struct

import pytest

from harness.results.life import Stage, Standing, Step
from reference_server.journal import Direction, Event, Kind
from reference_server.life.filter_words import FILTERS_LANE
from reference_server.life.narration import narrate

BEGAN = dt.datetime(2026, 11, 24, 16, 0, tzinfo=dt.UTC)
HERE = "mail.example.test"


def asked(at_ms: float, stage: str, text: str) -> Event:
    at = BEGAN + dt.timedelta(milliseconds=at_ms)
    return Event(at, HERE, Kind.FILTER, text, stage, Direction.SENT)


def said(at_ms: float, stage: str, text: str, *facts: str, octets: bytes = b"") -> Event:
    at = BEGAN + dt.timedelta(milliseconds=at_ms)
    return Event(at, HERE, Kind.FILTER, text, stage, Direction.RECEIVED, octets, facts=facts)


def steps_of(*events: Event) -> list[Step]:
    return narrate(events, BEGAN, {})


def test_each_stage_is_a_step_with_its_question_and_its_answer() -> None:
    clamd, spamd = steps_of(
        asked(1, "clamd", "clamd at 127.0.0.1:3310"),
        said(9, "clamd", "accept: clean", "nothing is changed", octets=b"stream: OK"),
        asked(10, "spam", "spamd at 127.0.0.1:783"),
        said(40, "spam", "tag: spam, 9 of 5", "added X-Spam-Flag: YES"),
    )

    assert clamd.title == f"{HERE} shows the message to clamd"
    assert (clamd.stage, clamd.actor, clamd.peer) == (Stage.FILTER, HERE, FILTERS_LANE)
    assert (clamd.said, clamd.answered, clamd.lasted_us) == ("clamd at 127.0.0.1:3310", "accept: clean", 8000)
    assert [moved.octets for moved in clamd.moved] == [b"stream: OK"]
    assert (spamd.answered, spamd.facts) == ("tag: spam, 9 of 5", ("added X-Spam-Flag: YES",))


@pytest.mark.parametrize(
    ("verdict", "standing"),
    [
        ("accept", Standing.DONE),
        ("tag", Standing.DONE),
        ("rewrite", Standing.DONE),
        ("reject", Standing.FAILED),
        ("discard", Standing.FAILED),
        ("quarantine", Standing.WAITING),
        ("try-later", Standing.WAITING),
    ],
)
def test_a_step_stands_as_its_verdict_is(verdict: str, standing: Standing) -> None:
    (step,) = steps_of(asked(1, "a", "clamd"), said(2, "a", f"{verdict}: why"))
    assert step.standing is standing


def test_the_answers_of_a_milter_are_in_words() -> None:
    octets = struct.pack("!I", 1) + b"c"
    (step,) = steps_of(
        asked(1, "dkim", "milter at 127.0.0.1:8891"), said(2, "dkim", "accept: x", octets=octets)
    )
    assert [moved.text for moved in step.moved] == ["CONTINUE"]


def test_an_after_queue_filter_is_no_host() -> None:
    at = BEGAN + dt.timedelta(milliseconds=1)
    peer = "amavis (127.0.0.1:10024)"
    (step,) = narrate(
        [
            Event(at, HERE, Kind.SMTP, "connected", peer),
            Event(at, HERE, Kind.SMTP, "reply 220", peer, Direction.RECEIVED, b"220 x\r\n"),
            Event(at, HERE, Kind.SMTP, "MAIL RCPT DATA", peer, Direction.SENT, b"MAIL\r\n"),
            Event(at, HERE, Kind.SMTP, "reply 250", peer, Direction.RECEIVED, b"250 taken\r\n"),
        ],
        BEGAN,
        {"127.0.0.1": HERE},
    )
    assert step.title == f"{HERE} hands the message to its filter amavis"
    assert step.peer == FILTERS_LANE


def test_what_is_held_waits() -> None:
    text = "held in quarantine by clamd: Eicar"
    (step,) = steps_of(Event(BEGAN, HERE, Kind.QUEUE, text, octets=b"x", queue_id="ABC"))
    assert (step.title, step.said, step.standing) == (f"{HERE} holds the message", text, Standing.WAITING)
