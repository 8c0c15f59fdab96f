"""From the journal's events to steps: what belongs together is one, and words say what the octets show."""

import datetime as dt

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.results.life import Direction as Moves
from harness.results.life import Stage, Standing, Step
from reference_server.dns.words import describe
from reference_server.journal import Direction, Event, Kind, Place
from reference_server.life.narration import narrate
from reference_server.relay.model import Fate

BEGAN = dt.datetime(2026, 11, 24, 16, 0, tzinfo=dt.UTC)
HERE, THERE = "mail.example.test", "mx.example.org"
PEER = f"{THERE} (192.0.2.7:25)"


def event(at_ms: float, kind: Kind, text: str, *, host: str = HERE, **more: object) -> Event:
    at = BEGAN + dt.timedelta(milliseconds=at_ms)
    return Event(at, host, kind, text, **more)


def sent(at_ms: float, text: str, octets: bytes, **more: object) -> Event:
    fields: dict[str, object] = {"peer": PEER, "direction": Direction.SENT, "octets": octets, **more}
    return event(at_ms, Kind.SMTP, text, **fields)


def heard(at_ms: float, octets: bytes, **more: object) -> Event:
    fields: dict[str, object] = {"peer": PEER, "direction": Direction.RECEIVED, "octets": octets, **more}
    return event(at_ms, Kind.SMTP, f"reply {octets[:3].decode()}", **fields)


def connected(at_ms: float) -> Event:
    return event(at_ms, Kind.SMTP, "connected", peer=PEER)


def steps_of(*events: Event) -> list[Step]:
    return narrate(events, BEGAN, {"192.0.2.7": THERE})


def question(at_ms: float, type_: str, name: str, id_: int) -> Event:
    octets = dns.message.make_query(name, type_, id=id_).to_wire()
    return event(
        at_ms, Kind.DNS, describe(octets), direction=Direction.SENT, octets=octets, peer="192.0.2.53"
    )


def answer(at_ms: float, type_: str, name: str, id_: int, *values: str, rcode: str = "NOERROR") -> Event:
    octets = dns.message.from_text(
        f"id {id_}\nopcode QUERY\nrcode {rcode}\nflags QR AA\n;QUESTION\n{name} IN {type_}\n;ANSWER\n"
        + "".join(f"{name} 60 IN {type_} {value}\n" for value in values)
    ).to_wire()
    return event(
        at_ms, Kind.DNS, describe(octets), direction=Direction.RECEIVED, octets=octets, peer="192.0.2.53"
    )


DIALOGUE = (
    connected(0),
    heard(1, b"220 mx.example.org ESMTP\r\n"),
    sent(2, "EHLO", b"EHLO mail.example.test\r\n"),
    heard(3, b"250-mx.example.org\r\n250 PIPELINING\r\n"),
    sent(4, "MAIL RCPT DATA", b"MAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
    heard(5, b"250 2.1.0 Ok\r\n"),
    heard(5, b"250 2.1.5 Ok\r\n"),
    heard(5, b"354 Go on\r\n"),
    sent(6, "10 octets of content", b"x: y\r\n\r\nz\r\n.\r\n"),
    heard(8, b"250 2.0.0 Taken\r\n"),
)


def test_a_dialogue_is_one_step() -> None:
    (step,) = steps_of(*DIALOGUE)

    assert (step.stage, step.actor, step.peer) == (Stage.SMTP, HERE, THERE)
    assert step.said == "EHLO, MAIL, RCPT, DATA"
    assert step.answered == "250 2.0.0 Taken"
    assert step.standing is Standing.DONE
    assert step.title == f"{HERE} hands the message to {THERE}"
    assert (step.at_us, step.lasted_us) == (0, 8000)
    assert len(step.moved) == len(DIALOGUE)


@pytest.mark.parametrize(
    ("reply", "standing"),
    [(b"451 4.3.0 Later\r\n", Standing.WAITING), (b"550 5.1.1 Nobody\r\n", Standing.FAILED)],
)
def test_the_first_refusal_settles_it(reply: bytes, standing: Standing) -> None:
    (step,) = steps_of(*DIALOGUE[:5], heard(5, reply), heard(6, b"503 5.5.1 No recipients\r\n"))

    assert step.standing is standing
    assert step.answered == reply.decode().strip()


def test_a_connection_that_nobody_took_is_a_failed_step() -> None:
    (step,) = steps_of(event(0, Kind.SMTP, "no connection: connection refused", peer=PEER))

    assert step.standing is Standing.FAILED
    assert (step.said, step.answered) == ("connect", "no connection: connection refused")
    assert step.title == f"{HERE} cannot reach {THERE}"


def test_tls_begins_where_the_note_says_so() -> None:
    (step,) = steps_of(
        connected(0),
        sent(1, "STARTTLS", b"STARTTLS\r\n"),
        heard(2, b"220 Go\r\n"),
        event(3, Kind.SMTP, "TLS", peer=PEER),
        sent(4, "EHLO", b"EHLO mail.example.test\r\n"),
    )

    assert [moved.tls for moved in step.moved] == [False, False, False, True, True]


def test_a_new_connection_and_another_peer_begin_new_steps() -> None:
    steps = steps_of(
        *DIALOGUE,
        event(10, Kind.SMTP, "connected", peer="mx2.example.org (192.0.2.8:25)"),
        connected(20),
        heard(21, b"220 mx.example.org\r\n"),
    )

    assert [step.peer for step in steps] == [THERE, "mx2.example.org", THERE]


def test_a_kept_connection_does_not_make_a_dialogue_longer() -> None:
    (step,) = steps_of(*DIALOGUE, sent(5008, "QUIT", b"QUIT\r\n"), heard(5009, b"221 Bye\r\n"))

    assert step.lasted_us == 8000
    assert step.answered == "250 2.0.0 Taken"
    assert step.moved[-1].octets == b"221 Bye\r\n"


def test_a_peer_is_called_by_its_address() -> None:
    (step,) = steps_of(event(0, Kind.SMTP, "connected", peer="example.org (192.0.2.7:25)"))

    assert step.peer == THERE


def test_a_question_and_its_answer_are_one_step_with_both_messages_decoded() -> None:
    (step,) = steps_of(
        question(0, "MX", "example.org.", 7), answer(2, "MX", "example.org.", 7, "10 mx.example.org.")
    )

    assert (step.said, step.answered) == ("MX example.org.?", "10 mx.example.org.")
    assert [moved.direction for moved in step.moved] == [Moves.SENT, Moves.RECEIVED]
    assert step.moved[1].text == (
        "id 7, opcode QUERY, rcode NOERROR, flags QR AA\n;QUESTION\nexample.org. IN MX\n"
        ";ANSWER\nexample.org. 60 IN MX 10 mx.example.org."
    )


def test_both_kinds_of_address_are_one_step() -> None:
    (step,) = steps_of(
        question(0, "A", "mx.example.org.", 7),
        answer(1, "A", "mx.example.org.", 7, "192.0.2.7"),
        question(2, "AAAA", "mx.example.org.", 8),
        answer(3, "AAAA", "mx.example.org.", 8),
    )

    assert (step.said, step.answered) == ("A, AAAA mx.example.org.?", "192.0.2.7")
    assert step.standing is Standing.DONE


@pytest.mark.parametrize(
    ("rcode", "standing"), [("NXDOMAIN", Standing.FAILED), ("SERVFAIL", Standing.WAITING)]
)
def test_an_answer_that_is_none_is_no_success(rcode: str, standing: Standing) -> None:
    (step,) = steps_of(question(0, "MX", "example.org.", 7), answer(1, "MX", "example.org.", 7, rcode=rcode))

    assert step.standing is standing


def test_a_question_without_an_answer_waits() -> None:
    (step,) = steps_of(question(0, "MX", "example.org.", 7), question(900, "MX", "example.org.", 7))

    assert (step.answered, step.standing) == ("no answer", Standing.WAITING)
    assert step.facts == ("asked 2 times",)


def test_what_the_dns_tells_itself_is_left_out() -> None:
    assert steps_of(event(0, Kind.DNS, "MX example.org.?", host="dns")) == []


def test_a_choice_stands_behind_its_questions_and_says_why() -> None:
    steps = steps_of(
        event(0, Kind.ROUTE, "mx3.example.org is this host: only exchangers below preference 30 are left"),
        question(1, "A", "mx.example.org.", 7),
        answer(2, "A", "mx.example.org.", 7, "192.0.2.7"),
        event(
            3,
            Kind.ROUTE,
            "example.org goes to mx.example.org (preference 10) at 192.0.2.7, "
            "then mx2.example.org (preference 20) at 192.0.2.8",
        ),
    )

    assert [step.stage for step in steps] == [Stage.DNS, Stage.ROUTE]
    assert steps[1].said == "10 mx.example.org, then 20 mx2.example.org"
    assert len(steps[1].facts) == 3


@pytest.mark.parametrize(
    ("fate", "standing"),
    [
        (Fate.DELIVERED, Standing.DONE),
        (Fate.RELAYED, Standing.DONE),
        (Fate.DEFERRED, Standing.WAITING),
        (Fate.FAILED, Standing.FAILED),
    ],
)
def test_a_fate_is_a_standing(fate: Fate, standing: Standing) -> None:
    (step,) = steps_of(event(0, Kind.QUEUE, f"b@example.org: {fate} (x)", queue_id="Q1", fate=fate))

    assert (step.standing, step.said) == (standing, f"{fate} (x)")
    assert step.facts[-1] == "queue id Q1"


def test_decisions_of_one_host_are_one_step_and_a_copy_is_another() -> None:
    steps = steps_of(
        event(0, Kind.MDA, "sales@example.test is an alias of b@example.test"),
        event(1, Kind.MDA, "b@example.test: into INBOX"),
        event(2, Kind.MAILBOX, "filed", octets=b"x: y\r\n\r\n", place=Place("b@example.test", "INBOX", 3)),
        event(3, Kind.MDA, "c@example.test: into INBOX"),
    )

    assert [step.stage for step in steps] == [Stage.MDA, Stage.MAILBOX, Stage.MDA]
    assert steps[0].facts == (
        "sales@example.test is an alias of b@example.test",
        "b@example.test: into INBOX",
    )
    assert steps[1].said == "INBOX, UID 3"
    assert steps[1].octets == 8


KINDS = st.sampled_from([kind for kind in Kind if kind is not Kind.DNS])
EVENTS = st.builds(
    event,
    at_ms=st.integers(0, 10_000),
    kind=KINDS,
    text=st.text(max_size=10),
    host=st.sampled_from([HERE, THERE]),
    peer=st.sampled_from([PEER, "", "x"]),
    direction=st.sampled_from(Direction),
    octets=st.sampled_from([b"", b"250 ok\r\n", b"550-no\r\n550 no\r\n", b"?\r\n"]),
    fate=st.sampled_from([None, *Fate]),
)


@given(events=st.lists(EVENTS, max_size=12).map(lambda found: sorted(found, key=lambda e: e.at)))
def test_no_octet_is_lost_and_none_is_told_twice(events: list[Event]) -> None:
    steps = steps_of(*events)

    told = sorted(moved.octets for step in steps for moved in step.moved if moved.octets)
    from_events = sorted(e.octets for e in events if e.octets)
    notes = sorted(
        e.text.encode() for e in events if not e.octets and e.text and e.kind in {Kind.SMTP, Kind.LMTP}
    )
    assert told == sorted([*from_events, *notes])
    assert [step.at_us for step in steps] == sorted(step.at_us for step in steps)


def test_what_is_known_already_is_a_step_for_each_look() -> None:
    def known(at_ms: float) -> list[Event]:
        return [event(at_ms, Kind.DNS, f"{type_} {THERE} is known already") for type_ in ("MX", "A")]

    first, second = steps_of(*known(0), *known(10_000))

    for step in (first, second):
        assert step.title == f"{HERE} need not ask the DNS again"
        assert step.said == f"MX {THERE} is known already"
        assert step.facts == (f"A {THERE} is known already",)
